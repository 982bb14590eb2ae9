"""Streaming quantiles of many units at once, in bounded memory.

The sketch keeps values in levels: one on level h stands for 2^h that were seen. When there is no
room left, the lowest level that holds more than its share is sorted and every other value of it
moves up. All units take in their values together, so one schedule serves all of them and every
step is one operation on an array.

After Karnin, Lang and Liberty, "Optimal quantile approximation in streams" (FOCS 2016), with the
coin of every second compaction turned over in place of thrown.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interp_gui.core.errors import InvalidValue

Floats = NDArray[np.float32]

CAPACITY = 8192
"""Values kept a unit: the largest error of a rank is about 4 / capacity of all values seen."""

_SHRINK = 2 / 3
"""Share of a level, in parts of the share of the level above."""
_FEWEST = 16
_UNITS_AT_ONCE = 256
"""Answers are worked out for so many units at a time: sorting takes several times their memory."""
_MASK = 2**64 - 1


class Quantiles:
    """Quantiles of many streams of equal length.

    The same values in the same order give the same sketch bit for bit, however they are cut
    into batches. NaN is counted and is no value: quantiles are those of the others.

    Parameters
    ----------
    units
        Number of streams.
    capacity
        Values kept of each. So many first values are kept as they are, and quantiles of them
        are exact. Of up to 10 million values the rank of an answer is off by at most 0.1 % of
        their number with the default, and by 8192 / capacity times that down to some 1000. Below,
        levels are too short for that (128: 0.08 of all values, measured).

    Attributes
    ----------
    count
        Values seen by each unit, NaN among them.
    missing
        (units,) int64, how many of those were NaN.

    Notes
    -----
    Memory: 4 bytes × units × capacity, taken as it is filled.
    """

    def __init__(self, units: int, capacity: int = CAPACITY) -> None:
        if capacity < 8 * _FEWEST:
            raise InvalidValue(f"A sketch of quantiles needs room for {8 * _FEWEST} values.")
        self.capacity = capacity
        self.count = 0
        self.missing = np.zeros(units, np.int64)
        # highest level first, so that what moves up joins the values to its left
        self._values = np.empty((units, capacity), np.float32)
        self._sizes = [0]
        self._compacted = [0]

    @property
    def units(self) -> int:
        """Number of streams."""
        return len(self.missing)

    @property
    def exact(self) -> bool:
        """Whether every value is still there."""
        return len(self._sizes) == 1

    @property
    def _size(self) -> int:
        return sum(self._sizes)

    def update(self, values: NDArray[Any]) -> None:
        """Take in the next n values of every unit, (n, units)."""
        values = np.asarray(values, np.float32)
        if values.ndim != 2 or values.shape[1] != self.units:
            raise InvalidValue(f"Values of {self.units} units were expected.")
        self.missing += np.isnan(values).sum(axis=0)
        self.count += len(values)
        start = 0
        while start < len(values):
            if self._size == self.capacity:
                self._compact()
            size = self._size
            taken = min(self.capacity - size, len(values) - start)
            self._values[:, size : size + taken] = values[start : start + taken].T
            self._sizes[0] += taken
            start += taken

    def merge(self, other: "Quantiles") -> None:
        """Take in what another sketch of the same units saw.

        The ranks' errors add up to no more than those of one sketch of all values, and as long
        as all fit in the capacity there are none.
        """
        if other.units != self.units:
            raise InvalidValue("Sketches of different numbers of units cannot be merged.")
        while len(self._sizes) < len(other._sizes):
            self._add_level()
        theirs = other._columns()
        # from below: the levels under what is put in are never moved more than once
        for level, (start, end) in enumerate(theirs):
            done = 0
            while done < end - start:
                if self._size == self.capacity:
                    self._compact()
                taken = min(self.capacity - self._size, end - start - done)
                at = self._columns()[level][1]
                size = self._size
                self._values[:, at + taken : size + taken] = self._values[:, at:size].copy()
                block = other._values[:, start + done : start + done + taken]
                self._values[:, at : at + taken] = block
                self._sizes[level] += taken
                done += taken
        self.count += other.count
        self.missing = self.missing + other.missing

    def quantiles(self, q: ArrayLike) -> Floats:
        """Values below or at which the shares `q` (m,) of each unit's values lie.

        Returns
        -------
        float32 (m, units): values that were seen, as by numpy's method `inverted_cdf`; NaN for
        units that saw none.
        """
        shares = np.atleast_1d(np.asarray(q, np.float64))
        if not ((shares >= 0) & (shares <= 1)).all():
            raise InvalidValue("Shares lie between 0 and 1.")
        answers = np.full((len(shares), self.units), np.nan, np.float32)
        for chunk in self._chunks():
            ordered, heights = self._ordered(chunk)
            present = (self.count - self.missing[chunk]).astype(np.float64)
            for row in range(len(ordered)):
                if not present[row]:
                    continue
                wanted = np.maximum(shares * present[row], 1.0)
                found = np.searchsorted(heights[row], wanted - 1e-9 * wanted, side="left")
                real = int(np.searchsorted(ordered[row], np.inf, side="right"))  # NaN lies behind
                found = np.minimum(found, max(real - 1, 0))
                answers[:, chunk.start + row] = ordered[row, found] if real else np.nan
        return answers

    def share_below(self, values: ArrayLike) -> NDArray[np.float64]:
        """Which share of each unit's values lies at or below `values` (units,) or (m, units)."""
        asked = np.asarray(values, np.float32)
        flat = np.atleast_2d(asked)
        answers = np.full(flat.shape, np.nan)
        for chunk in self._chunks():
            ordered, heights = self._ordered(chunk)
            present = self.count - self.missing[chunk]
            for row in range(len(ordered)):
                unit = chunk.start + row
                if present[row]:
                    upto = np.searchsorted(ordered[row], flat[:, unit], side="right")
                    below = np.concatenate([[0.0], heights[row]])[upto]
                    answers[:, unit] = np.minimum(below / present[row], 1.0)
        return answers.reshape(asked.shape)

    def state(self) -> dict[str, Any]:
        """Copies of all there is, from which `restored` continues."""
        return {
            "values": self._values[:, : self._size].copy(), "sizes": list(self._sizes),
            "compacted": list(self._compacted), "capacity": self.capacity, "count": self.count,
            "missing": self.missing.copy(),
        }  # fmt: skip

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Quantiles":
        """Rebuild from `state`."""
        missing = np.array(state["missing"], np.int64)
        new = cls(len(missing), int(state["capacity"]))
        new.missing = missing
        new.count = int(state["count"])
        new._sizes = [int(size) for size in state["sizes"]]
        new._compacted = [int(times) for times in state["compacted"]]
        new._values[:, : new._size] = np.asarray(state["values"], np.float32)
        return new

    # --- levels ---------------------------------------------------------------------------------

    def _columns(self) -> list[tuple[int, int]]:
        """First and last-but-one column of each level, the lowest first."""
        found: list[tuple[int, int]] = []
        start = 0
        for size in reversed(self._sizes):
            found.append((start, start + size))
            start += size
        return found[::-1]

    def _add_level(self) -> None:
        self._sizes.append(0)
        self._compacted.append(0)

    def _shares(self) -> list[int]:
        """How many values each level may hold, the lowest first."""
        parts = [_SHRINK**depth for depth in range(len(self._sizes))][::-1]
        return [max(_FEWEST, int(self.capacity * part / sum(parts))) for part in parts]

    def _compact(self) -> None:
        pairs = list(zip(self._sizes, self._shares(), strict=True))
        full = [level for level, (size, share) in enumerate(pairs) if size >= share]
        # after a merge there may be many levels, none of them full
        level = full[0] if full else int(np.argmax(self._sizes))
        if level + 1 == len(self._sizes):
            self._add_level()
        start, end = self._columns()[level]
        odd = (end - start) % 2  # the first value waits: halves must be equal
        segment = self._values[:, start + odd : end]
        segment.sort(axis=1)
        half = segment.shape[1] // 2
        waiting = self._values[:, start : start + odd].copy()
        up = segment[:, _coin(level, self._compacted[level]) :: 2].copy()
        self._compacted[level] += 1
        size = self._size
        self._values[:, start : start + half] = up
        self._values[:, start + half : start + half + odd] = waiting
        rest = self._values[:, end:size].copy()
        self._values[:, start + half + odd : size - half] = rest
        self._sizes[level] = odd
        self._sizes[level + 1] += half

    def _chunks(self) -> Sequence[slice]:
        return [
            slice(start, min(start + _UNITS_AT_ONCE, self.units))
            for start in range(0, self.units, _UNITS_AT_ONCE)
        ]

    def _ordered(self, chunk: slice) -> tuple[Floats, NDArray[np.float64]]:
        """Some units' kept values, sorted (NaN last), and how many values lie up to each."""
        kept = self._values[chunk, : self._size]
        weights = np.concatenate(
            [np.full(size, 2.0**h) for h, size in reversed(list(enumerate(self._sizes)))]
        )
        order = np.argsort(kept, axis=1)
        return np.take_along_axis(kept, order, axis=1), np.cumsum(weights[order], axis=1)


def _coin(level: int, turn: int) -> int:
    """0 or 1, by level and turn alone; of two turns that follow each other one of each.

    The generator is Steele, Lea and Flood's SplitMix64.
    """
    x = ((turn // 2) * 0x9E3779B97F4A7C15 + (level + 1) * 0xD1B54A32D192ED03) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((x ^ (x >> 31)) & 1) ^ (turn & 1)
