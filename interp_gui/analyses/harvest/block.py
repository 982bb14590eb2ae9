"""Rows of a layer's record: what is kept of some images, and how it is made of their values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.harvest.places import (
    SPARE_DRAWS,
    chosen,
    draws,
    on_grid,
    outliers,
    recorded_positions,
)
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.unit_maps import map_size
from interp_gui.core.layer import LayerInfo
from interp_gui.runtimes.faster.harvesting import Harvested

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


def tried_places(
    hashes: Sequence[str], layers: Sequence[LayerInfo], size: tuple[int, int], spec: HarvestSpec
) -> dict[str, NDArray[np.int32]]:
    """(n, p) places that are read of each image, by layer; −1 where there is no further one.

    Those of a layer with tokens are more than are recorded: which of them are outliers is known
    only when they are there.
    """
    drawn = np.stack([draws(each, spec.positions * SPARE_DRAWS, seed=spec.seed) for each in hashes])
    found: dict[str, NDArray[np.int32]] = {}
    for layer in layers:
        grid = map_size(layer, size)
        tried = on_grid(drawn, grid, skip_edges=spec.skip_edges)
        count = recorded_positions(grid, spec.positions)
        most = min(tried.shape[1], grid[0] * grid[1]) if _has_tokens(layer) else count
        if most == 1:
            found[layer.name] = np.ascontiguousarray(tried[:, :1])
            continue
        places = np.full((len(hashes), most), -1, np.int32)
        for row, each in enumerate(tried):
            _, first = np.unique(each, return_index=True)
            distinct = each[np.sort(first)][:most]
            places[row, : len(distinct)] = distinct
        found[layer.name] = places
    return found


def block_of(
    found: Harvested,
    tried: NDArray[np.int32],
    layer: LayerInfo,
    size: tuple[int, int],
    spec: HarvestSpec,
) -> Block:
    """What is kept of a batch.

    Parameters
    ----------
    found
        What the route gave, with the vectors at `tried`.
    """
    n = len(tried)
    mean = found.mean.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = found.mean_square - np.square(mean)
        spread = np.where(spread < 0, 0.0, spread).astype(np.float32)
    vectors, places = found.vectors, tried
    left_out = np.zeros(n, np.int32)
    if found.norms is not None and _has_tokens(layer):
        bad = outliers(found.norms)
        left_out = bad.sum(axis=1).astype(np.int32)
        count = recorded_positions(map_size(layer, size), spec.positions)
        picked = np.stack([chosen(tried[i], count, bad[i, tried[i]]) for i in range(n)])
        rows = np.arange(n)[:, None]
        places = np.where(picked >= 0, tried[rows, picked], -1).astype(np.int32)
        vectors = found.vectors[rows, picked]
    vectors = np.where(places[:, :, None] >= 0, vectors, np.float32(0))
    return Block(
        peak=found.peak.T, position=found.position.T.astype(np.int32), mean=found.mean.T,
        low=found.low.T, spread=spread.T, vectors=vectors, places=places, outliers=left_out,
    )  # fmt: skip


def _has_tokens(layer: LayerInfo) -> bool:
    return layer.spatial and "token" in layer.axes
