"""Operators that change the shape of a value and none of its numbers."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from interp_gui.runtimes.onnx_torch.node import (
    Batch,
    Builder,
    Built,
    Node,
    bounded,
    changed,
    computed,
    whole,
)

_DTYPES: Mapping[int, torch.dtype] = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32,
    7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64, 16: torch.bfloat16,
}  # fmt: skip
"""By number of ONNX's element types."""


class Permute(nn.Module):
    """A transposition; `dims` as torchvision's module of this name has them."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = list(dims)

    def forward(self, x: Tensor) -> Tensor:
        """Reorder the axes."""
        return x.permute(self.dims)


def _transpose(node: Node) -> Built:
    dims = node.attribute("perm") or list(reversed(range(len(node.shapes[0]))))
    if node.constant(0) is not None:
        return computed(node, lambda x: x.permute(list(dims)))
    return Built(Permute(dims))


def _reshape(node: Node) -> Built:
    keep_zeros = bool(node.attribute("allowzero", 0))
    declared = node.attribute("shape")  # revision 1
    constant = node.constant(1)
    if declared is None and constant is not None:
        declared = whole(constant)

    def sizes(x: Tensor, wanted: Sequence[int]) -> list[int]:
        if keep_zeros:
            return list(wanted)
        return [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]

    if declared is not None and node.batch is not None:
        return repeated(node, node.batch, sizes(torch.empty(node.shapes[0], device="meta"),
                                                 declared))  # fmt: skip
    if declared is not None:
        fixed = tuple(declared)
        return computed(node, lambda x, _shape=None: x.reshape(sizes(x, fixed)), host=(1,))
    return computed(node, lambda x, shape: x.reshape(sizes(x, whole(shape))), host=(1,))


def repeated(node: Node, batch: Batch, shape: Sequence[int]) -> Built:
    """A reshape written for one image, done for several."""
    before = node.shapes[0]
    target = list(torch.empty(before, device="meta").reshape(list(shape)).shape)
    place = _place(before, batch, target, late=node.late)
    if place is None:
        raise node.refused("mixes images in a shape that holds for one only")

    def reshape(x: Tensor, _shape: Tensor | None = None) -> Tensor:
        grown = list(target)
        grown[place.axis] *= batch.images(x.shape)
        return x.reshape(grown)

    return changed(computed(node, reshape, host=(1,)), place)


def _place(
    before: Sequence[int], batch: Batch, after: Sequence[int], *, late: bool
) -> Batch | None:
    """Where the images go when a value is reshaped.

    Numbers keep their order, so what counts slower than the images still does. Where that ends
    between two axes, the images become an axis of length 1 if there is one there; else the last
    axis, which most often holds units, is left alone.
    """
    slower = math.prod(before[: batch.axis]) * batch.outer
    reached, ends = 1, [1]
    for length in after:
        reached *= length
        ends.append(reached)
    between = [j for j in range(len(after)) if ends[j] == slower]
    single = [j for j in between if after[j] == 1]
    if single:
        return Batch(axis=single[-1 if late else 0], outer=1, inner=1)
    if between:
        j = between[-1]
        if j == len(after) - 1 and j > 0:
            return Batch(axis=j - 1, outer=after[j - 1], inner=1)
        return Batch(axis=j, outer=1, inner=after[j])
    for j, length in enumerate(after):
        if ends[j] < slower < ends[j + 1] and slower % ends[j] == 0:
            outer = slower // ends[j]
            if length % outer == 0:
                return Batch(axis=j, outer=outer, inner=length // outer)
    if ends[-1] == slower and after:
        return Batch(axis=len(after) - 1, outer=after[-1], inner=1)
    return None


def _flatten(node: Node) -> Built:
    axis = node.axis(1)
    if axis == 1 and node.constant(0) is None and len(node.shapes[0]) > 1:
        return Built(nn.Flatten(1))
    if node.batch is not None:
        shape = node.shapes[0]
        return repeated(node, node.batch, (math.prod(shape[:axis]), math.prod(shape[axis:])))

    def flatten(x: Tensor) -> Tensor:
        return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))

    return computed(node, flatten)


def _squeeze(node: Node) -> Built:
    axes = node.ints(1, "axes")

    def squeeze(x: Tensor, _axes: Tensor | None = None) -> Tensor:
        return x.squeeze() if axes is None else x.squeeze(tuple(axes))

    return computed(node, squeeze, host=(1,))


def _unsqueeze(node: Node) -> Built:
    axes = node.ints(1, "axes") or []
    rank = len(node.shapes[0]) + len(axes)
    order = sorted(a % rank for a in axes)

    def unsqueeze(x: Tensor, _axes: Tensor | None = None) -> Tensor:
        for axis in order:
            x = x.unsqueeze(axis)
        return x

    return computed(node, unsqueeze, host=(1,))


def _expand(node: Node) -> Built:
    constant, batch = node.constant(1), node.batch
    if batch is not None and constant is not None:
        base = node.shapes[0]
        target = _together(base, whole(constant))
        axis = batch.axis + len(target) - len(base)

        def repeat(x: Tensor, _shape: Tensor) -> Tensor:
            grown = list(target)
            grown[axis] *= batch.images(x.shape)
            return x.expand(bounded(grown))

        return computed(node, repeat, host=(1,))

    def expand(x: Tensor, shape: Tensor) -> Tensor:
        return x.expand(bounded(_together(x.shape, whole(shape))))

    return computed(node, expand, host=(1,))


def _together(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The shape that two shapes broadcast to."""
    # not torch.broadcast_shapes, which loads a library of symbolic mathematics for seconds
    return list(np.broadcast_shapes(tuple(a), tuple(b)))


def _tile(x: Tensor, times: Tensor) -> Tensor:
    repeats = whole(times)
    bounded(n * t for n, t in zip(x.shape, repeats, strict=True))
    return x.repeat(repeats)


def _concat(node: Node) -> Built:
    axis = int(node.attribute("axis", 1))

    def concat(*values: Tensor) -> Tensor:
        if node.single:  # a constant for one image (a class token) meets values of several
            longest = [max(lengths) for lengths in zip(*(v.shape for v in values), strict=True)]
            values = tuple(_widened(v, longest, axis) for v in values)
        return torch.cat(values, dim=axis)

    return computed(node, concat)


def _widened(value: Tensor, longest: Sequence[int], axis: int) -> Tensor:
    shape = list(longest)
    shape[axis] = value.shape[axis]
    return value if list(value.shape) == shape else value.expand(shape)


def _split(node: Node) -> Built:
    axis, parts = int(node.attribute("axis", 0)), len(node.outputs)
    sizes = node.ints(1, "split")
    parts = int(node.attribute("num_outputs", parts))

    def split(x: Tensor, _sizes: Tensor | None = None) -> tuple[Tensor, ...]:
        if sizes is not None:
            return tuple(torch.split(x, sizes, dim=axis))
        return tuple(torch.split(x, -(-x.shape[axis] // parts), dim=axis))

    return computed(node, split, host=(1,))


def _shape(node: Node) -> Built:
    start, end = node.attribute("start", 0), node.attribute("end")
    return computed(node, lambda x: torch.tensor(x.shape[start:end], dtype=torch.int64))


def _cast(node: Node) -> Built:
    dtype = _DTYPES.get(int(node.attribute("to", 1)))
    if dtype is None:
        raise node.refused("makes a kind of number that PyTorch has not")
    if node.dtypes[0] == dtype:
        return computed(node, lambda x: x)
    return computed(node, lambda x: x.to(dtype))


def _filled(node: Node) -> Built:
    value = node.attribute("value")
    value = torch.zeros(1) if value is None else value.reshape(1)

    def fill(shape: Tensor) -> Tensor:
        return value.expand(bounded(whole(shape)) or [1]).reshape(whole(shape)).clone()

    return computed(node, fill, host=(0,))


def _range(start: Tensor, stop: Tensor, step: Tensor) -> Tensor:
    first, last, by = start.item(), stop.item(), step.item()
    (count,) = bounded([max(math.ceil((last - first) / by), 0)])
    return (torch.arange(count, device=start.device) * by + first).to(start.dtype)


def _depth_to_space(node: Node) -> Built:
    b, columns_first = node.attribute("blocksize"), node.attribute("mode", "DCR") == "DCR"

    def rearrange(x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        if columns_first:
            y = x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2)
        else:
            y = x.reshape(n, c // b**2, b, b, h, w).permute(0, 1, 4, 2, 5, 3)
        return y.reshape(n, c // b**2, h * b, w * b)

    return computed(node, rearrange)


def _space_to_depth(node: Node) -> Built:
    b = node.attribute("blocksize")

    def rearrange(x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
        return y.reshape(n, c * b * b, h // b, w // b)

    return computed(node, rearrange)


def _identity(node: Node) -> Built:
    return Built(nn.Identity()) if node.constant(0) is None else computed(node, lambda x: x)


def _dropout(node: Node) -> Built:
    node.only_first_output()
    training = node.constant(2)
    if node.has(2) and (training is None or bool(training.item())):
        raise node.refused("is in training mode")
    return computed(node, lambda x, *_rest: x)


SHAPES: Mapping[str, Builder] = {
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Tile": lambda node: computed(node, _tile, host=(1,)),
    "Concat": _concat,
    "Split": _split,
    "Shape": _shape,
    "Size": lambda node: computed(node, lambda x: torch.tensor(x.numel())),
    "Cast": _cast,
    "CastLike": lambda node: computed(node, lambda x, like: x.to(like.dtype)),
    "ConstantOfShape": _filled,
    "Range": lambda node: computed(node, _range),
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Identity": _identity,
    "Dropout": _dropout,
}
