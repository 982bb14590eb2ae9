"""Convolutions, and the padding that they share with poolings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, computed

_CONVOLUTIONS: Mapping[int, type[nn.modules.conv._ConvNd]] = {
    1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d,
}  # fmt: skip
_TRANSPOSED: Mapping[int, type[nn.modules.conv._ConvTransposeNd]] = {
    1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d,
}  # fmt: skip
_FUNCTIONS: Mapping[int, Callable[..., Tensor]] = {
    1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d,
}  # fmt: skip
_TRANSPOSED_FUNCTIONS: Mapping[int, Callable[..., Tensor]] = {
    1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d,
}  # fmt: skip


def window(node: Node, rank: int) -> tuple[list[int], list[int]]:
    """Strides and dilations of a node that slides a window."""
    return (
        list(node.attribute("strides") or [1] * rank),
        list(node.attribute("dilations") or [1] * rank),
    )


def pads_of(node: Node, rank: int) -> list[int] | str:
    """Padding before all axes, then behind them; or `upper`, `lower` for 'as much as it takes'."""
    kind = node.attribute("auto_pad", "NOTSET") or "NOTSET"
    if kind == "VALID":
        return [0] * 2 * rank
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        return kind.removeprefix("SAME_").lower()
    return list(node.attribute("pads") or [0] * 2 * rank)


def same_pads(
    extent: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    *,
    upper: bool,
) -> list[int]:
    """Padding that makes the result extent / stride long, rounded up."""
    before, behind = [], []
    for length, k, s, d in zip(extent, kernel, strides, dilations, strict=True):
        wanted = -(-length // s)
        total = max((wanted - 1) * s + (k - 1) * d + 1 - length, 0)
        first = total // 2 if upper else total - total // 2
        before.append(first)
        behind.append(total - first)
    return before + behind


def padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    """Pad (or, by negative numbers, crop) the last axes."""
    if not any(pads):
        return x
    half = len(pads) // 2
    order = [n for axis in reversed(range(half)) for n in (pads[axis], pads[half + axis])]
    return functional.pad(x, order, value=value)


def _convolution(node: Node) -> Built:
    rank = len(node.shapes[1]) - 2
    if rank not in _CONVOLUTIONS:
        raise node.refused(f"works in {rank} dimensions")
    strides, dilations = window(node, rank)
    pads, groups = pads_of(node, rank), node.attribute("group", 1)
    weight, bias = node.constant(1), node.constant(2)
    fixed = weight is not None and (bias is not None or not node.has(2))
    kernel = list(node.shapes[1][2:])
    if isinstance(pads, str) and strides == [1] * rank:
        # With a stride of 1 the padding is the same for any image.
        pads = same_pads([1] * rank, kernel, strides, dilations, upper=pads == "upper")
    even = not isinstance(pads, str) and pads[:rank] == pads[rank:]
    if fixed and weight is not None and even and node.constant(0) is None:
        options = {
            "stride": tuple(strides), "padding": tuple(pads[:rank]), "groups": groups,
            "dilation": tuple(dilations), "bias": bias is not None,
        }  # fmt: skip
        return _filled(_CONVOLUTIONS[rank], weight.shape[1] * groups, weight, bias, options)

    def convolve(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        now = pads
        if isinstance(now, str):
            now = same_pads(x.shape[2:], kernel, strides, dilations, upper=now == "upper")
        return _FUNCTIONS[rank](
            padded(x, now), w, b, stride=strides, dilation=dilations, groups=groups
        )

    return computed(node, convolve)


def _filled(
    kind: Callable[..., Any], channels: int, weight: Tensor, bias: Tensor | None,
    options: dict[str, Any],
) -> Built:  # fmt: skip
    out = options["groups"] * weight.shape[1] if "output_padding" in options else weight.shape[0]
    with torch.device("meta"):  # nothing is initialised that is exchanged at once
        module: nn.Module = kind(channels, out, tuple(weight.shape[2:]), **options)
    # Own copies: nodes may share a constant, and edits of weights are in place.
    module.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        module.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return Built(module)


def _transposed(node: Node) -> Built:
    rank = len(node.shapes[1]) - 2
    if rank not in _TRANSPOSED:
        raise node.refused(f"works in {rank} dimensions")
    strides, dilations = window(node, rank)
    groups = node.attribute("group", 1)
    extra = list(node.attribute("output_padding") or [0] * rank)
    wanted = node.attribute("output_shape")
    weight, bias = node.constant(1), node.constant(2)
    pads = pads_of(node, rank)
    fixed = weight is not None and (bias is not None or not node.has(2))
    even = not isinstance(pads, str) and pads[:rank] == pads[rank:] and not wanted
    small = all(e < max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True))
    if fixed and weight is not None and even and small and node.constant(0) is None:
        options = {
            "stride": tuple(strides), "padding": tuple(pads[:rank]), "groups": groups,
            "output_padding": tuple(extra), "dilation": tuple(dilations),
            "bias": bias is not None,
        }  # fmt: skip
        return _filled(_TRANSPOSED[rank], weight.shape[0], weight, bias, options)

    def convolve(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        full = _TRANSPOSED_FUNCTIONS[rank](
            x, w, None, stride=strides, dilation=dilations, groups=groups
        )
        cut = _cut(x.shape[2:], full.shape[2:])
        y = padded(full, [-n for n in cut])
        return y if b is None else y + b.reshape(1, -1, *[1] * rank)

    def _cut(extent: Sequence[int], made: Sequence[int]) -> list[int]:
        whole = [m + e for m, e in zip(made, extra, strict=True)]
        if wanted or isinstance(pads, str):
            goal = wanted or [n * s for n, s in zip(extent, strides, strict=True)]
            total = [n - g for n, g in zip(whole, goal[-rank:], strict=True)]
            first = [max(t // 2 if pads == "upper" else t - t // 2, 0) for t in total]
            behind = [t - f for t, f in zip(total, first, strict=True)]
        else:
            first, behind = pads[:rank], pads[rank:]
        return [*first, *(b - e for b, e in zip(behind, extra, strict=True))]

    return computed(node, convolve)


CONVOLUTIONS: Mapping[str, Builder] = {"Conv": _convolution, "ConvTranspose": _transposed}
