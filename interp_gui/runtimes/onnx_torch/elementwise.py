"""Operators that work on each number by itself, broadcasting as NumPy does."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, computed


def _plain(function: Callable[..., Any]) -> Builder:
    return lambda node: computed(node, function)


def _divide(a: Tensor, b: Tensor) -> Tensor:
    whole = not (a.is_floating_point() or b.is_floating_point())
    return torch.div(a, b, rounding_mode="trunc") if whole else torch.div(a, b)


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    if base.is_floating_point() and exponent.numel() == 1 and not exponent.requires_grad:
        # A number as exponent has a derivative where the base is negative or 0.
        raised = torch.pow(base, exponent.item())
        return raised if base.ndim >= exponent.ndim else raised.reshape(exponent.shape)
    return torch.pow(base, exponent).to(base.dtype)


def _modulo(node: Node) -> Built:
    return computed(node, torch.fmod if node.attribute("fmod", 0) else torch.remainder)


def _fold(function: Callable[[Tensor, Tensor], Tensor]) -> Builder:
    def build(node: Node) -> Built:
        return computed(node, lambda *values: functools.reduce(function, values))

    return build


def _mean(node: Node) -> Built:
    return computed(node, lambda *values: functools.reduce(torch.add, values) / len(values))


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    if low is not None:
        x = torch.maximum(x, low)
    return x if high is None else torch.minimum(x, high)


def _shift(node: Node) -> Built:
    left = node.attribute("direction") == "LEFT"
    return computed(node, torch.bitwise_left_shift if left else torch.bitwise_right_shift)


def _is_infinite(node: Node) -> Built:
    up, down = node.attribute("detect_positive", 1), node.attribute("detect_negative", 1)

    def test(x: Tensor) -> Tensor:
        found = torch.isinf(x)
        if not up:
            found = found & (x < 0)
        return found if down else found & (x > 0)

    return computed(node, test)


def clip(node: Node) -> Built:
    """Clip with bounds as inputs, or as attributes before revision 11."""
    low, high = node.attribute("min"), node.attribute("max")
    if low is None and high is None:
        return computed(node, _clip)
    return computed(node, lambda x: x.clamp(low, high))


ELEMENTWISE: Mapping[str, Builder] = {
    "Add": _plain(torch.add),
    "Sub": _plain(torch.sub),
    "Mul": _plain(torch.mul),
    "Div": _plain(_divide),
    "Pow": _plain(_power),
    "Mod": _modulo,
    "Neg": _plain(torch.neg),
    "Abs": _plain(torch.abs),
    "Sqrt": _plain(torch.sqrt),
    "Reciprocal": _plain(torch.reciprocal),
    "Exp": _plain(torch.exp),
    "Log": _plain(torch.log),
    "Erf": _plain(torch.erf),
    "Sign": _plain(torch.sign),
    "Floor": _plain(torch.floor),
    "Ceil": _plain(torch.ceil),
    "Round": _plain(torch.round),
    "Sin": _plain(torch.sin),
    "Cos": _plain(torch.cos),
    "Tan": _plain(torch.tan),
    "Asin": _plain(torch.asin),
    "Acos": _plain(torch.acos),
    "Atan": _plain(torch.atan),
    "Sinh": _plain(torch.sinh),
    "Cosh": _plain(torch.cosh),
    "Asinh": _plain(torch.asinh),
    "Acosh": _plain(torch.acosh),
    "Atanh": _plain(torch.atanh),
    "Min": _fold(torch.minimum),
    "Max": _fold(torch.maximum),
    "Sum": _fold(torch.add),
    "Mean": _mean,
    "Where": _plain(torch.where),
    "Equal": _plain(torch.eq),
    "Greater": _plain(torch.gt),
    "GreaterOrEqual": _plain(torch.ge),
    "Less": _plain(torch.lt),
    "LessOrEqual": _plain(torch.le),
    "And": _plain(torch.logical_and),
    "Or": _plain(torch.logical_or),
    "Xor": _plain(torch.logical_xor),
    "Not": _plain(torch.logical_not),
    "BitwiseAnd": _plain(torch.bitwise_and),
    "BitwiseOr": _plain(torch.bitwise_or),
    "BitwiseXor": _plain(torch.bitwise_xor),
    "BitwiseNot": _plain(torch.bitwise_not),
    "BitShift": _shift,
    "IsNaN": _plain(torch.isnan),
    "IsInf": _is_infinite,
}
