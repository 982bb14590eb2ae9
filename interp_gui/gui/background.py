"""Small work off the event loop: reading files, decoding thumbnails. Never inference."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from interp_gui.core.errors import InterpError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Outcome:
    key: str
    number: int
    value: Any
    error: Exception | None
    on_done: Callable[[Any], object]
    on_error: Callable[[Exception], object] | None


class Background(QObject):
    """A small thread pool whose answers arrive on the Qt thread.

    The functions given to it run in other threads: they may use numpy and files, but no QObject
    and no shared state.
    """

    failed = Signal(object)
    """InterpError of a function that was given no `on_error`."""
    _arrived = Signal(object)

    def __init__(self, workers: int = 2, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="window")
        self._newest: dict[str, int] = {}
        self._number = 0
        self._closed = False
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        function: Callable[[], Any],
        on_done: Callable[[Any], object],
        *,
        on_error: Callable[[Exception], object] | None = None,
        key: str = "",
    ) -> None:
        """Call `function` in a worker and `on_done` with what it returns, on the Qt thread.

        Parameters
        ----------
        on_error
            Called instead when it raised.
        key
            Of requests with the same key only the newest answer is delivered.
        """
        if self._closed:
            return
        self._number += 1
        number = self._number
        if key:
            self._newest[key] = number

        def work() -> None:
            value, error = None, None
            if key and self._newest.get(key) != number:
                return
            try:
                value = function()
            except Exception as problem:  # noqa: BLE001 - delivered, not swallowed
                error = problem
            if not self._closed:
                self._arrived.emit(_Outcome(key, number, value, error, on_done, on_error))

        self._pool.submit(work)

    def forget(self, key: str) -> None:
        """Deliver no answer to what was asked with a key so far."""
        if key in self._newest:
            self._number += 1
            self._newest[key] = self._number

    def close(self) -> None:
        """Wait for what is running, forget what is waiting; nothing is delivered afterwards."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _deliver(self, outcome: _Outcome) -> None:
        if self._closed or (outcome.key and self._newest.get(outcome.key) != outcome.number):
            return
        if outcome.error is None:
            outcome.on_done(outcome.value)
        elif outcome.on_error is not None:
            outcome.on_error(outcome.error)
        elif isinstance(outcome.error, InterpError):
            self.failed.emit(outcome.error)
        else:
            raise outcome.error
