"""Where the names of cells are written, so that none touches another and few are written twice.

The map is cut into blocks; each holds at most one label, which stays inside it. Blocks hang on the
map and on the zoom alone, by halves of an octave: while one pans nothing jumps.
"""

import math

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.view import LINE, Labels, Numbers, View

LARGE_PX, SMALL_PX = 14.0, 11.0
BLOCK_PX = (330.0, 156.0)
"""Width and height of what has one large label; a small one has a sixth of it."""
_COLUMNS, _ROWS = 2, 3
GAP_PX = 8.0
_EM = 0.56
"""Mean width of a letter in parts of the font's height."""

Ints = NDArray[np.int64]


def no_labels() -> Labels:
    """None."""
    nothing = np.zeros(0)
    return Labels(x=nothing, y=nothing, text=(), size=nothing, width=nothing)


def block_size(view: View) -> tuple[float, float]:
    """Width and height on the map of what has one large label."""
    octaves = math.floor(2 * math.log2(view.scale / view.ratio)) / 2
    return BLOCK_PX[0] / 2**octaves, BLOCK_PX[1] / 2**octaves


def place_labels(
    view: View, xy: Numbers, label: NDArray[np.int32], count: NDArray[np.integer],
    names: tuple[str, ...], *, small: bool = True,
) -> Labels:  # fmt: skip
    """Labels of cells.

    Parameters
    ----------
    xy
        (n, 2) middles of cells on the map: all those of the blocks that the view touches.
    label
        (n,) index into `names`, −1 for none.
    count
        (n,) points of each.
    small
        Whether names that are common only in a part of a block are written too.
    """
    named = (label >= 0) & (count > 0)
    xy, kinds, weights = xy[named], label[named].astype(np.int64), count[named].astype(np.float64)
    if not len(kinds):
        return no_labels()
    width, height = block_size(view)
    columns = max(1, math.ceil(1 / width)) * _COLUMNS
    fine_column = np.floor(xy[:, 0] / (width / _COLUMNS)).astype(np.int64)
    fine_row = np.floor(xy[:, 1] / (height / _ROWS)).astype(np.int64)
    column, row = fine_column // _COLUMNS, fine_row // _ROWS
    large = _commonest(row * columns + column, kinds, weights, xy)
    boxes = _boxes(view, xy[large], column[large], row[large], (width, height))
    texts = [names[kinds[i]] for i in large]
    placed = _written(view, boxes, texts, LARGE_PX)
    if not small:
        return _only_seen(view, placed)
    fine = _commonest(fine_row * columns + fine_column, kinds, weights, xy, share=0.5)
    # a name is small beneath another large one only, and once in its block
    blocks = row * columns + column
    where = np.searchsorted(blocks[large], blocks[fine])
    fine = fine[kinds[fine] != kinds[large][where]]
    keys = blocks[fine] * len(names) + kinds[fine]
    fine = fine[np.unique(keys, return_index=True)[1]]
    sizes = (width / _COLUMNS, height / _ROWS)
    boxes = _boxes(view, xy[fine], fine_column[fine], fine_row[fine], sizes)
    more = _written(view, boxes, [names[kinds[i]] for i in fine], SMALL_PX)
    free = ~_touching(more, placed, np.searchsorted(blocks[large], blocks[fine]))
    return _only_seen(view, _joined(placed, _some(more, free)))


def _commonest(
    blocks: Ints, kinds: Ints, weights: Numbers, xy: Numbers, *, share: float = 0.0
) -> Ints:
    """For each block one cell: of the commonest kind there, nearest to the middle of its cells.

    Blocks whose commonest kind has less than a share of the weight are left out.
    """
    _, inverse = np.unique(blocks * (kinds.max() + 1) + kinds, return_inverse=True)
    weight = np.bincount(inverse, weights)
    middle = np.stack([np.bincount(inverse, weights * each) / weight for each in xy.T], axis=1)
    apart = ((xy - middle[inverse]) ** 2).sum(axis=1)
    order = np.lexsort((apart, inverse))
    nearest = order[np.unique(inverse[order], return_index=True)[1]]  # one cell of each key
    block = blocks[nearest]
    order = np.lexsort((kinds[nearest], -weight, block))
    first = order[np.unique(block[order], return_index=True)[1]]
    if share:
        total = np.bincount(np.unique(block, return_inverse=True)[1], weight)
        first = first[weight[first] >= share * total]
    return nearest[first]


def _boxes(
    view: View, xy: Numbers, column: Ints, row: Ints, size: tuple[float, float]
) -> tuple[Numbers, Numbers, Numbers]:
    """Anchors and corners of the blocks in pixels of the view: (n, 2) each."""
    corner = np.stack([column * size[0], row * size[1]], axis=1)
    return view.to_pixels(xy), view.to_pixels(corner), view.to_pixels(corner + size)


def _written(
    view: View, boxes: tuple[Numbers, Numbers, Numbers], texts: list[str], size_px: float
) -> Labels:
    anchor, low, high = boxes
    size, gap = size_px * view.ratio, GAP_PX * view.ratio
    room = np.minimum(high[:, 0] - low[:, 0] - gap, 22 * _EM * size)
    short = tuple(shortened(t, int(r / (_EM * size))) for t, r in zip(texts, room, strict=True))
    width = np.minimum([len(text) * _EM * size + size * 0.4 for text in short], room)
    half_x, half_y = (width + gap) / 2, np.full(len(short), (LINE * size + 1) / 2)
    return Labels(
        x=np.clip(anchor[:, 0], low[:, 0] + half_x, high[:, 0] - half_x),
        y=np.clip(anchor[:, 1], low[:, 1] + half_y, high[:, 1] - half_y),
        text=short, size=np.full(len(short), size), width=width,
    )  # fmt: skip


def shortened(text: str, letters: int) -> str:
    """A name without its synonyms, in at most so many letters."""
    first = text.split(",")[0].strip()
    return first if len(first) <= letters else first[: max(1, letters - 1)].rstrip() + "…"


def _touching(small: Labels, large: Labels, where: Ints) -> NDArray[np.bool_]:
    """Whether each small label comes near the large one of its own block."""
    across = (small.width + large.width[where]) / 2 + small.size
    down = (small.height + large.height[where]) / 2
    found: NDArray[np.bool_] = (np.abs(small.x - large.x[where]) < across) & (
        np.abs(small.y - large.y[where]) < down
    )
    return found


def _some(labels: Labels, chosen: NDArray[np.bool_]) -> Labels:
    text = tuple(t for t, keep in zip(labels.text, chosen, strict=True) if keep)
    return Labels(
        x=labels.x[chosen], y=labels.y[chosen], text=text, size=labels.size[chosen],
        width=labels.width[chosen],
    )  # fmt: skip


def _joined(a: Labels, b: Labels) -> Labels:
    return Labels(
        x=np.concatenate([a.x, b.x]), y=np.concatenate([a.y, b.y]), text=(*a.text, *b.text),
        size=np.concatenate([a.size, b.size]), width=np.concatenate([a.width, b.width]),
    )  # fmt: skip


def _only_seen(view: View, labels: Labels) -> Labels:
    half_x, half_y = labels.width / 2, labels.height / 2
    seen = (labels.x + half_x > 0) & (labels.x - half_x < view.width)
    return _some(labels, seen & (labels.y + half_y > 0) & (labels.y - half_y < view.height))
