"""Forward-mode derivatives of a few operations that torch has, but slowly.

torch multiplies with a matrix of zeros where a weight has no derivative, and takes norms apart
into small steps. A linear map takes 3 products instead of 2 that way, a layer norm many times its
own time. Weights are frozen here, so both can be written down.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.autograd import forward_ad as _forward_ad
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_dual: Any = _forward_ad  # it has no types
Rule = Callable[[Tensor, Tensor, tuple[Any, ...], dict[str, Any]], Tensor | None]
"""From an input and its derivative to that of the result; None to leave it to torch."""


class ForwardRules(TorchFunctionMode):
    """While active, linear maps and norms use the derivatives written down here."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        rule = _RULES.get(func)
        x = args[0] if args else None
        if rule is None or not isinstance(x, Tensor) or _moves((*args[1:], *named.values())):
            return func(*args, **named)
        plain, tangent = _dual.unpack_dual(x)
        moved = None if tangent is None else rule(plain, tangent, args, named)
        if moved is None:
            return func(*args, **named)
        return _dual.make_dual(func(plain, *args[1:], **named), moved)


def _moves(others: tuple[Any, ...]) -> bool:
    """Whether anything but the input has a derivative."""
    return any(
        isinstance(other, Tensor) and _dual.unpack_dual(other).tangent is not None
        for other in others
    )


def _argument(
    position: int, name: str, args: tuple[Any, ...], named: dict[str, Any], default: Any = None
) -> Any:
    return args[position] if len(args) > position else named.get(name, default)


def _linear(x: Tensor, t: Tensor, args: tuple[Any, ...], named: dict[str, Any]) -> Tensor | None:
    return functional.linear(t, _argument(1, "weight", args, named))


def _batch_norm(
    x: Tensor, t: Tensor, args: tuple[Any, ...], named: dict[str, Any]
) -> Tensor | None:
    variance = _argument(2, "running_var", args, named)
    if variance is None or _argument(5, "training", args, named, False):
        return None
    scale = (variance + _argument(7, "eps", args, named, 1e-5)).rsqrt()
    weight = _argument(3, "weight", args, named)
    scale = scale if weight is None else scale * weight
    moved: Tensor = t * scale.to(t.dtype).reshape(1, -1, *(1,) * (t.ndim - 2))
    return moved


def _layer_norm(
    x: Tensor, t: Tensor, args: tuple[Any, ...], named: dict[str, Any]
) -> Tensor | None:
    shape = _argument(1, "normalized_shape", args, named)
    axes = tuple(range(-len(shape), 0))
    centred = x - x.mean(dim=axes, keepdim=True)
    variance = (centred * centred).mean(dim=axes, keepdim=True)
    scale = (variance + _argument(4, "eps", args, named, 1e-5)).rsqrt()
    normed = centred * scale
    along = (t * normed).mean(dim=axes, keepdim=True)
    moved: Tensor = (t - t.mean(dim=axes, keepdim=True) - normed * along) * scale
    weight = _argument(2, "weight", args, named)
    return moved if weight is None else moved * weight


_RULES: dict[Any, Rule] = {
    functional.linear: _linear,
    functional.batch_norm: _batch_norm,
    functional.layer_norm: _layer_norm,
}
