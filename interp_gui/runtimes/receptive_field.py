"""Which pixels a position of a layer can depend on, found by gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from interp_gui.core.errors import InvalidValue
from interp_gui.core.layer import LayerInfo
from interp_gui.runtimes.relaxed import Relaxed
from interp_gui.runtimes.torch_runtime import TorchRuntime

_FLOAT_DEPTH = 60
"""Convolutions wider than a pixel after which single precision may lose a field's corners."""


class Box(NamedTuple):
    """A rectangle of input pixels; `bottom` and `right` lie behind the last one."""

    top: int
    left: int
    bottom: int
    right: int


def receptive_field(
    runtime: TorchRuntime,
    layer: str,
    position: tuple[int, int],
    *,
    check: Callable[[], None] = lambda: None,
) -> Box:
    """Pixels that the value at a position of a layer depends on, clipped to the input.

    Parameters
    ----------
    layer
        Address. A layer without rows and columns sees the whole input.
    position
        Row and column on the layer's grid.
    check
        Called before each pass through the network, forward or backward; leaves by raising.

    Returns
    -------
    The union over the layer's units. Squeeze-and-excitation gates, which see everything, are
    left out.

    Raises
    ------
    InvalidValue
        The position lies outside the layer's grid.

    Notes
    -----
    The field is the non-zero box of the gradient in a network of uniform weights (see
    `runtimes.relaxed`). One pass a layer gives the fields near two corners, from which those
    of all positions follow by the stride; where the middle disagrees (window attention), each
    position is differentiated by itself.
    """
    info = runtime.layer(layer)
    height, width = runtime.preprocessing.size
    if info.grid is None:
        return Box(0, 0, height, width)
    if not all(0 <= p < n for p, n in zip(position, info.grid, strict=True)):
        raise InvalidValue(
            f"Position {position[0]},{position[1]} is outside the grid of '{layer}'.",
            hint=f"The grid is {info.grid[0]} × {info.grid[1]}.",
        )
    memo = runtime.memo
    key = ("receptive field", info.name)
    if key not in memo:
        memo[key] = _measured(runtime, info, check)
    field: _Field | None = memo[key]
    if field is not None:
        return field.at(position)
    single = (*key, *position)
    if single not in memo:
        memo[single] = _boxes(runtime, info, [position], check)[0]
    box: Box = memo[single]
    return box


@dataclass(frozen=True)
class _Edges:
    """Fields along one axis: the ends of the first two and the starts of the last two."""

    size: int
    count: int
    ends: tuple[int, int]
    starts: tuple[int, int]

    def at(self, index: int) -> tuple[int, int]:
        """Start and end of the field at an index.

        An end at the border of the input hides where the field would go on to, but then all
        further ones end there too.
        """
        end = self.ends[0] if index == 0 else self.ends[1]
        if index > 1 and self.ends[1] < self.size:
            end = min(self.size, self.ends[0] + index * (self.ends[1] - self.ends[0]))
        back = self.count - 1 - index
        start = self.starts[0] if back == 0 else self.starts[1]
        if back > 1 and self.starts[1] > 0:
            start = max(0, self.starts[0] - back * (self.starts[0] - self.starts[1]))
        return start, end


@dataclass(frozen=True)
class _Field:
    rows: _Edges
    columns: _Edges

    def at(self, position: tuple[int, int]) -> Box:
        top, bottom = self.rows.at(position[0])
        left, right = self.columns.at(position[1])
        return Box(top, left, bottom, right)


def _measured(runtime: TorchRuntime, info: LayerInfo, check: Callable[[], None]) -> _Field | None:
    """The field of every position, or None if it does not just shift from one to the next."""
    assert info.grid is not None
    height, width = info.grid
    corners = [
        (0, 0),
        (min(1, height - 1), min(1, width - 1)),
        (max(height - 2, 0), max(width - 2, 0)),
        (height - 1, width - 1),
    ]
    middle = (height // 2, width // 2)
    third = (height // 3, width // 3)
    wanted = [*corners, middle, third]
    first, second, before_last, last, *tests = _boxes(runtime, info, wanted, check)
    size = runtime.preprocessing.size
    field = _Field(
        rows=_Edges(size[0], height, (first.bottom, second.bottom), (last.top, before_last.top)),
        columns=_Edges(size[1], width, (first.right, second.right), (last.left, before_last.left)),
    )
    shifts = all(field.at(p) == box for p, box in zip((middle, third), tests, strict=True))
    return field if shifts else None


def _boxes(
    runtime: TorchRuntime,
    info: LayerInfo,
    positions: list[tuple[int, int]],
    check: Callable[[], None],
) -> list[Box]:
    """Non-zero boxes of the gradients at some positions, by one pass through the network."""
    assert info.grid is not None
    channels = len(runtime.preprocessing.mean)
    deep = _depth(runtime.module) > _FLOAT_DEPTH and runtime.device != "mps"
    x = torch.ones(
        (1, channels, *runtime.preprocessing.size),
        dtype=torch.float64 if deep else torch.float32,
        device=runtime.device,
        requires_grad=True,
    )
    check()
    with torch.enable_grad(), Relaxed(detach_gates=info.grid != (1, 1)):
        value = runtime.trace(x, capture=[info.name], until=info.name).captured[info.name]
        plane = value.sum(dim=info.unit_axis)
    rows_first = info.axes.index("y") < info.axes.index("x")
    boxes = []
    for y, x_position in positions:
        check()
        at = (0, y, x_position) if rows_first else (0, x_position, y)
        (gradient,) = torch.autograd.grad(plane[at], x, retain_graph=True)
        boxes.append(_box(gradient[0]))
    return boxes


def _box(gradient: Tensor) -> Box:
    seen = (gradient != 0).any(dim=0)
    rows, columns = seen.any(dim=1).nonzero(), seen.any(dim=0).nonzero()
    if not len(rows):
        return Box(0, 0, *seen.shape)
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _depth(module: nn.Module) -> int:
    wide = (m for m in module.modules() if isinstance(m, nn.Conv2d) and max(m.kernel_size) > 1)
    return sum(1 for _ in wide)
