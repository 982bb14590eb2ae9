"""Layers of an exported program as torch's own modules, so that what knows those works on them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from interp_gui.checkpoints.match import Tensors

_WEIGHTED = ("conv2d", "linear", "batch_norm", "layer_norm")


def own_module(
    name: str, inputs: list[Any], weights: Mapping[str, str], path: str, tensors: Tensors
) -> nn.Module | None:
    """A module for an operation that is all that a module of the original network did.

    Its weights are put into it by whoever holds them. None where the operation stays a function.

    Parameters
    ----------
    weights
        Name of a value -> key of the tensor that it is.
    path
        Of the module; its weights must be its own.
    """
    given = {i["name"]: i["arg"] for i in inputs}
    if name in _WEIGHTED:
        held = [k for k in ("weight", "bias", "running_mean", "running_var") if _tensor(given, k)]
        if "weight" not in held or any(
            weights.get(_tensor(given, k)) != f"{path}.{k}" for k in held
        ):
            return None
        shape = tuple(tensors[f"{path}.weight"].shape)
        with torch.device("meta"):  # nothing is initialised that is exchanged at once
            return _weighted(name, given, shape, bias="bias" in held)
    if name in ("relu", "silu", "hardswish", "sigmoid") and len(inputs) == 1:
        kinds: Mapping[str, type[nn.Module]] = {
            "relu": nn.ReLU, "silu": nn.SiLU, "hardswish": nn.Hardswish, "sigmoid": nn.Sigmoid,
        }  # fmt: skip
        return kinds[name]()
    if name == "gelu":
        return nn.GELU(approximate=given.get("approximate", {}).get("as_string", "none"))
    if name == "hardtanh" and (_number(given, "min_val", -1), _number(given, "max_val", 1)) == (
        0, 6,
    ):  # fmt: skip
        return nn.ReLU6()
    return None


def _weighted(
    name: str, given: Mapping[str, Any], shape: tuple[int, ...], *, bias: bool
) -> nn.Module | None:
    if name == "conv2d" and len(shape) == 4 and "as_string" not in given.get("padding", {}):
        groups = given.get("groups", {}).get("as_int", 1)
        return nn.Conv2d(
            shape[1] * groups, shape[0], (shape[2], shape[3]), stride=_pair(given, "stride", 1),
            padding=_pair(given, "padding", 0), dilation=_pair(given, "dilation", 1),
            groups=groups, bias=bias,
        )  # fmt: skip
    if name == "linear" and len(shape) == 2:
        return nn.Linear(shape[1], shape[0], bias=bias)
    if name == "batch_norm" and bias and _tensor(given, "running_var"):
        return nn.BatchNorm2d(shape[0], eps=_number(given, "eps", 1e-5))
    if name == "layer_norm":
        return nn.LayerNorm(shape, eps=_number(given, "eps", 1e-5), bias=bias)
    return None


def _tensor(given: Mapping[str, Any], key: str) -> str:
    found = given.get(key, {}).get("as_tensor")
    return str(found["name"]) if found else ""


def _pair(given: Mapping[str, Any], key: str, default: int) -> tuple[int, int]:
    found = given.get(key, {}).get("as_ints", [default, default])
    return (int(found[0]), int(found[-1]))


def _number(given: Mapping[str, Any], key: str, default: float) -> float:
    arg = given.get(key, {})
    return float(arg.get("as_int", arg.get("as_float", default)))
