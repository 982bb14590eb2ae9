"""Where to edit instead of before a norm: the place behind the norm that takes a layer's value.

A unit that is zeroed before a batch norm or a layer norm is not off: what the norm makes of a zero
is (0 − mean) / deviation · weight + bias.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from interp_gui.core.layer import INPUT_SITE, Address
from interp_gui.core.runtime import Runtime
from interp_gui.runtimes.hooks import plain_attention, primary, tensors_in
from interp_gui.runtimes.memory import memory_errors
from interp_gui.runtimes.onnx.norms import onnx_norms
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.torch_runtime import TorchRuntime

_MEMO = "norm behind"

_NORM_CLASS = re.compile(r"(Batch|Layer|Group|Instance)_?Norm")
"""Class names of norms, those written by hand among them. A norm by the root of the mean square
takes no mean and leaves a zero a zero, so it is none here."""

_NORMS = frozenset(("batch_norm", "layer_norm", "group_norm", "instance_norm"))
_ACTIVATIONS = frozenset((
    "relu", "relu_", "relu6", "hardtanh", "gelu", "silu", "hardswish", "leaky_relu", "elu", "celu",
    "selu", "mish", "prelu", "tanh",
))  # fmt: skip
"""Functions that leave a zero a zero."""
_CARRYING = frozenset(("clone", "contiguous", "reshape", "to", "float", "detach", "type_as"))
"""Functions whose result holds the numbers they were given, also where it is a copy."""


def norm_behind(runtime: Runtime, layer: str) -> str:
    """Where to edit instead of before a norm; empty where no norm takes a layer's value.

    Parameters
    ----------
    layer
        Address of a layer of the runtime, `…/in` and virtual sites included.

    Returns
    -------
    The address of the output of the norm (batch, layer, group or instance norm) that is the only
    one to take the layer's value, or that of the activation that alone takes the norm's and leaves
    zeros where they are; always an address that can be edited and has as many units.

    Notes
    -----
    On PyTorch values are followed through one pass, on ONNX through the graph. A norm that an
    exporter has folded into a convolution is none: zero is off there. Found once for a network.
    """
    name = str(Address.parse(layer))
    memo: dict[Any, Any] | None = getattr(runtime, "memo", None)
    if memo is None:
        return ""
    if _MEMO not in memo:
        memo[_MEMO] = _found(runtime)
    behind: str = memo[_MEMO].get(name, "")
    return behind


def _found(runtime: Runtime) -> dict[str, str]:
    if isinstance(runtime, TorchRuntime):
        ways = _torch_norms(runtime)
    elif isinstance(runtime, OnnxRuntime):
        ways = onnx_norms(runtime)
    else:
        return {}
    found: dict[str, str] = {}
    for name, candidates in ways.items():
        own = runtime.known(name)
        for candidate in candidates:
            info = runtime.known(candidate)
            if own and info and info.writable and info.units and info.units == own.units:
                found[name] = candidate
                break
    return found


@dataclass
class _Token:
    """Whose value a tensor holds: a layer's, or what a norm or an activation made."""

    kind: str = "layer"
    addresses: list[str] = field(default_factory=list)
    readers: list["_Token"] = field(default_factory=list)

    @property
    def reader(self) -> "_Token | None":
        """The only one that takes it."""
        return self.readers[0] if len(self.readers) == 1 else None


def _torch_norms(runtime: TorchRuntime) -> dict[str, tuple[str, ...]]:
    """By layer: places behind the norm that takes it, the best one first."""
    flow = _Flow(runtime)
    channels = len(runtime.preprocessing.mean)
    shape = (1, channels, *runtime.preprocessing.size)
    x = runtime.tensor(np.random.default_rng(0).standard_normal(shape))
    modules = {name: module for name, module in runtime.module.named_modules() if name}
    names = [layer.name for layer in runtime.description.layers]
    with torch.no_grad(), memory_errors(), plain_attention(), flow.following(modules, names):
        runtime.module(x)
    found: dict[str, tuple[str, ...]] = {}
    for token in flow.tokens:
        norm = token.reader
        if norm is not None and norm.kind == "norm":
            candidates = _places(norm)
            found |= {name: candidates for name in token.addresses if name not in candidates}
    return found


def _places(norm: _Token) -> tuple[str, ...]:
    behind = norm.reader
    later = behind.addresses if behind is not None and behind.kind == "activation" else []
    return (*later, *norm.addresses)


class _Flow(TorchFunctionMode):
    """Follows which value is taken by which norm in one pass.

    Tensors are marked, not kept: a pass takes as much memory as ever.
    """

    def __init__(self, runtime: TorchRuntime) -> None:
        super().__init__()
        self.tokens: list[_Token] = []
        self._runtime = runtime
        self._marks: Any = WeakTensorKeyDictionary()
        self._within = 0  # norms that are modules and run now
        self._made: list[_Token] = []

    @contextmanager
    def following(self, modules: Mapping[str, nn.Module], names: Sequence[str]) -> Any:
        """Follow the pass that is run while this is open."""
        norms = {path: m for path, m in modules.items() if _NORM_CLASS.search(type(m).__name__)}
        handles: list[Any] = []
        try:
            # Before the visits of outputs, and the others behind those of inputs.
            for path, module in norms.items():
                handles.append(module.register_forward_hook(self._leave(path)))
            with self, self._runtime.visiting(modules, names, self._visit):
                for path, module in norms.items():
                    handles.append(
                        module.register_forward_pre_hook(self._enter(path), with_kwargs=True)
                    )
                yield
        finally:
            for handle in handles:
                handle.remove()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        given = [t for t in tensors_in((*args, *named.values())) if t in self._marks]
        if self._within or not given:
            return func(*args, **named)
        versions = [t._version for t in given]
        result = func(*args, **named)
        self._operation(getattr(func, "__name__", ""), given, versions, tensors_in(result))
        return result

    def _operation(
        self, name: str, given: list[Tensor], versions: list[int], made: list[Tensor]
    ) -> None:
        if not made:  # a shape, a size
            return
        unchanged = versions == [t._version for t in given]
        first = given[0]
        alone = len(given) == 1 and len(made) == 1 and made[0].numel() == first.numel()
        same = alone and (name in _CARRYING or _storage(made[0]) == _storage(first))
        if unchanged and same:
            self._mark(made[0], self._marks[first])
            return
        kind = "norm" if name in _NORMS else "activation" if name in _ACTIVATIONS else "other"
        token = _Token(kind)
        self._read(given, token)
        for tensor, version in zip(given, versions, strict=True):
            if tensor._version != version:  # written into: it is another value now
                del self._marks[tensor]
        if kind != "other":
            self._mark(made[0], [token])

    def _read(self, given: list[Tensor], reader: _Token) -> None:
        for tensor in given:
            for token in self._marks[tensor]:
                token.readers.append(reader)

    def _mark(self, tensor: Tensor, tokens: list[_Token]) -> None:
        known = self._marks.get(tensor, [])
        self._marks[tensor] = [*known, *(t for t in tokens if all(t is not k for k in known))]

    def _visit(self, address: Address, value: Tensor, _shared: bool) -> None:
        if self._within or not value.is_floating_point():
            return
        if value not in self._marks:
            self._marks[value] = [_Token()]
        for token in self._marks[value]:
            if str(address) not in token.addresses:
                token.addresses.append(str(address))
            if all(token is not known for known in self.tokens):
                self.tokens.append(token)

    def _enter(self, path: str) -> Callable[..., None]:
        calls = [0]

        def hook(_module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
            number, calls[0] = calls[0], calls[0] + 1
            self._within += 1
            if self._within > 1:
                return
            token = _Token("norm")
            self._made.append(token)
            given = next((t for t in tensors_in((*args, *kwargs.values()))), None)
            if given is not None:
                own = _Token(addresses=[str(Address(path, number, INPUT_SITE))], readers=[token])
                self.tokens.append(own)
                if given in self._marks:
                    self._read([given], token)

        return hook

    def _leave(self, _path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: Any, result: Any) -> None:
            self._within -= 1
            value = primary(result)
            if not self._within and value is not None:
                self._mark(value, [self._made[-1]])

        return hook


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
