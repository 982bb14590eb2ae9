"""How a cell or a selection leaves the map: as a direction of the layer, named for what it is."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature, as_vectors

Kind = Literal["centred", "raw", "whitened"]
KINDS: tuple[Kind, ...] = ("centred", "raw", "whitened")
RIDGE = 0.01
"""What is added to every variance before whitening, as a part of the mean variance."""


def direction(
    atlas: Atlas,
    points: NDArray[Any],
    kind: Kind = "centred",
    *,
    name: str = "",
    model: str = "",
) -> Feature:
    """The direction of some points of an atlas.

    Parameters
    ----------
    points
        Indices of points.
    kind
        `centred`: mean(points) − mean(layer). `raw`: mean(points), which after a ReLU is mostly
        the layer's mean, whatever the points. `whitened`: see `whitened`.
    name
        What the points are, as in `cell 12,7`; their number if empty.
    model
        Weights hash of the model that the atlas was made from.

    Returns
    -------
    A feature of one vector, in the layer's own units. Its length is that of the mean, or how far
    it lies from the layer's mean: adding it once moves a place from the layer's mean to the
    points'. Its name says the layer and the kind.

    Raises
    ------
    InvalidValue
        There are no points, or their mean has no direction of that kind.
    """
    chosen = np.asarray(points, np.int64)
    if not len(chosen):
        raise InvalidValue("Nothing is selected.", hint="Select some points of the map first.")
    count = f"{len(chosen)} points" if len(chosen) > 1 else "1 point"
    mean = atlas.vectors[chosen].mean(axis=0, dtype=np.float64)
    return _feature(atlas, mean, kind, name=name or count, model=model)


def cell_direction(
    atlas: Atlas, side: int, cell: int, kind: Kind = "centred", *, model: str = ""
) -> Feature:
    """The direction of a cell: `cell` indexes the arrays of the level of `side` cells a side.

    See `direction`; its name gives the cell's column and row, and the grid where it is not the
    coarsest one. KeyError if there is no such level.
    """
    level = atlas.level(side)
    name = f"cell {int(level.x[cell])},{int(level.y[cell])}"
    if level is not atlas.levels[0]:
        name += f" ({side} × {side})"
    mean = level.vectors[cell].astype(np.float64)
    return _feature(atlas, mean, kind, name=name, model=model)


def vector(atlas: Atlas, mean: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    """The vector of a kind for the mean of some points, (C,) or (n, C); see `direction`."""
    if kind == "raw":
        return mean
    centred = mean - atlas.mean
    return centred if kind == "centred" else whitened(centred, atlas.covariance)


def whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """S = inv(covariance + r·I), with r = `RIDGE` × the mean variance.

    Of x from that distribution, E[(x − μ)ᵀ S (x − μ)] is C, but for the ridge: Σ λ / (λ + r)
    over the covariance's eigenvalues. The ridge keeps directions in which hardly anything, or
    nothing, was ever recorded (dead units, fewer points than units) from outweighing all others.
    """
    units = len(covariance)
    ridge = RIDGE * float(np.trace(covariance)) / max(units, 1)
    if not np.isfinite(ridge) or ridge <= 0:
        return np.zeros_like(covariance)
    return np.asarray(np.linalg.inv(covariance + ridge * np.eye(units)), np.float64)


def whitened(centred: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from the layer's mean, (C,) or (n, C), as directions of a whitened space.

    Each is multiplied by S (see `whitening`): what sets it apart from the layer weighs more than
    what varies everywhere (Carter et al., Activation Atlas, 2019; there of uncentred moments and
    without a ridge). The product has other units, so it is given the length that the vector had.
    """
    product = centred @ whitening(covariance)
    before = np.linalg.norm(centred, axis=-1, keepdims=True)
    after = np.linalg.norm(product, axis=-1, keepdims=True)
    scaled: NDArray[np.float64] = product * (before / np.where(after > 0, after, 1.0))
    return scaled


def too_many_units(layer: str) -> InvalidValue:
    """What to say where a layer has so many units that no covariance is known."""
    return InvalidValue(
        f"Nothing of '{layer}' can be whitened: it has too many units.",
        hint="Take the centred direction.",
    )


def _feature(
    atlas: Atlas, mean: NDArray[np.float64], kind: Kind, *, name: str, model: str
) -> Feature:
    if kind == "whitened" and len(atlas.covariance) != len(mean):
        raise too_many_units(atlas.layer)
    found = vector(atlas, mean, kind)
    scale = float(np.abs(atlas.mean).max(initial=0.0)) + float(np.abs(mean).max(initial=0.0))
    if not np.isfinite(found).all() or np.abs(found).max(initial=0.0) <= 1e-7 * scale:
        raise InvalidValue(
            f"The {kind} direction of {name} is none: its points are as the layer is on average."
            if kind != "raw"
            else f"The layer is zero at {name}.",
            hint="Choose another cell or selection.",
        )
    return Feature(
        layer=atlas.layer, vectors=as_vectors(found), model=model,
        name=f"{name} of {atlas.layer}, {kind}",
    )  # fmt: skip
