"""From a layout's own coordinates to the map's, and from points on the map to cells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float32]


def normalised(xy: Places, *, percentile: float, margin: float) -> Places:
    """Put a layout on the map, (N, 2): inside where both are 0 to 1.

    Parameters
    ----------
    percentile
        So many percent of the points at either end of each axis do not stretch the map.
    margin
        Room around the rest, as a part of its range, the same at both ends.

    Notes
    -----
    Nothing is clipped: a point outside the map stays there, and is in no cell. An axis along
    which all points lie at one place gets them in the middle.
    """
    if not len(xy):
        return np.zeros((0, 2), np.float32)
    places = xy.astype(np.float64)
    low, high = np.percentile(places, [percentile, 100.0 - percentile], axis=0)
    extent = high - low
    scale = np.abs(places).max(axis=0)
    flat = extent <= 1e-7 * scale
    # one stray point among many of one place: the percentiles agree, the points do not
    low = np.where(flat, places.min(axis=0), low)
    extent = np.where(flat, places.max(axis=0) - low, extent)
    flat = extent <= 1e-7 * scale
    start = low - margin * extent
    whole = np.where(flat, 1.0, extent * (1.0 + 2.0 * margin))
    found = np.where(flat, 0.5, (places - start) / whole)
    return found.astype(np.float32)


@dataclass(frozen=True)
class Cells:
    """The occupied cells of a grid over the map, row by row, and the points in each.

    Parameters
    ----------
    x, y
        (M,) int16 column from the left and row from the top.
    points
        Indices of the points inside the map, cell by cell, each cell's in their own order.
    starts
        (M + 1,): the points of cell i are ``points[starts[i]:starts[i + 1]]``.
    """

    side: int
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    points: NDArray[np.int64]
    starts: NDArray[np.int64]

    @property
    def count(self) -> NDArray[np.int32]:
        """(M,) points in each."""
        return np.diff(self.starts).astype(np.int32)

    @property
    def of_points(self) -> NDArray[np.int64]:
        """Cell of each of `points`."""
        return np.repeat(np.arange(len(self.x)), self.count)


def inside(xy: Places) -> NDArray[np.bool_]:
    """(N,) which points lie on the map."""
    x, y = xy[:, 0], xy[:, 1]
    return (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)


def binned(xy: Places, side: int) -> Cells:
    """Sort the points on the map into a grid of side × side cells.

    Cells are half-open, [i / side, (i + 1) / side), but for the last ones, which hold 1.0 too:
    each point on the map is in exactly one.
    """
    points = np.flatnonzero(inside(xy))
    at = np.clip(np.floor(xy[points].astype(np.float64) * side), 0, side - 1).astype(np.int64)
    cell = at[:, 1] * side + at[:, 0]
    order = np.argsort(cell, kind="stable")
    occupied, starts = np.unique(cell[order], return_index=True)
    row, column = np.divmod(occupied, side)
    return Cells(
        side, column.astype(np.int16), row.astype(np.int16), points[order],
        np.append(starts, len(points)).astype(np.int64),
    )  # fmt: skip
