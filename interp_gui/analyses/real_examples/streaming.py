"""Streaming statistics of units: strongest images, mean, extremes. No model in here.

Everything is updated image by image in the order of the dataset, so that the result depends on
neither the batch size nor on whether the pass was interrupted and resumed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue

Floats = NDArray[np.float32]


class TopK:
    """The k largest values of each of many streams, with where they were seen.

    Parameters
    ----------
    units
        Number of streams.
    k
        How many are kept of each.

    Attributes
    ----------
    values
        (units, k) float32, largest first; −inf where fewer than k were seen.
    items, positions
        (units, k) int64 and int32: index of the item, and the position within it; −1 where
        empty. Of equal values the item with the lower index comes first.
    """

    def __init__(self, units: int, k: int) -> None:
        if k < 1:
            raise InvalidValue("At least one example must be kept.")
        self.values = np.full((units, k), -np.inf, np.float32)
        self.items = np.full((units, k), -1, np.int64)
        self.positions = np.full((units, k), -1, np.int32)

    def update(self, values: Floats, items: NDArray[np.int64], positions: NDArray[Any]) -> None:
        """Take in n items: `values` and `positions` (n, units), `items` (n,); NaN is no value."""
        k = self.values.shape[1]
        new = np.where(np.isnan(values), -np.inf, values).astype(np.float32).T
        # Equal values matter too: an item of a lower index may come later.
        rows = np.flatnonzero((new >= self.values[:, -1:]).any(axis=1) & (new > -np.inf).any(1))
        if not len(rows):
            return
        new = new[rows]
        indices = np.where(new > -np.inf, items, -1)
        places = np.where(new > -np.inf, positions.T[rows], -1)
        all_values = np.concatenate([self.values[rows], new], axis=1)
        all_items = np.concatenate([self.items[rows], indices], axis=1)
        all_places = np.concatenate([self.positions[rows], places], axis=1)
        order = np.lexsort((all_items, -all_values), axis=-1)[:, :k]
        self.values[rows] = np.take_along_axis(all_values, order, axis=1)
        self.items[rows] = np.take_along_axis(all_items, order, axis=1)
        self.positions[rows] = np.take_along_axis(all_places, order, axis=1)


class UnitStatistics:
    """What a pass over a dataset records of the units of one layer.

    Parameters
    ----------
    units, k
        Number of units; number of strongest images kept of each.

    Attributes
    ----------
    top
        Strongest images, one entry an image: the largest value anywhere in it.
    maximum, minimum
        (units,) extremes over all images and positions.
    total
        (units,) float64 sum over images of the mean over positions.
    active
        (units,) in how many images the unit exceeds zero anywhere.
    seen
        Number of images.
    """

    def __init__(self, units: int, k: int) -> None:
        self.top = TopK(units, k)
        self.maximum = np.full(units, -np.inf, np.float32)
        self.minimum = np.full(units, np.inf, np.float32)
        self.total = np.zeros(units, np.float64)
        self.active = np.zeros(units, np.int64)
        self.seen = 0

    def update(self, maps: Floats, items: NDArray[np.int64]) -> None:
        """Take in maps (n, units, h, w) of the images with the given indices."""
        n, units = maps.shape[:2]
        flat = maps.reshape(n, units, -1)
        if np.isnan(flat).any():
            flat = np.where(np.isnan(flat), -np.inf, flat)
        positions = flat.argmax(axis=2)
        peaks = np.take_along_axis(flat, positions[:, :, None], axis=2)[:, :, 0]
        # one by one: a sum over the batch would round by its size
        means = np.stack([image.mean(axis=1, dtype=np.float64) for image in flat])
        self.update_reduced(peaks, positions, flat.min(axis=2), means, items)

    def update_reduced(
        self,
        peaks: Floats,
        positions: NDArray[Any],
        lows: Floats,
        means: NDArray[Any],
        items: NDArray[np.int64],
    ) -> None:
        """Take in largest value, its position, smallest value and mean, (n, units) each."""
        self.top.update(peaks, items, positions)
        self.maximum = np.maximum(self.maximum, peaks.max(axis=0))
        self.minimum = np.minimum(self.minimum, lows.min(axis=0))
        self.active += (peaks > 0).sum(axis=0)
        for image in means:
            self.total += image
        self.seen += len(items)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(units,) mean over images and positions; 0 if none was seen."""
        return self.total / max(self.seen, 1)

    @property
    def dead(self) -> NDArray[np.bool_]:
        """(units,) which units are the same number everywhere in every image.

        After a ReLU that is a unit that never fires. The tolerance is a millionth of the largest
        magnitude in the layer.
        """
        if not self.seen:
            return np.zeros(len(self.total), np.bool_)
        scale = max(float(np.abs(self.maximum).max()), float(np.abs(self.minimum).max()))
        with np.errstate(invalid="ignore"):  # of units that are no number anywhere
            dead: NDArray[np.bool_] = (self.maximum - self.minimum) <= 1e-6 * scale
        return dead

    def state(self) -> dict[str, Any]:
        """Copies of all arrays, from which `restored` continues."""
        return {
            "values": self.top.values.copy(), "items": self.top.items.copy(),
            "positions": self.top.positions.copy(), "maximum": self.maximum.copy(),
            "minimum": self.minimum.copy(), "total": self.total.copy(),
            "active": self.active.copy(), "seen": self.seen,
        }  # fmt: skip

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "UnitStatistics":
        """Rebuild from `state`."""
        units, k = state["values"].shape
        new = cls(units, k)
        new.top.values = np.array(state["values"], np.float32)
        new.top.items = np.array(state["items"], np.int64)
        new.top.positions = np.array(state["positions"], np.int32)
        new.maximum = np.array(state["maximum"], np.float32)
        new.minimum = np.array(state["minimum"], np.float32)
        new.total = np.array(state["total"], np.float64)
        new.active = np.array(state["active"], np.int64)
        new.seen = int(state["seen"])
        return new
