"""Poolings."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from interp_gui.runtimes.onnx_torch.convolution import padded, pads_of, same_pads, window
from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, computed

_MAXIMUM: Mapping[int, Callable[..., nn.Module]] = {
    1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d,
}  # fmt: skip
_MAXIMUM_FUNCTIONS: Mapping[int, Callable[..., Tensor]] = {
    1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d,
}  # fmt: skip
_AVERAGE: Mapping[int, Callable[..., nn.Module]] = {
    1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d,
}  # fmt: skip
_SUMS: Mapping[int, Callable[..., Tensor]] = {
    1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d,
}  # fmt: skip
_GLOBAL: Mapping[int, Callable[..., nn.Module]] = {
    1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d,
}  # fmt: skip


class _Window:
    """How far a window slides, with what padding, for any extent of the input."""

    def __init__(self, node: Node) -> None:
        self.kernel = list(node.attribute("kernel_shape"))
        self.rank = len(self.kernel)
        if self.rank not in _MAXIMUM or len(node.shapes[0]) != self.rank + 2:
            raise node.refused(f"works in {self.rank} dimensions")
        self.strides, self.dilations = window(node, self.rank)
        self.pads = pads_of(node, self.rank)
        self.ceil = bool(node.attribute("ceil_mode", 0))

    def padding(self, extent: Sequence[int]) -> list[int]:
        """Padding as declared, before and behind."""
        if isinstance(self.pads, str):
            return same_pads(
                extent, self.kernel, self.strides, self.dilations, upper=self.pads == "upper"
            )
        return list(self.pads)

    def overhang(self, extent: Sequence[int], pads: Sequence[int]) -> list[int]:
        """What the last window reaches beyond the padding, where lengths are rounded up."""
        if not self.ceil or isinstance(self.pads, str):
            return [0] * self.rank
        beyond = []
        for i, length in enumerate(extent):
            reach = (self.kernel[i] - 1) * self.dilations[i] + 1
            full = length + pads[i] + pads[self.rank + i]
            steps = math.ceil((full - reach) / self.strides[i])
            # a window that would start in the padding behind is left out
            if steps * self.strides[i] >= length + pads[i]:
                steps -= 1
            beyond.append(max(steps * self.strides[i] + reach - full, 0))
        return beyond

    @property
    def even(self) -> bool:
        """Whether torch's own poolings can do it."""
        if isinstance(self.pads, str):
            return False
        before, behind = self.pads[: self.rank], self.pads[self.rank :]
        return before == behind and all(
            2 * p <= k for p, k in zip(before, self.kernel, strict=True)
        )


def _maximum(node: Node) -> Built:
    node.only_first_output()
    own = _Window(node)
    kernel, strides, dilations = tuple(own.kernel), tuple(own.strides), tuple(own.dilations)
    if own.even and node.constant(0) is None:
        pads = tuple(own.padding([0] * own.rank)[: own.rank])
        return Built(_MAXIMUM[own.rank](kernel, strides, pads, dilations, ceil_mode=own.ceil))

    def pool(x: Tensor) -> Tensor:
        pads = own.padding(x.shape[2:])
        pads = _longer(pads, own.overhang(x.shape[2:], pads))
        if not x.is_floating_point():
            raise node.refused("takes the maximum of whole numbers")
        x = padded(x, pads, -math.inf)
        return _MAXIMUM_FUNCTIONS[own.rank](x, kernel, strides, 0, dilations)

    return computed(node, pool)


def _average(node: Node) -> Built:
    own = _Window(node)
    counted = bool(node.attribute("count_include_pad", 0))
    plain = own.even and own.dilations == [1] * own.rank
    if plain and node.constant(0) is None:
        pads = tuple(own.padding([0] * own.rank)[: own.rank])
        return Built(
            _AVERAGE[own.rank](tuple(own.kernel), tuple(own.strides), pads, own.ceil, counted)
        )

    def pool(x: Tensor) -> Tensor:
        pads = own.padding(x.shape[2:])
        beyond = own.overhang(x.shape[2:], pads)
        ones = x.new_ones((1, 1, *x.shape[2:]))
        if counted:
            counts = padded(padded(ones, pads, 1.0), _longer([0] * len(pads), beyond))
        else:
            counts = padded(ones, _longer(pads, beyond))
        return _summed(padded(x, _longer(pads, beyond)), own) / _summed(counts, own)

    return computed(node, pool)


def _longer(pads: Sequence[int], beyond: Sequence[int]) -> list[int]:
    half = len(pads) // 2
    return [*pads[:half], *(p + b for p, b in zip(pads[half:], beyond, strict=True))]


def _summed(x: Tensor, own: _Window) -> Tensor:
    flat = x.reshape(-1, 1, *x.shape[2:])
    ones = x.new_ones((1, 1, *own.kernel))
    y = _SUMS[own.rank](flat, ones, stride=own.strides, dilation=own.dilations)
    return y.reshape(*x.shape[:2], *y.shape[2:])


def _lp(node: Node) -> Built:
    own, p = _Window(node), node.attribute("p", 2)

    def pool(x: Tensor) -> Tensor:
        pads = own.padding(x.shape[2:])
        x = padded(x, _longer(pads, own.overhang(x.shape[2:], pads)))
        return torch.pow(_summed(torch.pow(x.abs(), p), own), 1 / p)

    return computed(node, pool)


def _global_average(node: Node) -> Built:
    rank = len(node.shapes[0]) - 2
    if rank in _GLOBAL and node.constant(0) is None:
        return Built(_GLOBAL[rank](1))
    return computed(node, lambda x: x.mean(dim=tuple(range(2, x.ndim)), keepdim=True))


def _global_maximum(node: Node) -> Built:
    return computed(node, lambda x: torch.amax(x, dim=tuple(range(2, x.ndim)), keepdim=True))


def _global_lp(node: Node) -> Built:
    p = node.attribute("p", 2)

    def norm(x: Tensor) -> Tensor:
        axes = tuple(range(2, x.ndim))
        length: Tensor = torch.linalg.vector_norm(x, ord=p, dim=axes, keepdim=True)
        return length

    return computed(node, norm)


POOLINGS: Mapping[str, Builder] = {
    "MaxPool": _maximum,
    "AveragePool": _average,
    "LpPool": _lp,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_maximum,
    "GlobalLpPool": _global_lp,
}
