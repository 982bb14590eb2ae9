"""A job as lists show it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from interp_gui.core.analysis import Progress
from interp_gui.core.cost import duration_text
from interp_gui.core.opening import OpenChoice
from interp_gui.engine.messages import ErrorInfo, OpenModel, Priority, Request, Run

JobState = Literal["waiting", "running", "paused", "finished", "cancelled", "failed", "asked"]
OVER: frozenset[JobState] = frozenset(("finished", "cancelled", "failed", "asked"))
KEPT_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """A new object for every change.

    Jobs without a title are errands of the window itself and are not listed. One that was `asked`
    is over because it had a question; with the answer, another is begun.
    """

    job: int
    title: str
    request: Request | None = None
    state: JobState = "waiting"
    priority: Priority = "interactive"
    view: str = ""
    progress: Progress = field(default_factory=Progress)
    left_s: float | None = None
    began_s: float = 0.0
    """When it began to run, in seconds since 1970; 0 before."""
    started_s: float | None = None
    """Monotonic clock when it began to run."""
    ended_s: float | None = None
    """Monotonic clock when it was over."""
    counted_from: tuple[int, float] | None = None
    """Steps done, and the monotonic clock, when this run or stage began to count."""
    results: int = 0
    """How many results have come, refined ones counted again."""
    error: ErrorInfo | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in OVER

    @property
    def can_pause(self) -> bool:
        """Whether it stops at a step and can go on from there; opening a model has no steps."""
        return not self.over and (self.request is None or isinstance(self.request, Run))

    @property
    def can_run_again(self) -> bool:
        """Whether it is over and can be asked for once more."""
        return self.over and isinstance(self.request, Run | OpenModel)

    def rate_per_s(self, now_s: float) -> float | None:
        """Steps a second since this run or stage began to count, None if not yet known."""
        if self.counted_from is None or self.state != "running":
            return None
        first, since_s = self.counted_from
        done, elapsed = self.progress.done - first, now_s - since_s
        return done / elapsed if done > 0 and elapsed > 0.5 else None

    def elapsed_s(self, now_s: float) -> float | None:
        """Seconds since it began to run, until it was over; None before."""
        if self.started_s is None:
            return None
        return max(0.0, (self.ended_s if self.ended_s is not None else now_s) - self.started_s)


def can_be_asked(error: ErrorInfo, choice: OpenChoice) -> bool:
    """Whether an answer of the user can open what failed to open."""
    unsafe = error.cause == "UnsafeCheckpoint" and not choice.stubs
    return error.question is not None or unsafe


def total_text(rows: Iterable[JobRow]) -> str:
    """All that is not over in a few words: `3 jobs, 2 min left`; empty where nothing is.

    Jobs run one after another, so the times left add up; a job that does not know its own says
    nothing.
    """
    active = [row for row in rows if not row.over]
    if not active:
        return ""
    words = "1 job" if len(active) == 1 else f"{len(active)} jobs"
    if all(row.state == "paused" for row in active):
        return f"{words}, paused"
    moving = [row for row in active if row.state != "paused"]
    known = [row.left_s for row in moving if row.left_s is not None]
    left_s = sum(known)
    if not known or left_s < 1:
        return words
    more = "more than " if len(known) < len(moving) else ""
    return f"{words}, {more}{duration_text(left_s)} left"
