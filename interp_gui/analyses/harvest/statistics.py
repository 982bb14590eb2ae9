"""Figures of a layer's units over the images of a dataset, made from the recorded rows.

They are made of rows and never carried along by a pass: whatever was interrupted, resumed or
recorded for another folder, each image counts once.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.harvest.block import Block
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.real_examples.streaming import TopK
from interp_gui.core.analysis import Context, Progress

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Figures of one layer; see `LayerRecord` for what they are."""

    unit_mean: Doubles
    unit_variance: Doubles
    minimum: Floats
    maximum: Floats
    vector_mean: Doubles
    covariance: Doubles
    top: TopK
    outliers: int
    peaks: Doubles
    values: Doubles

    @property
    def dead(self) -> NDArray[np.bool_]:
        """(C,) which units are the same number everywhere: within a millionth of the scale."""
        if not len(self.maximum):
            return np.zeros(0, np.bool_)
        scale = max(float(np.abs(self.maximum).max()), float(np.abs(self.minimum).max()))
        with np.errstate(invalid="ignore"):
            found: NDArray[np.bool_] = (self.maximum - self.minimum) <= 1e-6 * scale
        return found

    def peak_quantiles(self, q: Doubles) -> Doubles:
        """(len(q), C) of the images' peaks."""
        return np.asarray(np.quantile(self.peaks, q, axis=0))

    def value_quantiles(self, q: Doubles) -> Doubles:
        """(len(q), C) of the values at the recorded places."""
        return np.asarray(np.quantile(self.values, q, axis=0))


def summarised(
    context: Context, blocks: Sequence[Block], where: NDArray[np.int64], *, spec: HarvestSpec
) -> Generator[Progress, None, Statistics]:
    """Figures over the rows `where` of the blocks, in that order."""
    context.check()
    yield Progress(text="Summarising units")
    peak = np.concatenate([b.peak for b in blocks], axis=1)[:, where].T
    position = np.concatenate([b.position for b in blocks], axis=1)[:, where].T
    mean = np.concatenate([b.mean for b in blocks], axis=1)[:, where].T.astype(np.float64)
    low = np.concatenate([b.low for b in blocks], axis=1)[:, where].T
    spread = np.concatenate([b.spread for b in blocks], axis=1)[:, where].T.astype(np.float64)
    places = np.concatenate([b.places for b in blocks])[where]
    vectors = np.concatenate([b.vectors for b in blocks])[where][places >= 0].astype(np.float64)
    top = TopK(peak.shape[1], spec.k)
    top.update(peak, np.arange(len(where)), position)
    centred = vectors - vectors.mean(axis=0)
    return Statistics(
        unit_mean=mean.mean(axis=0),
        unit_variance=spread.mean(axis=0) + mean.var(axis=0),
        minimum=low.min(axis=0), maximum=peak.max(axis=0),
        vector_mean=vectors.mean(axis=0), covariance=centred.T @ centred / len(vectors),
        top=top, outliers=int(np.concatenate([b.outliers for b in blocks])[where].sum()),
        peaks=peak.astype(np.float64), values=vectors,
    )  # fmt: skip
