"""What a harvest gives: records of layers, read in chunks, and the images they are about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import broken_notes
from interp_gui.analyses.harvest.reading import Reader, Rows
from interp_gui.analyses.harvest.statistics import (
    MOST_COVARIED,
    SHARES,
    Statistics,
    quantiles_of,
    unit_slices,
)
from interp_gui.analyses.real_examples.streaming import TopK
from interp_gui.core.errors import MissingAbility
from interp_gui.core.layer import LayerInfo

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class HarvestedImage:
    """One image of which something is recorded.

    Parameters
    ----------
    place
        In the dataset.
    sha256
        Of the file's bytes.
    """

    place: int
    path: str
    sha256: str
    label: str = ""
    group: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def value(self, column: str) -> str:
        """Its label, its group or a metadata column, by name; empty where it has none."""
        if column == "label":
            return self.label
        return self.group if column == "group" else self.metadata.get(column, "")


class LayerRecord:
    """What is recorded of one layer; row i is about `Harvest.images[i]`.

    Numbers of images are read from disk when they are asked for: ask for some rows, or for one
    unit, rather than for everything.

    Parameters
    ----------
    grid
        Rows and columns of the layer's maps; 1 × 1 where it has no positions.
    reader
        Of exactly these images.
    statistics
        Of exactly these images.
    """

    def __init__(
        self, layer: LayerInfo, grid: tuple[int, int], *, reader: Reader, statistics: Statistics
    ) -> None:
        self.layer = layer
        self.grid = grid
        self.reader = reader
        self.statistics = statistics

    @property
    def count(self) -> int:
        """Images recorded."""
        return self.reader.count

    def peaks(self, rows: Rows = None) -> Floats:
        """(n, C) largest value of each unit in each image."""
        return self.reader.numbers("peak", rows)

    def means(self, rows: Rows = None) -> Floats:
        """(n, C) mean of each unit over the positions of each image."""
        return self.reader.numbers("mean", rows)

    def positions(self, rows: Rows = None) -> NDArray[np.int32]:
        """(n, C) where the peaks are, row by row."""
        return self.reader.numbers("position", rows).astype(np.int32)

    def unit_peaks(self, unit: int) -> Floats:
        """(count,) largest value of one unit in each image."""
        return self.reader.units("peak", unit)

    def unit_means(self, unit: int) -> Floats:
        """(count,) mean of one unit over the positions of each image."""
        return self.reader.units("mean", unit)

    def unit_positions(self, unit: int) -> NDArray[np.int32]:
        """(count,) where one unit's peaks are, row by row."""
        return self.reader.units("position", unit).astype(np.int32)

    def vectors(self, rows: Rows = None) -> Floats:
        """(M, C) recorded vectors, or some of them by their index."""
        return self.reader.vectors(rows)

    @property
    def vector_image(self) -> NDArray[np.int32]:
        """(M,) the image of each recorded vector, as index into `Harvest.images`."""
        return self.reader.vector_image

    @property
    def vector_place(self) -> NDArray[np.int32]:
        """(M,) the place of each recorded vector on the grid, row by row."""
        return self.reader.vector_place

    @property
    def outliers(self) -> int:
        """Patch tokens of outlying norm, over all images: none of them is recorded."""
        return self.statistics.outliers

    @property
    def unit_mean(self) -> NDArray[np.float64]:
        """(C,) mean over all positions of all images in which the unit is a number."""
        return self.statistics.unit_mean

    @property
    def unit_variance(self) -> NDArray[np.float64]:
        """(C,) variance over all positions of all images in which the unit is a number."""
        return self.statistics.unit_variance

    @property
    def minimum(self) -> Floats:
        """(C,) smallest value anywhere."""
        return self.statistics.minimum

    @property
    def maximum(self) -> Floats:
        """(C,) largest value anywhere."""
        return self.statistics.maximum

    @property
    def active(self) -> NDArray[np.int64]:
        """(C,) images in which the unit exceeds zero anywhere."""
        return self.statistics.active

    @property
    def not_a_number(self) -> NDArray[np.int64]:
        """(C,) images in which the unit is no finite number somewhere."""
        return self.statistics.not_a_number

    @property
    def dead(self) -> NDArray[np.bool_]:
        """(C,) which units are the same number everywhere."""
        return self.statistics.dead

    @property
    def vector_mean(self) -> NDArray[np.float64]:
        """(C,) mean of the recorded vectors that are numbers."""
        return self.statistics.vector_mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(C, C) covariance of the recorded vectors around their mean, divided by their number."""
        if self.layer.units > MOST_COVARIED:
            raise MissingAbility(
                f"Layer '{self.layer.name}' has too many units for a covariance "
                f"({self.layer.units}).",
                hint=f"Choose a layer of up to {MOST_COVARIED} units.",
            )
        return self.statistics.covariance

    @property
    def top(self) -> TopK:
        """Strongest positions of each unit, one an image; items are indices of images."""
        return self.statistics.top

    def peak_quantiles(self, q: Sequence[float] | NDArray[Any]) -> Floats:
        """(len(q), C) quantiles of the images' peaks.

        Those of `statistics.SHARES` are at hand; for others all peaks are read.
        """
        return self._quantiles(np.asarray(q, np.float64), self.statistics.peaks, vectors=False)

    def quantiles(self, q: Sequence[float] | NDArray[Any]) -> Floats:
        """(len(q), C) quantiles of the values at the recorded places."""
        return self._quantiles(np.asarray(q, np.float64), self.statistics.values, vectors=True)

    def unit_quantiles(self, unit: int, q: Sequence[float] | NDArray[Any]) -> Floats:
        """(len(q),) quantiles of one unit's peaks."""
        return quantiles_of(self.unit_peaks(unit)[:, None], np.asarray(q, np.float64))[:, 0]

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Indices of images with their peaks, (n,) and (n, C), as they lie on disk."""
        for block, here, at in self.reader.located():
            yield here, np.asarray(block.peak[:, at].T)

    def _quantiles(self, q: NDArray[np.float64], known: Floats, *, vectors: bool) -> Floats:
        at = {share: row for row, share in enumerate(SHARES)}
        if all(share in at for share in q.tolist()):
            return known[[at[share] for share in q.tolist()]]
        found = np.empty((len(q), self.layer.units), np.float32)
        for part in unit_slices(self.layer.units, self.count):
            reader = self.reader
            values = reader.vectors(units=part) if vectors else reader.units("peak", part)
            found[:, part] = quantiles_of(values, q)
        return found


class LabelPeaks:
    """Per label, the mean of the units' peaks over its images.

    Attributes
    ----------
    names
        Distinct values of the column, sorted; images without one are left out.
    counts
        (L,) images of each.
    means
        (L, C) float64.
    """

    def __init__(self, record: LayerRecord, images: Sequence[HarvestedImage], column: str) -> None:
        values = [image.value(column) for image in images]
        self.names = tuple(sorted({value for value in values if value}))
        number = {name: i for i, name in enumerate(self.names)}
        codes = np.array([number.get(value, -1) for value in values], np.int64)
        total = np.zeros((len(self.names), record.layer.units))
        for here, peaks in record.blocks():
            codes_here = codes[here]
            for code in np.unique(codes_here[codes_here >= 0]):
                total[code] += peaks[codes_here == code].sum(axis=0, dtype=np.float64)
        self.counts = np.bincount(codes[codes >= 0], minlength=len(self.names))
        self.means = total / np.maximum(self.counts, 1)[:, None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Harvest:
    """Records of layers over the same images.

    Parameters
    ----------
    layers
        By name.
    images
        The recorded ones, in the dataset's order.
    broken
        A sentence for each image that was left out, by its place in the dataset.
    sha256
        Hash of the recorded images in their order.
    partial
        Whether images were gone before they could be read: what is made of this must not be kept
        as if it were of the whole dataset.
    said
        What has to be said of how it was computed.
    runners
        What computed each layer's record, by its name; empty for the model's own runtime.
    recorded
        Images that had to be computed for it.
    disk_bytes
        What each layer's folder holds, images of other datasets among them.
    """

    layers: dict[str, LayerRecord]
    images: tuple[HarvestedImage, ...]
    broken: dict[int, str]
    sha256: str
    partial: bool = False
    said: tuple[str, ...] = ()
    runners: Mapping[str, str] = field(default_factory=dict)
    recorded: int = 0
    disk_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """How it was computed, where that needs saying, and which images were left out."""
        return (*self.said, *broken_notes(self.broken))

    def provenance(self, layer: str) -> dict[str, Any]:
        """What recipes of results about a layer say of how its record was computed."""
        runner = self.runners.get(layer, "")
        return {"runtime": runner} if runner else {}

    def label_peaks(self, layer: str, column: str = "label") -> LabelPeaks:
        """Mean of the units' peaks for each label, group or value of a metadata column."""
        return LabelPeaks(self.layers[layer], self.images, column)
