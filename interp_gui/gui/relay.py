"""Holds the engine's first events until the window exists. Free of Qt: it comes before Qt does."""

import threading
from collections.abc import Callable

from interp_gui.engine.messages import FromEngine


class Relay:
    """Passes events on; those that come before `connect` are kept and passed on then, in order.

    Called from the client's reader thread; `connect` from the Qt thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[FromEngine] = []
        self._listener: Callable[[FromEngine], None] | None = None

    def __call__(self, event: FromEngine) -> None:
        """Take an event."""
        with self._lock:
            if self._listener is None:
                self._waiting.append(event)
            else:
                self._listener(event)

    def connect(self, listener: Callable[[FromEngine], None]) -> None:
        """Pass what is waiting, and all that comes, to `listener`, which must not block."""
        with self._lock:
            for event in self._waiting:
                listener(event)
            self._waiting.clear()
            self._listener = listener

    def disconnect(self) -> None:
        """Drop whatever still comes."""
        with self._lock:
            self._listener = lambda event: None
