"""What is known of each image: its answers as it is, with the edits, and with each control."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_effect.controls import Controls, draw_controls, network_edits
from interp_gui.analyses.passes import Route
from interp_gui.core.analysis import Context
from interp_gui.core.edit import EditStack


class Answers:
    """The answer for each image of a dataset under one condition, in its order.

    Attributes
    ----------
    predicted
        (N,) int32 class index; −1 where unknown, or where the outputs are no classes.
    share
        (N,) float32 probability of it; NaN where unknown.
    target
        (N,) float64 Target, its class fixed by the unedited answer for that image.
    divergence
        (N,) float32 Kullback-Leibler divergence in nats from the unedited answer; NaN where
        unknown, or where the outputs are no classes.
    moved
        (N,) float32 length of the outputs' change over their length.
    """

    def __init__(self, count: int) -> None:
        self.predicted = np.full(count, -1, np.int32)
        self.share = np.full(count, np.nan, np.float32)
        self.target = np.full(count, np.nan, np.float64)
        self.divergence = np.full(count, np.nan, np.float32)
        self.moved = np.full(count, np.nan, np.float32)

    def take(self, places: Sequence[int], rows: dict[str, NDArray[Any]] | NDArray[Any]) -> None:
        """Fill in images."""
        for name, values in vars(self).items():
            values[list(places)] = rows[name]


@dataclass(kw_only=True)
class Compared:
    """Everything that is known so far.

    Parameters
    ----------
    before, after, controls
        In the order of the dataset.
    done
        Images that have been asked about.
    unkept
        What has to be said where rows could not be kept.
    route
        How the unedited answers came.
    """

    before: Answers
    after: Answers
    controls: tuple[Answers, ...]
    drawn: Controls
    stack: EditStack
    broken: dict[int, str]
    route: Route = field(default_factory=Route)
    done: int = 0
    unkept: tuple[str, ...] = ()


def prepared(context: Context, *, controls: int) -> Compared:
    """Nothing asked yet: the edits, and the controls that are drawn for them."""
    stack = network_edits(context)
    drawn = draw_controls(context, stack, controls)
    dataset = context.inputs.dataset
    count = len(dataset.images) if dataset is not None else 0
    return Compared(
        before=Answers(count), after=Answers(count),
        controls=tuple(Answers(count) for _ in drawn.controls), drawn=drawn, stack=stack,
        broken={},
    )  # fmt: skip
