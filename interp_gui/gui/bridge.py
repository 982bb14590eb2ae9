"""The engine as the window sees it: requests with callbacks, all on the Qt thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
from PySide6.QtCore import QObject, Qt, Signal

from interp_gui.core.analysis import AnalysisInfo, Progress
from interp_gui.core.cost import LONG_S, Cost
from interp_gui.core.edit import EditStack
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.messages import (
    Ended,
    EngineLost,
    Estimate,
    Estimated,
    FromEngine,
    Heartbeat,
    Hello,
    LogLine,
    OpenModel,
    Priority,
    Produced,
    Progressed,
    Reopening,
    Request,
    Run,
    Started,
    StateSaved,
)
from interp_gui.gui.jobs.row import KEPT_ROWS as KEPT_ROWS
from interp_gui.gui.jobs.row import OVER as OVER
from interp_gui.gui.jobs.row import JobRow as JobRow
from interp_gui.gui.jobs.row import JobState as JobState
from interp_gui.gui.jobs.row import can_be_asked
from interp_gui.gui.relay import Relay

OnResult = Callable[[AnyResult, Recipe | None], None]
OnProgress = Callable[[Progress, float | None], None]
OnState = Callable[[dict[str, Any]], None]
OnEnd = Callable[[Ended], None]
OnCost = Callable[[Cost | None], None]


class Client(Protocol):
    """What the bridge needs of `engine.client.EngineClient`."""

    def submit(
        self, request: Request, *, priority: Priority, generation: int, title: str
    ) -> int: ...
    def cancel(self, job: int) -> None: ...
    def pause(self, job: int) -> None: ...
    def resume(self, job: int) -> None: ...
    def reprioritise(self, job: int, priority: Priority) -> None: ...
    def restart(self) -> None: ...
    def close(self) -> None: ...


@dataclass
class _Callbacks:
    generation: int
    view: str
    result: OnResult | None = None
    progress: OnProgress | None = None
    state: OnState | None = None
    end: OnEnd | None = None
    cost: Callable[[Cost], None] | None = None


@dataclass
class _Views:
    """Newest job and generation of every view."""

    jobs: dict[str, int] = field(default_factory=dict)
    generation: int = 0


class EngineBridge(QObject):
    """Wraps the client; every signal and callback comes on the Qt thread.

    Parameters
    ----------
    client
        Started by the caller, with `relay` as its listener.
    relay
        What the client calls, from its own thread.
    """

    ready = Signal(object)
    """Hello: the engine is there, also again after a respawn."""
    lost = Signal(object)
    """EngineLost."""
    beat = Signal(object)
    """Heartbeat."""
    job_changed = Signal(object)
    """JobRow, also for a new one."""
    described = Signal(str, object)
    """Handle of a model and its description, once a run found out what it runs fastest on."""
    reopening = Signal()
    """`reopened` is another."""
    restarting = Signal()
    """A new engine was asked for."""
    log = Signal(object)
    """LogLine."""
    _arrived = Signal(object)

    def __init__(self, client: Client, relay: Relay, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._relay = relay
        self._callbacks: dict[int, _Callbacks] = {}
        self._views = _Views()
        self._closed = False
        self.jobs: dict[int, JobRow] = {}
        self.analyses: dict[str, AnalysisInfo] = {}
        self.hello: Hello | None = None
        self.stopped: EngineLost | None = None
        """Why there is no engine and none is being started; None while there is hope."""
        self.reopened = Reopening()
        """Which of the models that were open a new engine opens again now."""
        self.sources_for: Callable[[EditStack], tuple[str, ...]] = lambda _edits: ()
        """Where the images lie that edits take values from, as far as the window knows."""
        self.confirm_after_s = LONG_S
        """Runs that are estimated to take longer are asked about."""
        self._arrived.connect(self._receive, Qt.ConnectionType.QueuedConnection)
        relay.connect(self._arrived.emit)

    @property
    def is_ready(self) -> bool:
        """Whether the engine has said hello and is not lost."""
        return self.hello is not None

    @property
    def active(self) -> tuple[JobRow, ...]:
        """Jobs that have a title and are not over."""
        return tuple(row for row in self.jobs.values() if row.title and not row.over)

    # --- requests ------------------------------------------------------------------------------

    def run(
        self,
        request: Request,
        *,
        title: str = "",
        priority: Priority = "interactive",
        view: str = "",
        on_result: OnResult | None = None,
        on_progress: OnProgress | None = None,
        on_state: OnState | None = None,
        on_end: OnEnd | None = None,
    ) -> int:
        """Submit a request and return its job number.

        Parameters
        ----------
        title
            How the Jobs panel calls it; empty to leave it out there.
        view
            Who asks. The newest request of a view wins: the older one is cancelled and none of
            its callbacks, `on_end` included, is called any more.
        """
        if view:
            self.drop(view)
        if isinstance(request, Run):
            request = self._with_sources(request)
        elif isinstance(request, Estimate):
            request = msgspec.structs.replace(request, run=self._with_sources(request.run))
        self._views.generation += 1
        generation = self._views.generation
        job = self._client.submit(request, priority=priority, generation=generation, title=title)
        self._callbacks[job] = _Callbacks(
            generation, view, on_result, on_progress, on_state, on_end
        )
        if view:
            self._views.jobs[view] = job
        self._change(JobRow(job=job, title=title, priority=priority, view=view, request=request))
        return job

    def _with_sources(self, request: Run) -> Run:
        """The same, with the paths of the images that its edits take values from."""
        if not request.inputs.edits.image_sources:
            return request
        paths = self.sources_for(request.inputs.edits)
        inputs = msgspec.structs.replace(request.inputs, sources=paths)
        return msgspec.structs.replace(request, inputs=inputs)

    def estimate(self, request: Run, on_cost: OnCost, *, view: str = "") -> int:
        """Ask what a run would cost; answered within about a second.

        Parameters
        ----------
        on_cost
            Called once: with None where it cannot be told. Not called any more when the view
            asks anew or is dropped.
        view
            As in `run`, in a space of its own: asking does not cancel what the view runs.
        """
        found: list[Cost] = []

        def ended(_: Ended) -> None:
            on_cost(found[0] if found else None)

        job = self.run(Estimate(run=request), view=f"estimate:{view}" if view else "", on_end=ended)
        self._callbacks[job].cost = found.append
        return job

    def drop_estimate(self, view: str) -> None:
        """Forget what a view asked the cost of."""
        self.drop(f"estimate:{view}")

    def drop(self, view: str) -> None:
        """Cancel what a view asked for and forget its callbacks (it is closed, or asks anew)."""
        job = self._views.jobs.pop(view, None)
        if job is not None:
            self._callbacks.pop(job, None)
            self.cancel(job)

    def cancel(self, job: int) -> None:
        """Stop a job; one that is over is left alone."""
        if self._is_active(job):
            self._client.cancel(job)

    def pause(self, job: int) -> None:
        """Hold a job at its next yield."""
        if self._is_active(job):
            self._client.pause(job)
            self._change(replace(self.jobs[job], state="paused"))

    def resume(self, job: int) -> None:
        """Let a held job go on."""
        if self._is_active(job) and self.jobs[job].state == "paused":
            self._client.resume(job)
            running = self.jobs[job].started_s is not None
            state: JobState = "running" if running else "waiting"
            self._change(replace(self.jobs[job], state=state, counted_from=None))

    def reprioritise(self, job: int, priority: Priority) -> None:
        """Change the priority of a job that is not over."""
        if self._is_active(job) and self.jobs[job].priority != priority:
            self._client.reprioritise(job, priority)
            self._change(replace(self.jobs[job], priority=priority))

    def restart(self) -> None:
        """Start a new engine process; models are reopened by the client."""
        self.hello = self.stopped = None
        self._client.restart()
        self.restarting.emit()

    def close(self) -> None:
        """End the engine; nothing is called back afterwards."""
        if not self._closed:
            self._closed = True
            self._relay.disconnect()
            self._callbacks.clear()
            self._client.close()

    # --- events --------------------------------------------------------------------------------

    def _receive(self, event: FromEngine) -> None:
        if self._closed:
            return
        match event:
            case Hello():
                self.hello, self.stopped = event, None
                self.analyses = {info.id: info for info in event.analyses}
                self.ready.emit(event)
            case EngineLost():
                self.hello, self.reopened = None, Reopening()
                self.stopped = None if event.respawning else event
                self.lost.emit(event)
            case Reopening():
                self.reopened = event
                self.reopening.emit()
            case Heartbeat():
                self.beat.emit(event)
            case LogLine():
                self.log.emit(event)
            case Started():
                self._on_started(event)
            case Progressed():
                self._on_progressed(event)
            case Produced():
                callbacks = self._current(event.job, event.generation)
                self._count_result(event.job)
                if callbacks and callbacks.result:
                    callbacks.result(event.result, event.recipe)
            case Estimated():
                callbacks = self._current(event.job, event.generation)
                if callbacks and callbacks.cost:
                    callbacks.cost(event.cost)
            case StateSaved():
                callbacks = self._callbacks.get(event.job)
                if callbacks and callbacks.state:
                    callbacks.state(event.state)
            case Ended():
                self._on_ended(event)

    def _on_started(self, event: Started) -> None:
        row = self.jobs.get(event.job)
        if row is not None and not row.over:
            state: JobState = "paused" if row.state == "paused" else "running"
            self._change(replace(row, state=state, started_s=time.monotonic(), began_s=time.time()))

    def _on_progressed(self, event: Progressed) -> None:
        row = self.jobs.get(event.job)
        if row is not None and not row.over:
            self._change(
                replace(
                    row,
                    progress=event.progress,
                    left_s=event.left_s,
                    counted_from=_counted_from(row, event.progress),
                )
            )
        callbacks = self._current(event.job, event.generation)
        if callbacks and callbacks.progress:
            callbacks.progress(event.progress, event.left_s)

    def _on_ended(self, event: Ended) -> None:
        row = self.jobs.get(event.job)
        if row is not None:
            request, error = row.request, event.error
            state: JobState = event.outcome
            if isinstance(request, OpenModel) and error and can_be_asked(error, request.choice):
                state, error = "asked", None  # its question is shown, and no failure
            now_s = time.monotonic()
            self._change(replace(row, state=state, left_s=None, ended_s=now_s, error=error))
            if event.description is not None and isinstance(row.request, Run):
                self.described.emit(row.request.model, event.description)
            self._forget_old_rows()
        callbacks = self._callbacks.pop(event.job, None)
        if callbacks is None:
            return
        if self._views.jobs.get(callbacks.view) == event.job:
            del self._views.jobs[callbacks.view]
        if callbacks.end:
            callbacks.end(event)

    def _count_result(self, job: int) -> None:
        row = self.jobs.get(job)
        if row is not None:  # not told: results come often, and their views show them
            self.jobs[job] = replace(row, results=row.results + 1)

    def _current(self, job: int, generation: int) -> _Callbacks | None:
        """Callbacks of a job unless the event is of an older generation."""
        callbacks = self._callbacks.get(job)
        return callbacks if callbacks and callbacks.generation == generation else None

    def _is_active(self, job: int) -> bool:
        row = self.jobs.get(job)
        return row is not None and not row.over and not self._closed

    def _change(self, row: JobRow) -> None:
        self.jobs[row.job] = row
        self.job_changed.emit(row)

    def _forget_old_rows(self) -> None:
        over = [job for job, row in self.jobs.items() if row.over]
        for job in over[: max(0, len(over) - KEPT_ROWS)]:
            del self.jobs[job]


def _counted_from(row: JobRow, progress: Progress) -> tuple[int, float]:
    """Where counting began: a continued job does not begin at 0, and a stage counts anew."""
    before = row.progress
    same_stage = progress.total == before.total and progress.done >= before.done
    if row.counted_from is not None and same_stage:
        return row.counted_from
    return progress.done, time.monotonic()
