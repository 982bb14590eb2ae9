"""Events on their way to the window: one at a time, in order, on a thread of their own."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from interp_gui.engine.messages import FromEngine, Hello

_DRAIN_S = 2.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Settled:
    """An event that is delivered as it is."""

    event: FromEngine


class Delivery:
    """Calls the listener.

    Parameters
    ----------
    listener
        What the window gave; whatever it raises is logged.
    accept
        Takes note of an event of the engine; what it returns is delivered, if anything.
    """

    def __init__(
        self,
        listener: Callable[[FromEngine], None],
        accept: Callable[[FromEngine], FromEngine | None],
    ) -> None:
        self.listener = listener
        self._accept = accept
        self._inbox: queue.SimpleQueue[FromEngine | _Settled | threading.Event | None] = (
            queue.SimpleQueue()
        )
        self.turn = threading.RLock()
        """Held while an event is accepted and delivered."""
        self.hello: Hello | None = None
        """The last one that was delivered."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver what was put, and will be."""
        self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)
        self._thread.start()

    def put(self, event: FromEngine) -> None:
        """Queue an event of the engine."""
        self._inbox.put(event)

    def settle(self, *events: FromEngine) -> None:
        """Queue events that are to be delivered whatever is known of their jobs."""
        for event in events:
            self._inbox.put(_Settled(event))

    def drain(self) -> None:
        """Wait until all that was put so far is accepted and delivered."""
        drained = threading.Event()
        self._inbox.put(drained)
        drained.wait(_DRAIN_S)

    def finish(self) -> None:
        """Stop after what was put so far; does not wait."""
        self._inbox.put(None)

    def join(self) -> None:
        """Wait for the end of the thread, unless this is it."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while (item := self._inbox.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            with self.turn:
                event = item.event if isinstance(item, _Settled) else self._accept(item)
                if event is not None:
                    self._tell(event)

    def _tell(self, event: FromEngine) -> None:
        if isinstance(event, Hello):
            self.hello = event
        try:
            self.listener(event)
        except Exception:
            logger.exception("A listener of the engine failed.")
