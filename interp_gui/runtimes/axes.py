"""What the axes of a layer's value mean, followed through a pass from module to module."""

from typing import Any

from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from interp_gui.core.layer import Axis

Axes = tuple[Axis, ...]

CHANNELS_FIRST: tuple[type[nn.Module], ...] = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.Upsample,
)
_FIRST: dict[int, Axes] = {
    1: ("unit",),
    2: ("unit", "other"),
    3: ("unit", "y", "x"),
    4: ("unit", "other", "y", "x"),
}
_LAST: dict[int, Axes] = {
    1: ("unit",),
    2: ("token", "unit"),
    3: ("y", "x", "unit"),
    4: ("other", "y", "x", "unit"),
}


class Layouts:
    """Axes of every value of one pass.

    The module type settles convolutions, poolings, norms and linear maps; everything else keeps
    the meaning of the tensor that it passes on, of its input, or of the last value of the same
    shape, in this order.

    Parameters
    ----------
    square
        Whether the network's input is square: then a grid that is not is no picture.
    """

    def __init__(self, *, square: bool) -> None:
        self._square = square
        self._by_tensor: Any = WeakIdKeyDictionary()
        self._by_shape: dict[tuple[int, ...], Axes] = {}
        self._inputs: dict[str, tuple[tuple[int, ...], Axes]] = {}

    def of_input(self, path: str, value: Tensor) -> Axes:
        """Axes of a module's input (without the batch axis)."""
        axes = self._known(value) or _default(value.ndim - 1)
        self._inputs[path] = (tuple(value.shape), axes)
        return axes

    def of_output(self, path: str, module: nn.Module, value: Tensor) -> Axes:
        """Axes of what a module returns (without the batch axis)."""
        axes = self._by_type(path, module, value) or self._carried(path, value)
        if self._square and axes == _LAST[3] and value.shape[1] != value.shape[2]:
            return ("other", "other", "unit")
        return axes

    def of_sum(self, value: Tensor) -> Axes:
        """Axes of a sum: those of the last value of its shape."""
        return self._known(value) or _default(value.ndim - 1)

    def remember(self, value: Tensor, axes: Axes) -> None:
        """Note the axes of a tensor that goes on into the network."""
        self._by_tensor[value] = axes
        self._by_shape[tuple(value.shape)] = axes

    def _known(self, value: Tensor) -> Axes | None:
        known: Axes | None = self._by_tensor.get(value)
        return known or self._by_shape.get(tuple(value.shape))

    def _by_type(self, path: str, module: nn.Module, value: Tensor) -> Axes | None:
        rank = value.ndim - 1
        if isinstance(module, CHANNELS_FIRST):
            return _FIRST.get(rank)
        if isinstance(module, nn.Linear) or type(module) is nn.LayerNorm:
            return _LAST.get(rank)
        dims = getattr(module, "dims", None)
        if type(module).__name__ == "Permute" and dims is not None and path in self._inputs:
            before = self._inputs[path][1]
            if len(before) == rank and dims[0] == 0:
                return tuple(before[d - 1] for d in dims[1:])
        return None

    def _carried(self, path: str, value: Tensor) -> Axes:
        known: Axes | None = self._by_tensor.get(value)
        if known:
            return known
        shape, axes = self._inputs.get(path, ((), ()))
        if axes and shape == tuple(value.shape):
            return axes
        return self._by_shape.get(tuple(value.shape)) or _default(value.ndim - 1)


def _default(rank: int) -> Axes:
    if rank == 2:
        return _LAST[2]
    others: list[Axis] = ["other"] * (rank - 1)
    return _FIRST.get(rank) or ("unit", *others)
