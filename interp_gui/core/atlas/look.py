"""How an atlas is looked at: what is drawn, in which colours, and which points are shown."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Draw = Literal["auto", "crops", "icons", "points"]
"""`auto`: icons where there are some, else crops, and points close up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What a person chose to see of an atlas of N points.

    Parameters
    ----------
    values
        (N,) float32 by which points and cells (by the mean of their points) are coloured; NaN has
        no colour. None: no colouring.
    symmetric
        Whether zero is the middle of the colours.
    categories
        (N,) int32, −1 for none: colours of kinds instead of amounts.
    names
        What the categories are called.
    fade
        Whether cells are drawn fainter the lower their value, in place of a tint.
    shown
        (N,) bool: which points count; None for all. Cells without any are not drawn.
    labels
        Whether cells' labels are written.
    sized
        Whether a cell's picture is smaller where it holds fewer points than most:
        side × min(1, √(count / mean count)).
    legend
        What the colours mean, in words; empty for no colouring.
    """

    draw: Draw = "auto"
    values: NDArray[np.float32] | None = None
    symmetric: bool = False
    categories: NDArray[np.int32] | None = None
    names: tuple[str, ...] = ()
    fade: bool = False
    shown: NDArray[np.bool_] | None = None
    labels: bool = True
    sized: bool = True
    legend: str = ""
