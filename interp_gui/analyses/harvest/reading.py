"""Reading rows of chunks in the order of a dataset."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.harvest.block import Block
from interp_gui.analyses.harvest.chunks import Chunks

Floats = NDArray[np.float32]
Rows = slice | Sequence[int] | NDArray[Any] | None


class Reader:
    """What is recorded of some images in one layer, read from chunks as it is asked for.

    Parameters
    ----------
    where
        (count,) int64: the row of each image in the chunks, counted through all of them.

    Attributes
    ----------
    vector_image, vector_place
        (M,) int32: the image and the place of each recorded vector.
    """

    def __init__(self, chunks: Chunks, where: NDArray[np.int64]) -> None:
        self._chunks = chunks
        self._where = where
        places = self._gather(lambda block, at: block.places[at], where)
        image, slot = np.nonzero(places >= 0)
        self.vector_image = image.astype(np.int32)
        self.vector_place = places[image, slot].astype(np.int32)
        self._slot = slot.astype(np.int16)

    @property
    def count(self) -> int:
        """Images."""
        return len(self._where)

    def numbers(self, name: str, rows: Rows = None) -> NDArray[Any]:
        """(n, C) of what is one number an image and unit: peak, mean, low, spread, position."""
        wanted = self._where[indices(rows, self.count)]
        return self._gather(lambda block, at: getattr(block, name)[:, at].T, wanted)

    def units(self, name: str, units: int | slice) -> NDArray[Any]:
        """The same of one unit, (count,), or of a range of them, (count, n)."""
        return self._gather(lambda block, at: getattr(block, name)[units][..., at].T, self._where)

    def outliers(self) -> NDArray[np.int32]:
        """(count,) patch tokens of outlying norm."""
        return self._gather(lambda block, at: block.outliers[at], self._where)

    def vectors(self, rows: Rows = None, units: slice = slice(None)) -> Floats:
        """(M, C) recorded vectors, or some of them by their index."""
        picked = indices(rows, len(self.vector_image))
        image, slot = self.vector_image[picked], self._slot[picked]
        found: Floats | None = None
        for block, here, at in self.located(self._where[image]):
            if found is None:
                width = block.vectors[:0, 0, units].shape[1]
                found = np.empty((len(picked), width), np.float32)
            found[here] = block.vectors[at, slot[here], units]
        return np.zeros((0, 0), np.float32) if found is None else found

    def vectors_of(self, images: slice) -> Floats:
        """The vectors of a range of images."""
        start, stop, _ = images.indices(self.count)
        return self.vectors(slice(*np.searchsorted(self.vector_image, [start, stop])))

    def located(
        self, where: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[Block, NDArray[np.int64], NDArray[np.int64]]]:
        """Each chunk that holds some rows, which of them, and where in the chunk they are."""
        where = self._where if where is None else where
        starts = self._chunks.starts
        owner = np.searchsorted(starts, where, side="right") - 1
        order = np.argsort(owner, kind="stable")
        numbers, begins = np.unique(owner[order], return_index=True)
        for number, here in zip(numbers, np.split(order, begins[1:]), strict=True):
            yield self._chunks[int(number)], here, where[here] - starts[number]

    def _gather(
        self, read: Callable[[Block, NDArray[np.int64]], NDArray[Any]], where: NDArray[np.int64]
    ) -> NDArray[Any]:
        found: NDArray[Any] | None = None
        for block, here, at in self.located(where):
            part = read(block, at)
            if found is None:
                found = np.empty((len(where), *part.shape[1:]), part.dtype)
            found[here] = part
        return read(self._chunks[0], np.zeros(0, np.int64)) if found is None else found


def indices(rows: Rows, count: int) -> NDArray[np.int64]:
    """Rows as indices from 0."""
    if rows is None:
        return np.arange(count)
    if isinstance(rows, slice):
        return np.arange(count)[rows]
    found = np.asarray(rows)
    return np.flatnonzero(found) if found.dtype == np.bool_ else found.astype(np.int64)
