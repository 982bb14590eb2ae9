"""Settings of `concept-sensitivity`."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.core.analysis import parameter


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `concept-sensitivity`."""

    images: Literal["automatic", "label", "answer", "all"] = parameter(
        "automatic",
        help="Images whose label, or whose answer, is the Target's class, or all of them. "
        "Automatic: by label where labels stand for classes, else by answer.",
    )
    most: int = parameter(
        64, help="At most so many images, picked by content.", minimum=2, maximum=10_000
    )
    controls: int = parameter(
        100, help="Random directions whose derivatives stand beside it.", minimum=0,
        maximum=10_000,
    )  # fmt: skip
    random: Literal["covariance", "isotropic"] = parameter(
        "covariance",
        help="How random directions are drawn where no examples are given: as the layer's own "
        "vectors vary, or each alike.",
    )
    removed: int = parameter(
        12, help="Images in which the direction is taken away; 0: none.", minimum=0,
        maximum=10_000,
    )  # fmt: skip
    removals: int = parameter(
        20, help="Random directions along which as much is taken away for comparison.", minimum=0,
        maximum=1000,
    )  # fmt: skip
