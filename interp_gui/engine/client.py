"""The window's side of the engine: submits, cancels, and brings the process back when it dies."""

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from interp_gui.core.errors import InterpError
from interp_gui.engine.crashes import Crashes
from interp_gui.engine.delivery import Delivery
from interp_gui.engine.environment import engine_command, engine_environment
from interp_gui.engine.failures import describe, ending, lost
from interp_gui.engine.ledger import Ledger
from interp_gui.engine.messages import (
    Cancel,
    Ended,
    EngineLost,
    FromEngine,
    Pause,
    Priority,
    Reopening,
    Reprioritise,
    Request,
    Resume,
    Submit,
    ToEngine,
)  # fmt: skip
from interp_gui.engine.process import EngineProcess
from interp_gui.engine.run_folder import RunFolder

CANCEL_GRACE_S = 2.0
"""How long a cancelled job may show no life before the process is killed."""
SILENCE_S = 30.0
WARM_UP_S = 120.0
_TICK_S = 0.1
_CLOSE_GRACE_S = 1.5


class EngineClient:
    """Owns the engine process. All methods may be called from any thread and return at once.

    Parameters
    ----------
    on_event
        Called with every event, one at a time, on a thread of the client. It must not wait for
        a thread that calls `cancel`.
    run_folder
        Where the folder of this run is made; the system's temporary folder by default.
    safe_mode
        Start the engine without plugins.
    command
        Started in place of our own entry point, followed by the run folder; for tests.
    silence_s
        After how long without any heartbeat it is told that the engine does not answer.
    variables
        Environment variables of the engine beside our own; they count at its next start.
    """

    def __init__(
        self,
        *,
        on_event: Callable[[FromEngine], None],
        run_folder: Path | None = None,
        safe_mode: bool = False,
        command: Sequence[str] | None = None,
        silence_s: float = SILENCE_S,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.silence_s = silence_s
        self.variables = dict(variables or {})
        self._parent_folder = run_folder
        self._safe_mode = safe_mode
        self._command = command
        self._folder: RunFolder | None = None
        self._lock = threading.RLock()
        self._delivery = Delivery(on_event, self._accept)
        self._ledger = Ledger()
        self._process: EngineProcess | None = None
        self._spawned = 0
        self._crashes = Crashes()
        self._silent = False
        self._down = False
        self._restart = False
        self._closing = threading.Event()
        self._supervisor: threading.Thread | None = None

    def __enter__(self) -> "EngineClient":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    @property
    def pid(self) -> int | None:
        """Number of the engine process, None while there is none."""
        process = self._process
        return None if process is None else process.pid

    @property
    def folder(self) -> Path | None:
        """Folder of this run, None before `start` and after `close`."""
        return None if self._folder is None else self._folder.path

    # --- asked by the window -------------------------------------------------------------------

    def start(self) -> None:
        """Start the process; `Hello` comes when it is ready. Jobs may be submitted before."""
        with self._lock:
            if self._supervisor is not None or self._closing.is_set():
                return
            self._supervisor = threading.Thread(
                target=self._supervise, name="engine-supervisor", daemon=True
            )
            self._delivery.start()
            self._supervisor.start()

    def submit(
        self,
        request: Request,
        *,
        priority: Priority = "interactive",
        generation: int = 0,
        title: str = "",
    ) -> int:
        """Ask for a job; returns its number. Exactly one `Ended` follows."""
        with self._lock:
            submit = self._ledger.add(
                request, priority=priority, generation=generation, title=title
            )
            if self._closing.is_set():
                self._delivery.settle(*self._ledger.drop([submit.job]))
            elif self._down:
                error = lost("The engine is not running.", "", down=True)
                self._delivery.settle(*self._ledger.drop([submit.job], error=error))
            else:
                self._send(submit)
            return submit.job

    def cancel(self, job: int) -> None:
        """Stop a job. After this returns, only its end is delivered; an ended job is ignored."""
        with self._delivery.turn, self._lock:
            if not self._ledger.cancel(job):
                return
            if self._process is None:
                self._delivery.settle(*self._ledger.drop([job]))
            else:
                self._send(Cancel(job))

    def pause(self, job: int) -> None:
        """Hold a job at its next yield."""
        self._hold(job, paused=True)

    def resume(self, job: int) -> None:
        """Let a held job go on."""
        self._hold(job, paused=False)

    def reprioritise(self, job: int, priority: Priority) -> None:
        """Change a job's priority."""
        with self._lock:
            entry = self._ledger.entries.get(job)
            if entry is not None:
                entry.priority = priority
                self._send(Reprioritise(job, priority))

    def restart(self) -> None:
        """End the process and start another; the job it is in is cancelled, others go on."""
        with self._lock:
            self._restart = True

    def close(self) -> None:
        """End the process within 3 s and everything that belongs to it; nothing comes after."""
        self._closing.set()
        if self._supervisor is not None:
            self._supervisor.join()
            self._delivery.join()

    def _hold(self, job: int, *, paused: bool) -> None:
        with self._lock:
            entry = self._ledger.entries.get(job)
            if entry is not None:
                entry.paused = paused
                self._send(Pause(job) if paused else Resume(job))

    def _send(self, message: ToEngine) -> None:
        if self._process is not None:
            self._process.send(message)

    # --- events --------------------------------------------------------------------------------

    def _accept(self, event: FromEngine) -> FromEngine | None:
        with self._lock:
            told = self._ledger.accept(event)
            if isinstance(event, Ended) and self._ledger.all_reopened(event.job):
                self._delivery.settle(Reopening())
            return told

    def _unsent(self, submit: Submit, problem: InterpError) -> None:
        with self._lock:
            self._delivery.settle(*self._ledger.drop([submit.job], error=describe(problem)))

    # --- the supervisor's thread ---------------------------------------------------------------

    def _supervise(self) -> None:
        try:
            while not self._closing.is_set():
                self._obey_restart()
                if self._process is None and not self._down:
                    try:
                        self._spawn()
                    except OSError as problem:
                        self._go_down(f"The engine cannot be started: {problem}.")
                self._closing.wait(_TICK_S)
                if self._process is not None and not self._closing.is_set():
                    self._watch(self._process)
        finally:
            self._end()

    def _spawn(self) -> None:
        folder = self._folder = self._folder or RunFolder(self._parent_folder)
        self._spawned += 1
        process = EngineProcess(
            self._command_line(folder.path),
            {**engine_environment(), **self.variables},
            folder=folder.path,
            number=self._spawned,
            deliver=self._delivery.put,
            unsent=self._unsent,
        )
        with self._lock:
            self._silent = False
            self._process = process
            for message in self._ledger.replay():
                process.send(message)

    def _command_line(self, folder: Path) -> list[str]:
        if self._command is not None:
            return [*self._command, str(folder)]
        frozen = bool(getattr(sys, "frozen", False))
        return engine_command(folder, safe_mode=self._safe_mode, frozen=frozen)

    def _watch(self, process: EngineProcess) -> None:
        code = process.exit_code
        if code is not None:
            self._lose(process, process.fault or ending(code), guilty=True)
        elif not process.ready:
            # Importing torch may hold the interpreter for long: only this deadline counts here.
            if time.monotonic() - process.started_s > WARM_UP_S:
                self._lose(
                    process, f"The engine did not start within {WARM_UP_S:g} s.", guilty=True
                )
        elif self._is_stuck(process):
            self._lose(process, "A cancelled job did not stop, so the engine was ended.")
        else:
            self._watch_silence(process)

    def _is_stuck(self, process: EngineProcess) -> bool:
        with self._lock:
            waits = self._ledger.waiting_cancel_s()
        overdue = [job for job, waited_s in waits.items() if waited_s >= CANCEL_GRACE_S]
        inside = process.running in overdue and process.life_age_s() >= CANCEL_GRACE_S
        return bool(overdue) and (inside or process.beat_age_s() >= CANCEL_GRACE_S)

    def _watch_silence(self, process: EngineProcess) -> None:
        silent = process.beat_age_s() >= self.silence_s
        if silent and not self._silent and self._ledger.entries:
            self._silent = True
            reason = f"The engine is not answering (for {self.silence_s:g} s)."
            self._tell_lost(reason, process, respawning=False)
        elif self._silent and not silent:
            self._silent = False
            if self._delivery.hello is not None:
                self._delivery.settle(self._delivery.hello)

    def _obey_restart(self) -> None:
        with self._lock:
            asked, self._restart = self._restart, False
            process = self._process
            if asked:
                self._crashes.forget()
                self._down = False
        if asked and process is not None:
            self._lose(process, "The engine was restarted.", drop_running=True)

    def _lose(
        self,
        process: EngineProcess,
        reason: str,
        *,
        guilty: bool = False,
        drop_running: bool = False,
    ) -> None:
        """Bury a process: end the jobs that die with it; the others go on in the next one.

        Parameters
        ----------
        guilty
            It ended by itself: the job it was in has failed, and respawning has a limit.
        drop_running
            The job it was in is cancelled.
        """
        with self._lock:
            self._process = None
        process.kill()
        process.finish(grace_s=_CLOSE_GRACE_S)
        self._delivery.drain()
        if self._folder is not None:
            self._folder.discard(f"e{process.pid}-")
            self._folder.discard(f"w{self._spawned}-")
        respawning = not guilty or self._crashes.another()
        if not respawning:
            reason += " It ended too often within a minute and is not started again."
        with self._lock:
            opening = self._ledger.opening(process.running) if guilty else ""
        blamed = f"Opening '{opening}' ended the engine: {reason[:1].lower()}{reason[1:]}"
        again = (process.running or 0) < 0  # of a job that was asked for, its own end tells
        self._tell_lost(blamed if opening and again else reason, process, respawning=respawning)
        with self._lock:
            ends = self._ledger.drop(self._ledger.waiting_cancel_s())
            if process.running is not None and (guilty or drop_running):
                self._ledger.blame(process.running)
                told = blamed if opening else reason
                tail, down = process.stderr_tail, not respawning
                error = lost(told, tail, opening=opening, down=down) if guilty else None
                ends += self._ledger.drop([process.running], error=error)
            if not respawning:
                self._down = True
                error = lost(reason, process.stderr_tail, down=True)
                ends += self._ledger.drop(list(self._ledger.entries), error=error)
            self._delivery.settle(*ends)

    def _tell_lost(self, reason: str, process: EngineProcess, *, respawning: bool) -> None:
        tail = process.stderr_tail
        self._delivery.settle(EngineLost(reason=reason, respawning=respawning, stderr_tail=tail))

    def _go_down(self, reason: str) -> None:
        self._delivery.settle(EngineLost(reason=reason, respawning=False))
        with self._lock:
            self._down = True
            error = lost(reason, "", down=True)
            self._delivery.settle(*self._ledger.drop(list(self._ledger.entries), error=error))

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.shut_down()
            process.finish(grace_s=_CLOSE_GRACE_S)
        with self._lock:
            self._delivery.settle(*self._ledger.drop(list(self._ledger.entries)))
        self._delivery.finish()
        if self._folder is not None:
            self._folder.close()
            self._folder = None
