"""What the icons of an atlas's cells climb towards, by the kind of direction."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas_pictures.icons import Floats, Goals, seeds_of
from interp_gui.analyses.atlas_pictures.settings import Direction
from interp_gui.analyses.harvest.statistics import MOST_COVARIED
from interp_gui.core.atlas.directions import too_many_units
from interp_gui.core.atlas.kinds import Atlas, AtlasLevel
from interp_gui.core.layer import LayerInfo

Wide = NDArray[np.float64]


def goals_of(
    vectors: Floats,
    *,
    kind: Direction,
    mean: Wide,
    inverse: Wide | None = None,
    seed: int,
) -> Goals:
    """Goals of (n, C) vectors of a layer whose mean and inverse covariance are known.

    Parameters
    ----------
    inverse
        (C, C), for whitened directions.
    """
    wide = vectors.astype(np.float64)
    origin = np.zeros(wide.shape[1]) if kind == "raw" else mean
    there = wide - origin
    directions = there @ inverse if kind == "whitened" and inverse is not None else there
    norms = np.linalg.norm(directions, axis=1)
    lengths = np.abs((there * directions).sum(axis=1)) / np.maximum(norms, 1e-12)
    return Goals(
        directions=directions.astype(np.float32),
        origin=origin.astype(np.float32),
        lengths=lengths.astype(np.float32),
        seeds=seeds_of(list(vectors), seed),
    )


def require_direction(layer: LayerInfo, kind: Direction) -> None:
    """Raise InvalidValue where a layer has too many units for a kind of direction."""
    if kind == "whitened" and layer.units > MOST_COVARIED:
        raise too_many_units(layer.name)


def nearest_cells(level: AtlasLevel, atlas: Atlas, found: Floats) -> NDArray[np.int64]:
    """(n,) cell of the level that each of (n, C) activations is nearest to.

    By cosine after the layer's mean is taken away, for all that a layer does shares that mean.
    """
    own = _unit(level.vectors.astype(np.float64) - atlas.mean)
    there = _unit(found.astype(np.float64) - atlas.mean)
    nearest: NDArray[np.int64] = (there @ own.T).argmax(axis=1)
    return nearest


def cosines(first: Floats, second: Floats, *, origin: Wide | None = None) -> Wide:
    """(n,) cosines of rows, counted from an origin."""
    start = 0.0 if origin is None else origin
    product: Wide = (_unit(first - start) * _unit(second - start)).sum(axis=1)
    return product


def _unit(rows: NDArray[np.floating]) -> Wide:
    wide = rows.astype(np.float64)
    unit: Wide = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return unit


def subset(goals: Goals, chosen: Sequence[int]) -> Goals:
    """The goals of some pictures."""
    rows = list(chosen)
    return Goals(
        goals.directions[rows], goals.origin, goals.lengths[rows],
        tuple(goals.seeds[row] for row in rows),
    )  # fmt: skip
