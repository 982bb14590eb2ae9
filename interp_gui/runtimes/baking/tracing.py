"""Every function that one pass through a network calls, with the tensors it takes and gives.

Who reads a value cannot be told from modules alone: a skip connection, a class token or an
attention is a function call. So all calls of one pass are noted, tensors by identity.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from interp_gui.core.layer import INPUT_SITE, Address
from interp_gui.runtimes.describers.frames import written_out_attention
from interp_gui.runtimes.hooks import plain_attention, primary, tensors_in


@dataclass(frozen=True)
class Call:
    """One function call.

    Parameters
    ----------
    index
        Its place among all calls.
    name
        Of the function, without underscores at its ends.
    inside
        Calls of modules (path, number) that are running, the innermost last.
    takes, gives
        Tensors among its arguments and results.
    """

    index: int
    name: str
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inside: tuple[tuple[str, int], ...]
    takes: tuple[Tensor, ...]
    gives: tuple[Tensor, ...]

    def takes_it(self, tensor: Tensor) -> bool:
        """Whether a tensor is among its arguments."""
        return any(each is tensor for each in self.takes)

    def gives_it(self, tensor: Tensor) -> bool:
        """Whether a tensor is among its results."""
        return any(each is tensor for each in self.gives)

    @property
    def where(self) -> str:
        """The innermost module that it belongs to."""
        return self.inside[-1][0] if self.inside else ""


@dataclass(frozen=True)
class Value:
    """The tensor at an address, and how many calls there had been when it was handed on.

    Parameters
    ----------
    within
        The module call whose own reading alone is meant (an input site); None for all readers.
    """

    tensor: Tensor
    at: int
    within: tuple[str, int] | None = None


@dataclass
class Traced:
    """One pass.

    Parameters
    ----------
    names
        Parameters and buffers by identity; tied ones bear their first name.
    values
        By address: what modules were given and returned.
    """

    names: dict[int, str]
    calls: list[Call] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    outputs: list[Tensor] = field(default_factory=list)

    def name_of(self, tensor: Any) -> str:
        """Name of a parameter or buffer; empty for anything else."""
        return self.names.get(id(tensor), "") if isinstance(tensor, Tensor) else ""

    def uses(self, tensor: Tensor) -> int:
        """How many calls take a tensor."""
        return sum(call.takes_it(tensor) for call in self.calls)

    def maker(self, value: Value) -> Call | None:
        """The last call before a value was handed on that gave it."""
        found = [c for c in self.calls[: value.at] if c.gives_it(value.tensor)]
        return found[-1] if found else None

    def is_returned(self, tensor: Tensor) -> bool:
        """Whether a tensor is among the network's answers."""
        return any(each is tensor for each in self.outputs)


def trace(module: nn.Module, batch: Tensor) -> Traced:
    """Run a batch (N, C, H, W) once and note every call; the module is left as it was."""
    names: dict[int, str] = {}
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        names.setdefault(id(tensor), name)
    traced = Traced(names)
    stack: list[tuple[str, int]] = []
    modules = {path: child for path, child in module.named_modules() if path}
    hooked = _hooked(modules, stack, traced)
    with torch.no_grad(), plain_attention(), hooked, _Mode(traced, stack):
        returned = module(batch.clone())
    traced.outputs = tensors_in(returned)
    return traced


class _Mode(TorchFunctionMode):
    def __init__(self, traced: Traced, stack: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self._traced = traced
        self._stack = stack

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func is functional.multi_head_attention_forward:
            with self:  # composed of functions that have to be seen themselves
                return written_out_attention(*args, **named)
        result = func(*args, **named)
        name = getattr(func, "__name__", "").strip("_")
        gives = tensors_in(result)
        takes = [*tensors_in(args), *tensors_in(named)]
        writes = name in ("setitem", "copy")
        if takes and (gives or writes):
            calls = self._traced.calls
            calls.append(
                Call(len(calls), name, func, args, named, tuple(self._stack), tuple(takes),
                     tuple(gives) or tuple(takes[:1]))
            )  # fmt: skip
        return result


@contextmanager
def _hooked(
    modules: Mapping[str, nn.Module], stack: list[tuple[str, int]], traced: Traced
) -> Iterator[None]:
    handles: list[Any] = []
    counts = Counter[str]()

    def hooks(path: str) -> tuple[Callable[..., None], Callable[..., None]]:
        def before(_module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
            number = counts[path]
            counts[path] += 1
            stack.append((path, number))
            given = next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)
            if given is not None:
                address = str(Address(path, number, INPUT_SITE))
                value = Value(given, len(traced.calls), within=(path, number))
                traced.values[address] = value

        def after(_module: nn.Module, _args: Any, result: Any) -> None:
            number = stack.pop()[1]
            value = primary(result)
            if value is not None:
                traced.values[str(Address(path, number))] = Value(value, len(traced.calls))

        return before, after

    try:
        for path, module in modules.items():
            before, after = hooks(path)
            handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(module.register_forward_hook(after))
        yield
    finally:
        for handle in handles:
            handle.remove()
