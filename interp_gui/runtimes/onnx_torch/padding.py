"""Pad, in all its modes and revisions."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from interp_gui.runtimes.onnx_torch.node import Built, Node, bounded, computed, whole


def pad(node: Node) -> Built:
    """Padding of any axis; negative numbers crop."""
    mode, declared = node.attribute("mode", "constant"), node.attribute("pads")
    fill = node.attribute("value", 0.0)
    if declared is not None:
        return computed(node, lambda x: _padded(x, list(declared), mode, fill))

    def apply(
        x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None
    ) -> Tensor:
        lengths = whole(pads)
        if axes is not None:
            half, spread = len(lengths) // 2, [0] * 2 * x.ndim
            for i, axis in enumerate(whole(axes)):
                spread[axis % x.ndim] = lengths[i]
                spread[x.ndim + axis % x.ndim] = lengths[half + i]
            lengths = spread
        number = value.item() if value is not None else 0
        return _padded(x, lengths, mode, number)

    return computed(node, apply, host=(1, 2, 3))


def _padded(x: Tensor, pads: Sequence[int], mode: str, value: float) -> Tensor:
    rank = x.ndim
    ends = list(zip(pads[:rank], pads[rank:], strict=True))
    bounded(max(n + a + b, 0) for n, (a, b) in zip(x.shape, ends, strict=True))
    if mode == "constant":
        order = [n for before, behind in reversed(ends) for n in (before, behind)]
        return functional.pad(x, order, value=value)
    for axis, (before, behind) in enumerate(ends):
        if before or behind:
            length = x.shape[axis]
            places = torch.arange(-before, length + behind, device=x.device)
            x = x.index_select(axis, _inside(places, length, mode))
    return x


def _inside(places: Tensor, length: int, mode: str) -> Tensor:
    """Which number stands at places beyond the ends."""
    if mode == "edge":
        return places.clamp(0, length - 1)
    if mode == "wrap":
        return places % length
    period = max(2 * (length - 1), 1)
    folded = places % period
    return torch.where(folded < length, folded, period - folded)
