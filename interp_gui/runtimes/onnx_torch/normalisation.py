"""Norms."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, computed

_BATCH_NORMS: Mapping[int, Callable[..., nn.modules.batchnorm._BatchNorm]] = {
    2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d,
}  # fmt: skip
_GROUP_SCALES_UNTIL = 20  # revisions in which group norms scale groups and not channels


def _batch(node: Node) -> Built:
    node.only_first_output()
    if node.attribute("training_mode", 0):
        raise node.refused("takes its statistics from the batch, as in training")
    epsilon = node.attribute("epsilon", 1e-5)
    values = [node.constant(i) for i in range(1, 5)]
    rank = len(node.shapes[0])
    if node.constant(0) is not None or any(v is None for v in values) or rank not in _BATCH_NORMS:
        return computed(
            node, lambda x, w, b, m, v: functional.batch_norm(x, m, v, w, b, eps=epsilon)
        )
    weight, bias, mean, var = (v.clone() for v in values if v is not None)
    module = _BATCH_NORMS[rank](len(weight), eps=epsilon)
    module.weight = nn.Parameter(weight, requires_grad=False)
    module.bias = nn.Parameter(bias, requires_grad=False)
    module.running_mean, module.running_var = mean, var
    return Built(module.eval())


def _instance(node: Node) -> Built:
    epsilon = node.attribute("epsilon", 1e-5)
    return computed(
        node, lambda x, w, b: functional.instance_norm(x, weight=w, bias=b, eps=epsilon)
    )


def _group(node: Node) -> Built:
    groups, epsilon = node.attribute("num_groups"), node.attribute("epsilon", 1e-5)
    weight, bias = node.constant(1), node.constant(2)
    by_group = node.opset <= _GROUP_SCALES_UNTIL
    if weight is not None and bias is not None and node.constant(0) is None and not by_group:
        module = nn.GroupNorm(groups, len(weight), eps=epsilon)
        module.weight = nn.Parameter(weight.clone(), requires_grad=False)
        module.bias = nn.Parameter(bias.clone(), requires_grad=False)
        return Built(module)

    def norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        if by_group:
            each = x.shape[1] // groups
            w, b = w.repeat_interleave(each), b.repeat_interleave(each)
        return functional.group_norm(x, groups, w, b, eps=epsilon)

    return computed(node, norm)


def _layer(node: Node) -> Built:
    node.only_first_output()
    rank = len(node.shapes[0])
    axis, epsilon = node.axis(-1), node.attribute("epsilon", 1e-5)
    weight, bias = node.constant(1), node.constant(2)
    shape = node.shapes[0][axis:]
    known = weight is not None and (bias is not None or not node.has(2))
    fits = all(v is None or tuple(v.shape) == shape for v in (weight, bias))
    if known and fits and weight is not None and node.constant(0) is None:
        module = nn.LayerNorm(shape, eps=epsilon, bias=bias is not None)
        module.weight = nn.Parameter(weight.clone(), requires_grad=False)
        if bias is not None:
            module.bias = nn.Parameter(bias.clone(), requires_grad=False)
        return Built(module)

    def norm(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        axes = tuple(range(axis - rank, 0))
        centred = x - x.mean(dim=axes, keepdim=True)
        variance = (centred * centred).mean(dim=axes, keepdim=True)
        y = centred * torch.rsqrt(variance + epsilon) * w
        return y if b is None else y + b

    return computed(node, norm)


def _root_mean_square(node: Node) -> Built:
    rank = len(node.shapes[0])
    axis, epsilon = node.axis(-1), node.attribute("epsilon", 1e-5)

    def norm(x: Tensor, w: Tensor) -> Tensor:
        axes = tuple(range(axis - rank, 0))
        return x * torch.rsqrt((x * x).mean(dim=axes, keepdim=True) + epsilon) * w

    return computed(node, norm)


def _mean_variance(node: Node) -> Built:
    axes = tuple(node.attribute("axes") or (0, 2, 3))

    def norm(x: Tensor) -> Tensor:
        centred = x - x.mean(dim=axes, keepdim=True)
        deviation = (centred * centred).mean(dim=axes, keepdim=True).sqrt()
        return centred / (deviation + 1e-9)

    return computed(node, norm)


def _local_response(node: Node) -> Built:
    size = node.attribute("size")
    alpha, beta = node.attribute("alpha", 1e-4), node.attribute("beta", 0.75)
    bias = node.attribute("bias", 1.0)

    def norm(x: Tensor) -> Tensor:
        squares = (x * x).movedim(1, -1)
        before, behind = (size - 1) // 2, math.ceil((size - 1) / 2)
        sums = functional.pad(squares, (before, behind)).unfold(-1, size, 1).sum(-1)
        return torch.div(x, torch.pow(bias + alpha / size * sums.movedim(-1, 1), beta))

    if size % 2 and node.constant(0) is None:
        return Built(nn.LocalResponseNorm(size, alpha, beta, bias))
    return computed(node, norm)


def _lp(node: Node) -> Built:
    axis, p = node.attribute("axis", -1), node.attribute("p", 2)

    def norm(x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, ord=p, dim=axis, keepdim=True)
        return torch.where(length == 0, x, x / torch.where(length == 0, 1.0, length))

    return computed(node, norm)


NORMS: Mapping[str, Builder] = {
    "BatchNormalization": _batch,
    "InstanceNormalization": _instance,
    "GroupNormalization": _group,
    "LayerNormalization": _layer,
    "RMSNormalization": _root_mean_square,
    "MeanVarianceNormalization": _mean_variance,
    "LRN": _local_response,
    "LpNormalization": _lp,
}
