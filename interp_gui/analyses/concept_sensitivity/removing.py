"""What taking a direction away does to the Target, beside taking as much away elsewhere.

The causal half of the question: a derivative says what a small step would do, this what the
answer is without the direction.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import see
from interp_gui.analyses.concept_sensitivity.asked import Direction
from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.random_alike import others
from interp_gui.analyses.variants import Variants, rows_at_once
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import Edit
from interp_gui.core.errors import ImageProblem
from interp_gui.core.interventions.changes import change_of
from interp_gui.core.target import Target

Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Removed:
    """Changes of the Target.

    Parameters
    ----------
    effect
        (N,) with the direction taken away, minus as it is.
    controls
        (n, N) the same for n other directions, changed at each position by exactly as much.
    """

    effect: Doubles
    controls: Doubles

    @property
    def p(self) -> float | None:
        """Share of the other directions, it among them, whose mean change is as large."""
        if not len(self.controls):
            return None
        reached = np.abs(self.controls.mean(axis=1)) >= abs(float(self.effect.mean()))
        return float((1 + reached.sum()) / (1 + len(self.controls)))


def removal(direction: Direction) -> Edit:
    """The edit that takes a direction away: projected out, or a unit set to zero."""
    kind = "ablate" if direction.feature.units else "project_out"
    return Edit(feature=direction.feature, kind=kind)  # type: ignore[arg-type]


def remove(
    context: Context,
    direction: Direction,
    images: Sequence[Known],
    target: Target,
    *,
    controls: int,
    number: int,
) -> Generator[Progress, None, Removed]:
    """Take a direction away in each image, and then random ones; exact passes, one by one.

    Parameters
    ----------
    number
        Of the direction, so that each has random ones of its own.
    """
    edit, layer = removal(direction), direction.layer
    effects: list[float] = []
    elsewhere: list[Doubles] = []
    for done, image in enumerate(images):
        context.check()
        yield Progress(done=done, total=len(images), text=f"Removing {direction.feature.title}")
        try:
            batch = see(context, image.entry.path).batch
        except ImageProblem:
            continue  # read a moment ago
        network = Variants(context, batch, layer, rows=rows_at_once(context), paced=True)
        value = network.value[0]
        change = change_of(edit, value, layer.axes)
        # the same ones for every image
        random = np.random.default_rng([context.inputs.seed, 2, number])
        values = [change.onto(value)[None]]
        for picked, basis in others(change, controls, random):
            values.append(change.onto(value, picked=picked, basis=basis)[None])
        moved = np.empty(len(values))
        network.begin()
        yield Progress(done=done, total=len(images), text=f"Removing {direction.feature.title}")
        as_it_is = network.base()
        for first, outputs in network.answers(values):
            for i in range(len(outputs)):
                before = target.evaluate(as_it_is[i])
                moved[first + i] = float((target.evaluate(outputs[i]) - before)[0])
            yield Progress(done=done, total=len(images), text=f"Removing {direction.feature.title}")
        effects.append(float(moved[0]))
        elsewhere.append(moved[1:])
    return Removed(effect=np.asarray(effects), controls=np.stack(elsewhere, axis=1))
