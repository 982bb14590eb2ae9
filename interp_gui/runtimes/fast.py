"""A private, faster copy of a network for many passes up to a few layers."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from interp_gui.core.errors import InvalidValue
from interp_gui.core.layer import Address
from interp_gui.runtimes.hooks import INPUT_SITE, plain_attention, primary
from interp_gui.runtimes.memory import memory_errors
from interp_gui.runtimes.relu_gradient import PassBlockedGradient
from interp_gui.runtimes.strides import copied
from interp_gui.runtimes.torch_runtime import TorchRuntime

_AGREEMENT = 1e-4
"""Largest difference from the unfolded network, as a share of the layer's largest value."""

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def output_key(name: str) -> str:
    """Key of a network output in what `FastNetwork.trace` returns; no layer can have it."""
    return f"outputs:{name}"


class FastNetwork:
    """Values of some layers of a network, faster than by the network itself.

    A deep copy: frozen, batch norms folded into the convolution before them where nobody looks
    between the two, channels last, and left as soon as the last layer asked for is reached.

    Parameters
    ----------
    runtime
        The network as it was opened; it is not touched.
    layers
        Addresses that will be asked for.
    outputs
        Whether the network's outputs will be asked for too.
    fold
        Whether norms may be folded.
    uncapped
        Whether the last layer keeps rising where a ReLU6 would hold it at 6. An objective that
        is climbed has no gradient there, and its picture turns grey; what the picture reaches is
        for the network itself to say.

    Attributes
    ----------
    folded
        Paths of the norms that were folded.
    """

    def __init__(
        self,
        runtime: TorchRuntime,
        layers: Sequence[str],
        *,
        outputs: bool = False,
        fold: bool = True,
        uncapped: bool = False,
    ) -> None:
        self.layers = tuple(dict.fromkeys(runtime.layer(name).name for name in layers))
        self.outputs = outputs
        self.folded: tuple[str, ...] = ()
        self._runtime = runtime
        channels = len(runtime.preprocessing.mean)
        generator = torch.Generator().manual_seed(1)
        noise = torch.randn(1, channels, *runtime.preprocessing.size, generator=generator)
        self._example = runtime.tensor(noise.numpy())
        self._module = self._copied()
        if fold:
            self._fold()
        if uncapped and self.layers and not outputs:
            _lift_ceiling(self._module, self._example, _last(self.layers, runtime))
        self._modules = dict(self._module.named_modules())

    def trace(
        self, x: Tensor, capture: Sequence[str] | None = None, *, relu_gradient: bool = False
    ) -> dict[str, Tensor]:
        """Values (N, …) by layer, with their graph.

        Parameters
        ----------
        x
            Preprocessed batch (N, C, H, W).
        capture
            Some of the layers that the copy was made for; all of them if None.
        relu_gradient
            Let the gradient of an objective that is climbed through ReLUs that would pass none
            (see `runtimes.relu_gradient`).

        Returns
        -------
        Values by the address asked for, and outputs under `output_key`.
        """
        asked = self.layers if capture is None else tuple(capture)
        names = {name: str(Address.parse(name)) for name in asked}
        for name in names.values():
            if name not in self.layers:
                raise InvalidValue(f"This copy was not made for layer '{name}'.")
        values = _Reader(set(names.values()), stop=not self.outputs)
        mode: AbstractContextManager[Any] = (
            PassBlockedGradient() if relu_gradient else nullcontext()
        )
        result: Any = None
        hooks = self._runtime.visiting(self._modules, values.wanted, values.visit)
        with memory_errors(), plain_attention(), mode, hooks, suppress(_Stop):
            result = self._module(x.contiguous(memory_format=torch.channels_last))
        missing = set(names.values()) - set(values.found)
        if missing:
            raise InvalidValue(f"Layer '{min(missing)}' was never reached in this pass.")
        found = {name: values.found[address] for name, address in names.items()}
        if self.outputs:
            named = self._runtime.named_outputs(result)
            found |= {output_key(name): value for name, value in named.items()}
        return found

    def _copied(self) -> nn.Module:
        module = copy.deepcopy(self._runtime.module).eval().requires_grad_(False)
        return module.to(memory_format=torch.channels_last)

    def _fold(self) -> None:
        pairs = _foldable(self._module, self._example, self.layers)
        for convolution, norm in pairs:
            _replace(self._module, convolution, norm)
        self.folded = tuple(norm for _, norm in pairs)
        self._modules = dict(self._module.named_modules())
        if pairs and not self._agrees():
            # Something between the two reads the convolution in a way that hooks cannot see.
            self._module, self.folded = self._copied(), ()

    def _agrees(self) -> bool:
        with torch.no_grad():
            own = self.trace(self._example)
            until = None if self.outputs else _last(self.layers, self._runtime)
            true = self._runtime.trace(self._example, capture=self.layers, until=until)
        pairs = [(own[name], true.captured[name]) for name in self.layers]
        pairs += [(own[output_key(n)], v) for n, v in true.outputs.items()]
        return all(
            bool((a - b).abs().max() <= _AGREEMENT * b.abs().max().clamp_min(1e-30))
            for a, b in pairs
        )


def fast_network(
    runtime: TorchRuntime,
    layers: Sequence[str],
    *,
    outputs: bool = False,
    uncapped: bool = False,
) -> FastNetwork:
    """A private faster copy of a network for `layers` (and its outputs, if asked)."""
    return FastNetwork(runtime, layers, outputs=outputs, uncapped=uncapped)


class _Stop(Exception):  # how a pass ends once everything is read
    pass


class _Reader:
    """Reads values on their way; ends the pass after the last one if told to."""

    def __init__(self, wanted: set[str], *, stop: bool) -> None:
        self.found: dict[str, Tensor] = {}
        self.wanted = wanted
        self._stop = stop and bool(wanted)

    def visit(self, address: Address, value: Tensor, shared: bool) -> Tensor | None:
        if str(address) not in self.wanted:
            return None
        kept = copied(value) if shared else value
        self.found[str(address)] = kept
        if self._stop and len(self.found) == len(self.wanted):
            raise _Stop
        return copied(kept)


def _last(layers: Sequence[str], runtime: TorchRuntime) -> str:
    def order(name: str) -> tuple[int, bool]:
        return runtime.layer(name).depth, Address.parse(name).site != INPUT_SITE

    return max(layers, key=order)


@dataclass
class _Flow:
    """Who made which tensor and who was given it, in one pass."""

    made: dict[int, list[str]] = field(default_factory=dict)
    given: dict[str, list[int]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    seen: list[Any] = field(default_factory=list)
    """Keeps the tensors alive, so that their ids stay theirs."""


def _foldable(module: nn.Module, example: Tensor, layers: Sequence[str]) -> list[tuple[str, str]]:
    """Paths of convolutions and of the norms that alone read them, by identity of tensors."""
    modules = dict(module.named_modules())
    flow = _Flow()
    _follow(module, modules, example, flow)
    asked = {Address.parse(name) for name in layers}
    watched = {a.path for a in asked if not a.site}
    watched_inputs = {a.path for a in asked if a.site == INPUT_SITE}
    readers: dict[int, set[str]] = {}
    for path, given in flow.given.items():
        for tensor in given:
            readers.setdefault(tensor, set()).add(path)
    pairs = []
    for norm_path, given in flow.given.items():
        norm = modules[norm_path]
        if not _is_norm(norm) or len(given) != 1 or flow.calls[norm_path] != 1:
            continue
        makers = flow.made.get(given[0], [])
        convolution = next((p for p in makers if type(modules[p]) in _CONVOLUTIONS), None)
        if convolution is None or flow.calls[convolution] != 1:
            continue
        between = set(makers) & watched or readers[given[0]] & watched_inputs
        if not between and _only_reader(readers[given[0]], norm_path):
            pairs.append((convolution, norm_path))
    return pairs


def _only_reader(readers: set[str], norm: str) -> bool:
    """Whether all readers are the norm and the containers that hold it."""
    return all(path == norm or norm.startswith(f"{path}.") for path in readers)


def _is_norm(module: nn.Module) -> bool:
    return type(module) in _NORMS and getattr(module, "running_var", None) is not None


def _follow(
    module: nn.Module, modules: Mapping[str, nn.Module], example: Tensor, flow: _Flow
) -> None:
    def on_input(path: str) -> Any:
        def hook(_module: nn.Module, args: Any) -> None:
            tensors = [a for a in args if isinstance(a, Tensor)]
            flow.seen += tensors
            flow.given.setdefault(path, []).extend(id(t) for t in tensors)

        return hook

    def on_output(path: str) -> Any:
        def hook(_module: nn.Module, _args: Any, result: Any) -> None:
            flow.calls[path] = flow.calls.get(path, 0) + 1
            value = primary(result)
            if value is not None:
                flow.seen.append(value)
                flow.made.setdefault(id(value), []).append(path)

        return hook

    handles: list[Any] = []
    try:
        for path, child in modules.items():
            if path:
                handles.append(child.register_forward_pre_hook(on_input(path)))
                handles.append(child.register_forward_hook(on_output(path)))
        with torch.no_grad(), plain_attention():
            module(example)
    finally:
        for handle in handles:
            handle.remove()


def _replace(module: nn.Module, convolution: str, norm: str) -> None:
    """Fold a norm into a convolution, in every place where the module holds them."""
    old: Any = module.get_submodule(convolution)
    old_norm: Any = module.get_submodule(norm)
    folded: nn.Module = fuse_conv_bn_eval(old, old_norm)
    _exchange(module, old, folded)
    _exchange(module, old_norm, nn.Identity())


def _exchange(module: nn.Module, old: nn.Module, new: nn.Module) -> None:
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if child is old:
                setattr(parent, name, new)


def _lift_ceiling(module: nn.Module, example: Tensor, layer: str) -> None:
    """Let the ReLU6 that makes a layer's value be a ReLU; nothing behind the layer is computed."""
    address = Address.parse(layer)
    modules = dict(module.named_modules())
    flow = _Flow()
    _follow(module, modules, example, flow)
    if address.site or flow.calls.get(address.path) != 1:
        return
    for makers in flow.made.values():
        if address.path in makers:
            for path in makers:
                if isinstance(modules[path], nn.ReLU6) and flow.calls[path] == 1:
                    _exchange(module, modules[path], nn.ReLU())
