"""Maximum pooling whose value is the maximum and whose derivative is that of a smooth mean."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_FLOOR = 1e-2


class SmoothMaxPool(TorchFunctionMode):
    """While active, maximum pooling has the derivative of mean(x²) / (0.01 + mean |x|).

    The maximum alone has the credit otherwise, which makes attributions noisy; with this, values
    share it by their size. Values computed are unchanged. What is attributed is then no longer
    what the network itself does to first order.

    Notes
    -----
    The relaxation of the feature visualisation library lucid, for forward and reverse mode.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func not in _POOLING or _without_mean(args, named):
            return func(*args, **named)
        exact = func(*args, **named)
        smooth = _smooth(*args, **named)
        # `detach` leaves out derivatives of both directions.
        return exact.detach() + (smooth - smooth.detach())


_POOLING = frozenset((functional.max_pool2d, torch.max_pool2d))


def _without_mean(args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Whether no average pooling has these settings: a dilated one, or one that gives indices."""
    dilation = args[4] if len(args) > 4 else named.get("dilation", 1)
    indices = args[6] if len(args) > 6 else named.get("return_indices", False)
    return bool(indices) or dilation not in (1, (1, 1), [1, 1])


def _smooth(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    def mean(value: Tensor) -> Tensor:
        return functional.avg_pool2d(value, kernel_size, stride, padding, ceil_mode, False)

    return mean(x**2) / (_FLOOR + mean(x.abs()))
