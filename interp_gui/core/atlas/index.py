"""A uniform grid over points, which finds those in a rectangle without looking at the others."""

import numpy as np
from numpy.typing import NDArray

_PER_BIN = 8
_MOST_BINS = 512


class PointIndex:
    """Points of a map, sorted into square bins.

    Parameters
    ----------
    xy
        (N, 2) places; those outside 0 to 1, or that are not numbers, are never found.
    chosen
        (N,) bool: which points can be found; None for all.
    """

    def __init__(self, xy: NDArray[np.floating], chosen: NDArray[np.bool_] | None = None) -> None:
        places = np.asarray(xy, np.float64).reshape(-1, 2)
        found = ((places >= 0) & (places <= 1)).all(axis=1)
        if chosen is not None:
            found &= chosen
        points = np.flatnonzero(found)
        self.side = int(np.clip(np.sqrt(len(points) / _PER_BIN), 1, _MOST_BINS))
        column, row = np.minimum((places[points] * self.side).astype(np.int64), self.side - 1).T
        bins = row * self.side + column
        small = self.side * self.side <= np.iinfo(np.uint16).max  # such numbers sort much faster
        order = np.argsort(bins.astype(np.uint16) if small else bins, kind="stable")
        self.points: NDArray[np.int64] = points[order]
        self.x = places[self.points, 0]
        self.y = places[self.points, 1]
        counts = np.bincount(bins, minlength=self.side * self.side)
        self._starts = np.concatenate([[0], np.cumsum(counts)])

    def __len__(self) -> int:
        return len(self.points)

    def within(self, left: float, top: float, right: float, bottom: float) -> NDArray[np.int64]:
        """Places in `points`, `x` and `y` of the points in a rectangle, borders included.

        In no order that means anything, but always the same.
        """
        near = self._near(left, top, right, bottom)
        x, y = self.x[near], self.y[near]
        inside: NDArray[np.int64] = near[(x >= left) & (x <= right) & (y >= top) & (y <= bottom)]
        return inside

    def nearest(self, x: float, y: float, reach: float) -> int:
        """The point nearest to a place, no farther than `reach`; −1 if there is none."""
        near = self._near(x - reach, y - reach, x + reach, y + reach)
        if not len(near):
            return -1
        apart = (self.x[near] - x) ** 2 + (self.y[near] - y) ** 2
        best = int(np.lexsort((self.points[near], apart))[0])
        return int(self.points[near[best]]) if apart[best] <= reach * reach else -1

    def _near(self, left: float, top: float, right: float, bottom: float) -> NDArray[np.int64]:
        """Places of all points in the bins that a rectangle touches."""
        none = np.zeros(0, np.int64)
        if right < 0 or bottom < 0 or left > 1 or top > 1 or not len(self.points):
            return none
        last = self.side - 1
        first_column, first_row = (max(0, min(last, int(v * self.side))) for v in (left, top))
        last_column, last_row = (max(0, min(last, int(v * self.side))) for v in (right, bottom))
        rows = np.arange(first_row, last_row + 1) * self.side
        starts, ends = self._starts[rows + first_column], self._starts[rows + last_column + 1]
        runs = [np.arange(a, b) for a, b in zip(starts, ends, strict=True) if b > a]
        return np.concatenate(runs) if runs else none
