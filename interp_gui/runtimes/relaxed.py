"""A network as pure plumbing: every value depends on all that it could depend on.

Convolutions and linear maps get uniform weights, norms and activations pass their input on, and
maximum pooling becomes average pooling. No gradient can then vanish by the weights, by a dead
unit or by losing a maximum, so that a zero gradient means: no connection.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from interp_gui.core.errors import MissingAbility


class Relaxed(TorchFunctionMode):
    """While active, networks compute with uniform weights and without non-linearities.

    Parameters
    ----------
    detach_gates
        Whether global average pooling passes no gradient: gates (squeeze and excitation) reach
        every value from the whole image, which says nothing about where a unit looks.
    """

    def __init__(self, *, detach_gates: bool) -> None:
        super().__init__()
        self._detach_gates = detach_gates

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in _PASSED_ON:
            return args[0] if args else named["input"]
        if func in _MULTIPLICATIONS and _is_scaling(args):
            return _scaled_by_one(args)
        replacement = _REPLACED.get(func)
        if replacement is not None:
            return replacement(*args, **named)
        result = func(*args, **named)
        pooled = self._detach_gates and func is functional.adaptive_avg_pool2d
        if pooled and result.shape[-2:] == (1, 1):
            return result.detach()
        return result


def _is_scaling(args: tuple[Any, ...]) -> bool:
    """Whether exactly one of two factors carries gradient: a learned scale or a gate."""
    carriers = [isinstance(a, Tensor) and a.requires_grad for a in args[:2]]
    return len(carriers) == 2 and sum(carriers) == 1


def _scaled_by_one(args: tuple[Any, ...]) -> Tensor:
    """The factor that carries gradient; repeated scaling would leave the range of floats."""
    first, second = args[:2]
    leads = isinstance(first, Tensor) and first.requires_grad
    value, other = (first, second) if leads else (second, first)
    ones: Tensor = torch.ones_like(other) if isinstance(other, Tensor) else value.new_ones(())
    scaled: Tensor = value * ones.to(value.dtype)
    return scaled


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    kernel = weight.shape[2:]
    # Square root: sums over many layers then neither overflow at the centre nor vanish at corners.
    share = 1.0 / math.sqrt(math.prod(kernel))
    if groups == 1:
        # Uniform weights see the mean of the channels, so one channel is enough to compute.
        x = x.mean(dim=1, keepdim=True)
        uniform = x.new_full((1, 1, *kernel), share)
    else:
        uniform = x.new_full((weight.shape[0], weight.shape[1], *kernel), share / weight.shape[1])
    y = functional.conv2d(x, uniform, None, stride, padding, dilation, groups)
    # A tensor of its own: networks add to it in place.
    return y if groups != 1 else y.expand(-1, weight.shape[0], -1, -1).clone()


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return x.mean(dim=-1, keepdim=True).expand(*x.shape[:-1], weight.shape[0]).clone()


def _max_pool(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    if return_indices:
        raise MissingAbility("Receptive fields behind pooling with indices are not known.")
    if dilation in (1, (1, 1), [1, 1]):
        return functional.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)
    # No average pooling is dilated; a convolution of each unit by itself is.
    height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    uniform = x.new_full((x.shape[1], 1, height, width), 1.0 / (height * width))
    steps = (height, width) if stride is None else stride
    return functional.conv2d(x, uniform, None, steps, padding, dilation, x.shape[1])


_REPLACED: dict[Any, Callable[..., Tensor]] = {
    torch.conv2d: _convolution,
    functional.conv2d: _convolution,
    functional.linear: _linear,
    functional.max_pool2d: _max_pool,
    torch.max_pool2d: _max_pool,
}
_MULTIPLICATIONS = frozenset((torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__))
_PASSED_ON: frozenset[Any] = frozenset(
    (
        functional.batch_norm, functional.layer_norm, functional.group_norm,
        functional.instance_norm, functional.local_response_norm, functional.relu, torch.relu,
        Tensor.relu, functional.relu6, functional.hardtanh, functional.gelu, functional.silu,
        functional.hardswish, functional.hardsigmoid, functional.sigmoid, torch.sigmoid,
        Tensor.sigmoid, functional.tanh, torch.tanh, Tensor.tanh, functional.elu,
        functional.leaky_relu, functional.mish, functional.softplus, functional.prelu,
        functional.selu, functional.celu, functional.dropout,
    )
)  # fmt: skip
