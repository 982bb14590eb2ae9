"""Edits baked into an ONNX model: of a graph that was opened, or of a network that is exported."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.edit_reference import edited_axis
from interp_gui.core.errors import InterpError
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.runtime import Array, Runtime
from interp_gui.runtimes.baking.graphs import Edge, insert
from interp_gui.runtimes.baking.outcome import (
    NotBakeable,
    Outcome,
    outcome_of_images,
    text_of,
)
from interp_gui.runtimes.baking.steps import Step, applied, steps_of
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.torch_runtime import TorchRuntime

Edits = dict[int, tuple[Step, ...]]
HOW = "as operations in the graph"


def plan_nodes(runtime: Runtime, stack: EditStack) -> tuple[tuple[Outcome, ...], Edits]:
    """Which edits can be operations of a graph, and which operations those are."""
    outcomes: list[Outcome] = []
    found: Edits = {}
    for index in stack.live:
        edit, text = stack.edits[index], text_of(stack, index)
        info = _layer(runtime, edit)
        edit.feature.check(info)
        try:
            axis = _axis(edit, info)
            found[index] = steps_of(edit, info.shape[axis - 1])
            outcomes.append(Outcome(index=index, text=text, how=HOW))
        except NotBakeable as problem:
            outcomes.append(Outcome(index=index, text=text, why=str(problem)))
    return (*outcomes, *outcome_of_images(stack)), found


def insert_edits(runtime: OnnxRuntime, model: Any, stack: EditStack, edits: Edits) -> None:
    """Write edits into an ONNX model that has the values of the graph that was opened.

    Raises
    ------
    NotBakeable
        A value has no place in it.
    """
    placed: list[tuple[Edge, tuple[Step, ...]]] = []
    for index, steps in sorted(edits.items()):
        info = runtime.layer(stack.edits[index].feature.layer)
        site, dtype = runtime.place(info.name)
        consumer = runtime.graph.nodes[site.consumer].outputs[0] if site.consumer >= 0 else ""
        axis = _axis(stack.edits[index], info)
        if steps:
            placed.append((Edge(site.value, consumer, axis, len(info.shape) + 1, dtype), steps))
    insert(model, placed)


def export_edited(
    runtime: TorchRuntime, batch: Array, stack: EditStack, edits: Edits,
    *, check: Callable[[], None] = lambda: None,
) -> bytes:  # fmt: skip
    """Export a torch network with edits as operations of its graph.

    Raises
    ------
    NotBakeable
        torch cannot export it.
    """
    from interp_gui.runtimes.faster.exporting import CannotExport, export

    by_layer: dict[str, list[int]] = {}
    for index in sorted(edits):
        name = str(Address.parse(stack.edits[index].feature.layer))
        by_layer.setdefault(name, []).append(index)

    def change(name: str) -> Callable[[Any], Any]:
        info = runtime.layer(name)

        def run(value: Any) -> Any:
            for index in by_layer[name]:
                value = applied(value, _axis(stack.edits[index], info), edits[index])
            return value

        return run

    try:
        exported = export(
            runtime, runtime.tensor(batch), (), check=check,
            onward={name: change(name) for name in by_layer},
        )  # fmt: skip
    except CannotExport as problem:
        raise NotBakeable(f"torch cannot export this network to ONNX: {problem}") from None
    return _named(exported.onnx, exported.outputs)


def _named(onnx_bytes: bytes, outputs: tuple[str, ...]) -> bytes:
    """The model with its outputs called what the network calls them."""
    import onnx

    model = onnx.load_model_from_string(onnx_bytes)
    wanted = dict(zip([port.name for port in model.graph.output], outputs, strict=True))
    made = {name for node in model.graph.node for name in node.output} - set(wanted)
    wanted = {old: new for old, new in wanted.items() if new not in made and new != "image"}
    for port in model.graph.output:
        port.name = wanted.get(port.name, port.name)
    for node in model.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = wanted.get(name, name)
    done: bytes = model.SerializeToString()
    return done


def answers(onnx_bytes: bytes, batch: Array, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """What an ONNX model, as it is opened, answers on ONNX Runtime, by the outputs' names."""
    from interp_gui.runtimes.onnx.graph import read_graph
    from interp_gui.runtimes.onnx.network import Network
    from interp_gui.runtimes.onnx.rewriting import Plan

    network = Network(read_graph(onnx_bytes), device="cpu")
    outputs, _ = network.run(Plan(), np.ascontiguousarray(batch, np.float32), {})
    return dict(zip(names, outputs, strict=False))


def _layer(runtime: Runtime, edit: Edit) -> LayerInfo:
    if isinstance(runtime, TorchRuntime | OnnxRuntime):
        return runtime.layer(edit.feature.layer)
    return runtime.description.layer(edit.feature.layer)


def _axis(edit: Edit, info: LayerInfo) -> int:
    try:
        return edited_axis(edit, info.axes) + 1
    except InterpError as problem:
        raise NotBakeable(problem.message.rstrip(".").lower()) from None
