"""Rows of a layer's record: what is kept of some images, and how it is made of their values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.harvest.places import candidates, chosen, outliers, recorded_positions
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.unit_maps import map_size
from interp_gui.core.layer import LayerInfo

Floats = NDArray[np.float32]

_BY_UNIT = ("peak", "mean", "low", "spread", "position")
_BY_IMAGE = ("vectors", "places", "outliers")


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """What is recorded of n images in one layer of C units; units come first where each image
    has one number a unit, so that one unit can be read without the others.

    Parameters
    ----------
    peak, mean, low, spread
        (C, n) float32: largest value, mean, smallest value and variance over the positions.
    position
        (C, n) integers: where the peak is, row by row.
    vectors
        (n, P, C) float32: the values of all units at the recorded places.
    places
        (n, P) int32, row by row; −1 where there was no further place.
    outliers
        (n,) int32: patch tokens of outlying norm.
    """

    peak: Floats
    position: NDArray[Any]
    mean: Floats
    low: Floats
    spread: Floats
    vectors: Floats
    places: NDArray[np.int32]
    outliers: NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.places.shape[0])

    def rows(self, rows: NDArray[np.int64]) -> "Block":
        """Some of the images."""
        parts = {name: getattr(self, name) for name in _BY_UNIT + _BY_IMAGE}
        return Block(**{n: a[:, rows] if n in _BY_UNIT else a[rows] for n, a in parts.items()})

    @classmethod
    def joined(cls, blocks: "Sequence[Block]") -> "Block":
        """Blocks one behind the other."""
        return cls(
            **{
                name: np.concatenate([getattr(b, name) for b in blocks], int(name in _BY_UNIT))
                for name in _BY_UNIT + _BY_IMAGE
            }
        )

    @property
    def nbytes(self) -> int:
        """Of all its arrays."""
        return sum(getattr(self, name).nbytes for name in _BY_UNIT + _BY_IMAGE)


def block_of_maps(
    maps: Floats, layer: LayerInfo, size: tuple[int, int], spec: HarvestSpec, hashes: Sequence[str]
) -> Block:
    """Reduce maps (n, C, h, w) of the images of these hashes.

    NaN is taken for the lowest value where the peak is sought; an image without any number has
    NaN there.
    """
    n, units = maps.shape[:2]
    grid = map_size(layer, size)
    flat = maps.reshape(n, units, -1)
    known = flat if np.isfinite(flat).all() else np.where(np.isnan(flat), -np.inf, flat)
    position = known.argmax(axis=2)
    mean = flat.mean(axis=2, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        spread = np.square(flat - mean[:, :, None]).mean(axis=2)
    bad = None
    if "token" in layer.axes and layer.spatial:
        with np.errstate(over="ignore"):
            bad = outliers(np.sqrt(np.einsum("nup,nup->np", flat, flat)))
    count = recorded_positions(grid, spec.positions)
    places = np.full((n, count), -1, np.int32)
    vectors = np.zeros((n, count, units), np.float32)
    for row, sha256 in enumerate(hashes):
        tried = candidates(
            sha256, grid, positions=spec.positions, seed=spec.seed, skip_edges=spec.skip_edges
        )
        picked = chosen(tried, count, None if bad is None else bad[row, tried])
        there = picked >= 0
        places[row, there] = tried[picked[there]]
        vectors[row, there] = flat[row][:, places[row, there]].T
    return Block(
        peak=np.take_along_axis(flat, position[:, :, None], axis=2)[:, :, 0].T,
        position=position.T.astype(np.int32),
        mean=mean.T.astype(np.float32),
        low=flat.min(axis=2).T,
        spread=spread.T.astype(np.float32),
        vectors=vectors,
        places=places,
        outliers=np.zeros(n, np.int32) if bad is None else bad.sum(axis=1).astype(np.int32),
    )
