"""Operators that pick numbers by their place, or put them there."""

from collections.abc import Mapping

import torch
from torch import Tensor

from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, bounded, computed, whole
from interp_gui.runtimes.onnx_torch.padding import pad
from interp_gui.runtimes.onnx_torch.shapes import repeated

_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _counted(indices: Tensor, length: int) -> Tensor:
    """Indices from the front."""
    return torch.where(indices < 0, indices + length, indices).long()


def _gather(node: Node) -> Built:
    axis = int(node.attribute("axis", 0))
    single = node.constant(1)
    if single is not None and single.numel() == 1:
        index = int(single.item())
        shape = tuple(single.shape)

        def pick(x: Tensor, _index: Tensor) -> Tensor:
            y = x.select(axis, index)
            if not shape:
                return y
            a = axis % x.ndim
            return y.reshape(*x.shape[:a], *shape, *x.shape[a + 1 :])

        return computed(node, pick, host=(1,))
    # torch's newer exporter writes views of memory as a list of all places, in order
    listed = single is not None and len(node.shapes[0]) == 1 and torch.equal(
        single.flatten().long(), torch.arange(node.shapes[0][0])
    )  # fmt: skip
    if node.batch is not None and single is not None and listed:
        return repeated(node, node.batch, tuple(single.shape))

    def gather(x: Tensor, indices: Tensor) -> Tensor:
        a = axis % x.ndim
        flat = _counted(indices, x.shape[a]).flatten()
        y = x.index_select(a, flat)
        return y.reshape(*x.shape[:a], *indices.shape, *x.shape[a + 1 :])

    return computed(node, gather)


def _gather_elements(node: Node) -> Built:
    axis = int(node.attribute("axis", 0))
    return computed(node, lambda x, i: torch.gather(x, axis, _counted(i, x.shape[axis])))


def _gather_nd(node: Node) -> Built:
    batch = int(node.attribute("batch_dims", 0))

    def gather(x: Tensor, indices: Tensor) -> Tensor:
        depth = indices.shape[-1]
        places = [_counted(indices[..., d], x.shape[batch + d]) for d in range(depth)]
        for d in reversed(range(batch)):
            shape = [1] * (indices.ndim - 1)
            shape[d] = x.shape[d]
            places.insert(0, torch.arange(x.shape[d], device=x.device).reshape(shape))
        return x[tuple(places)]

    return computed(node, gather)


def _slice(node: Node) -> Built:
    if "starts" in node.attributes:
        declared = [node.attribute(n) for n in ("starts", "ends", "axes")]

        def cut_by_attributes(x: Tensor) -> Tensor:
            starts, ends, axes = declared
            return _cut(x, starts, ends, axes or range(len(starts)), [1] * len(starts))

        return computed(node, cut_by_attributes)

    def cut(
        x: Tensor, starts: Tensor, ends: Tensor,
        axes: Tensor | None = None, steps: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        first, last = whole(starts), whole(ends)
        chosen = whole(axes) if axes is not None else list(range(len(first)))
        by = whole(steps) if steps is not None else [1] * len(first)
        return _cut(x, first, last, chosen, by)

    return computed(node, cut, host=(1, 2, 3, 4))


def _cut(x: Tensor, starts: list[int], ends: list[int], axes: object, steps: list[int]) -> Tensor:
    for start, end, axis, step in zip(starts, ends, list(axes), steps, strict=True):  # type: ignore[call-overload]
        length = x.shape[axis]
        picked = _picked(start, end, step, length)
        if step > 0:
            every = [slice(None)] * x.ndim
            every[axis] = slice(picked.start, max(picked.stop, picked.start), step)
            x = x[tuple(every)]
        else:
            x = x.index_select(axis, torch.tensor(list(picked), dtype=torch.long, device=x.device))
    return x


def _picked(start: int, end: int, step: int, length: int) -> range:
    """Indices of a slice; unlike Python's, one that starts before the first goes back from it."""
    start += length if start < 0 else 0
    end += length if end < 0 else 0
    if step > 0:
        return range(min(max(start, 0), length), min(max(end, 0), length), step)
    return range(min(max(start, 0), length - 1), min(max(end, -1), length - 1), step)


def _scatter_elements(node: Node) -> Built:
    axis, reduction = int(node.attribute("axis", 0)), node.attribute("reduction", "none")

    def scatter(x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        places = _counted(indices, x.shape[axis])
        if reduction == "none":
            return x.scatter(axis, places, updates)
        return x.scatter_reduce(axis, places, updates, _REDUCTIONS[reduction])

    return computed(node, scatter)


def _scatter_nd(node: Node) -> Built:
    reduction = node.attribute("reduction", "none")

    def scatter(x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        depth = indices.shape[-1]
        places = tuple(_counted(indices[..., d], x.shape[d]) for d in range(depth))
        if reduction in ("none", "add"):
            return x.index_put(places, updates, accumulate=reduction == "add")
        flat = torch.zeros(places[0].shape, dtype=torch.long, device=x.device)
        for d, place in enumerate(places):
            flat = flat * x.shape[d] + place
        rows = x.reshape(-1, *x.shape[depth:])
        index = flat.reshape(-1, *[1] * (rows.ndim - 1)).expand(-1, *rows.shape[1:])
        values = updates.reshape(-1, *rows.shape[1:])
        return rows.scatter_reduce(0, index, values, _REDUCTIONS[reduction]).reshape(x.shape)

    return computed(node, scatter)


def _triangle(node: Node) -> Built:
    upper = bool(node.attribute("upper", 1))

    def cut(x: Tensor, k: Tensor | None = None) -> Tensor:
        diagonal = int(k.item()) if k is not None else 0
        return torch.triu(x, diagonal) if upper else torch.tril(x, diagonal)

    return computed(node, cut, host=(1,))


def _one_hot(node: Node) -> Built:
    axis = int(node.attribute("axis", -1))

    def encode(indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
        count = int(depth.item())
        bounded([*indices.shape, count])
        place = axis % (indices.ndim + 1)
        own = _counted(indices.long(), count).unsqueeze(place)
        shape = [1] * (indices.ndim + 1)
        shape[place] = count
        hot = own == torch.arange(count, device=indices.device).reshape(shape)
        return torch.where(hot, values[1], values[0])

    return computed(node, encode, host=(1,))


def _eye(node: Node) -> Built:
    k = int(node.attribute("k", 0))
    if node.attribute("dtype") not in (None, 1):
        raise node.refused("makes another kind of number")

    def eye(x: Tensor) -> Tensor:
        rows, columns = x.shape
        square = torch.ones(rows, columns, device=x.device)
        return square.tril(k).triu(k).to(x.dtype if node.attribute("dtype") is None else None)

    return computed(node, eye)


INDEXING: Mapping[str, Builder] = {
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Slice": _slice,
    "Pad": pad,
    "ScatterElements": _scatter_elements,
    "Scatter": _scatter_elements,
    "ScatterND": _scatter_nd,
    "Trilu": _triangle,
    "OneHot": _one_hot,
    "EyeLike": _eye,
    "NonZero": lambda node: computed(node, lambda x: torch.nonzero(x).T.contiguous()),
}
