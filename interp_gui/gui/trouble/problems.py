"""Whatever goes wrong unexpectedly reaches the user as a toast, with its traceback in details."""

import logging
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal

from interp_gui.core.errors import InterpError
from interp_gui.engine.messages import LogLine
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState


class ProblemCatcher(QObject):
    """Takes uncaught exceptions of all threads, and log records, to the Qt thread."""

    _caught = Signal(object)
    _logged = Signal(object)

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__(state)
        self._state = state
        self._handler = _Handler(self._logged)
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._hook
        threading.excepthook = self._thread_hook
        logging.getLogger("interp_gui").addHandler(self._handler)
        self._caught.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._logged.connect(bridge.log, Qt.ConnectionType.QueuedConnection)

    def close(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._before
        logging.getLogger("interp_gui").removeHandler(self._handler)

    def _hook(
        self, kind: type[BaseException], value: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, value, trace)
            return
        self._caught.emit((value, "".join(traceback.format_exception(kind, value, trace))))

    def _thread_hook(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._hook(args.exc_type, args.exc_value, args.exc_traceback)

    def _tell(self, caught: tuple[BaseException, str]) -> None:
        value, text = caught
        if isinstance(value, InterpError):
            self._state.notify("error", value.message, value.hint)
            return
        self._state.notify(
            "error",
            f"Something went wrong inside the program: {type(value).__name__}.",
            "Your files are safe. You can go on; the details help to report it.",
            text,
        )


class _Handler(logging.Handler):
    def __init__(self, logged: object) -> None:
        super().__init__(logging.INFO)
        self._emit_signal = logged

    def emit(self, record: logging.LogRecord) -> None:
        line = LogLine(level=record.levelname, logger=record.name, text=record.getMessage())
        self._emit_signal.emit(line)  # type: ignore[attr-defined]
