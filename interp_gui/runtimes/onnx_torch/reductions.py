"""Reductions, and what finds the place of a maximum."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, computed, whole

Reduce = Callable[[Tensor, tuple[int, ...], bool], Tensor]


def _reduction(function: Reduce, single: Callable[[Tensor], Tensor] = lambda x: x) -> Builder:
    """`single` is what a reduction over no axis does to each number."""

    def build(node: Node) -> Built:
        kept = bool(node.attribute("keepdims", 1))
        nothing = bool(node.attribute("noop_with_empty_axes", 0))
        declared = node.attribute("axes")

        def reduce(x: Tensor, axes: Tensor | None = None) -> Tensor:
            chosen = whole(axes) if axes is not None else list(declared or ())
            if not chosen and nothing:
                return single(x)
            if x.ndim == 0:
                return function(x.reshape(1), (0,), False)
            return function(x, tuple(chosen or range(x.ndim)), kept)

        return computed(node, reduce, host=(1,))

    return build


def _mean(x: Tensor, axes: tuple[int, ...], kept: bool) -> Tensor:
    if x.is_floating_point():
        return x.mean(dim=axes, keepdim=kept)
    total = x.sum(dim=axes, keepdim=kept)
    count = x.numel() // max(total.numel(), 1)
    return torch.div(total, count, rounding_mode="trunc").to(x.dtype)


def _sum(x: Tensor, axes: tuple[int, ...], kept: bool) -> Tensor:
    return x.sum(dim=axes, keepdim=kept, dtype=x.dtype)


def _product(x: Tensor, axes: tuple[int, ...], kept: bool) -> Tensor:
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        x = x.prod(dim=axis, keepdim=kept, dtype=x.dtype)
    return x


def _length(x: Tensor, axes: tuple[int, ...], kept: bool) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x, dim=axes, keepdim=kept)
    return length


def _extreme(*, largest: bool) -> Builder:
    def build(node: Node) -> Built:
        axis, kept = node.attribute("axis", 0), bool(node.attribute("keepdims", 1))
        last = bool(node.attribute("select_last_index", 0))

        def find(x: Tensor) -> Tensor:
            if last:
                x = x.flip(axis)
            found = (torch.argmax if largest else torch.argmin)(x, dim=axis, keepdim=kept)
            return x.shape[axis] - 1 - found if last else found

        return computed(node, find)

    return build


def _top(node: Node) -> Built:
    axis, largest = node.attribute("axis", -1), bool(node.attribute("largest", 1))
    fixed = node.attribute("k")

    def find(x: Tensor, count: Tensor | None = None) -> tuple[Tensor, Tensor]:
        k = int(count.item()) if count is not None else int(fixed)
        order = torch.sort(x, dim=axis, descending=largest, stable=True)
        return order.values.narrow(axis, 0, k), order.indices.narrow(axis, 0, k)

    return computed(node, find, host=(1,))


def _running(node: Node) -> Built:
    exclusive, reverse = bool(node.attribute("exclusive", 0)), bool(node.attribute("reverse", 0))

    def total(x: Tensor, axis: Tensor) -> Tensor:
        a = int(axis.item())
        turned = x.flip(a) if reverse else x
        y = torch.cumsum(turned, dim=a, dtype=x.dtype)
        y = y - turned if exclusive else y
        return y.flip(a) if reverse else y

    return computed(node, total, host=(1,))


def _absolute_sum(x: Tensor, axes: tuple[int, ...], kept: bool) -> Any:
    return _sum(x.abs(), axes, kept)


REDUCTIONS: Mapping[str, Builder] = {
    "ReduceMean": _reduction(_mean),
    "ReduceSum": _reduction(_sum),
    "ReduceMax": _reduction(lambda x, axes, kept: torch.amax(x, dim=axes, keepdim=kept)),
    "ReduceMin": _reduction(lambda x, axes, kept: torch.amin(x, dim=axes, keepdim=kept)),
    "ReduceProd": _reduction(_product),
    "ReduceL1": _reduction(_absolute_sum, torch.abs),
    "ReduceL2": _reduction(_length, torch.abs),
    "ReduceSumSquare": _reduction(lambda x, axes, kept: _sum(x * x, axes, kept), torch.square),
    "ReduceLogSum": _reduction(lambda x, axes, kept: _sum(x, axes, kept).log(), torch.log),
    "ReduceLogSumExp": _reduction(lambda x, axes, kept: torch.logsumexp(x, dim=axes, keepdim=kept)),
    "ArgMax": _extreme(largest=True),
    "ArgMin": _extreme(largest=False),
    "TopK": _top,
    "CumSum": _running,
}
