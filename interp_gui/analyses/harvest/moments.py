"""Streaming mean and covariance in double precision.

Values are gathered in blocks of fixed length, whatever batches they come in, and blocks are
joined by the formula of Chan, Golub and LeVeque ("Updating formulae and a pairwise algorithm for
computing sample variances", 1979). The same rows in the same order therefore give the same
numbers bit for bit on one machine; another order changes them by rounding alone, some 1e-12 of
their size.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue

Doubles = NDArray[np.float64]

BLOCK = 256
"""Rows that are joined at once."""


class Covariance:
    """Mean and covariance of vectors.

    Rows with a value that is no finite number are left out and counted.

    Parameters
    ----------
    units
        Length of the vectors.

    Attributes
    ----------
    left_out
        Rows that were left out.

    Notes
    -----
    Memory: 8 bytes × units², and a block of rows.
    """

    def __init__(self, units: int) -> None:
        self.left_out = 0
        self._count = 0
        self._mean = np.zeros(units)
        self._scatter = np.zeros((units, units))
        self._waiting = np.zeros((0, units), np.float32)

    @property
    def units(self) -> int:
        """Length of the vectors."""
        return len(self._mean)

    @property
    def count(self) -> int:
        """Rows taken in."""
        return self._count + len(self._waiting)

    def update(self, vectors: NDArray[Any]) -> None:
        """Take in vectors (n, units)."""
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.units:
            raise InvalidValue(f"Vectors of {self.units} values were expected.")
        finite = np.isfinite(vectors).all(axis=1)
        self.left_out += int((~finite).sum())
        rows = np.concatenate([self._waiting, vectors[finite]])
        whole = len(rows) - len(rows) % BLOCK
        for start in range(0, whole, BLOCK):
            self._count, self._mean = self._joined(rows[start : start + BLOCK], self._scatter)
        self._waiting = rows[whole:].copy()

    def merge(self, other: "Covariance") -> None:
        """Take in what another one saw; both as they stand, so blocks are not filled up."""
        if other.units != self.units:
            raise InvalidValue("Covariances of different numbers of units cannot be merged.")
        if other._count:
            self._count, self._mean = _join(
                (self._count, self._mean, self._scatter),
                (other._count, other._mean, other._scatter),
            )
        self.left_out += other.left_out
        self.update(other._waiting)

    @property
    def mean(self) -> Doubles:
        """(units,) mean; NaN of nothing."""
        if not self.count:
            return np.full(self.units, np.nan)
        return self._whole()[1]

    @property
    def covariance(self) -> Doubles:
        """(units, units) covariance about the mean, divided by the number of rows; NaN of none."""
        if not self.count:
            return np.full((self.units, self.units), np.nan)
        count, _, scatter = self._whole()
        return scatter / count

    @property
    def second_moment(self) -> Doubles:
        """(units, units) mean of the outer products of the vectors themselves; NaN of none."""
        return self.covariance + np.outer(self.mean, self.mean)

    def state(self) -> dict[str, Any]:
        """Copies of all there is, from which `restored` continues."""
        return {
            "count": self._count, "mean": self._mean.copy(), "scatter": self._scatter.copy(),
            "waiting": self._waiting.copy(), "left_out": self.left_out,
        }  # fmt: skip

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Covariance":
        """Rebuild from `state`."""
        new = cls(len(state["mean"]))
        new._count, new.left_out = int(state["count"]), int(state["left_out"])
        new._mean = np.array(state["mean"], np.float64)
        new._scatter = np.array(state["scatter"], np.float64)
        new._waiting = np.array(state["waiting"], np.float32).reshape(-1, new.units)
        return new

    def _joined(self, rows: NDArray[np.float32], scatter: Doubles) -> tuple[int, Doubles]:
        """Count and mean with some rows more; `scatter` is changed in place."""
        values = rows.astype(np.float64)
        mean = values.mean(axis=0)
        values -= mean
        return _join((self._count, self._mean, scatter), (len(rows), mean, values.T @ values))

    def _whole(self) -> tuple[int, Doubles, Doubles]:
        scatter = self._scatter.copy()
        if not len(self._waiting):
            return self._count, self._mean.copy(), scatter
        return (*self._joined(self._waiting, scatter), scatter)


Part = tuple[int, Doubles, Doubles]
"""Count, mean, and sum of outer products about the mean."""


def _join(ours: Part, theirs: Part) -> tuple[int, Doubles]:
    """Count and mean of both; our sum about the mean becomes that of both, in place."""
    (count, mean, scatter), (n, their_mean, their_scatter) = ours, theirs
    total = count + n
    step = their_mean - mean
    apart = np.outer(step, step) * (count * n / total)
    scatter += their_scatter
    scatter += apart
    return total, mean + step * (n / total)
