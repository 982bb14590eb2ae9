"""One vector for an image or a box of it, from a layer's value."""

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.concept.collecting import Box
from interp_gui.analyses.concept.settings import Pooling
from interp_gui.analyses.unit_maps import require_units, unit_maps
from interp_gui.core.errors import InterpError, MissingAbility
from interp_gui.core.layer import LayerInfo

Floats = NDArray[np.float32]


def require_one_vector(layer: LayerInfo, pooling: Pooling) -> None:
    """Raise MissingAbility for a layer that has no vector an image to pool."""
    require_units(layer)
    if "head" in layer.axes:
        raise MissingAbility(
            f"Layer '{layer.name}' holds a vector for each head, and a concept is one direction.",
            hint="Choose the attention's output, where the heads are joined, or the block's.",
        )
    if pooling == "class-token":
        if layer.class_token is None or "token" not in layer.axes or "other" in layer.axes:
            raise MissingAbility(
                f"Layer '{layer.name}' has no class token.",
                hint="Choose a layer of a transformer that has one, or take the mean.",
            )
        return
    known = {"unit", "y", "x", "token"} if layer.spatial else {"unit"}
    if not set(layer.axes) <= known:
        raise MissingAbility(
            f"Layer '{layer.name}' does not hold one vector for each place in the image.",
            hint="Choose the output of its block.",
        )


def has_vector(layer: LayerInfo, pooling: Pooling) -> bool:
    """Whether `require_one_vector` passes."""
    try:
        require_one_vector(layer, pooling)
    except InterpError:
        return False
    return True


def box_weights(box: Box | None, rows: int, columns: int) -> NDArray[np.float64]:
    """Share of each cell of a grid over the image that a box covers, (rows, columns)."""
    if box is None:
        return np.ones((rows, columns))
    top, left, bottom, right = box
    return np.outer(_covered(top, bottom, rows), _covered(left, right, columns))


def pooled(
    value: NDArray[np.float32],
    layer: LayerInfo,
    size: tuple[int, int],
    box: Box | None,
    pooling: Pooling,
) -> Floats:
    """One vector (C,) of one image's value.

    Parameters
    ----------
    value
        (1, …) with the layer's axes.
    size
        Height and width of the network's input.
    box
        Part of the image; positions count by how much of them it covers. Of no account in a
        layer without positions, and for the class token.
    """
    if pooling == "class-token":
        axis = layer.axes.index("token") + 1
        token = np.take(value, layer.class_token or 0, axis=axis)
        return np.asarray(token.reshape(-1), np.float32)
    maps = unit_maps(value, layer, size)[0]
    weights = box_weights(box if layer.spatial else None, *maps.shape[1:])
    if pooling == "maximum":
        return np.asarray(maps[:, weights > 0].max(axis=1), np.float32)
    total = (maps.astype(np.float64) * weights).sum(axis=(1, 2))
    return np.asarray(total / weights.sum(), np.float32)


def _covered(low: float, high: float, cells: int) -> NDArray[np.float64]:
    edges = np.arange(cells + 1) / cells
    share = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    covered: NDArray[np.float64] = np.clip(share * cells, 0.0, None)
    return covered
