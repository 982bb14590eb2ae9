"""An optimised picture while it is being made: start, pause, cancel, go on for more steps."""

from typing import Any, Literal

import msgspec
from PySide6.QtCore import QObject, Signal

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Picture
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge, JobRow
from interp_gui.gui.state import AppState
from interp_gui.gui.views.pass_leave import leave_of

ANALYSIS = "feature-visualization"
Phase = Literal["idle", "running", "paused", "stopped", "finished", "failed"]


class Settings(msgspec.Struct, frozen=True):
    """What a picture is made with."""

    parameters: dict[str, Any] = {}
    seed: int = 0

    @property
    def steps(self) -> int:
        """Steps asked for; 0 where the analysis decides."""
        steps = self.parameters.get("steps", 0)
        return steps if isinstance(steps, int) else 0

    def with_steps(self, steps: int) -> "Settings":
        """The same with more or fewer steps."""
        return Settings({**self.parameters, "steps": steps}, self.seed)


def so_far(picture: Picture, recipe: Recipe | None) -> Recipe | None:
    """What makes a picture again that is not done: as many steps as were taken."""
    steps = picture.numbers.get("steps")
    if recipe is None or picture.final or not isinstance(steps, int) or isinstance(steps, bool):
        return recipe
    return msgspec.structs.replace(recipe, parameters={**recipe.parameters, "steps": steps})


class Optimisation(QObject):
    """One picture's job, without a widget.

    Signals
    -------
    picture_came
        Picture and recipe, again and again while it is refined.
    progressed
        Progress and seconds left (or None).
    phase_changed
        It was started, held, stopped, or is done.
    """

    picture_came = Signal(object, object)
    progressed = Signal(object, object)
    phase_changed = Signal()

    def __init__(self, state: AppState, bridge: EngineBridge, view: str, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._bridge, self._view = state, bridge, view
        self._job: int | None = None
        self._feature: Feature | None = None
        self._settings = Settings()
        self._saved: dict[str, Any] | None = None
        self.phase: Phase = "idle"
        self.problem = ""
        bridge.job_changed.connect(self._job_changed)

    @property
    def can_continue(self) -> bool:
        """Whether there is something to go on from.

        A finished picture always can: where it came from the cache, so does its state.
        """
        known = self._saved is not None or self.phase == "finished"
        return known and self._job is None

    @property
    def active(self) -> bool:
        """Whether a job is running or held."""
        return self._job is not None

    def start(self, feature: Feature, settings: Settings) -> None:
        """Make the picture from the beginning; an older one is given up."""
        self._feature, self._settings, self._saved = feature, settings, None
        self._run()

    def go_on(self, *, more: int = 0) -> None:
        """Go on where it stopped; `more` steps beyond what was asked for."""
        if self._feature is None or self._job is not None:
            return
        if more:
            self._settings = self._settings.with_steps(self._settings.steps + more)
        self._run()

    @property
    def steps(self) -> int:
        """Steps asked for."""
        return self._settings.steps

    def pause(self) -> None:
        """Hold it at the next step."""
        if self._job is not None and self.phase == "running":
            self._bridge.pause(self._job)
            self._set("paused")

    def resume(self) -> None:
        """Let it go on."""
        if self._job is not None and self.phase == "paused":
            self._bridge.resume(self._job)
            self._set("running")

    def cancel(self) -> None:
        """Stop; what is there stays, and can be gone on from."""
        if self._job is not None:
            self._bridge.cancel(self._job)

    def forget(self) -> None:
        """Stop and forget; nothing of it is told any more."""
        self._bridge.drop(self._view)
        self._job = self._saved = self._feature = None
        self._set("idle")

    def _run(self) -> None:
        model = self._state.model
        if model is None or self._feature is None or ANALYSIS not in self._bridge.analyses:
            return
        request = Run(
            analysis=ANALYSIS,
            model=model.handle,
            inputs=Inputs(
                layer=self._feature.layer,
                features=(self._feature,),
                target=self._state.target,
                seed=self._settings.seed,
            ),
            # ranks among very many images are not computed before the user said so
            dataset=leave_of(self._state).dataset_for(self._state),
            parameters=self._settings.parameters,
            state=self._saved,
        )
        self._job = self._bridge.run(
            request,
            title=f"Optimising {self._feature.title}",
            priority="visible",
            view=self._view,
            on_result=self._came,
            on_progress=self._progressed,
            on_state=self._keep,
            on_end=self._ended,
        )
        self.problem = ""
        self._set("running")

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        if isinstance(result, Picture):
            self.picture_came.emit(result, so_far(result, recipe))

    def _progressed(self, progress: Progress, left_s: float | None) -> None:
        self.progressed.emit(progress, left_s)

    def _keep(self, state: dict[str, Any]) -> None:
        self._saved = state

    def _job_changed(self, row: JobRow) -> None:
        """Follow a job that is held or let go on somewhere else, as in the Jobs panel."""
        if row.job != self._job or row.over:
            return
        phase: Phase = "paused" if row.state == "paused" else "running"
        if phase != self.phase:
            self._set(phase)

    def _ended(self, ended: Ended) -> None:
        self._job = None
        if ended.outcome == "failed":
            self.problem = ended.error.message if ended.error is not None else "It failed."
            self._set("failed")
        else:
            self._set("finished" if ended.outcome == "finished" else "stopped")

    def _set(self, phase: Phase) -> None:
        self.phase = phase
        self.phase_changed.emit()
