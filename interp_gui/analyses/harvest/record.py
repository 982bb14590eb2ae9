"""What a harvest gives: records of layers, read in chunks, and the images they are about."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import broken_notes
from interp_gui.analyses.harvest.block import Block
from interp_gui.analyses.harvest.statistics import Statistics
from interp_gui.analyses.real_examples.streaming import TopK
from interp_gui.core.layer import LayerInfo

Floats = NDArray[np.float32]
Rows = slice | Sequence[int] | NDArray[Any] | None


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

    Numbers of images are read from chunks when they are asked for: ask for some rows, or for one
    unit, rather than for everything.

    Parameters
    ----------
    grid
        Rows and columns of the layer's maps; 1 × 1 where it has no positions.
    blocks
        The chunks.
    where
        (count,) int64: the row of each image in the chunks, counted through all of them.
    statistics
        Of exactly these images.

    Attributes
    ----------
    vector_image, vector_place
        (M,) int32: the image of each recorded vector, as index into `Harvest.images`, and its
        place on the grid, row by row.
    """

    def __init__(
        self,
        layer: LayerInfo,
        grid: tuple[int, int],
        *,
        blocks: Sequence[Block],
        where: NDArray[np.int64],
        statistics: Statistics,
    ) -> None:
        self.layer = layer
        self.grid = grid
        self.statistics = statistics
        self._blocks = tuple(blocks)
        self._starts = np.cumsum([0, *(len(block) for block in blocks)])
        self._where = where
        places = self._gather(lambda block, rows: block.places[rows], where)
        image, slot = np.nonzero(places >= 0)
        self.vector_image = image.astype(np.int32)
        self.vector_place = places[image, slot].astype(np.int32)
        self._slot = slot.astype(np.int16)

    @property
    def count(self) -> int:
        """Images recorded."""
        return len(self._where)

    def peaks(self, rows: Rows = None) -> Floats:
        """(n, C) largest value of each unit in each image."""
        return self._numbers("peak", rows)

    def means(self, rows: Rows = None) -> Floats:
        """(n, C) mean of each unit over the positions of each image."""
        return self._numbers("mean", rows)

    def positions(self, rows: Rows = None) -> NDArray[np.int32]:
        """(n, C) where the peaks are, row by row."""
        return self._numbers("position", rows).astype(np.int32)

    def unit_peaks(self, unit: int) -> Floats:
        """(count,) largest value of one unit in each image."""
        return self._unit("peak", unit)

    def unit_means(self, unit: int) -> Floats:
        """(count,) mean of one unit over the positions of each image."""
        return self._unit("mean", unit)

    def unit_positions(self, unit: int) -> NDArray[np.int32]:
        """(count,) where one unit's peaks are, row by row."""
        return self._unit("position", unit).astype(np.int32)

    def vectors(self, rows: Rows = None) -> Floats:
        """(M, C) recorded vectors, or some of them by their index."""
        picked = _indices(rows, len(self.vector_image))
        image, slot = self.vector_image[picked], self._slot[picked]
        width = self.layer.units
        found = np.empty((len(picked), width), np.float32)
        for block, here, at in self._located(self._where[image]):
            found[here] = block.vectors[at, slot[here]]
        return found

    @property
    def outliers(self) -> int:
        """Patch tokens of outlying norm, over all images: none of them is recorded."""
        return self.statistics.outliers

    @property
    def unit_mean(self) -> NDArray[np.float64]:
        """(C,) mean over all positions of all images."""
        return self.statistics.unit_mean

    @property
    def unit_variance(self) -> NDArray[np.float64]:
        """(C,) variance over all positions of all images."""
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
    def dead(self) -> NDArray[np.bool_]:
        """(C,) which units are the same number everywhere."""
        return self.statistics.dead

    @property
    def vector_mean(self) -> NDArray[np.float64]:
        """(C,) mean of the recorded vectors."""
        return self.statistics.vector_mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(C, C) covariance of the recorded vectors around their mean, divided by their number."""
        return self.statistics.covariance

    @property
    def top(self) -> TopK:
        """Strongest positions of each unit, one an image; items are indices of images."""
        return self.statistics.top

    def peak_quantiles(self, q: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """(len(q), C) quantiles of the images' peaks."""
        return self.statistics.peak_quantiles(np.asarray(q, np.float64))

    def quantiles(self, q: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """(len(q), C) quantiles of the values at the recorded places."""
        return self.statistics.value_quantiles(np.asarray(q, np.float64))

    def __iter__(self) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Indices of images with their peaks, chunk by chunk."""
        for block, here, at in self._located(self._where):
            yield here, np.asarray(block.peak[:, at].T)

    def _numbers(self, name: str, rows: Rows) -> NDArray[Any]:
        wanted = self._where[_indices(rows, self.count)]
        return self._gather(lambda block, at: getattr(block, name)[:, at].T, wanted)

    def _unit(self, name: str, unit: int) -> NDArray[Any]:
        return self._gather(lambda block, at: getattr(block, name)[unit][at], self._where)

    def _gather(
        self, read: Callable[[Block, NDArray[np.int64]], NDArray[Any]], where: NDArray[np.int64]
    ) -> NDArray[Any]:
        found: NDArray[Any] | None = None
        for block, here, at in self._located(where):
            part = read(block, at)
            if found is None:
                found = np.empty((len(where), *part.shape[1:]), part.dtype)
            found[here] = part
        if found is None:
            return (
                read(self._blocks[0], np.zeros(0, np.int64)) if self._blocks else np.zeros((0, 0))
            )
        return found

    def _located(
        self, where: NDArray[np.int64]
    ) -> Iterator[tuple[Block, NDArray[np.int64], NDArray[np.int64]]]:
        """Each block that holds some rows, which of them, and where in the block they are."""
        owner = np.searchsorted(self._starts, where, side="right") - 1
        order = np.argsort(owner, kind="stable")
        bounds = np.searchsorted(owner[order], np.arange(len(self._blocks) + 1))
        for number, block in enumerate(self._blocks):
            here = order[bounds[number] : bounds[number + 1]]
            if len(here):
                yield block, here, where[here] - self._starts[number]


def _indices(rows: Rows, count: int) -> NDArray[np.int64]:
    if rows is None:
        return np.arange(count)
    if isinstance(rows, slice):
        return np.arange(count)[rows]
    return np.asarray(rows, np.int64)


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
        for here, peaks in record:
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
        What computed each layer's record, by its name, where that was not the model's runtime.
    """

    layers: dict[str, LayerRecord]
    images: tuple[HarvestedImage, ...]
    broken: dict[int, str]
    sha256: str
    partial: bool = False
    said: tuple[str, ...] = ()
    runners: Mapping[str, str] = field(default_factory=dict)

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
