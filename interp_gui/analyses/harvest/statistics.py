"""Figures of a layer's units over the images of a dataset, made from the recorded rows.

They are made of rows and never carried along by a pass: whatever was interrupted, resumed or
recorded for another folder, each image counts once. Rows are taken in the dataset's order in
blocks of fixed length, so batches and chunks do not matter either.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.harvest.moments import Covariance
from interp_gui.analyses.harvest.reading import Reader
from interp_gui.analyses.real_examples.streaming import TopK
from interp_gui.core.analysis import Context, Progress

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

FIGURES_VERSION = 1

SHARES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
"""Quantiles that are known without reading all rows again."""

MOST_COVARIED = 4096
"""Units up to which a covariance is made: it takes 8 bytes for each two of them."""

_ROWS = 256
_BYTES_AT_ONCE = 2**23


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Figures of one layer's C units; see `LayerRecord` for what they are."""

    unit_mean: Doubles
    unit_variance: Doubles
    minimum: Floats
    maximum: Floats
    active: NDArray[np.int64]
    not_a_number: NDArray[np.int64]
    vector_mean: Doubles
    covariance: Doubles
    """(0, 0) where there are too many units."""
    top: TopK
    outliers: int
    peaks: Floats
    """(shares, C), like `values`."""
    values: Floats

    @property
    def dead(self) -> NDArray[np.bool_]:
        """(C,) which units are the same number everywhere: within a millionth of the scale."""
        known = np.isfinite(self.maximum) & np.isfinite(self.minimum)
        if not known.any():
            return np.zeros(len(self.maximum), np.bool_)
        high, low = self.maximum[known], self.minimum[known]
        scale = max(float(np.abs(high).max()), float(np.abs(low).max()))
        found = np.zeros(len(self.maximum), np.bool_)
        found[known] = (high - low) <= 1e-6 * scale
        return found

    def state(self) -> dict[str, Any]:
        """All of it, for the cache."""
        plain = {name: value for name, value in vars(self).items() if name != "top"}
        top = self.top
        return {**plain, "top": [top.values, top.items, top.positions]}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Statistics":
        """Rebuild from `state`."""
        values, items, positions = state["top"]
        top = TopK(*values.shape)
        top.values, top.items, top.positions = values, items, positions
        return cls(**{**state, "top": top, "outliers": int(state["outliers"])})


def summarised(
    context: Context, reader: Reader, *, units: int, k: int, text: str
) -> Generator[Progress, None, Statistics]:
    """Figures of `units` units over all images of a reader, in its order.

    Memory holds a block of rows, some units of all images, and the covariance.
    """
    top = TopK(units, k)
    covariance = Covariance(units) if units <= MOST_COVARIED else None
    low = np.full(units, np.inf, np.float32)
    high = np.full(units, -np.inf, np.float32)
    active, missing = np.zeros(units, np.int64), np.zeros(units, np.int64)
    averages = _Averages(units)
    vector_sum, vector_count = np.zeros(units), 0
    for start in range(0, reader.count, _ROWS):
        context.check()
        yield Progress(done=start, total=reader.count, text=text)
        rows = slice(start, min(start + _ROWS, reader.count))
        peak = reader.numbers("peak", rows)
        top.update(peak, np.arange(start, rows.stop), reader.numbers("position", rows))
        high = np.fmax(high, np.fmax.reduce(peak, axis=0))
        low = np.fmin(low, np.fmin.reduce(reader.numbers("low", rows), axis=0))
        active += (peak > 0).sum(axis=0)
        missing += averages.update(reader.numbers("mean", rows), reader.numbers("spread", rows))
        vectors = reader.vectors_of(rows)
        if covariance is not None:
            covariance.update(vectors)
        else:
            whole = vectors[np.isfinite(vectors).all(axis=1)]
            vector_sum += whole.sum(axis=0, dtype=np.float64)
            vector_count += len(whole)
    peaks = yield from _quantiles(context, reader, units, text, vectors=False)
    values = yield from _quantiles(context, reader, units, text, vectors=True)
    mean, variance = averages.found()
    return Statistics(
        unit_mean=mean, unit_variance=variance, minimum=low, maximum=high, active=active,
        not_a_number=missing, top=top, outliers=int(reader.outliers().sum()),
        vector_mean=covariance.mean if covariance else vector_sum / max(vector_count, 1),
        covariance=covariance.covariance if covariance else np.zeros((0, 0)),
        peaks=peaks, values=values,
    )  # fmt: skip


class _Averages:
    """Mean and variance over all positions of all images in which a unit is a number."""

    def __init__(self, units: int) -> None:
        self._count = np.zeros(units, np.int64)
        self._mean = np.zeros(units)
        self._scatter = np.zeros(units)

    def update(self, means: Floats, spreads: Floats) -> NDArray[np.int64]:
        """Take in images, (n, units) each; in how many each unit was no number."""
        there = np.isfinite(means) & np.isfinite(spreads)
        count = there.sum(axis=0)
        known = np.where(there, means, 0.0).astype(np.float64)
        mean = known.sum(axis=0) / np.maximum(count, 1)
        scatter = (np.where(there, known - mean, 0.0) ** 2).sum(axis=0)
        scatter += np.where(there, spreads, 0.0).sum(axis=0, dtype=np.float64)
        total = np.maximum(self._count + count, 1)
        step = mean - self._mean
        self._scatter += scatter + np.where(count, step**2 * self._count * count / total, 0.0)
        self._mean += np.where(count, step * count / total, 0.0)
        self._count += count
        return np.asarray(len(means) - count)

    def found(self) -> tuple[Doubles, Doubles]:
        """Mean and variance; NaN for units that were never a number."""
        with np.errstate(invalid="ignore"):
            empty = np.where(self._count, 0.0, np.nan)
            return self._mean + empty, self._scatter / np.maximum(self._count, 1) + empty


def _quantiles(
    context: Context, reader: Reader, units: int, text: str, *, vectors: bool
) -> Generator[Progress, None, Floats]:
    found = np.empty((len(SHARES), units), np.float32)
    for part in unit_slices(units, reader.count):
        context.check()
        yield Progress(done=reader.count, total=reader.count, text=text)
        values = reader.vectors(units=part) if vectors else reader.units("peak", part)
        found[:, part] = quantiles_of(values, np.array(SHARES))
    return found


def unit_slices(units: int, images: int) -> list[slice]:
    """Units of which all images' numbers are held at once."""
    width = max(1, _BYTES_AT_ONCE // (4 * max(images, 1)))
    return [slice(start, min(start + width, units)) for start in range(0, units, width)]


def quantiles_of(values: Floats, shares: Doubles) -> Floats:
    """(shares, n) of values (m, n): the smallest that so large a share lies at or below.

    They are values that were seen, as by numpy's method `inverted_cdf`; NaN does not count.
    """
    ordered = np.sort(values, axis=0)  # NaN comes last
    known = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    wanted = np.ceil(shares[:, None] * known - 1e-9).astype(np.int64) - 1
    return np.take_along_axis(ordered, np.clip(wanted, 0, known - 1), axis=0)
