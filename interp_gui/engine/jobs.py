"""One job as the engine keeps it, and how its progress is told."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import NamedTuple

from interp_gui.core.analysis import Progress, Saved
from interp_gui.core.cost import Cost
from interp_gui.core.model import ModelDescription
from interp_gui.core.opening import FileReport
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.messages import (
    CloseModel,
    Estimate,
    ForgetDataset,
    OpenModel,
    Priority,
    RegisterDataset,
    Request,
    Run,
    SetOutputs,
    SetPreprocessing,
    Submit,
)  # fmt: skip

PROGRESS_INTERVAL_S = 0.05
RANKS: dict[Priority, int] = {"interactive": 0, "visible": 1, "background": 2}


class Made(NamedTuple):
    """A result with the recipe that reproduces it."""

    result: AnyResult
    recipe: Recipe | None


JobStep = Progress | Saved | Made | Cost
JobSteps = Generator[JobStep, None, ModelDescription | FileReport | None]
Check = Callable[[], None]
"""Raises Cancelled once a job is to stop; each call is a sign of life."""
Execute = Callable[[Request, Check], JobSteps]
"""Begins a request: called with the request and its `check`, which may be a `Pulse`."""


class Pulse:
    """A `check` that can also tell how far a job is from inside one of its steps.

    Parameters
    ----------
    check
        Raises Cancelled once the job is to stop.
    tell
        Takes a progress at once, whatever was told last.
    """

    def __init__(self, check: Check, tell: Callable[[Progress], None]) -> None:
        self._check, self._tell = check, tell

    def __call__(self) -> None:
        self._check()

    def tell(self, progress: Progress) -> None:
        """Say what is being done, unless the job is to stop."""
        self._check()
        self._tell(progress)


class ProgressMeter:
    """Thins out progress to what the window can show, and estimates the time left.

    Time is the job's own computing time, so that waiting behind other jobs does not count.
    """

    def __init__(self) -> None:
        self._told_at = -float("inf")
        self._held: Progress | None = None
        self._base: tuple[int, float, int] | None = None
        self.left_s: float | None = None

    def offer(self, progress: Progress, *, now_s: float, worked_s: float) -> Progress | None:
        """Take a new progress; give it back if it is time to tell it."""
        self._estimate(progress, worked_s)
        if now_s - self._told_at < PROGRESS_INTERVAL_S:
            self._held = progress
            return None
        self._told_at, self._held = now_s, None
        return progress

    def last(self) -> Progress | None:
        """The progress that was held back, once the job is over."""
        held, self._held = self._held, None
        return held

    def _estimate(self, progress: Progress, worked_s: float) -> None:
        done, total = progress.done, progress.total
        if self._base is None or self._base[2] != total or done < self._base[0]:
            self._base = (done, worked_s, total)
        first, begun_s, _ = self._base
        self.left_s = None
        if total and done > first:
            self.left_s = max(0.0, (worked_s - begun_s) * (total - done) / (done - first))


@dataclass(eq=False)
class Job:
    """A job in the scheduler's hands.

    Parameters
    ----------
    order
        Rises with each submission; the earlier of two jobs of one priority runs first.
    steps
        The suspended generator, None until the job first runs.
    worked_s
        Time spent inside its steps.
    """

    submit: Submit
    order: int
    priority: Priority
    steps: JobSteps | None = None
    paused: bool = False
    cancelled: bool = False
    worked_s: float = 0.0
    meter: ProgressMeter = field(default_factory=ProgressMeter)

    @property
    def id(self) -> int:
        """Its number, given by the window."""
        return self.submit.job

    @property
    def rank(self) -> tuple[int, int]:
        """What it is sorted by."""
        return RANKS[self.priority], self.order


def changes(request: Request) -> str:
    """Handle that a request opens, changes or closes; empty for a run."""
    if isinstance(request, OpenModel | CloseModel | SetPreprocessing | SetOutputs):
        return f"model:{request.model}"
    if isinstance(request, RegisterDataset | ForgetDataset):
        return f"dataset:{request.dataset}"
    return ""


def depends(request: Request) -> tuple[str, ...]:
    """Handles that must be settled before a request can run."""
    if isinstance(request, Estimate):
        request = request.run
    if isinstance(request, Run):
        other = (f"model:{request.other}",) if request.other else ()
        return (f"model:{request.model}", f"dataset:{request.dataset}", *other)
    return (changes(request),)
