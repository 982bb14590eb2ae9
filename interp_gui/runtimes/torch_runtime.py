"""The PyTorch runtime: runs, reads, changes and differentiates a network, leaving no trace."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from threading import get_ident
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from interp_gui.core.describing import LayerDescriber
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import (
    EditProblem,
    InvalidValue,
    MissingAbility,
    unknown_name,
)
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.runtime import Array, Capture, CaptureLike, Forward, Sources, Trace
from interp_gui.runtimes.hooks import Visit, before_every_module, plain_attention
from interp_gui.runtimes.layers import Probe, make_out_of_place, probe, reaching
from interp_gui.runtimes.memory import memory_errors
from interp_gui.runtimes.strides import copied
from interp_gui.runtimes.torch_edits import apply_edit
from interp_gui.runtimes.writable import require_writable

__all__ = ["TorchRuntime"]


class _Stop(Exception):  # how a pass ends at `until`
    pass


class TorchRuntime:
    """A torch module that can be run, read, changed and differentiated.

    Parameters
    ----------
    module
        The network. It is set to evaluation mode, frozen, and made free of in-place modules.
    description
        What it is; `layers` is filled in by probing.
    device
        `cpu`, `cuda:0`, `mps`.
    describers
        Layer describers of plugins.

    Notes
    -----
    Every call leaves parameters, buffers, modes and hooks as they were, also when it fails.
    """

    def __init__(
        self,
        module: nn.Module,
        description: ModelDescription,
        *,
        device: str = "cpu",
        describers: Sequence[LayerDescriber] = (),
    ) -> None:
        self.module = make_out_of_place(module).eval().requires_grad_(False).to(device)
        self._device = device
        self._modules = dict(self.module.named_modules())
        channels = len(description.preprocessing.mean)
        self._describers = tuple(describers)
        self._description = description
        self._probe: Probe = self._probed((channels, *description.preprocessing.size))
        self._description = msgspec.structs.replace(
            description,
            layers=self._probe.layers,
            inputs=self._probe.inputs,
            notes=(*description.notes, *self._probe.problems),
        )
        self.memo: dict[Any, Any] = {}
        """What was found out about this network at this input size, by those who found it."""

    @property
    def description(self) -> ModelDescription:
        """What the model is, with its proved layers in order of execution."""
        return self._description

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._device

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become its input."""
        return self._description.preprocessing

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        floats = (p.dtype for p in self.module.parameters() if p.is_floating_point())
        return next(floats, torch.float32)

    def with_preprocessing(self, preprocessing: Preprocessing) -> "TorchRuntime":
        """The same module with another way from image to input.

        Layers are probed again if the input's size or number of channels changes; a network that
        does not take the new one raises InvalidValue.
        """
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        layers = self._description.layers
        if (preprocessing.size, len(preprocessing.mean)) != (
            self.preprocessing.size,
            len(self.preprocessing.mean),
        ):
            try:
                twin._probe = self._probed((len(preprocessing.mean), *preprocessing.size))
            except (RuntimeError, AssertionError, ValueError):
                height, width = preprocessing.size
                old_height, old_width = self.preprocessing.size
                raise InvalidValue(
                    f"'{self._description.name}' does not take images of {height} × {width} "
                    f"in {len(preprocessing.mean)} channels.",
                    hint=f"It was opened with {old_height} × {old_width} "
                    f"in {len(self.preprocessing.mean)}.",
                ) from None
            layers = twin._probe.layers
            twin.memo = {}
        twin._description = msgspec.structs.replace(
            self._description,
            preprocessing=preprocessing,
            layers=layers,
            inputs=twin._probe.inputs,
        )
        return twin

    def with_outputs(self, outputs: tuple[OutputInfo, ...]) -> "TorchRuntime":
        """The same module with outputs of other kinds."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._description = msgspec.structs.replace(self._description, outputs=outputs)
        return twin

    def explain(self, reason: str) -> None:
        """Say in the description what passes over many images run on, and why."""
        self._description = msgspec.structs.replace(self._description, runtime_reason=reason)

    def _probed(self, shape: tuple[int, int, int]) -> Probe:
        return probe(
            self.module,
            shape,
            describers=self._describers,
            architecture=self._description.architecture,
            library=self._description.library,
        )

    def visiting(
        self, modules: Mapping[str, nn.Module], names: Iterable[str], visit: Visit
    ) -> AbstractContextManager[None]:
        """Visit some addresses, known ones, of this network or of a copy of it while open."""
        addresses = [Address.parse(name) for name in sorted(names)]
        return reaching(modules, self._probe.virtual, addresses, visit)

    def tensor(self, batch: Any) -> Tensor:
        """A private copy of an array as a tensor of the network's precision and device."""
        return torch.tensor(np.asarray(batch)).to(device=self._device, dtype=self.dtype)

    def known(self, name: str) -> LayerInfo | None:
        """What is known of an address; None of one that is not offered."""
        return self._probe.sites.get(str(Address.parse(name)))

    def layer(self, name: str) -> LayerInfo:
        """What is known of an address, `…/in` sites included; unknown ones raise UnknownName."""
        wanted = str(Address.parse(name))
        if wanted not in self._probe.sites:
            raise unknown_name("layer", wanted, [layer.name for layer in self._probe.layers])
        return self._probe.sites[wanted]

    def forward(
        self,
        batch: Array,
        *,
        capture: Sequence[CaptureLike] = (),
        edits: EditStack | None = None,
        sources: Sources | None = None,
        until: str | None = None,
    ) -> Forward:
        """Run a preprocessed batch (N, C, H, W) and copy values out, as `core.runtime` says."""
        with torch.no_grad():
            with memory_errors():
                x = self.tensor(batch)
            traced = self.trace(x, capture=capture, edits=edits, sources=sources, until=until)
        return Forward(
            outputs={name: _array(t) for name, t in traced.outputs.items()},
            captured={key: _array(t) for key, t in traced.captured.items()},
            hits=traced.hits,
        )

    def trace(
        self,
        x: Any,
        *,
        capture: Sequence[CaptureLike] = (),
        edits: EditStack | None = None,
        sources: Sources | None = None,
        until: str | None = None,
        onward: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    ) -> Trace:
        """Like `forward` on a tensor (N, C, H, W), keeping the graph.

        A captured tensor lies on the way to the outputs, so gradients with respect to it are
        those of that layer alone. Whether a graph is kept follows torch's own gradient mode and
        `x.requires_grad`.

        Parameters
        ----------
        onward
            By layer: makes of its value, behind all edits, what is captured and goes on.
        """
        if not isinstance(x, Tensor) or x.ndim != 4:
            raise InvalidValue("A batch is an array of shape (N, channels, height, width).")
        stack = edits if edits is not None else EditStack()
        tap = _Tap(self, capture, stack, dict(sources or {}), until, onward or {})
        tap.differentiate = torch.is_grad_enabled() and x.requires_grad
        outputs: dict[str, Tensor] = {}
        with (
            memory_errors(),
            plain_attention(),
            self.visiting(self._modules, tap.asked, tap.visit),
            suppress(_Stop),
        ):
            outputs = self.named_outputs(self.module(x))
        tap.check()
        return Trace(outputs=outputs, captured=tap.captured, hits=tap.hits)

    def cancel_with(self, check: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `check` (which may raise Cancelled) before every module while this is open."""
        return before_every_module(check, get_ident())

    def named_outputs(self, result: Any) -> dict[str, Tensor]:
        """Tensors of what the module returns, under the names of the description's outputs."""
        names = [output.name for output in self._description.outputs] or ["output"]
        if isinstance(result, Tensor):
            return {names[0]: result}
        if isinstance(result, Mapping):
            return {str(k): v for k, v in result.items() if isinstance(v, Tensor)}
        if isinstance(result, tuple | list):
            tensors = [v for v in result if isinstance(v, Tensor)]
            names += [f"output_{i}" for i in range(len(names), len(tensors))]
            return dict(zip(names, tensors, strict=False))
        raise MissingAbility(f"'{self._description.name}' returns no tensor.")


class _Tap:
    """What one pass is asked to read and write, and what it has read so far."""

    def __init__(
        self,
        runtime: TorchRuntime,
        capture: Sequence[CaptureLike],
        stack: EditStack,
        sources: Mapping[tuple[str, str], Array],
        until: str | None,
        onward: Mapping[str, Callable[[Tensor], Tensor]],
    ) -> None:
        self.captured: dict[CaptureLike, Tensor] = {}
        self.differentiate = False
        self.hits = dict.fromkeys(stack.live, 0)
        self._stack = stack
        self._runtime = runtime
        self._until = runtime.layer(until).name if until is not None else ""
        self._wanted: dict[str, list[CaptureLike]] = {}
        for key in capture:
            name = key.layer if isinstance(key, Capture) else key
            self._wanted.setdefault(runtime.layer(name).name, []).append(key)
        self._edits: dict[str, list[tuple[int, Edit]]] = {}
        for index, edit in zip(stack.live, stack.active, strict=True):
            info = runtime.layer(edit.feature.layer)
            edit.feature.check(info)
            require_writable(info)
            self._edits.setdefault(info.name, []).append((index, edit))
        self._sources = {
            (runtime.layer(layer).name, image): runtime.tensor(value)
            for (layer, image), value in sources.items()
        }
        self._onward = {runtime.layer(name).name: change for name, change in onward.items()}
        self.asked = {*self._wanted, *self._edits, *self._onward}
        self.asked |= {self._until} if self._until else set()

    def visit(self, address: Address, value: Tensor, shared: bool) -> Tensor | None:
        """Read and write one value on its way through the network."""
        name = str(address)
        keys, edits = self._wanted.get(name, []), self._edits.get(name, [])
        onward: Tensor | None = None
        if keys or edits or name in self._onward:
            # A node of its own, so that gradients and in-place users of a shared value stay out.
            before = copied(value) if keys and shared else value
            after = self._edited(name, before, edits)
            after = self._onward[name](after) if name in self._onward else after
            if keys and self.differentiate and not after.requires_grad:
                # Where edits put all of a value in place, it is there that a graph begins anew.
                after = after.detach().requires_grad_(after.is_floating_point())
            for key in keys:
                early = isinstance(key, Capture) and key.moment == "before"
                self.captured[key] = before if early else after
            # What goes on is a copy, so that nothing downstream can alter what was captured.
            onward = copied(after) if keys else after
        if name == self._until:
            raise _Stop
        return onward

    def _edited(self, name: str, value: Tensor, edits: list[tuple[int, Edit]]) -> Tensor:
        axes = self._runtime.layer(name).axes
        for index, edit in edits:
            source = self._sources.get((name, edit.image_source))
            value = apply_edit(value, edit, axes, source=source)
            self.hits[index] += 1
        return value

    def check(self) -> None:
        """Raise if something asked for was never reached."""
        for index, count in self.hits.items():
            if not count:
                text = self._stack.edits[index].feature.text
                raise EditProblem(
                    f"The edit of {text} never ran.",
                    hint="Its layer lies behind the one at which this pass stops.",
                )
        for name, keys in self._wanted.items():
            if any(key not in self.captured for key in keys):
                raise InvalidValue(
                    f"Layer '{name}' was never reached in this pass.",
                    hint="It lies behind the layer at which the pass stops.",
                )


def _array(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy()
