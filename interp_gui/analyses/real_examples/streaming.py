"""Streaming statistics of units: strongest images, mean, extremes. No model in here.

Everything is updated image by image in the order of the dataset, so that the result depends on
neither the batch size nor on whether the pass was interrupted and resumed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue

Floats = NDArray[np.float32]

_FEWEST = 64
"""Items that wait to be sorted in together, at least."""
_ROWS = 512
"""Units that are sorted at once: what that takes stays small."""
_NO_ITEM = 2**32 - 1


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
        self._values = np.full((units, k), -np.inf, np.float32)
        self._items = np.full((units, k), -1, np.int64)
        self._positions = np.full((units, k), -1, np.int32)
        self._waiting: list[tuple[Floats, NDArray[np.int64], NDArray[np.int32]]] = []
        self._rising = True
        """Whether each item came once, in order: what is equal is then told apart by its item."""
        self._newest = -1

    @property
    def values(self) -> Floats:
        self._settle()
        return self._values

    @values.setter
    def values(self, values: Floats) -> None:
        self._settle()
        self._values = values

    @property
    def items(self) -> NDArray[np.int64]:
        self._settle()
        return self._items

    @items.setter
    def items(self, items: NDArray[np.int64]) -> None:
        self._settle()
        self._items = items
        self._newest = int(items.max(initial=-1))

    @property
    def positions(self) -> NDArray[np.int32]:
        self._settle()
        return self._positions

    @positions.setter
    def positions(self, positions: NDArray[np.int32]) -> None:
        self._settle()
        self._positions = positions

    def update(self, values: Floats, items: NDArray[np.int64], positions: NDArray[Any]) -> None:
        """Take in n items: `values` and `positions` (n, units), `items` (n,); NaN is no value."""
        new = np.where(np.isnan(values), -np.inf, values).astype(np.float32)
        own = np.array(items, np.int64)
        if len(own):
            rising = bool((np.diff(own) > 0).all()) and own[0] > self._newest
            self._rising = self._rising and rising and own[-1] < _NO_ITEM
            self._newest = max(self._newest, int(own.max()))
        self._waiting.append((new, own, np.array(positions, np.int32)))
        # sorting once for as many as are kept costs little more than for one of them
        if sum(len(each[1]) for each in self._waiting) >= max(_FEWEST, self._values.shape[1]):
            self._settle()

    def _settle(self) -> None:
        if not self._waiting:
            return
        new = np.concatenate([each[0] for each in self._waiting]).T
        items = np.concatenate([each[1] for each in self._waiting])
        positions = np.concatenate([each[2] for each in self._waiting])
        self._waiting = []
        # Equal values matter too: an item of a lower index may come later.
        rows = np.flatnonzero((new >= self._values[:, -1:]).any(axis=1) & (new > -np.inf).any(1))
        for start in range(0, len(rows), _ROWS):
            self._sort_in(rows[start : start + _ROWS], new, items, positions)

    def _sort_in(
        self,
        rows: NDArray[np.int64],
        new: Floats,
        items: NDArray[np.int64],
        positions: NDArray[np.int32],
    ) -> None:
        values = new[rows]
        own = np.where(values > -np.inf, items, -1)
        places = np.where(values > -np.inf, positions.T[rows], -1)
        all_values = np.concatenate([self._values[rows], values], axis=1)
        all_items = np.concatenate([self._items[rows], own], axis=1)
        all_places = np.concatenate([self._positions[rows], places], axis=1)
        order = self._order(all_values, all_items)
        self._values[rows] = np.take_along_axis(all_values, order, axis=1)
        self._items[rows] = np.take_along_axis(all_items, order, axis=1)
        self._positions[rows] = np.take_along_axis(all_places, order, axis=1)

    def _order(self, values: Floats, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Columns of the k largest of each row, of equal values the lowest item first."""
        k = self._values.shape[1]
        if not self._rising:
            return np.lexsort((items, -values), axis=-1)[:, :k]
        # one number that rises as values fall, and among equal values as items rise
        bits = (values + np.float32(0)).view(np.uint32)  # of the two zeros one
        falling = np.where(bits >> 31, bits, bits ^ np.uint32(0x7FFFFFFF)).astype(np.uint64)
        keys = (falling << np.uint64(32)) | (items.astype(np.uint64) & np.uint64(_NO_ITEM))
        first = np.argpartition(keys, k - 1, axis=1)[:, :k]
        by = np.argsort(np.take_along_axis(keys, first, axis=1), axis=1)
        return np.take_along_axis(first, by, axis=1)


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
