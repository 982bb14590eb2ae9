"""Which values of an ONNX graph are layers: found by running it, proved by writing into them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from interp_gui.core.layer import LayerInfo
from interp_gui.runtimes.onnx.axes import follow_axes, has_parts
from interp_gui.runtimes.onnx.graph import Graph, Node
from interp_gui.runtimes.onnx.rewriting import Site
from interp_gui.runtimes.onnx.worthwhile import worthwhile_values

PROBE_BATCH = 2
"""An axis that does not hold the batch shows itself by its extent."""
EDIT_OPSET = 11
"""The first whose operations the slots of edits are made of."""

_NOISE = "probe_noise"
_HIDDEN = "interp_gui_input"
_FLOAT_KINDS = {1: "float32", 10: "float16", 16: "bfloat16", 11: "float64"}
_EDITABLE = ("float32", "float16")
Run = Callable[[Any, Sequence[str], Mapping[str, Any]], list[Any]]
"""Called with a model, names of values and feeds: a run without optimisation."""


@dataclass(frozen=True)
class Layers:
    """What probing found.

    Parameters
    ----------
    listed
        Values in order of execution.
    sites
        Every address that can be read, `…/in` included.
    places, dtypes
        Where each address is in the graph, and the kind of its numbers.
    """

    listed: tuple[LayerInfo, ...]
    sites: Mapping[str, LayerInfo]
    places: Mapping[str, Site]
    dtypes: Mapping[str, str]


def find_layers(
    graph: Graph, skeleton: Any, image: tuple[int, int, int], *, batch: int, run: Run
) -> Layers:
    """Find the layers of a network and prove that writing there changes its answer.

    Parameters
    ----------
    image
        Channels, height, width.
    batch
        How many images the graph takes; 0 where any number.

    Notes
    -----
    One run with noise tells all shapes. In another one, every node is computed twice, the second
    time with noise of the value's own size added to one of its inputs: that proves the way from
    each value to the next, and so to the outputs. Of ways that only cancel each other a chain of
    such proofs knows nothing; the layers worth looking at are tried literally
    (`runtime.OnnxRuntime`), and so is each other one in the tests.
    """
    count = batch or PROBE_BATCH
    noise = np.random.default_rng(0).standard_normal((count, *image)).astype(np.float32)
    shapes, kinds = _shapes(graph, skeleton, noise, run)
    reaching = _reaching(graph, skeleton, kinds, shapes, noise, run)
    found = {
        value: shape
        for value, shape in shapes.items()
        if value in graph.names and len(shape) >= 2 and shape[0] == count
        and not graph.names[value].startswith(_HIDDEN)
    }  # fmt: skip
    axes = follow_axes(graph, shapes, count)
    # an axis of that extent may come first by chance: keys and values are two, as images are here
    found = {value: shape for value, shape in found.items() if value in axes}
    worthwhile = worthwhile_values(graph, found, axes)
    listed: list[LayerInfo] = []
    sites: dict[str, LayerInfo] = {}
    places: dict[str, Site] = {}
    dtypes: dict[str, str] = {}
    for depth, (value, shape) in enumerate(found.items()):
        node, name = graph.producer[value], graph.names[value]
        effective, connected = reaching.get(value, (False, False))
        if not effective and not connected:
            continue
        writable = effective and kinds[value] in _EDITABLE and graph.opset >= EDIT_OPSET
        info = LayerInfo(
            name=name,
            kind=node.op,
            axes=axes[value],
            shape=shape[1:],
            worthwhile=value in worthwhile and "unit" in axes[value],
            writable=writable and has_parts(axes[value]),
            depth=depth,
        )
        listed.append(info)
        sites[name], places[name], dtypes[name] = info, Site(value), kinds[value]
        first = node.inputs[0] if node.inputs else ""
        if first in axes and first in shapes and len(node.outputs) == 1:
            own = f"{name}/in"
            sites[own] = msgspec.structs.replace(
                info, name=own, axes=axes[first], shape=shapes[first][1:], worthwhile=False,
                writable=writable and kinds[first] in _EDITABLE and has_parts(axes[first]),
            )  # fmt: skip
            places[own], dtypes[own] = Site(first, node.index), kinds[first]
    return Layers(tuple(listed), sites, places, dtypes)


def _shapes(
    graph: Graph, skeleton: Any, noise: Any, run: Run
) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Shapes of all floating-point values that depend on the image, and kinds of their numbers."""
    from onnx import helper

    kinds = _kinds(graph, skeleton)
    wanted = [
        value for node in graph.nodes for value in node.outputs
        if value in graph.dependent and kinds.get(value)
    ]  # fmt: skip
    model = _copy(skeleton)
    own = model.graph
    del own.output[:]
    for place, value in enumerate(wanted):
        own.node.append(helper.make_node("Shape", [value], [f"probe_{place}"]))
        own.output.append(helper.make_tensor_value_info(f"probe_{place}", 7, None))
    image = graph.inputs[0].name
    names = [f"probe_{place}" for place in range(len(wanted))]
    found = run(model, names, {image: noise})
    shapes = {image: tuple(noise.shape)}
    shapes |= {
        value: tuple(int(n) for n in shape) for value, shape in zip(wanted, found, strict=True)
    }
    return shapes, kinds | {image: "float32"}


def _kinds(graph: Graph, skeleton: Any) -> dict[str, str]:
    """Names of the kinds of floating-point values, from the types that operations have."""
    import onnx

    model = _copy(skeleton)
    for tensor in model.graph.initializer:
        tensor.ClearField("external_data")
        tensor.data_location = 0
    try:
        typed = onnx.shape_inference.infer_shapes(model)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        typed = model
    ports = (*typed.graph.value_info, *typed.graph.output)
    return {
        port.name: _FLOAT_KINDS[port.type.tensor_type.elem_type]
        for port in ports
        if port.type.tensor_type.elem_type in _FLOAT_KINDS
    }


def _reaching(
    graph: Graph,
    skeleton: Any,
    kinds: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
    noise: Any,
    run: Run,
) -> dict[str, tuple[bool, bool]]:
    """By value: whether writing there changes the outputs, and whether it changes anything."""
    if graph.opset < EDIT_OPSET:
        return {value: (False, True) for node in graph.nodes for value in node.outputs}
    from onnx import TensorProto, helper

    model = _copy(skeleton)
    own = model.graph
    del own.output[:]
    edges: list[tuple[str, str]] = []
    noisy: dict[str, str] = {}
    sources = list(own.node)
    own.initializer.append(helper.make_tensor("probe_zero", TensorProto.INT64, [1], [0]))
    own.initializer.append(helper.make_tensor("probe_small", TensorProto.FLOAT, [1], [1e-3]))
    for node in graph.nodes:
        for place, value in enumerate(node.inputs):
            if kinds.get(value) not in _EDITABLE or value not in shapes:
                continue
            if value not in noisy:
                noisy[value] = _add_noise(
                    own, value, f"noisy_{len(noisy)}", kinds[value], shapes[value]
                )
            _compare(own, sources[node.index], node, place, noisy[value], edges)
    names = [port.name for port in own.output]
    longest = max((int(np.prod(shapes[value])) for value in noisy), default=1)
    line = np.random.default_rng(1).standard_normal(longest).astype(np.float32)
    own.input.append(helper.make_tensor_value_info(_NOISE, TensorProto.FLOAT, [longest]))
    feeds = {graph.inputs[0].name: noise, _NOISE: line}
    answers = run(model, names, feeds) if names else []
    changed = {edge for edge, same in zip(edges, answers, strict=True) if float(same) == 0.0}
    reaching: dict[str, tuple[bool, bool]] = {}
    outputs = {port.name for port in graph.outputs}
    behind: dict[str, list[str]] = {}
    for source, target in changed:
        behind.setdefault(source, []).append(target)
    for node in reversed(graph.nodes):
        for value in node.outputs:
            ways = behind.get(value, [])
            effective = value in outputs or any(
                target in outputs or reaching.get(target, (False,))[0] for target in ways
            )
            reaching[value] = (effective, bool(ways) or value in outputs)
    return reaching


def _add_noise(own: Any, value: str, name: str, kind: str, shape: tuple[int, ...]) -> str:
    """A value with noise of its own size, cut from one line of random numbers for all."""
    from onnx import TensorProto, helper

    nodes = [("Cast", [value], f"{name}_float", {"to": TensorProto.FLOAT})]
    nodes += [("Abs", [f"{name}_float"], f"{name}_abs", {})]
    nodes += [("ReduceMax", [f"{name}_abs"], f"{name}_most", {"keepdims": 0})]
    nodes += [("Add", [f"{name}_most", "probe_small"], f"{name}_size", {})]
    nodes += [("Slice", [_NOISE, "probe_zero", f"{name}_count"], f"{name}_line", {})]
    nodes += [("Reshape", [f"{name}_line", f"{name}_shape"], f"{name}_raw", {})]
    nodes += [("Mul", [f"{name}_raw", f"{name}_size"], f"{name}_scaled", {})]
    nodes += [("Add", [f"{name}_float", f"{name}_scaled"], f"{name}_sum", {})]
    target = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes += [("Cast", [f"{name}_sum"], name, {"to": target})]
    for op, inputs, output, attributes in nodes:
        own.node.append(helper.make_node(op, inputs, [output], **attributes))
    count = int(np.prod(shape))
    for constant, numbers in ((f"{name}_count", [count]), (f"{name}_shape", list(shape))):
        own.initializer.append(
            helper.make_tensor(constant, TensorProto.INT64, [len(numbers)], numbers)
        )
    return name


def _compare(
    own: Any, source: Any, node: Node, place: int, noisy: str, edges: list[tuple[str, str]]
) -> None:
    """Compute a node again with one input changed, and return whether all its outputs stay."""
    import onnx
    from onnx import TensorProto, helper

    again = onnx.NodeProto()
    again.CopyFrom(source)
    again.name = ""
    again.input[place] = noisy
    mark = f"again_{len(edges)}"
    for position, name in enumerate(node.outputs):
        if name:
            again.output[position] = f"{mark}_{position}"
    own.node.append(again)
    for position, name in enumerate(node.outputs):
        if not name:
            continue
        label = f"edge_{len(edges)}"
        own.node.extend([
            helper.make_node("Cast", [name], [f"{label}_a"], to=TensorProto.FLOAT),
            helper.make_node("Cast", [f"{mark}_{position}"], [f"{label}_b"], to=TensorProto.FLOAT),
            helper.make_node("Equal", [f"{label}_a", f"{label}_b"], [f"{label}_e"]),
            helper.make_node("Cast", [f"{label}_e"], [f"{label}_f"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMin", [f"{label}_f"], [label], keepdims=0),
        ])  # fmt: skip
        own.output.append(helper.make_tensor_value_info(label, TensorProto.FLOAT, None))
        edges.append((node.inputs[place], name))


def _copy(skeleton: Any) -> Any:
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(skeleton)
    return model
