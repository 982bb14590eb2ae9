"""Numbers for an atlas's points that follow from the atlas alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas, AtlasLevel
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature

Floats = NDArray[np.float32]


def coordinate(vectors: NDArray[Any], feature: Feature) -> Floats:
    """How much of a feature each of N vectors (N, C) holds, (N,).

    One unit: its value. A direction: the coordinate ``B⁺x``. Several: the mean of their
    coordinates. A whole layer: the root mean square over its units.
    """
    rows = np.asarray(vectors)
    if feature.heads:
        raise InvalidValue(f"{feature.text} is a head, and points of an atlas have units.")
    if feature.whole_layer:
        found = np.sqrt(np.mean(rows.astype(np.float64) ** 2, axis=1))
    elif feature.units:
        found = rows[:, list(feature.units)].mean(axis=1, dtype=np.float64)
    else:
        inverse = np.linalg.pinv(feature.basis(rows.shape[1]))
        found = (rows.astype(np.float64) @ inverse.T).mean(axis=1)
    coordinates: Floats = np.asarray(found, np.float32)
    return coordinates


@dataclass(frozen=True, eq=False)
class Attributed:
    """Attributions of some points, each of which has those of its place.

    Parameters
    ----------
    rows
        (U, T) float32 of U places; NaN where a class was not looked at.
    of
        (n,) which place each point is in; −1 for none.
    """

    rows: Floats
    of: NDArray[np.int64]

    def means(self) -> Floats:
        """(T,) mean over the points of which it is known; NaN where it is of none."""
        weight = np.bincount(self.of[self.of >= 0], minlength=len(self.rows)).astype(np.float32)
        known = np.isfinite(self.rows)
        if known.all():
            total, many = weight @ self.rows, np.full(self.rows.shape[1], weight.sum())
        else:
            total, many = weight @ np.where(known, self.rows, 0), weight @ known
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(many > 0, total / many, np.nan), np.float32)

    def strongest(self) -> NDArray[np.bool_]:
        """(n,) where any class is above half of its highest."""
        if not self.rows.size:
            return np.zeros(len(self.of), np.bool_)
        highest = np.fmax(np.fmax.reduce(self.rows, axis=0), 0)
        with np.errstate(invalid="ignore"):
            strong = ((self.rows > highest / 2) & (highest > 0)).any(axis=1)
        found: NDArray[np.bool_] = np.append(strong, False)[self.of]  # of −1: none
        return found


def attributed(
    atlas: Atlas, points: NDArray[Any] | None = None, *, classes: list[int] | None = None
) -> Attributed:
    """What points argue for: the attributions of their cells, of the finest level that tells it.

    Parameters
    ----------
    points
        Indices; None for all.
    classes
        Columns of `AtlasLevel.attribution`; None for all.
    """
    chosen = slice(None) if points is None else np.asarray(points, np.int64)
    wanted = range(len(atlas.classes)) if classes is None else classes
    last = max(wanted, default=-1)
    levels = [level for level in atlas.levels if last < level.attribution.shape[1]][::-1]
    count = len(atlas.xy[chosen])
    if not levels or last < 0:
        return Attributed(np.zeros((0, len(wanted)), np.float32), np.full(count, -1, np.int64))
    columns = None if classes is None else classes
    cells = atlas.cell_of(levels[0].side)[chosen]
    rows, of = _places(levels[0], cells, columns)
    holes = np.append(~np.isfinite(rows).all(axis=1), True)[of]  # of −1: nothing is known
    if len(levels) > 1 and holes.any():
        # few points, as a rule: what the finest level does not tell of them, coarser ones do
        all_cells = np.stack([atlas.cell_of(each.side)[chosen][holes] for each in levels], axis=1)
        tuples, which = np.unique(all_cells, axis=0, return_inverse=True)
        more = np.full((len(tuples), len(wanted)), np.nan, np.float32)
        for level, at in zip(levels, tuples.T, strict=True):  # coarser ones fill what is left
            attribution = level.attribution if columns is None else level.attribution[:, columns]
            there = np.where((at >= 0)[:, None], attribution[at], np.nan)
            np.copyto(more, there, where=~np.isfinite(more))
        of[holes] = len(rows) + which.ravel()
        rows = np.concatenate([rows, more])
        used, of = np.unique(of, return_inverse=True)
        rows, of = rows[used], of.ravel().astype(np.int64)
    return Attributed(rows, of)


def _places(
    level: AtlasLevel, cells: NDArray[np.int32], columns: list[int] | None
) -> tuple[Floats, NDArray[np.int64]]:
    """Attributions of those cells that any point is in, and which of them each point is in."""
    there = np.bincount(cells[cells >= 0], minlength=len(level.count)) > 0
    number = np.append(np.where(there, np.cumsum(there) - 1, -1), -1).astype(np.int64)
    rows = level.attribution if there.all() else level.attribution[there]
    return rows if columns is None else rows[:, columns], number[cells]


def density(atlas: Atlas, *, radius: float = 0.02) -> Floats:
    """How crowded the map is around each point, (N,): how many others lie within `radius`.

    Parameters
    ----------
    radius
        In parts of the map's side.

    Notes
    -----
    Counted exactly: points are sorted into squares of that side, of which those around are
    looked through.
    """
    if not radius > 0:
        raise InvalidValue("The radius of a neighbourhood is above 0.")
    xy = atlas.xy.astype(np.float64)
    count = len(xy)
    if not count:
        return np.zeros(0, np.float32)
    square = np.floor((xy - xy.min(axis=0)) / radius).astype(np.int64) + 1
    width = int(square[:, 0].max()) + 2
    key = square[:, 1] * width + square[:, 0]
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    found = np.zeros(count, np.int64)
    for row in (-1, 0, 1):
        # squares beside one another in a row follow one another in this order
        first = np.searchsorted(ordered, key + row * width - 1, side="left")
        last = np.searchsorted(ordered, key + row * width + 1, side="right")
        found += _within(xy, order, first, last, radius)
    return (found - 1).astype(np.float32)


_PAIRS = 4_000_000


def _within(
    xy: NDArray[np.float64],
    order: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    radius: float,
) -> NDArray[np.int64]:
    """How many of the points order[first:last] of each point lie within the radius."""
    sizes = last - first
    found = np.zeros(len(xy), np.int64)
    ends = np.cumsum(sizes)
    start = 0
    while start < len(xy):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + _PAIRS, side="right")), start + 1)
        own = np.repeat(np.arange(start, stop), sizes[start:stop])
        within = np.arange(len(own)) - np.repeat(ends[start:stop] - sizes[start:stop] - before,
                                                 sizes[start:stop])  # fmt: skip
        other = order[first[own] + within]
        near = ((xy[own] - xy[other]) ** 2).sum(axis=1) <= radius**2
        found[start:stop] += np.bincount(own[near] - start, minlength=stop - start)
        start = stop
    return found
