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
_EM = {LARGE_PX: 0.68, SMALL_PX: 0.62}
"""Mean width of a letter in parts of the font's height, in a wide font; large names are heavier."""
_LETTERS = 24

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
    names: tuple[str, ...], *, least: int = 1, small: bool = True, cell: float = 0.0,
) -> Labels:  # fmt: skip
    """Labels of cells.

    Parameters
    ----------
    xy
        (n, 2) middles of cells on the map: all those of the blocks that the view touches, and of
        the blocks next to them.
    label
        (n,) index into `names`, −1 for none.
    count
        (n,) points of each.
    least
        Points that a name must stand for within its block.
    small
        Whether names that are common only in a part of a block are written too.
    cell
        Side of a cell on the map: names then stand where they hide few of the cells.
    """
    hidden = _Hidden(view, xy[count > 0], cell)
    named = (label >= 0) & (count > 0)
    xy, kinds, weights = xy[named], label[named].astype(np.int64), count[named].astype(np.float64)
    if not len(kinds):
        return no_labels()
    size = block_size(view)
    fine_size = (size[0] / _COLUMNS, size[1] / _ROWS)
    large, large_weight = _commonest(_blocks(xy, size), kinds, weights, xy)
    blocks = _blocks(xy[large], size)
    beaten = _beaten(blocks, kinds[large], large_weight)
    kept = large[~beaten & (large_weight >= least)]
    placed = _written(view, xy[kept], _blocks(xy[kept], size), size, kinds[kept], names, LARGE_PX,
                      hidden)  # fmt: skip
    if not small:
        return _only_seen(view, placed)
    fine, weight = _commonest(_blocks(xy, fine_size), kinds, weights, xy, share=0.5)
    fine, weight = fine[weight >= least], weight[weight >= least]
    # A name is small beneath another large one only, and once among the blocks around.
    around = _blocks(xy[fine], size)
    again = _named_around(around, kinds[fine], blocks, kinds[large])
    fine, weight, around = fine[~again], weight[~again], around[~again]
    fine = fine[~_beaten(around, kinds[fine], weight)]
    more = _written(
        view, xy[fine], _blocks(xy[fine], fine_size), fine_size, kinds[fine], names, SMALL_PX,
        hidden,
    )  # fmt: skip
    free = ~_touching(more, placed, _blocks(xy[fine], size), _blocks(xy[kept], size))
    return _only_seen(view, _joined(placed, _some(more, free)))


def _blocks(xy: Numbers, size: tuple[float, float]) -> Ints:
    """(n, 2) column and row of the block of each place."""
    found: Ints = np.floor(xy / size).astype(np.int64)
    return found


def _key(blocks: Ints, kinds: Ints | int = 0) -> Ints:
    """One number for a block and a kind."""
    found: Ints = ((blocks[:, 1] + 2) * 100_003 + blocks[:, 0] + 2) * 1_000_003 + kinds
    return found


def _commonest(
    blocks: Ints, kinds: Ints, weights: Numbers, xy: Numbers, *, share: float = 0.0
) -> tuple[Ints, Numbers]:
    """For each block one cell, of the commonest kind there, and the points of that kind.

    It is the one nearest to the middle of the kind's cells. Blocks whose commonest kind has less
    than a share of the points are left out.
    """
    _, inverse = np.unique(_key(blocks, kinds), return_inverse=True)
    weight: Numbers = np.bincount(inverse, weights).astype(np.float64)
    middle = np.stack([np.bincount(inverse, weights * each) / weight for each in xy.T], axis=1)
    apart = ((xy - middle[inverse]) ** 2).sum(axis=1)
    order = np.lexsort((apart, inverse))
    nearest = order[np.unique(inverse[order], return_index=True)[1]]  # one cell of each key
    block = _key(blocks[nearest])
    order = np.lexsort((kinds[nearest], -weight, block))
    first = order[np.unique(block[order], return_index=True)[1]]
    if share:
        total = np.bincount(np.unique(block, return_inverse=True)[1], weight)
        first = first[weight[first] >= share * total]
    return nearest[first], weight[first]


def _neighbours() -> list[tuple[int, int]]:
    return [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]


def _beaten(blocks: Ints, kinds: Ints, weight: Numbers) -> NDArray[np.bool_]:
    """Which names stand for less than the same name in the same block or one next to it."""
    beaten = np.zeros(len(kinds), bool)
    if not len(kinds):
        return beaten
    rank = np.empty(len(kinds), np.int64)  # among equals the one farther up, then left
    rank[np.lexsort((-blocks[:, 0], -blocks[:, 1], weight))] = np.arange(len(kinds))
    keys = _key(blocks, kinds)
    order = np.lexsort((rank, keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)
    best_keys, best = keys[order][last], rank[order][last]
    for x, y in _neighbours():
        wanted = _key(blocks + (x, y), kinds)
        at = np.minimum(np.searchsorted(best_keys, wanted), len(best_keys) - 1)
        beaten |= (best_keys[at] == wanted) & (best[at] > rank)
    return beaten


def _named_around(
    blocks: Ints, kinds: Ints, other_blocks: Ints, other_kinds: Ints
) -> NDArray[np.bool_]:
    """Which names are those of others in the same block or one next to it."""
    others = np.sort(_key(other_blocks, other_kinds))
    found = np.zeros(len(kinds), bool)
    for x, y in _neighbours():
        wanted = _key(blocks + (x, y), kinds)
        at = np.minimum(np.searchsorted(others, wanted), len(others) - 1)
        found |= others[at] == wanted
    return found


def _written(
    view: View, xy: Numbers, blocks: Ints, block: tuple[float, float], kinds: Ints,
    names: tuple[str, ...], size_px: float, hidden: "_Hidden",
) -> Labels:  # fmt: skip
    """Names at their cells, moved as far as keeps them inside their blocks.

    Each stands below its cell, on it or above it: the first of those where it hides least.
    """
    size, gap, letter = size_px * view.ratio, GAP_PX * view.ratio, _EM[size_px]
    anchor = view.to_pixels(xy)
    low, high = view.to_pixels(blocks * block), view.to_pixels((blocks + 1) * block)
    room = np.minimum(block[0] * view.scale - gap, (_LETTERS * letter + 0.4) * size)
    letters = int((room - 0.4 * size) / (letter * size))
    short = tuple(shortened(names[kind], letters) for kind in kinds)
    width = np.array([min(room, (_ems(text, letter) + 0.4) * size) for text in short])
    half_x, half_y = (width + gap) / 2, (LINE * size + view.ratio) / 2
    x = np.clip(anchor[:, 0], low[:, 0] + half_x, high[:, 0] - half_x)
    step = hidden.side / 2 + LINE * size / 2
    ways = np.stack([
        np.clip(anchor[:, 1] + down, low[:, 1] + half_y, high[:, 1] - half_y)
        for down in ((step, 0.0, -step) if hidden.side else (0.0,))
    ])  # fmt: skip
    areas = np.stack([hidden.by(x, y, width / 2, LINE * size / 2) for y in ways])
    y = np.take_along_axis(ways, np.rint(areas).argmin(axis=0)[None], axis=0)[0]
    return Labels(x=x, y=y, text=short, size=np.full(len(short), size), width=width)


class _Hidden:
    """How much of cells is beneath a label; on the map the same wherever one looks.

    By a summed-area table: the area within a box is told by the table at its four corners.
    """

    def __init__(self, view: View, xy: Numbers, cell: float) -> None:
        self.side = cell * view.scale if len(xy) else 0.0
        self._view, self._cell = view, cell
        if not self.side:
            return
        at = np.floor(xy / cell).astype(np.int64)
        self._low = at.min(axis=0)
        at -= self._low
        self._sums = np.zeros(at.max(axis=0) + 2)
        self._sums[at[:, 0] + 1, at[:, 1] + 1] = 1
        self._sums = self._sums.cumsum(axis=0).cumsum(axis=1)

    def by(self, x: Numbers, y: Numbers, half_x: Numbers, half_y: float) -> Numbers:
        """(n,) cells' areas that boxes cover, in parts of a cell."""
        if not self.side:
            return np.zeros(len(x))
        half = np.stack([half_x, np.full(len(x), half_y)], axis=1)
        middle = np.stack([x, y], axis=1)
        low, high = (
            self._view.to_map(corner) / self._cell - self._low
            for corner in (middle - half, middle + half)
        )
        mixed = (np.stack([high[:, 0], low[:, 1]], axis=1), np.stack([low[:, 0], high[:, 1]], 1))
        covered = self._sum(high) + self._sum(low) - self._sum(mixed[0]) - self._sum(mixed[1])
        return covered * _EXACT

    def _sum(self, corner: Numbers) -> Numbers:
        """(n,) area above and left of places, in cells from the table's corner."""
        most = np.array(self._sums.shape) - 1
        at = np.clip(corner, 0, most)
        x, y = np.minimum(at.astype(np.int64), most - 1).T
        right, down = at[:, 0] - x, at[:, 1] - y
        upper = self._sums[x, y] * (1 - right) + self._sums[x + 1, y] * right
        lower = self._sums[x, y + 1] * (1 - right) + self._sums[x + 1, y + 1] * right
        found: Numbers = upper * (1 - down) + lower * down
        return found


_EXACT = 64
"""Areas are compared in these parts of a cell, so that rounding decides nothing while one pans."""


def kept_inside(labels: Labels, width: float, height: float) -> Labels:
    """Labels of a view whose edges cut none: moved in, or left out where they would touch another.

    What has its middle outside is left out.
    """
    inside = (labels.x >= 0) & (labels.x <= width) & (labels.y >= 0) & (labels.y <= height)
    labels = _some(labels, inside)
    half_x = np.minimum(labels.width / 2, width / 2)
    half_y = np.minimum(labels.height / 2, height / 2)
    x = np.clip(labels.x, half_x, width - half_x)
    y = np.clip(labels.y, half_y, height - half_y)
    moved = (x != labels.x) | (y != labels.y)
    found = Labels(x=x, y=y, text=labels.text, size=labels.size, width=labels.width)
    keep = np.ones(len(x), bool)
    for i in np.flatnonzero(moved):
        near = np.abs(x - x[i]) < half_x + half_x[i]
        near &= (np.abs(y - y[i]) < half_y + half_y[i]) & keep
        near[i] = False
        keep[i] = not near.any()
    return _some(found, keep)


def _ems(text: str, letter: float) -> float:
    """Width of a name in parts of its font's height; some letters are wider than the mean."""
    wide = sum(each in "mwMW" for each in text)
    return len(text) * letter + 0.36 * wide + 0.12 * sum(map(str.isupper, text))


def shortened(text: str, letters: int) -> str:
    """A name without its synonyms, in at most so many letters."""
    first = text.split(",")[0].strip()
    return first if len(first) <= letters else first[: max(1, letters - 1)].rstrip() + "…"


def _touching(
    small: Labels, large: Labels, small_blocks: Ints, large_blocks: Ints
) -> NDArray[np.bool_]:
    """Whether each small label comes near the large one of its own block, if that has one."""
    if not len(large.text):
        return np.zeros(len(small.text), bool)
    keys, wanted = _key(large_blocks), _key(small_blocks)
    order = np.argsort(keys)
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    across = (small.width + large.width[at]) / 2 + small.size
    down = (small.height + large.height[at]) / 2 + small.size * 0.3
    near = (np.abs(small.x - large.x[at]) < across) & (np.abs(small.y - large.y[at]) < down)
    found: NDArray[np.bool_] = near & (keys[at] == wanted)
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
