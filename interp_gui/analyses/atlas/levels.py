"""Zoom levels of an atlas: which grids are offered, and what each cell holds."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas.binning import Cells, binned
from interp_gui.core.atlas.kinds import AtlasLevel

Floats = NDArray[np.float32]

SIDES = (20, 40, 80, 160)
"""Cells a side of the zoom levels, as in Carter et al., Activation Atlas (2019)."""
COARSER = (10, 5)
"""Of maps of few points."""
_AT_ONCE = 8192
"""Points whose vectors are held in double precision at a time."""
SHARE = 0.5
"""A level is offered where so much of its occupied cells keep the points wanted."""


class Chosen(NamedTuple):
    """The grids that are offered, coarsest first, and the points that a cell must hold there."""

    cells: tuple[Cells, ...]
    minimum: int


def offered(
    xy: Floats,
    *,
    minimum: int,
    sides: Sequence[int] = SIDES,
    check: Callable[[], None] = lambda: None,
) -> Chosen:
    """Choose grids in which at least half of the occupied cells hold `minimum` points.

    The coarsest one is always there, and a finer one only where it parts cells. Where not even
    that holds, `minimum` falls to what half of its cells do hold.
    """
    kept: list[Cells] = []
    for side in sides:
        check()
        cells = binned(xy, side)
        parts = not kept or len(cells.x) > len(kept[-1].x)
        if parts and _holds(cells, minimum):
            kept.append(cells)
    if kept:
        return Chosen(tuple(kept), minimum)
    coarse = [binned(xy, side) for side in COARSER if side < sides[0]]
    kept = [cells for cells in reversed(coarse) if _holds(cells, minimum)] or [coarse[-1]]
    if not _holds(kept[0], minimum) and len(kept[0].x):
        minimum = max(1, int(np.sort(kept[0].count)[::-1][(len(kept[0].x) - 1) // 2]))
    return Chosen(tuple(kept), minimum)


def _holds(cells: Cells, minimum: int) -> bool:
    return len(cells.x) > 0 and float((cells.count >= minimum).mean()) >= SHARE


def level(
    cells: Cells,
    vectors: Floats,
    mean: NDArray[np.float64],
    *,
    examples: int,
    check: Callable[[], None] = lambda: None,
) -> AtlasLevel:
    """What the cells of a grid hold of N points, without labels.

    Parameters
    ----------
    vectors
        (N, C).
    mean
        (C,) of the layer, from which directions are measured.
    examples
        Points kept of each cell, those of the smallest cosine distance to its vector first.
    """
    count = cells.count
    M, E = len(count), examples
    means = np.zeros((M, vectors.shape[1]))
    distance = np.zeros(len(cells.points))
    for first, last in _blocks(cells.starts):
        check()
        start, stop = cells.starts[first], cells.starts[last]
        rows = vectors[cells.points[start:stop]].astype(np.float64)
        sums = np.add.reduceat(rows, cells.starts[first:last] - start, axis=0)
        means[first:last] = sums / count[first:last, None]
        own = np.repeat(np.arange(first, last), count[first:last])
        distance[start:stop] = cosine_distance(rows - mean, means[own] - mean)
    own = cells.of_points
    spread = np.bincount(own, distance, minlength=M) / np.maximum(count, 1)
    spread[count == 1] = 0.0
    # nearest first within each cell, ties by the points' order
    order = np.lexsort((cells.points, distance, own))
    rank = np.arange(len(order)) - np.repeat(cells.starts[:-1], count)
    kept = rank < E
    nearest = np.full((M, E), -1, np.int32)
    nearest[own[order][kept], rank[kept]] = cells.points[order][kept]
    return AtlasLevel(
        side=cells.side, x=cells.x, y=cells.y, count=count, vectors=means.astype(np.float32),
        spread=spread.astype(np.float32), purity=np.full(M, np.nan, np.float32),
        label=np.full(M, -1, np.int32), attribution=np.zeros((M, 0), np.float32),
        examples=nearest,
    )  # fmt: skip


def _blocks(starts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Runs of cells that hold some `_AT_ONCE` points together, and at least one cell each."""
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + _AT_ONCE, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def cosine_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 − cosine of rows; 0 where both are zero, 1 where one of them is."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = np.einsum("ij,ij->i", a, b)
    both = ~a.any(axis=1) & ~b.any(axis=1)
    cosine = np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1.0), both)
    return 1.0 - np.clip(cosine, -1.0, 1.0)


class Named(NamedTuple):
    """Of each cell the commonest label and its share: (M,) each; −1 and NaN without any."""

    label: NDArray[np.int32]
    purity: Floats


def commonest(cells: Cells, codes: NDArray[np.int64], names: int) -> Named:
    """The commonest label of the points of each cell.

    Parameters
    ----------
    codes
        (N,) label of each point, −1 for none.
    names
        Number of different labels.

    Notes
    -----
    Of labels that are equally common the first one counts. The share is that of all points of
    the cell, also of those that bear no label.
    """
    M = len(cells.x)
    label, purity = np.full(M, -1, np.int32), np.full(M, np.nan, np.float32)
    own, here = cells.of_points, codes[cells.points]
    known = here >= 0
    if not known.any() or not names:
        return Named(label, purity)
    pairs, counts = np.unique(own[known] * names + here[known], return_counts=True)
    cell, code = np.divmod(pairs, names)
    order = np.lexsort((code, -counts, cell))
    first = np.unique(cell[order], return_index=True)[1]
    winners = order[first]
    label[cell[winners]] = code[winners]
    purity[cell[winners]] = counts[winners] / cells.count[cell[winners]]
    return Named(label, purity)


def shuffled_purity(
    cells: Cells, codes: NDArray[np.int64], names: int, *, minimum: int, rounds: int = 5
) -> float:
    """Mean purity of cells of at least `minimum` points where labels are dealt out anew."""
    random = np.random.default_rng(0)
    kept = cells.count >= minimum
    found = []
    for _ in range(rounds):
        dealt = codes.copy()
        dealt[cells.points] = random.permutation(codes[cells.points])
        found.append(float(np.mean(commonest(cells, dealt, names).purity[kept])))
    return float(np.mean(found))
