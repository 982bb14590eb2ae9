"""One compute thread, many jobs: who runs next, and when they stop."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Literal

from interp_gui.core.analysis import Progress, Saved
from interp_gui.core.cost import Cost
from interp_gui.core.errors import Cancelled
from interp_gui.core.model import ModelDescription
from interp_gui.core.opening import FileReport
from interp_gui.engine.failures import describe, is_device_lost
from interp_gui.engine.jobs import Execute, Job, JobStep, Made, Pulse, changes, depends
from interp_gui.engine.messages import (
    Cancel,
    Ended,
    ErrorInfo,
    Estimated,
    FromEngine,
    Heartbeat,
    Pause,
    Produced,
    Progressed,
    Reprioritise,
    Resume,
    Started,
    StateSaved,
    Submit,
)  # fmt: skip

LINGER_S = 0.06
"""So long after an interactive job nothing less urgent is taken up: whoever drags a slider asks
again as soon as an answer is there, and would else wait for a step of something else each time."""
Command = Submit | Cancel | Pause | Resume | Reprioritise


class DeviceLost(Exception):
    """The accelerator cannot be used again in this process, which must end."""


class Scheduler:
    """Runs jobs on the thread that calls `run`; everything else may be called from any thread.

    Jobs are generators and are switched only at their yields: the most urgent, and among equals
    the earliest, goes on.

    Parameters
    ----------
    send
        Takes the events; called from the computing thread and from callers of `command`.
    clock
        Seconds that only rise.
    memory
        Bytes that the process holds, for heartbeats.
    """

    def __init__(
        self,
        send: Callable[[FromEngine], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], int] = lambda: 0,
    ) -> None:
        self._send = send
        self._clock = clock
        self._memory = memory
        self._changed = threading.Condition()
        self._jobs: dict[int, Job] = {}
        self._discarded: list[Job] = []
        self._current: Job | None = None
        self._announced: int | None = None
        self._life_s = clock()
        self._orders = 0
        self._stopped = False
        self._answered_s = -LINGER_S
        """When the last interactive job ended."""

    # --- any thread ----------------------------------------------------------------------------

    def command(self, order: Command) -> None:
        """Carry out a command of the window; unknown jobs are ones that have ended."""
        if isinstance(order, Submit):
            self._submit(order)
        elif isinstance(order, Cancel):
            self._cancel(order.job)
        else:
            with self._changed:
                job = self._jobs.get(order.job)
                if job is None:
                    return
                if isinstance(order, Reprioritise):
                    job.priority = order.priority
                else:
                    job.paused = isinstance(order, Pause)
                self._changed.notify_all()

    def stop(self) -> None:
        """Let `run` return as soon as the running step ends or checks."""
        with self._changed:
            self._stopped = True
            if self._current is not None:
                self._current.cancelled = True
            self._changed.notify_all()

    def heartbeat(self) -> Heartbeat:
        """What is to be told now; an idle computing thread counts as alive."""
        with self._changed:
            current = self._current
            age_s = self._clock() - self._life_s if current is not None else 0.0
        return Heartbeat(
            compute_age_s=max(0.0, age_s),
            job=None if current is None else current.id,
            memory_bytes=self._memory(),
        )

    def idle_s(self) -> float:
        """Seconds since the last job ended; 0 while there is one, and before the first."""
        with self._changed:
            if self._jobs or self._current is not None or not self._orders:
                return 0.0
            return max(0.0, self._clock() - self._life_s)

    def _submit(self, order: Submit) -> None:
        with self._changed:
            if order.job in self._jobs:
                return
            self._orders += 1
            self._jobs[order.job] = Job(order, self._orders, order.priority)
            self._changed.notify_all()

    def _cancel(self, number: int) -> None:
        with self._changed:
            job = self._jobs.get(number)
            if job is None:
                return
            job.cancelled = True
            if job is self._current:
                return
            del self._jobs[number]
            self._discarded.append(job)
            self._changed.notify_all()
        self._send(_ended(job, "cancelled"))

    # --- the computing thread ------------------------------------------------------------------

    def run(self, execute: Execute) -> None:
        """Work until `stop`.

        Raises
        ------
        DeviceLost
            A job left the accelerator unusable; it has been told to have failed.
        """
        while (job := self._next()) is not None:
            self._advance(job, execute)
        with self._changed:
            self._discarded += self._jobs.values()
            self._jobs.clear()
        self._close_discarded()

    def _next(self) -> Job | None:
        while True:
            self._close_discarded()
            with self._changed:
                self._linger()
                self._current = None if self._stopped else self._pick()
                self._life_s = self._clock()
                number = None if self._current is None else self._current.id
                if self._announced == number:
                    if self._current is not None or self._stopped:
                        return self._current
                    if not self._discarded:
                        self._changed.wait()
                    continue
                self._announced = number
            # Told at every switch, so that the window knows whose fault the process's end was.
            self._send(self.heartbeat())
            if number is not None:
                return self._current

    def _linger(self) -> None:
        """Leave a moment to who has just been answered, before less urgent work goes on."""
        while not self._stopped and not self._discarded:
            # the real clock, as the wait's
            left_s = self._answered_s + LINGER_S - time.monotonic()
            job = self._pick()
            if left_s <= 0 or job is None or job.priority == "interactive":
                return
            self._changed.wait(left_s)

    def _pick(self) -> Job | None:
        for job in sorted(self._jobs.values(), key=lambda j: j.rank):
            first = self._blocker(job) or job
            if not job.paused and not first.paused:
                return first
        return None

    def _blocker(self, job: Job) -> Job | None:
        handles = depends(job.submit.request)
        earlier = (
            other
            for other in self._jobs.values()
            if other.order < job.order and changes(other.submit.request) in handles
        )
        return min(earlier, key=lambda j: j.order, default=None)

    def _close_discarded(self) -> None:
        with self._changed:
            discarded, self._discarded = self._discarded, []
        for job in discarded:
            _close(job)

    def _advance(self, job: Job, execute: Execute) -> None:
        begun_s = self._clock()
        try:
            self._stop_if_cancelled(job)
            if job.steps is None:
                self._send(Started(job.id))
                pulse = Pulse(partial(self._check, job), partial(self._tell_progress, job))
                job.steps = execute(job.submit.request, pulse)
            step = next(job.steps)
            job.worked_s += self._clock() - begun_s
            if not job.cancelled:
                self._tell(job, step)
        except StopIteration as stop:
            self._end(job, "cancelled" if job.cancelled else "finished", found=stop.value)
        except Cancelled:
            _close(job)
            self._end(job, "cancelled")
        except Exception as problem:
            _close(job)
            self._end(job, "failed", error=describe(problem))
            if is_device_lost(problem):
                raise DeviceLost(str(problem)) from problem
        else:
            if job.cancelled:
                _close(job)
                self._end(job, "cancelled")

    def _check(self, job: Job) -> None:
        self._stop_if_cancelled(job)
        self._life_s = self._clock()

    def _stop_if_cancelled(self, job: Job) -> None:
        # After a cancel this is no sign of life: a job that swallows Cancelled must not be
        # able to live on.
        if job.cancelled:
            raise Cancelled

    def _tell(self, job: Job, step: JobStep) -> None:
        generation = job.submit.generation
        if isinstance(step, Made):
            result, recipe = step
            self._send(Produced(job=job.id, generation=generation, result=result, recipe=recipe))
        elif isinstance(step, Cost):
            self._send(Estimated(job=job.id, generation=generation, cost=step))
        elif isinstance(step, Saved):
            self._send(StateSaved(job=job.id, state=step.state))
        else:
            due = job.meter.offer(step, now_s=self._clock(), worked_s=job.worked_s)
            if due is not None:
                self._tell_progress(job, due)

    def _tell_progress(self, job: Job, progress: Progress) -> None:
        self._send(
            Progressed(
                job=job.id,
                generation=job.submit.generation,
                progress=progress,
                left_s=job.meter.left_s,
            )
        )

    def _end(
        self,
        job: Job,
        outcome: Literal["finished", "cancelled", "failed"],
        *,
        found: ModelDescription | FileReport | None = None,
        error: ErrorInfo | None = None,
    ) -> None:
        with self._changed:
            self._jobs.pop(job.id, None)
            job.steps = None
            self._current = None
            if job.priority == "interactive" and outcome == "finished":
                self._answered_s = time.monotonic()
        held = job.meter.last()
        if held is not None and outcome != "cancelled":
            self._tell_progress(job, held)
        self._send(_ended(job, outcome, found=found, error=error))


def _ended(
    job: Job,
    outcome: Literal["finished", "cancelled", "failed"],
    *,
    found: ModelDescription | FileReport | None = None,
    error: ErrorInfo | None = None,
) -> Ended:
    told = found if outcome == "finished" else None
    return Ended(
        job=job.id,
        generation=job.submit.generation,
        outcome=outcome,
        description=told if isinstance(told, ModelDescription) else None,
        file=told if isinstance(told, FileReport) else None,
        error=error,
    )


def _close(job: Job) -> None:
    """Run the clean-up of a suspended generator; it has ended for the window already."""
    steps, job.steps = job.steps, None
    if steps is not None:
        try:
            steps.close()
        except Exception:  # noqa: BLE001 - the job is over; its clean-up cannot fail it again
            return
