"""What one image makes of a layer: numbers for each unit, in one form for every kind of layer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.layer import LayerInfo

OUTPUT = ""
"""Stands for the model's output where a layer's name is expected."""

Values = dict[str, tuple[Tensor, ...]]
"""Layer -> one (C, …) tensor an image, the unit axis first; `OUTPUT` -> one (K,) an image."""

ReadingKind = Literal["mean", "place", "square", "output"]


def by_image(value: Tensor, info: LayerInfo, *, heads: bool = False) -> tuple[Tensor, ...]:
    """Split a batched value by image, with the unit (or head) axis first.

    Splitting once lets the gradient of all images flow back through one stacking.
    """
    axis = "head" if heads or "unit" not in info.axes else "unit"
    if axis not in info.axes:
        raise MissingAbility(f"Layer '{info.name}' has no units that could be looked at.")
    return value.movedim(info.axes.index(axis) + 1, 1).unbind(0)


def has_class_token(count: int) -> bool:
    """Whether so many tokens are a square grid of patches behind a class token."""
    return count > 1 and int((count - 1) ** 0.5 + 0.5) ** 2 == count - 1


def over_positions(value: Tensor, info: LayerInfo) -> Tensor:
    """(C, …) to (C, positions); of tokens only those of patches."""
    flat = value.reshape(value.shape[0], -1)
    tokens = info.axes.count("token") == 1 and len(info.axes) == 2
    return flat[:, 1:] if tokens and has_class_token(flat.shape[1]) else flat


def at_place(value: Tensor, info: LayerInfo, y: int | None = None, x: int | None = None) -> Tensor:
    """(C, …) to (C,): one position, the centre (extent // 2) unless given.

    A position is given on the layer's grid for images of the model's input size. For pictures of
    another size it is the cell that lies at the same place, so that what is optimised in a small
    picture is what is read once the picture is judged at full size.

    Raises
    ------
    InvalidValue
        If the position is outside the layer's grid.
    """
    axes = [axis for axis in info.axes if axis not in ("unit", "head")]
    if axes == ["token"]:
        return value[:, _token(value.shape[1], info, y, x)]
    if y is not None and ("y" not in axes or "x" not in axes):
        raise InvalidValue(
            f"Layer '{info.name}' has no rows and columns.", hint="Leave y and x out."
        )
    for axis in reversed(range(len(axes))):
        wanted = {"y": y, "x": x}.get(axes[axis])
        if axes[axis] in ("y", "x", "token"):
            extent = value.shape[axis + 1]
            index = extent // 2
            if wanted is not None:
                known = info.shape[info.axes.index(axes[axis])]
                if wanted >= known:
                    raise _outside(info, y, x, info.grid or (known,))
                index = (2 * wanted + 1) * extent // (2 * known)
            value = value.select(axis + 1, index)
    return value.reshape(value.shape[0], -1).mean(1)


def _token(count: int, info: LayerInfo, y: int | None, x: int | None) -> int:
    first = int(has_class_token(count))
    side = int((count - first) ** 0.5 + 0.5)
    if side**2 != count - first:
        if y is not None:
            raise InvalidValue(f"The tokens of '{info.name}' are no square grid.")
        return count // 2
    row, column = (side // 2, side // 2) if y is None or x is None else (y, x)
    if row >= side or column >= side:
        raise _outside(info, y, x, (side, side))
    return first + row * side + column


def _outside(info: LayerInfo, y: int | None, x: int | None, grid: tuple[int, ...]) -> InvalidValue:
    return InvalidValue(
        f"Position y={y}, x={x} is outside layer '{info.name}', "
        f"which is {' × '.join(map(str, grid))}."
    )


@dataclass(frozen=True)
class Reading:
    """The quantity by which pictures and photographs are compared.

    Parameters
    ----------
    layer
        Address, or `OUTPUT`.
    kind
        `mean` over positions, value at a `place`, mean `square` of the layer, or `output`.
    weights
        (C,) by which the units' numbers are combined; None where there is one number.
    """

    layer: str
    kind: ReadingKind
    y: int | None = None
    x: int | None = None
    heads: bool = False
    weights: NDArray[np.float64] | None = None

    @property
    def source(self) -> tuple[str, str, int | None, int | None, bool]:
        """What has to be read from an image; the weights come afterwards."""
        return self.layer, self.kind, self.y, self.x, self.heads

    def units(self, value: Tensor, info: LayerInfo | None) -> NDArray[np.float32]:
        """Numbers of all units for one image, (C,); one number for `square`."""
        with torch.no_grad():
            if self.kind == "output" or info is None:
                numbers = value.reshape(-1)
            elif self.kind == "square":
                numbers = value.square().mean().reshape(1)
            elif self.kind == "mean":
                numbers = over_positions(value, info).mean(1)
            else:
                numbers = at_place(value, info, self.y, self.x)
            result: NDArray[np.float32] = numbers.float().cpu().numpy()
            return result

    def combine(self, numbers: NDArray[np.float32]) -> NDArray[np.float64]:
        """(…, C) numbers of units to (…) of what was asked for."""
        wide = numbers.astype(np.float64)
        if self.weights is None:
            single: NDArray[np.float64] = wide[..., 0]
            return single
        result: NDArray[np.float64] = wide @ self.weights
        return result
