"""A freehand line around points, and which points are within it."""

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.index import PointIndex

APART_PX = 3.0
"""Corners are at least so far apart: hand and eye are no finer."""


class Lasso:
    """The corners of a line that is being drawn, in map coordinates."""

    def __init__(self, x: float, y: float) -> None:
        self._corners = [(x, y)]

    @property
    def corners(self) -> NDArray[np.float64]:
        """(n, 2)."""
        return np.array(self._corners, np.float64)

    def add(self, x: float, y: float, scale: float) -> bool:
        """Draw on to a place on a map of `scale` pixels a side; False if it is too near."""
        last = self._corners[-1]
        if np.hypot(x - last[0], y - last[1]) * scale < APART_PX:
            return False
        self._corners.append((x, y))
        return True


def points_within(index: PointIndex, corners: NDArray[np.float64]) -> NDArray[np.int64]:
    """Points inside a closed line, by the even-odd rule, in ascending order.

    Each edge looks only at points of its own height: the time follows the number of points times
    how often the line goes up and down, not times its corners.
    """
    if len(corners) < 3:
        return np.zeros(0, np.int64)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    near = index.within(float(left), float(top), float(right), float(bottom))
    near = near[np.argsort(index.y[near], kind="stable")]
    x, y = index.x[near], index.y[near]
    inside = np.zeros(len(near), bool)
    ends = np.roll(corners, -1, axis=0)
    # Half-open in height, so that a corner counts for one of its two edges.
    first = np.searchsorted(y, np.minimum(corners[:, 1], ends[:, 1]), side="left")
    last = np.searchsorted(y, np.maximum(corners[:, 1], ends[:, 1]), side="left")
    for i in np.flatnonzero(last > first):
        (x0, y0), (x1, y1) = corners[i], ends[i]
        some = slice(first[i], last[i])
        inside[some] ^= x[some] < x0 + (y[some] - y0) * ((x1 - x0) / (y1 - y0))
    return np.sort(index.points[near[inside]])
