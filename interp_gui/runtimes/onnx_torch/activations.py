"""Activations; torch's own modules where it has them, so that what knows those works on them."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from interp_gui.runtimes.onnx_torch.elementwise import clip
from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, computed

_FLAT_SOFTMAX_UNTIL = 12  # revisions in which all axes from `axis` on share one sum
_SELU = (1.6732632423543772, 1.0507009873554805)


def _module(make: Callable[[Node], nn.Module]) -> Builder:
    def build(node: Node) -> Built:
        # Constants are only met while shapes are computed; those take the function's way.
        if node.constant(0) is not None:
            return computed(node, make(node))
        return Built(make(node))

    return build


def _clip(node: Node) -> Built:
    bounds = [node.constant(1), node.constant(2)]
    known = [float(b) if b is not None and b.numel() == 1 else None for b in bounds]
    if node.attribute("min") is not None or node.attribute("max") is not None:
        known = [node.attribute("min"), node.attribute("max")]
    constant = node.constant(0) is not None
    if known == [0.0, 6.0] and not constant:
        return Built(nn.ReLU6())
    if known == [0.0, None] and not node.has(2) and not constant:
        return Built(nn.ReLU())
    return clip(node)


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x >= 0, x, x * slope)


def _selu(node: Node) -> Built:
    alpha, gamma = node.attribute("alpha", _SELU[0]), node.attribute("gamma", _SELU[1])
    if math.isclose(alpha, _SELU[0], rel_tol=1e-6) and math.isclose(gamma, _SELU[1], rel_tol=1e-6):
        return Built(nn.SELU()) if node.constant(0) is None else computed(node, functional.selu)
    return computed(node, lambda x: gamma * functional.elu(x, alpha))


def _hard_sigmoid(node: Node) -> Built:
    alpha, beta = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5 and node.constant(0) is None:
        return Built(nn.Hardsigmoid())
    return computed(node, lambda x: (alpha * x + beta).clamp(0.0, 1.0))


def _thresholded(node: Node) -> Built:
    alpha = node.attribute("alpha", 1.0)
    return computed(node, lambda x: torch.where(x > alpha, x, torch.zeros_like(x)))


def _shrink(node: Node) -> Built:
    bias, limit = node.attribute("bias", 0.0), node.attribute("lambd", 0.5)

    def shrink(x: Tensor) -> Tensor:
        nothing = torch.zeros_like(x)
        return torch.where(x < -limit, x + bias, torch.where(x > limit, x - bias, nothing))

    return computed(node, shrink)


def _swish(node: Node) -> Built:
    alpha = node.attribute("alpha", 1.0)
    if alpha == 1.0 and node.constant(0) is None:
        return Built(nn.SiLU())
    return computed(node, lambda x: x * torch.sigmoid(alpha * x))


def _normalised(function: Callable[..., Tensor]) -> Builder:
    def build(node: Node) -> Built:
        if node.opset <= _FLAT_SOFTMAX_UNTIL:
            axis = node.axis(1)

            def flat(x: Tensor) -> Tensor:
                return function(x.flatten(axis), dim=-1).reshape(x.shape)

            return computed(node, flat if axis < len(node.shapes[0]) - 1 else _last(function))
        axis = node.attribute("axis", -1)
        return computed(node, lambda x: function(x, dim=axis))

    return build


def _last(function: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: function(x, dim=-1)


ACTIVATIONS: Mapping[str, Builder] = {
    "Relu": _module(lambda node: nn.ReLU()),
    "Clip": _clip,
    "LeakyRelu": _module(lambda node: nn.LeakyReLU(node.attribute("alpha", 0.01))),
    "PRelu": lambda node: computed(node, _prelu),
    "Elu": _module(lambda node: nn.ELU(node.attribute("alpha", 1.0))),
    "Celu": _module(lambda node: nn.CELU(node.attribute("alpha", 1.0))),
    "Selu": _selu,
    "Sigmoid": _module(lambda node: nn.Sigmoid()),
    "Tanh": _module(lambda node: nn.Tanh()),
    "Softplus": _module(lambda node: nn.Softplus()),
    "Softsign": _module(lambda node: nn.Softsign()),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _module(lambda node: nn.Hardswish()),
    "Mish": _module(lambda node: nn.Mish()),
    "Gelu": _module(lambda node: nn.GELU(approximate=node.attribute("approximate", "none"))),
    "Swish": _swish,
    "ThresholdedRelu": _thresholded,
    "Shrink": _shrink,
    "Softmax": _normalised(functional.softmax),
    "LogSoftmax": _normalised(functional.log_softmax),
}
