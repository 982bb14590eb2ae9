"""Settings of `ablation-sweep`."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.core.analysis import parameter


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `ablation-sweep`."""

    baseline: Literal["automatic", "mean", "zero"] = parameter(
        "automatic",
        help="What a unit becomes: its mean over the images at hand, or zero. Automatic: the mean "
        "if there are images at hand. Heads become zero.",
    )
    accuracy: bool = parameter(
        False, help="Also count right answers over the images at hand, which need labels."
    )
    counted: int = parameter(
        200, title="images counted",
        help="At most so many labelled images are counted, the same "
        "share of each label.", minimum=1, maximum=100_000,
    )  # fmt: skip
    controls: int = parameter(
        20, title="random changes",
        help="Random changes of the layer as large as those of its units, which all are "
        "compared with; 0: none.", minimum=0, maximum=256,
    )  # fmt: skip
    confirm: int = parameter(
        5, title="strongest with own controls",
        help="So many of the strongest get random others of their own, changed by exactly as "
        "much.", minimum=0, maximum=256,
    )  # fmt: skip
    bars: int = parameter(
        40, title="bars shown",
        help="So many are drawn as bars, the strongest first; the table lists all.", minimum=1,
        maximum=4096,
    )  # fmt: skip
    mean_images: int = parameter(
        64, help="At most so many images, picked by content, make the mean.", minimum=1,
        maximum=100_000, advanced=True,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Units switched off in one pass, each for itself; 0: what suits the device.",
        minimum=0, maximum=1024, advanced=True,
    )  # fmt: skip
