"""What can be chosen for a rank-one edit."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.core.analysis import parameter


@dataclass(frozen=True)
class Settings:
    """Key, value, and how the price is measured."""

    place: str = parameter(
        "",
        help="where the layer's input is the key, on its grid as @row,column or @t5; empty: what "
        "is brushed on the image, or the mean over all of it",
        title="place of the key",
    )
    value: Literal["image", "direction"] = parameter(
        "image",
        help="image: what the layer says to the second image; direction: what it says now, plus "
        "the current feature, one of this layer",
        title="new value from",
    )
    value_place: str = parameter(
        "",
        help="place on the second image, as @row,column; empty for the mean over all of it",
        title="place of the value",
    )
    strength: float = parameter(
        4.0, minimum=-100.0, maximum=100.0, unit="σ",
        help="how much of the feature is added, in standard deviations over the images",
    )  # fmt: skip
    images: int = parameter(
        200, minimum=8, maximum=100_000,
        help="images over which inputs are measured and answers compared",
    )  # fmt: skip
    controls: int = parameter(
        3, minimum=0, maximum=20,
        help="random keys that get the same change, to compare with",
    )  # fmt: skip
    path: str = parameter(
        "", help="file to write the changed network to; empty to only measure", title="write to"
    )
