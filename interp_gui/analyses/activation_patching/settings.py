"""Settings of `activation-patching`."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.core.analysis import parameter


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `activation-patching`."""

    parts: Literal["both", "positions", "heads"] = parameter(
        "both", help="What is patched: positions of layers, heads of attention, or both where the "
        "model has them.",
    )  # fmt: skip
    direction: Literal["source to base", "base to source", "both"] = parameter(
        "source to base", help="From which image values are taken, and into which they are put."
    )
    layers: str = parameter(
        "", help="Layers, separated by commas; empty: blocks, spread over the depth."
    )
    most_layers: int = parameter(
        12,
        title="layers at most",
        help="At most so many layers, where none are named.",
        minimum=1,
        maximum=256,
    )
    cells: int = parameter(
        49, help="At most so many positions a layer; larger maps are patched block by block.",
        minimum=1, maximum=4096,
    )  # fmt: skip
    confirm: int = parameter(
        24, title="strongest to patch",
        help="So many of the strongest estimates are confirmed by patching; all cells are "
        "where the model has no gradients, or where they are few.", minimum=0, maximum=100_000,
    )  # fmt: skip
    controls: int = parameter(
        20,
        title="random cells",
        help="Random cells that are patched too, beside the strongest.",
        minimum=0,
        maximum=4096,
    )
    permutations: int = parameter(
        5, help="Sources with their units exchanged at random, of equal change, that are tried at "
        "each of the strongest cells.", minimum=0, maximum=256,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Cells patched in one pass, each for itself; 0: what suits the device.", minimum=0,
        maximum=1024, advanced=True,
    )  # fmt: skip
