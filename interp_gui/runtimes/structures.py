"""What modules are given and return: tensors in plain collections."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from interp_gui.runtimes.strides import copied, overlaps

_PLAIN = (type(None), bool, int, float, str, torch.Size, torch.dtype, torch.device)


def tensors_of(value: Any) -> list[Tensor] | None:
    """All tensors of an argument or result; None if it holds something that is not known."""
    if isinstance(value, Tensor):
        return [value]
    if type(value) in _PLAIN:
        return []
    if type(value) in (list, tuple, dict) or hasattr(value, "_fields"):
        items = value.values() if isinstance(value, dict) else value
        parts = [tensors_of(item) for item in items]
        known = [part for part in parts if part is not None]
        return [t for part in known for t in part] if len(known) == len(parts) else None
    return None


def can_be_copied(tensor: Tensor) -> bool:
    """Whether a copy can stand for a tensor, bit for bit and in memory order."""
    return (
        type(tensor) is Tensor
        and tensor.layout == torch.strided
        and not (tensor.is_quantized or tensor.is_conj() or tensor.is_neg())
        and not tensor.requires_grad
        and not overlaps(tensor)
    )


def copy_of(value: Any) -> Any:
    """A structure with copies of its tensors, laid out like the originals."""
    return mapped(value, copied)


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A structure with other tensors in it."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple) and type(value) not in _PLAIN:
        items = [mapped(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value
