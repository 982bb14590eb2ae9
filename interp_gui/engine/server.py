"""The engine process: one computing thread, one that answers, one that beats."""

import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from interp_gui.core.errors import InterpError
from interp_gui.engine.codec import Decoder, Encoder
from interp_gui.engine.failures import EXIT_DEVICE_LOST
from interp_gui.engine.jobs import JobSteps
from interp_gui.engine.messages import (
    FromEngine,
    Hello,
    LogLine,
    Request,
    Shutdown,
    ToEngine,
)  # fmt: skip
from interp_gui.engine.scheduler import DeviceLost, Scheduler
from interp_gui.engine.transport import FrameReader, FrameWriter, ProtocolError
from interp_gui.engine.warming import Warming, prepare_layouts

HEARTBEAT_S = 0.25
_LINGER_S = 1.0

logger = logging.getLogger(__name__)


class Worker(Protocol):
    """What the engine serves: `workspace.Workspace`, or a light one in tests."""

    def hello(self) -> Hello:
        """Say what is here."""

    def execute(self, request: Request, check: Callable[[], None]) -> JobSteps:
        """Begin a request."""


def claim_pipes() -> tuple[int, int]:
    """Take standard input and output for the messages; return their private descriptors.

    Afterwards the public output is the error stream and the public input is empty, so that
    nothing a library prints or reads can come between the messages.
    """
    reading, writing = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(reading, os.O_BINARY)
        msvcrt.setmode(writing, os.O_BINARY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reading, writing


class Server:
    """Speaks with the window over two descriptors and a run folder."""

    def __init__(self, reading: int, writing: int, run_folder: Path) -> None:
        self._reader = FrameReader(reading)
        self._writer = FrameWriter(writing)
        self._encoder = Encoder(run_folder, f"e{os.getpid()}")
        self._decoder: Decoder[ToEngine] = Decoder(ToEngine, run_folder)
        self._process = psutil.Process()
        self._scheduler = Scheduler(self.send, memory=self._memory)
        self._over = threading.Event()
        self._done = threading.Event()

    def send(self, event: FromEngine) -> None:
        """Send an event, from any thread; OSError once the window has gone."""
        self._writer.frame(self._encoder.encode(event))

    def serve(
        self, make_worker: Callable[[], Worker], *, prepare: Callable[[], None] | None = None
    ) -> int:
        """Answer until the pipe closes; the caller's thread computes.

        Parameters
        ----------
        make_worker
            Called here once the other threads are up: it may import torch for seconds.
        prepare
            Called once on another thread, when a job has ended and none follows.
        """
        handler = _LogHandler(self.send)
        logging.getLogger().addHandler(handler)
        threading.Thread(target=self._answer, name="engine-control", daemon=True).start()
        threading.Thread(target=self._beat, name="engine-heartbeat", daemon=True).start()
        try:
            worker = make_worker()
            self.send(worker.hello())
            if prepare is not None:
                Warming(prepare, idle_s=self._scheduler.idle_s, over=self._over).start()
            self._scheduler.run(worker.execute)
        except DeviceLost as problem:
            logger.error("The device is lost and the engine starts anew: %s", problem)
            return EXIT_DEVICE_LOST
        except (BrokenPipeError, ConnectionError):
            return 0
        finally:
            logging.getLogger().removeHandler(handler)
            self._over.set()
            self._done.set()
            self._decoder.close()
        return 0

    def _memory(self) -> int:
        return int(self._process.memory_info().rss)

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            try:
                self.send(self._scheduler.heartbeat())
            except (OSError, InterpError):
                return

    def _answer(self) -> None:
        try:
            while (frame := self._reader.frame()) is not None:
                message = self._decoder.decode(frame)
                if isinstance(message, Shutdown):
                    break
                self._scheduler.command(message)
        except (ProtocolError, OSError) as problem:
            sys.stderr.write(f"The engine ends: {problem}\n")
        self._over.set()
        self._scheduler.stop()
        # A step that never ends must not outlive the window.
        if not self._done.wait(_LINGER_S):
            os._exit(0)


class _LogHandler(logging.Handler):
    """Sends warnings and worse to the window's log panel."""

    def __init__(self, send: Callable[[FromEngine], None]) -> None:
        super().__init__(logging.WARNING)
        self._send_event = send

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            self._send_event(LogLine(level=record.levelname, logger=record.name, text=text))
        except (OSError, InterpError):
            self.handleError(record)


def main(arguments: Sequence[str]) -> int:
    """Run `interp-gui --engine RUN_FOLDER [--safe-mode]`; does not return while it serves."""
    reading, writing = claim_pipes()
    faulthandler.enable()
    # Ctrl+C in a terminal reaches the whole group; the window decides when the engine ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folders = [a for a in arguments if not a.startswith("--")]
    if len(folders) != 1:
        sys.stderr.write("usage: interp-gui --engine RUN_FOLDER [--safe-mode]\n")
        return 2
    safe_mode = "--safe-mode" in arguments

    def make_worker() -> Worker:
        from interp_gui.engine.cache import Cache
        from interp_gui.engine.workspace import Workspace

        return Workspace(cache=Cache.default(), safe_mode=safe_mode)

    code = Server(reading, writing, Path(folders[0])).serve(make_worker, prepare=prepare_layouts)
    sys.stderr.flush()
    # Without the interpreter's and torch's tear-down, which can hang and has nothing to save.
    os._exit(code)
