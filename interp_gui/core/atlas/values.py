"""Numbers for an atlas's points that follow from the atlas alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas
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
