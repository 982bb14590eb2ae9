"""A layer's value as one map a unit, whatever order its axes have.

Convolutional layers have rows and columns; transformers over patches have tokens, of which the
first ones (class and register tokens) have no place in the image; classifier heads have neither.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.place import Place, resample_by_area

Floats = NDArray[np.float32]


def token_grid(tokens: int, size: tuple[int, int]) -> tuple[int, int, int]:
    """Rows and columns of the patches, and the tokens before them, for an input of `size`.

    The largest grid of the input's proportions that leaves the fewest tokens over: 197 tokens
    of a square input are 14 × 14 patches and one class token.
    """
    best = (1, tokens, 0)
    least = math.inf
    for rows in range(1, tokens + 1):
        columns = tokens // rows
        for width in {columns, min(columns, max(1, round(rows * size[1] / size[0])))}:
            extra = tokens - rows * width
            skew = abs(math.log((rows / width) * (size[1] / size[0])))
            cost = 4.0 * skew + extra / tokens
            if cost < least - 1e-9:
                best, least = (rows, width, extra), cost
    return best


def map_size(layer: LayerInfo, size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a layer's maps for an input of `size`; 1 × 1 without positions."""
    if layer.grid is not None:
        return layer.grid
    if layer.spatial:
        return patches(layer, size)[:2]
    return 1, 1


def patches(layer: LayerInfo, size: tuple[int, int]) -> tuple[int, int, int]:
    """Rows and columns of a layer's patches, and the tokens before them.

    As a describer followed them from the patch embedding; where none could, the likeliest grid.
    """
    if layer.token_grid is not None:
        return (*layer.token_grid, layer.prefix_tokens)
    return token_grid(layer.shape[layer.axes.index("token")], size)


def require_units(layer: LayerInfo) -> None:
    """Raise MissingAbility for a layer without a unit axis."""
    if not layer.units:
        raise MissingAbility(f"Layer '{layer.name}' has no units.", hint="Choose another layer.")


def require_positions(layer: LayerInfo) -> None:
    """Raise MissingAbility for a layer that has no positions in the image."""
    require_units(layer)
    if not layer.spatial:
        raise MissingAbility(
            f"Layer '{layer.name}' has no positions in the image.",
            hint="Choose a layer with rows and columns, or with tokens.",
        )


def unit_maps(
    value: NDArray[Any], layer: LayerInfo, size: tuple[int, int], *, heads: bool = False
) -> Floats:
    """Rearrange a batch of a layer's values to (N, units, h, w).

    Parameters
    ----------
    value
        Array (N, …) with axes as in `layer.axes`.
    size
        Height and width of the network's input, to tell how patches lie.
    heads
        Whether maps of heads are wanted in place of units: the root mean square over each head's
        units.

    Notes
    -----
    Class and register tokens are left out. Any axis that is neither unit nor position is reduced
    to its largest value.
    """
    axes = list(layer.axes)
    array = np.asarray(value, np.float32)
    if heads:
        array = np.sqrt((array**2).mean(axis=axes.index("unit") + 1))
        axes.remove("unit")
        axes[axes.index("head")] = "unit"
    places = ("y", "x", "token") if layer.spatial else ()
    for axis in [a for a in axes if a not in ("unit", *places)]:
        array = array.max(axis=axes.index(axis) + 1)
        axes.remove(axis)
    if "token" in axes:
        array = np.moveaxis(array, [axes.index("unit") + 1, axes.index("token") + 1], [1, 2])
        rows, columns, extra = patches(layer, size)
        array = array[:, :, extra:].reshape(*array.shape[:2], rows, columns)
    else:
        order = [axes.index(a) + 1 for a in ("unit", "y", "x") if a in axes]
        array = np.moveaxis(array, order, range(1, len(order) + 1))
        array = array.reshape(*array.shape[: len(order) + 1], *([1] * (3 - len(order))))
    return np.ascontiguousarray(array)


def feature_maps(maps: Floats, feature: Feature) -> Floats:
    """One map a picture of a feature: (N, h, w) from (N, units, h, w).

    One unit: its values. Directions: the coordinate ``B⁺x``, so that a direction's length does
    not matter twice. Several units or directions: the mean of their coordinates. A whole layer:
    the root mean square over its units.
    """
    if feature.whole_layer:
        rms: Floats = np.sqrt(np.mean(maps.astype(np.float64) ** 2, axis=1)).astype(np.float32)
        return rms
    if feature.units:
        picked: Floats = maps[:, list(feature.units)].mean(axis=1)
        return picked
    inverse = np.linalg.pinv(feature.basis(maps.shape[1]))
    coordinates = np.einsum("ku,nuhw->nkhw", inverse, maps.astype(np.float64))
    mean: Floats = coordinates.mean(axis=1).astype(np.float32)
    return mean


def region_weights(
    region: tuple[tuple[float, ...], ...], layer: LayerInfo, size: tuple[int, int]
) -> Floats:
    """Weights 0..1 of a brushed region on a layer's maps, (h, w); ones if nothing is brushed."""
    rows, columns = map_size(layer, size)
    if not region or not layer.spatial:
        return np.ones((rows, columns), np.float32)
    grid = np.asarray(region, np.float64)
    return resample_by_area(grid, rows, columns).astype(np.float32)


def region_place(
    region: tuple[tuple[float, ...], ...], layer: LayerInfo, size: tuple[int, int]
) -> Place:
    """The place that an edit needs to act on a brushed region; everywhere if nothing is brushed.

    In layers with tokens these are the tokens of which at least half is brushed, or the most
    brushed one where none is.
    """
    if not region or not layer.spatial:
        return Place()
    if layer.grid is not None:
        return Place("region", region=region)
    weights = region_weights(region, layer, size).ravel()
    _, _, extra = patches(layer, size)
    chosen = np.flatnonzero(weights >= 0.5)
    if not len(chosen):
        chosen = np.array([weights.argmax()])
    return Place("tokens", tokens=tuple(int(t) + extra for t in chosen))
