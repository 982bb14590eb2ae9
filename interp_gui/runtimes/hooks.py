"""Hooks that visit values of a network during one pass and are gone after it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from interp_gui.core.layer import INPUT_SITE, Address

__all__ = [
    "INPUT_SITE", "Visit", "before_every_module", "plain_attention", "primary", "tensors_in",
    "visiting", "with_primary",
]  # fmt: skip

Visit = Callable[[Address, Tensor, bool], Tensor | None]
"""Called with an address, its value and whether that value may be shared with others; what it
returns goes on in its place."""


def primary(value: Any) -> Tensor | None:
    """The tensor that stands for what a module returns: itself, or the first of a collection."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        return next((v for v in value.values() if isinstance(v, Tensor)), None)
    if isinstance(value, tuple | list) and value and isinstance(value[0], Tensor):
        return value[0]
    return None


def with_primary(value: Any, tensor: Tensor) -> Any:
    """The same structure with `primary` replaced; the original is left alone."""
    if isinstance(value, Tensor):
        return tensor
    if isinstance(value, Mapping):
        key = next(k for k, v in value.items() if isinstance(v, Tensor))
        changed = {k: tensor if k == key else v for k, v in value.items()}
        return changed if type(value) is dict else type(value)(**changed)
    rest = (tensor, *value[1:])
    if hasattr(value, "_fields"):
        return type(value)(*rest)
    return type(value)(rest)


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors that a network returns, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return tensors_in(list(value.values()))
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []


@contextmanager
def visiting(
    modules: Mapping[str, nn.Module], paths: Iterable[str], visit: Visit, *, inputs: Iterable[str]
) -> Iterator[None]:
    """Visit the outputs of `paths` and the inputs of `inputs`, counting calls, while open.

    Parameters
    ----------
    modules
        All modules of the network by path.
    """
    handles: list[Any] = []
    try:
        for path in dict.fromkeys(inputs):
            handles.append(
                modules[path].register_forward_pre_hook(_input_hook(path, visit), with_kwargs=True)
            )
        for path in dict.fromkeys(paths):
            handles.append(
                modules[path].register_forward_hook(_output_hook(path, visit), with_kwargs=True)
            )
        yield
    finally:
        for handle in handles:
            handle.remove()


def _input_hook(path: str, visit: Visit) -> Callable[..., Any]:
    calls: Counter[str] = Counter()

    def hook(_module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        address = Address(path, calls[path], INPUT_SITE)
        calls[path] += 1
        for position, value in enumerate(args):
            if isinstance(value, Tensor):
                changed = visit(address, value, True)
                if changed is None:
                    return None
                return (*args[:position], changed, *args[position + 1 :]), kwargs
        for name, value in kwargs.items():
            if isinstance(value, Tensor):
                changed = visit(address, value, True)
                return None if changed is None else (args, kwargs | {name: changed})
        return None

    return hook


def _output_hook(path: str, visit: Visit) -> Callable[..., Any]:
    calls: Counter[str] = Counter()

    def hook(_module: nn.Module, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
        address = Address(path, calls[path])
        calls[path] += 1
        value = primary(result)
        if value is None:
            return None
        changed = visit(address, value, _shares_memory(value, (*args, *kwargs.values())))
        return None if changed is None else with_primary(result, changed)

    return hook


def _shares_memory(value: Tensor, others: Iterable[Any]) -> bool:
    own = value.untyped_storage().data_ptr()
    return any(isinstance(o, Tensor) and o.untyped_storage().data_ptr() == own for o in others)


@contextmanager
def before_every_module(check: Callable[[], None], thread: int) -> Iterator[None]:
    """Call `check` before every module that runs in `thread`, private copies included."""

    def hook(_module: nn.Module, _args: Any) -> None:
        if get_ident() == thread:
            check()

    handle = register_module_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def plain_attention() -> Iterator[None]:
    """Keep attention off the fused path, which only exists without gradients and skips hooks."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
