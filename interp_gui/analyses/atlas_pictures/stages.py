"""Blocks of icons in stages: those known, a first look at all others, then each to its end."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from interp_gui.analyses.atlas_pictures.climbing import Climber, Icons
from interp_gui.analyses.atlas_pictures.icons import Goals
from interp_gui.core.analysis import Context, Progress


@dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures of one block, by its place among the goals."""

    index: int
    icons: Icons
    final: bool


def in_stages(
    context: Context, climber: Climber, goals: Sequence[Goals], *, first: int
) -> Generator[Progress | Drawn, None, None]:
    """Draw blocks in their order.

    Parameters
    ----------
    first
        Steps of the first look; none is taken where it would already be the end.
    """
    missing: list[int] = []
    for index, goal in enumerate(goals):
        context.check()
        known = climber.known(goal)
        if known is None:
            missing.append(index)
        else:
            yield Drawn(index, known, True)
    if not missing:
        yield Progress(done=len(goals), total=len(goals), text="Drawing icons")
        return
    taken = {index: climber.taken(goals[index]) for index in missing}
    total, done = climber.steps * climber.tries * len(missing), sum(taken.values())
    looks = [index for index in missing if taken[index] < first < climber.steps]
    yield Progress(done=done, total=total, text="Drawing icons")
    for index, until in [*((i, first) for i in looks), *((i, 0) for i in missing)]:
        steps = climber.climb(goals[index], until) if until else climber.finish(goals[index])
        text = f"First look at {len(missing)} groups" if until else "Drawing icons"
        try:
            while True:
                try:
                    next(steps)
                except StopIteration as stop:
                    icons: Icons = stop.value
                    break
                done += 1
                yield Progress(done=min(done, total), total=total, text=text)
        finally:
            steps.close()
        yield Drawn(index, icons, not until)
    yield Progress(done=total, total=total, text="Drawing icons")
