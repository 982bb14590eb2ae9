"""Which cells are drawn together, and in which order: fixed blocks of neighbours, wanted first."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas, AtlasLevel
from interp_gui.core.errors import InvalidValue

Cells = NDArray[np.int32]


def level_of(atlas: Atlas, side: int) -> AtlasLevel:
    """The level of so many cells a side, the coarsest for 0; one that is not offered raises."""
    if not atlas.levels:
        raise InvalidValue(
            "This atlas has no cells to draw.",
            hint="Use more images, or let cells hold fewer points.",
        )
    if side == 0:
        return atlas.levels[0]
    try:
        return atlas.level(side)
    except KeyError:
        offered = ", ".join(str(level.side) for level in atlas.levels)
        raise InvalidValue(
            f"This atlas has no level of {side} cells a side.", hint=f"It has {offered}."
        ) from None


def cell_range(text: str, count: int) -> list[int]:
    """Read `0-63,70` into cells below `count`, in the order written; all of them for ''."""
    if not text.strip():
        return list(range(count))
    try:
        parts = [part.strip().partition("-") for part in text.split(",")]
        spans = [(int(a), int(b if dash else a)) for a, dash, b in parts]
    except ValueError:
        raise InvalidValue(
            f"'{text}' is not a range of cells.", hint="Write it as 0-63 or 3,7,20-30."
        ) from None
    if max(last for _, last in spans) >= count:
        raise InvalidValue(
            f"There is no cell {max(last for _, last in spans)}.",
            hint=f"Cells of this level are 0 to {count - 1}.",
        )
    found = [cell for first, last in spans for cell in range(first, last + 1)]
    if not found:
        raise InvalidValue(f"'{text}' names no cell.", hint="Write it as 0-63 or 3,7,20-30.")
    return list(dict.fromkeys(found))


def blocks(level: AtlasLevel, *, minimum: int, size: int) -> list[Cells]:
    """All cells that hold `minimum` points, in blocks of `size` that lie together.

    They follow the Z-order curve, so that a block is compact, and hang on nothing but the level:
    what is drawn together is the same whatever was asked for.
    """
    kept = np.flatnonzero(level.count >= minimum)
    ordered = kept[along_curve(level.x[kept], level.y[kept])].astype(np.int32)
    return [ordered[i : i + size] for i in range(0, len(ordered), size)]


def along_curve(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.int64]:
    """The order of places along the Z-order curve, on which what is near stays near."""
    order: NDArray[np.int64] = np.argsort(_interleaved(x) | (_interleaved(y) << 1), kind="stable")
    return order


def wanted_first(blocks: Sequence[Cells], cells: Sequence[int]) -> list[Cells]:
    """The blocks that hold any of the cells, in the order of their first mention."""
    place = {int(cell): index for index, block in enumerate(blocks) for cell in block}
    order = dict.fromkeys(place[cell] for cell in cells if cell in place)
    return [blocks[index] for index in order]


def _interleaved(values: NDArray[Any]) -> NDArray[np.int64]:
    """Bits of numbers below 2^16 with a zero between each two."""
    spread = values.astype(np.int64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        spread = (spread | (spread << shift)) & mask
    return spread
