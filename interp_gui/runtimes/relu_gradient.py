"""Gradient through ReLUs that would pass none, so that optimisation can leave a dead start.

The rule of lucid's redirected ReLU: only for batch entries in which this ReLU passes no gradient
at all, and there only where following it would push the input towards the part that is alive.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class RedirectedReLU(torch.autograd.Function):
    """min(max(x, 0), ceiling) with the redirected gradient of an objective that is climbed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.ceiling = ceiling
        return x.clamp(0.0, ceiling) if ceiling != float("inf") else x.clamp_min(0.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        gradient = gradients[0]
        low, high = x <= 0, x >= ctx.ceiling
        plain = gradient.masked_fill(low | high, 0.0)
        # Climbing follows the gradient: a negative one would push a dead input lower still.
        away = (low & (gradient < 0)) | (high & (gradient > 0))
        redirected = gradient.masked_fill(away, 0.0)
        dead = plain.flatten(1).abs().amax(dim=1) == 0
        shape = (-1, *(1,) * (x.ndim - 1))
        return torch.where(dead.reshape(shape), redirected, plain), None


class PassBlockedGradient(TorchFunctionMode):
    """While active, ReLU and ReLU6 use the redirected gradient, as modules and as functions."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        ceiling = _ceiling(func, args, named)
        if ceiling is None:
            return func(*args, **named)
        x = args[0] if args else named["input"]
        return RedirectedReLU.apply(x, ceiling)


def _ceiling(
    func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
) -> float | None:
    """Upper limit of a ReLU; None for other functions."""
    if func is not functional.hardtanh:
        return _CEILINGS.get(func)
    # What the module ReLU6 calls: a clamp from 0 to 6.
    low = args[1] if len(args) > 1 else named.get("min_val", -1.0)
    high = args[2] if len(args) > 2 else named.get("max_val", 1.0)
    return float(high) if low == 0 else None


_CEILINGS: dict[Any, float] = {
    functional.relu: float("inf"),
    torch.relu: float("inf"),
    Tensor.relu: float("inf"),
    functional.relu6: 6.0,
}
