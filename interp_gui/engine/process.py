"""One engine process as the window holds it: its pipes, its threads, its signs of life."""

import logging
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from interp_gui.core.errors import InterpError
from interp_gui.engine.codec import Decoder, Encoder
from interp_gui.engine.messages import (
    Ended,
    FromEngine,
    Heartbeat,
    Hello,
    Shutdown,
    Started,
    Submit,
    ToEngine,
)  # fmt: skip
from interp_gui.engine.transport import FrameReader, FrameWriter, ProtocolError

_STDERR_LINES = 60
_JOIN_S = 2.0

logger = logging.getLogger(__name__)


class EngineProcess:
    """A child process and the three threads that serve its pipes.

    Parameters
    ----------
    command, environment
        What is started.
    folder
        Run folder for arrays.
    number
        Which incarnation this is; begins the names of files of arrays sent to it.
    deliver
        Takes its events, on its reader's thread.
    unsent
        Takes a submission that could not be encoded, and why, on its writer's thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path,
        number: int,
        deliver: Callable[[FromEngine], None],
        unsent: Callable[[Submit, InterpError], None],
    ) -> None:
        self._deliver = deliver
        self._unsent = unsent
        self._encoder = Encoder(folder, f"w{number}")
        self._decoder: Decoder[FromEngine] = Decoder(FromEngine, folder)
        self._outbox: queue.SimpleQueue[ToEngine | None] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self.started_s = time.monotonic()
        self.ready = False
        self.running: int | None = None
        """Job that its computing thread was last known to be in."""
        self.fault = ""
        """What was wrong with its messages, if that is why it was ended."""
        self._beat_s = self.started_s
        self._life_s = self.started_s
        self._child = subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._input, self._output = _piped(self._child.stdin), _piped(self._child.stdout)
        self._errors = _piped(self._child.stderr)
        self._threads = [
            threading.Thread(target=run, name=f"engine-{name}", daemon=True)
            for name, run in (("in", self._read), ("out", self._write), ("err", self._listen))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._child.poll()

    @property
    def stderr_tail(self) -> str:
        """Its last lines on standard error."""
        return "\n".join(self._stderr)

    def beat_age_s(self) -> float:
        """Time since its last heartbeat, or its start."""
        return time.monotonic() - self._beat_s

    def life_age_s(self) -> float:
        """Time since its computing thread last showed life, as far as is known here."""
        return time.monotonic() - self._life_s

    def send(self, message: ToEngine) -> None:
        """Queue a message; never blocks, and is lost if the process has ended."""
        self._outbox.put(message)

    def kill(self) -> None:
        """End it at once."""
        with suppress(OSError):
            self._child.kill()

    def finish(self, *, grace_s: float) -> None:
        """Wait for its end, at most `grace_s`, then kill; afterwards all threads are over.

        Everything that it had written is delivered before this returns.
        """
        try:
            self._child.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._child.wait()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(_JOIN_S)
        for pipe in (self._input, self._output, self._errors):
            with suppress(OSError):
                pipe.close()
        self._decoder.close()

    def shut_down(self) -> None:
        """Ask it to end, by message and by closing its pipe."""
        self.send(Shutdown())
        self._outbox.put(None)

    # --- its threads ---------------------------------------------------------------------------

    def _read(self) -> None:
        reader = FrameReader(self._output.fileno())
        try:
            while (frame := reader.frame()) is not None:
                event = self._decoder.decode(frame)
                self._observe(event)
                self._deliver(event)
        except (ProtocolError, OSError) as problem:
            if self._child.poll() is None:
                self.fault = str(problem)
            self.kill()

    def _observe(self, event: FromEngine) -> None:
        now = time.monotonic()
        if isinstance(event, Heartbeat):
            self._beat_s = now
            self._life_s = now - event.compute_age_s
            self.running = event.job
        elif isinstance(event, Hello):
            self.ready = True
        elif isinstance(event, Started):
            self.running = event.job
        elif isinstance(event, Ended) and self.running == event.job:
            self.running = None

    def _write(self) -> None:
        writer = FrameWriter(self._input.fileno())
        while (message := self._outbox.get()) is not None:
            try:
                writer.frame(self._encoder.encode(message))
            except InterpError as problem:
                if isinstance(message, Submit):
                    self._unsent(message, problem)
            except OSError:
                break
        with suppress(OSError):
            self._input.close()

    def _listen(self) -> None:
        for line in self._errors:
            text = line.decode(errors="replace").rstrip()
            self._stderr.append(text)
            logger.debug("engine: %s", text)


def _piped(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError("A pipe to the engine could not be made")
    return pipe
