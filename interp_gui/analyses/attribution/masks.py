"""Where a position of a layer's maps lies in the layer's value."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.unit_maps import map_size, patches
from interp_gui.core.errors import InvalidValue
from interp_gui.core.layer import LayerInfo

if TYPE_CHECKING:
    from torch import Tensor


def masks(layer: LayerInfo, places: Sequence[int], size: tuple[int, int]) -> "Tensor":
    """Ones at one position each, (n, …), to be multiplied with a layer's value.

    Parameters
    ----------
    places
        Positions of the layer's maps row by row, as `unit_maps` has them: class and register
        tokens do not count. A layer without positions has place 0 only, which is all of it.
    size
        Height and width of the network's input.
    """
    import torch

    rows, columns = map_size(layer, size)
    if any(not 0 <= place < rows * columns for place in places):
        raise InvalidValue(
            f"Layer '{layer.name}' has {rows} × {columns} positions.",
            hint="Positions count row by row from 0.",
        )
    if not layer.spatial:
        return torch.ones((len(places), *(1 for _ in layer.axes)))
    wanted: NDArray[np.int64] = np.asarray(places, np.int64)
    count = np.arange(len(wanted))
    if layer.grid is not None:
        flat = np.zeros((len(wanted), rows, columns), np.float32)
        flat[count, wanted // columns, wanted % columns] = 1.0
        own: tuple[str, ...] = ("y", "x")
    else:
        before = patches(layer, size)[2]
        flat = np.zeros((len(wanted), layer.shape[layer.axes.index("token")]), np.float32)
        flat[count, wanted + before] = 1.0
        own = ("token",)
    # other axes (units, heads) are all taken
    order = sorted(own, key=[str(axis) for axis in layer.axes].index)
    flat = np.moveaxis(flat, [1 + own.index(axis) for axis in order], range(1, len(own) + 1))
    extents = iter(flat.shape[1:])
    shape = [next(extents) if axis in own else 1 for axis in layer.axes]
    return torch.from_numpy(np.ascontiguousarray(flat.reshape(len(wanted), *shape)))
