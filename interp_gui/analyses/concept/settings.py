"""Settings of `concept`."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.core.analysis import parameter

WITH, WITHOUT = "with", "without"
"""Headings of the examples."""
FEW = 5
"""Examples a side below which figures say little."""
UNBALANCED = 2.0
"""From this ratio of the two sides on it is said that they are unbalanced."""

Method = Literal["mean-difference", "probe"]
Pooling = Literal["mean", "maximum", "class-token"]


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `concept`."""

    name: str = parameter("", help="What the examples have in common; the direction bears it.")
    method: Literal["mean-difference", "probe"] = parameter(
        "mean-difference",
        help="How the direction is found: from the mean of one side to that of the other, or as "
        "the weights of a logistic regression that tells the sides apart.",
    )
    layers: Literal["one", "all"] = parameter(
        "one", help="The chosen layer, or all layers worth looking at, one after the other."
    )
    pooling: Literal["mean", "maximum", "class-token"] = parameter(
        "mean",
        help="What stands for an image or a box: the mean or the maximum of each unit over the "
        "positions that it covers, or the class token.",
    )
    folds: int = parameter(
        5, help="In so many parts the examples are held out in turn; a group is never split.",
        minimum=2, maximum=50, title="held-out parts",
    )  # fmt: skip
    controls: int = parameter(
        100, help="How often the labels are dealt out at random for comparison; 0: never.",
        minimum=0, maximum=10_000, title="random labels",
    )  # fmt: skip
    ridge: float = parameter(
        0.01, help="How strongly the weights of the probe are held small.", minimum=1e-6,
        maximum=1e4, advanced=True,
    )  # fmt: skip
    size: int = parameter(
        112, help="Longer side of each example's picture.", unit="px", minimum=16, maximum=1024,
        advanced=True,
    )  # fmt: skip
