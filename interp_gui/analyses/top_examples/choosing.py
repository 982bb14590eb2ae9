"""Which images are shown of a feature, chosen by the strongest value in each. No model in here.

Values that are not finite stand for images that have none; they are never chosen.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]


def order(values: Floats) -> Places:
    """Indices of the finite values, largest first; of equal ones the lower index comes first."""
    present = np.flatnonzero(np.isfinite(values))
    found: Places = present[np.argsort(-values[present].astype(np.float64), kind="stable")]
    return found


def least(values: Floats, lots: Places, k: int) -> Places:
    """Indices of the k smallest values, smallest first; equal ones in the order of their lots.

    After a ReLU very many images share the value zero: the first of the folder would stand for
    all of them.
    """
    present = np.flatnonzero(np.isfinite(values))
    found: Places = present[np.lexsort((lots[present], values[present]))][:k]
    return found


def drawn(values: Floats, lots: Places, k: int) -> Places:
    """Indices of k values with the lowest lots, largest value first."""
    present = np.flatnonzero(np.isfinite(values))
    taken = np.sort(present[np.argsort(lots[present], kind="stable")][:k])
    found: Places = taken[order(values[taken])]
    return found


def at_quantile(ordered: Places, percent: float, k: int) -> Places:
    """The k indices whose ranks are nearest to a quantile, largest value first.

    Parameters
    ----------
    ordered
        As `order` gives them.
    percent
        0 for the smallest value, 100 for the largest.

    Returns
    -------
    At most k neighbours in `ordered`. From two on their values enclose the quantile as
    `numpy.quantile` has it (linear between ranks).
    """
    n = len(ordered)
    k = min(k, n)
    if not k:
        return ordered[:0]
    place = (1.0 - percent / 100.0) * (n - 1)
    first = int(np.ceil(place - (k - 1) / 2 - 0.5 - 1e-9))
    first = min(max(first, 0), n - k)
    return ordered[first : first + k]


def by_value(
    ordered: Places, columns: Sequence[str], k: int, most: int
) -> tuple[list[tuple[str, Places]], int]:
    """The k first of each value of a column.

    Parameters
    ----------
    ordered
        As `order` gives them.
    columns
        Value of each index; empty for none.
    most
        Values that are kept: those that come first in the order.

    Returns
    -------
    Values with their indices, in the order in which they are met; how many values there are.
    """
    held: dict[str, list[int]] = {}
    for index in ordered.tolist():
        value = columns[index]
        if value:
            members = held.setdefault(value, [])
            if len(members) < k:
                members.append(index)
    kept = list(held.items())[:most]
    return [(value, np.array(members, np.int64)) for value, members in kept], len(held)


class Ranking:
    """Where a value stands among the images' peaks."""

    def __init__(self, values: Floats) -> None:
        self._ascending = np.sort(values[np.isfinite(values)])

    def rank(self, value: float) -> int:
        """1 and one for each image whose peak is larger."""
        within = np.float32(value)
        return 1 + len(self._ascending) - int(np.searchsorted(self._ascending, within, "right"))

    def percentile(self, value: float) -> float:
        """Percent of the other images whose peak is smaller; 100 where there are no others."""
        others = len(self._ascending) - 1
        if others < 1:
            return 100.0
        lower = int(np.searchsorted(self._ascending, np.float32(value), "left"))
        return 100.0 * min(lower, others) / others

    def quantile(self, percent: float) -> float:
        """The exact quantile, linear between ranks; NaN of nothing."""
        if not len(self._ascending):
            return float("nan")
        return float(np.quantile(self._ascending.astype(np.float64), percent / 100.0))

    @property
    def count(self) -> int:
        """How many images have a value."""
        return len(self._ascending)

    @property
    def lowest_shared(self) -> int:
        """How many images have the smallest peak."""
        if not len(self._ascending):
            return 0
        return int(np.searchsorted(self._ascending, self._ascending[0], "right"))
