"""The ONNX runtime: runs, reads and changes a network on ONNX Runtime."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import get_ident
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import EditProblem, InterpError, InvalidValue, unknown_name
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.runtime import Array, Capture, CaptureLike, Forward, Sources
from interp_gui.runtimes.hooks import before_every_module
from interp_gui.runtimes.onnx.axes import has_parts, slot_axis
from interp_gui.runtimes.onnx.edit_feeds import slot_feeds, slot_kind
from interp_gui.runtimes.onnx.graph import Graph, read_graph
from interp_gui.runtimes.onnx.network import Network, RunPlan
from interp_gui.runtimes.onnx.poking import poked
from interp_gui.runtimes.onnx.probing import EDIT_OPSET, Layers, find_layers
from interp_gui.runtimes.onnx.rewriting import Plan, Site, SiteSlots, SlotKind
from interp_gui.runtimes.onnx.splitting import Splits
from interp_gui.runtimes.writable import require_writable

__all__ = ["OnnxRuntime"]


class OnnxRuntime:
    """An ONNX model that can be run, read and changed, but not differentiated.

    Parameters
    ----------
    onnx
        Bytes of a checked model (`checkpoints.onnx_files`).
    description
        What it is; `layers` is filled in by probing, `runtime_reason` by asking the session.
    device
        `cpu`, `cuda:0`, `mps`: the execution provider follows from it.
    check
        Called while layers are found; what it raises ends that.

    Notes
    -----
    The model itself is never changed: what is asked for is written into copies of its graph, which
    share its weights.
    """

    def __init__(
        self,
        onnx: bytes,
        description: ModelDescription,
        *,
        device: str = "cpu",
        check: Callable[[], None] | None = None,
    ) -> None:
        self._network = Network(read_graph(onnx), device=device)
        self.splits = Splits(self._network)
        """The network in two halves, for passes that share the first one."""
        self._checks: list[Callable[[], None]] = [check] if check is not None else []
        channels = len(description.preprocessing.mean)
        self._by_size: dict[tuple[int, ...], Layers] = {}
        shape = (channels, *description.preprocessing.size)
        self._layers = self._find(shape, description.name)
        self._checks = []
        self._description = msgspec.structs.replace(
            description,
            layers=self._layers.listed,
            runtime="onnx",
            runtime_reason=self._network.sentence,
            gradient_problem=description.gradient_problem
            or "ONNX Runtime gives answers, not gradients.",
        )
        self.memo: dict[Any, Any] = {}
        """What was found out about this network at this input size, by those who found it."""

    @property
    def description(self) -> ModelDescription:
        """What the model is, with its proved layers in order of execution."""
        return self._description

    @property
    def device(self) -> str:
        """Where it runs, as its sessions say."""
        return self._network.device

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers in use, the first one first."""
        return self._network.providers

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become its input."""
        return self._description.preprocessing

    @property
    def graph(self) -> Graph:
        """The graph as it was opened."""
        return self._network.graph

    @property
    def network(self) -> Network:
        """The graph with its sessions."""
        return self._network

    @property
    def sessions_made(self) -> int:
        """How many sessions were made so far: it stands still while only numbers change."""
        return self._network.sessions_made

    def gradients(self) -> Any:
        """The same network as one that can differentiate; None where it has no gradients."""
        from interp_gui.runtimes.onnx_torch.twin import twin_of

        return twin_of(self)

    def seek_gradients(self) -> None:
        """Find out whether the network has gradients, and describe it accordingly."""
        from interp_gui.runtimes.onnx_torch.twin import gradient_problem, pictures

        problem = gradient_problem(self, pictures(self))
        self._description = msgspec.structs.replace(self._description, gradient_problem=problem)

    def with_preprocessing(self, preprocessing: Preprocessing) -> "OnnxRuntime":
        """The same network with another way from image to input.

        Layers are probed again if the input's size or number of channels changes; a network that
        does not take the new one raises InvalidValue.
        """
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        new = (len(preprocessing.mean), *preprocessing.size)
        if new != (len(self.preprocessing.mean), *self.preprocessing.size):
            twin._layers = self._find(new, self._description.name)
            twin.memo = {}
        twin._description = msgspec.structs.replace(
            self._description, preprocessing=preprocessing, layers=twin._layers.listed
        )
        return twin

    def with_outputs(self, outputs: tuple[OutputInfo, ...]) -> "OnnxRuntime":
        """The same network with outputs of other kinds."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._description = msgspec.structs.replace(self._description, outputs=outputs)
        return twin

    def known(self, name: str) -> LayerInfo | None:
        """What is known of an address; None of one that is not offered."""
        return self._layers.sites.get(str(Address.parse(name)))

    def place(self, name: str) -> tuple[Site, str]:
        """Where in the graph a layer's value is, and its kind of numbers."""
        known = self.layer(name).name
        return self._layers.places[known], self._layers.dtypes[known]

    def pulse(self) -> None:
        """Show life in what takes long beside passes; raises where it is to end."""
        self._check()

    def layer(self, name: str) -> LayerInfo:
        """What is known of an address, `…/in` sites included; unknown ones raise UnknownName."""
        return self._info(self._layers, name)

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
        return self.forward_by(
            self._network.run, batch, capture=capture, edits=edits, sources=sources, until=until
        )

    def forward_by(
        self,
        run: RunPlan,
        batch: Array,
        *,
        capture: Sequence[CaptureLike] = (),
        edits: EditStack | None = None,
        sources: Sources | None = None,
        until: str | None = None,
    ) -> Forward:
        """The same where something else than the whole network runs the plan."""
        values = np.ascontiguousarray(batch, np.float32)
        if values.ndim != 4:
            raise InvalidValue("A batch is an array of shape (N, channels, height, width).")
        layers = self._layers_for(values.shape[1:])
        asked = self._asked(layers, capture, edits or EditStack(), sources or {}, until)
        check = self._check if self._checks else None
        outputs, reads = run(asked.plan, values, asked.feeds, check=check)
        names = [output.name for output in self._description.outputs]
        by_read = dict(zip(asked.plan.reads, reads, strict=True))
        return Forward(
            outputs=dict(zip(names, outputs, strict=False)),
            captured={key: by_read[read].copy() for key, read in asked.captures.items()},
            hits=asked.hits,
        )

    @contextmanager
    def cancel_with(self, check: Callable[[], None]) -> Iterator[None]:
        """Call `check` (which may raise Cancelled) while runs last, until this closes."""
        self._checks.append(check)
        try:
            with before_every_module(check, get_ident()):  # of the twin that differentiates
                yield
        finally:
            self._checks.remove(check)

    def _check(self) -> None:
        for check in self._checks:
            check()

    def _find(self, shape: tuple[int, ...], name: str) -> Layers:
        if shape not in self._by_size:
            channels, height, width = shape
            try:
                found = find_layers(
                    self.graph, self._network.skeleton, (channels, height, width),
                    batch=self._network.batch,
                    run=partial(self._network.run_once, check=self._check),
                )  # fmt: skip
                self._by_size[shape] = poked(
                    self._network, found, (channels, height, width), check=self._check
                )
            except InvalidValue as problem:
                raise InvalidValue(
                    f"'{name}' does not take images of {height} × {width} in {channels} channels.",
                    hint=problem.message,
                ) from None
        return self._by_size[shape]

    def _layers_for(self, shape: tuple[int, ...]) -> Layers:
        own = (len(self.preprocessing.mean), *self.preprocessing.size)
        return self._layers if shape == own else self._find(shape, self._description.name)

    def _info(self, layers: Layers, name: str) -> LayerInfo:
        wanted = str(Address.parse(name))
        if wanted not in layers.sites:
            raise unknown_name("layer", wanted, [layer.name for layer in layers.listed])
        return layers.sites[wanted]

    def _asked(
        self,
        layers: Layers,
        capture: Sequence[CaptureLike],
        stack: EditStack,
        sources: Mapping[tuple[str, str], Array],
        until: str | None,
    ) -> "_Asked":
        """Everything a pass is asked for, checked, as a plan and its numbers."""
        last = self._index(layers, self._info(layers, until).name) if until is not None else None
        captures: dict[CaptureLike, tuple[Site, bool]] = {}
        for key in capture:
            name = self._info(layers, key.layer if isinstance(key, Capture) else key).name
            if last is not None and self._index(layers, name) > last:
                raise InvalidValue(
                    f"Layer '{name}' was never reached in this pass.",
                    hint="It lies behind the layer at which the pass stops.",
                )
            before = isinstance(key, Capture) and key.moment == "before"
            captures[key] = (layers.places[name], before)
        known = {
            (self._info(layers, layer).name, image): np.asarray(value)
            for (layer, image), value in sources.items()
        }
        made: dict[str, list[tuple[SlotKind, dict[str, NDArray[Any]]]]] = {}
        hits: dict[int, int] = {}
        for index, edit in zip(stack.live, stack.active, strict=True):
            info = self._info(layers, edit.feature.layer)
            self._check_edit(layers, edit, info, last)
            source = known.get((info.name, edit.image_source))
            feeds = slot_feeds(edit, info, source=source)
            made.setdefault(info.name, []).append((slot_kind(edit, info), feeds))
            hits[index] = 1
        edits = tuple(
            SiteSlots(
                layers.places[name], tuple(kind for kind, _ in slots),
                slot_axis(layers.sites[name]), len(layers.sites[name].shape) + 1,
                layers.sites[name].units,
                layers.dtypes[name],
            )
            for name, slots in sorted(made.items())
        )  # fmt: skip
        reads = dict.fromkeys(captures.values())
        if last is not None and until is not None:
            reads[layers.places[self._info(layers, until).name], False] = None
        plan = Plan(
            reads=tuple(sorted(reads, key=lambda r: (r[0].value, r[0].consumer, r[1]))),
            edits=edits,
            outputs=until is None,
        )
        feeds_of = {
            (layers.places[name], place): numbers
            for name, slots in made.items()
            for place, (_, numbers) in enumerate(slots)
        }
        return _Asked(plan=plan, captures=captures, feeds=feeds_of, hits=hits)

    def _check_edit(self, layers: Layers, edit: Edit, info: LayerInfo, last: int | None) -> None:
        edit.feature.check(info)
        if last is not None and self._index(layers, info.name) > last:
            raise EditProblem(
                f"The edit of {edit.feature.text} never ran.",
                hint="Its layer lies behind the one at which this pass stops.",
            )
        problem = self._cannot_edit(layers, info)
        if problem is not None:
            raise problem
        require_writable(info)

    def _cannot_edit(self, layers: Layers, info: LayerInfo) -> InterpError | None:
        if not has_parts(info.axes):
            return EditProblem(f"Layer '{info.name}' has no units that could be edited.")
        if self.graph.opset < EDIT_OPSET:
            return EditProblem(
                f"Models of opset {self.graph.opset} can be read, not edited.",
                hint="Export it again with opset 17.",
            )
        if layers.dtypes[info.name] not in ("float32", "float16"):
            return EditProblem(f"Layer '{info.name}' holds numbers that cannot be edited.")
        return None

    def _index(self, layers: Layers, name: str) -> int:
        """Place of a layer in the order of execution."""
        site = layers.places[name]
        if site.consumer >= 0:
            return site.consumer
        maker = self.graph.producer.get(site.value)
        return maker.index if maker is not None else -1


@dataclass(frozen=True)
class _Asked:
    plan: Plan
    captures: dict[CaptureLike, tuple[Site, bool]]
    feeds: dict[tuple[Site, int], dict[str, NDArray[Any]]]
    hits: dict[int, int]
