"""Which module's own code is running, and which operation of its own it has come to.

Attention is hidden in functions: no hook fires between `qkv` and `proj`. A function mode sees
every function that a network calls, in this thread and while it is open, and changes no module.
An operation is known by its module's address, its kind and its position among the module's own
operations of that kind; the same network run again does the same operations in the same order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from interp_gui.core.layer import Address

Kind = Literal["fused", "softmax", "matmul", "sum"]

_SUMS = {
    torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__,
}  # fmt: skip
_SOFTMAX = {torch.softmax, Tensor.softmax, functional.softmax, torch.special.softmax}
_MATMULS = {
    torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.baddbmm,
}  # fmt: skip

KINDS: dict[Any, Kind] = {
    functional.scaled_dot_product_attention: "fused",
    **dict.fromkeys(_SOFTMAX, "softmax"),
    **dict.fromkeys(_MATMULS, "matmul"),
    **dict.fromkeys(_SUMS, "sum"),
}


@dataclass
class Frame:
    """One running call of a module.

    Parameters
    ----------
    address
        Of its output.
    module
        The module.
    given
        First tensor that it was given.
    notes
        Whatever a handler keeps while the call runs.
    """

    address: Address
    module: nn.Module
    given: Tensor | None = None
    counts: Counter[str] = field(default_factory=Counter)
    notes: dict[str, Any] = field(default_factory=dict)


Operation = Callable[[Frame, Kind | None, int, Callable[..., Any], tuple[Any, ...], Any], Any]
"""Called with the frame, the operation's kind and position, and the function with its arguments;
gives its result."""

Returned = Callable[[Frame, Any], None]


class _Mode(TorchFunctionMode):
    def __init__(self, stack: list[Frame], operation: Operation, *, every: bool) -> None:
        super().__init__()
        self._stack = stack
        self._operation = operation
        self._every = every

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if not self._stack:
            return func(*args, **named)
        if func is functional.multi_head_attention_forward:
            # Composed of functions that have to be seen themselves.
            with self:
                return written_out_attention(*args, **named)
        kind = KINDS.get(func)
        if kind is None and not self._every:
            return func(*args, **named)
        frame = self._stack[-1]
        position = frame.counts[kind or ""]
        frame.counts[kind or ""] += 1
        return self._operation(frame, kind, position, func, args, named)


def _composed(function: FunctionType) -> Callable[..., Any]:
    """A copy of a composed function that runs its body, where the original would ask the mode."""
    names = function.__globals__ | {"has_torch_function": lambda _: False}
    copy = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


written_out_attention = _composed(functional.multi_head_attention_forward)  # type: ignore[arg-type]
"""`multi_head_attention_forward` as the functions it is composed of, for modes to see."""


@contextmanager
def watching(
    modules: Mapping[str, nn.Module],
    paths: Iterable[str],
    operation: Operation,
    *,
    every: bool = False,
    returned: Returned | None = None,
) -> Iterator[None]:
    """Send what the modules of `paths` do themselves through `operation`, while open.

    Parameters
    ----------
    modules
        All modules of the network by path.
    paths
        Modules that are watched. What their children do is told apart from what they do, save
        children without parameters and without children (an activation, a dropout, a softmax),
        which count as part of them.
    every
        Whether functions of no kind are sent too.
    returned
        Called with a frame and the result once a watched call is over.
    """
    watched = dict.fromkeys(paths)
    inner = [p for p in modules if p not in watched and any(_holds(w, p) for w in watched)]
    stack: list[Frame] = []
    handles: list[Any] = []
    try:
        for path in [*watched, *inner]:
            module = modules[path]
            if path and not is_transparent(module):
                handles += _frame_hooks(module, path, stack, returned)
        with _Mode(stack, operation, every=every):
            yield
    finally:
        for handle in handles:
            handle.remove()


def is_transparent(module: nn.Module) -> bool:
    """Whether a module is no more than a function of the module that holds it."""
    if any(module.children()):
        return False
    return not any(True for _ in module.parameters()) and not any(True for _ in module.buffers())


def first_tensor(args: Any, kwargs: Mapping[str, Any]) -> Tensor | None:
    """The first tensor that a module is given."""
    return next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)


def _holds(path: str, other: str) -> bool:
    return not path or other.startswith(f"{path}.")


def _frame_hooks(
    module: nn.Module, path: str, stack: list[Frame], returned: Returned | None
) -> list[Any]:
    calls = Counter[str]()

    def before(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        address = Address(path, calls[path])
        calls[path] += 1
        stack.append(Frame(address, module, first_tensor(args, kwargs)))

    def after(_module: nn.Module, _args: Any, result: Any) -> None:
        # A frame that is not the last belongs to a call that an exception has ended.
        while stack:
            frame = stack.pop()
            if frame.address.path == path:
                if returned is not None:
                    returned(frame, result)
                return

    return [
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after),
    ]
