"""Norms of an ONNX graph, and what they take: whole operations, and layer norms written out."""

from typing import TYPE_CHECKING

from interp_gui.runtimes.onnx.graph import Graph, Node

if TYPE_CHECKING:
    from interp_gui.runtimes.onnx.runtime import OnnxRuntime

_NORMS = frozenset((
    "BatchNormalization", "LayerNormalization", "GroupNormalization", "InstanceNormalization",
))  # fmt: skip
_ACTIVATIONS = frozenset((
    "Relu", "Gelu", "HardSwish", "LeakyRelu", "Elu", "Celu", "Selu", "Mish", "PRelu", "Tanh",
    "Clip",
))  # fmt: skip
"""Operations that leave a zero a zero (a Clip that does not is told apart by its limits)."""
_CARRYING = frozenset((
    "Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Dropout",
))  # fmt: skip
_MEASURING = frozenset(("Shape", "Size"))
_MOST_STEPS = 8  # of what carries a value on, one behind the other


def onnx_norms(runtime: "OnnxRuntime") -> dict[str, tuple[str, ...]]:
    """By layer: places behind the norm that takes it, the best one first."""
    graph = runtime.graph
    returned = {port.name for port in graph.outputs}
    found: dict[str, tuple[str, ...]] = {}
    for layer in runtime.description.layers:
        places = _places(graph, graph.values.get(layer.name, ""), returned)
        if places:
            found[layer.name] = places
    for node in graph.nodes:
        if node.op in _NORMS and node.outputs[0] in graph.names:
            own = graph.names[node.outputs[0]]
            found[f"{own}/in"] = _behind(graph, node.outputs[0], returned)
    return found


def _places(graph: Graph, value: str, returned: set[str]) -> tuple[str, ...]:
    """Places behind the norm that alone takes a value; none where there is no such norm."""
    for _ in range(_MOST_STEPS):
        if not value or value in returned:
            return ()
        takers = _takers(graph, value)
        if len(takers) == 1 and takers[0].op in _NORMS and takers[0].inputs[0] == value:
            return _behind(graph, takers[0].outputs[0], returned)
        written = _written_out(graph, value, takers)
        if written:
            return _behind(graph, written, returned)
        if len(takers) != 1 or takers[0].op not in _CARRYING:
            return ()
        value = takers[0].outputs[0]
    return ()


def _behind(graph: Graph, value: str, returned: set[str]) -> tuple[str, ...]:
    """The activation behind a norm's value, and the values of the norm, weights and shape last."""
    norm = [value]
    for _ in range(_MOST_STEPS):
        taker = _only(graph, value)
        if taker is None or value in returned:
            break
        if taker.op in _ACTIVATIONS and _keeps_zero(graph, taker):
            names = [graph.names[v] for v in (taker.outputs[0], *reversed(norm))]
            return tuple(names)
        # what a group norm is exported as: an instance norm, then weights and biases of its own
        scaling = taker.op in ("Mul", "Add") and _constant_beside(graph, taker, value)
        if taker.op not in _CARRYING and not scaling:
            break
        value = taker.outputs[0]
        norm.append(value)
    return tuple(graph.names[v] for v in reversed(norm) if v in graph.names)


def _written_out(graph: Graph, value: str, takers: tuple[Node, ...]) -> str:
    """The last value of a layer norm that is written out behind a value; empty if there is none.

    x − mean(x), divided by the root of the mean of its square: how exports below opset 17 say it.
    """
    if {node.op for node in takers} != {"ReduceMean", "Sub"} or len(takers) != 2:
        return ""
    mean = next(node for node in takers if node.op == "ReduceMean")
    centred = next(node for node in takers if node.op == "Sub")
    if centred.inputs != (value, mean.outputs[0]):
        return ""
    for node in graph.consumers.get(centred.outputs[0], ()):
        if node.op == "Div" and node.inputs[0] == centred.outputs[0]:
            divisor = graph.producer.get(node.inputs[1])
            if divisor is not None and divisor.op == "Sqrt":
                return node.outputs[0]
    return ""


def _takers(graph: Graph, value: str) -> tuple[Node, ...]:
    """The nodes that take a value, and not only its shape."""
    return tuple(node for node in graph.consumers.get(value, ()) if node.op not in _MEASURING)


def _only(graph: Graph, value: str) -> Node | None:
    takers = _takers(graph, value)
    return takers[0] if len(takers) == 1 else None


def _constant_beside(graph: Graph, node: Node, value: str) -> bool:
    return all(name == value or name not in graph.dependent for name in node.inputs)


def _keeps_zero(graph: Graph, node: Node) -> bool:
    if node.op != "Clip":
        return True
    low = _limit(graph, node, 1, "min", -1.0)
    high = _limit(graph, node, 2, "max", 1.0)
    return low is not None and high is not None and low <= 0.0 <= high


def _limit(graph: Graph, node: Node, place: int, name: str, missing: float) -> float | None:
    """A limit of a Clip; None where it is not a constant."""
    if name in node.attributes:
        return float(node.attributes[name])
    source = node.inputs[place] if len(node.inputs) > place else ""
    if not source:
        return missing
    maker = graph.producer.get(source)
    constant = graph.constants.get(source)
    if constant is None and maker is not None and maker.op == "Constant":
        constant = maker.attributes.get("value")
    return None if constant is None else float(constant.reshape(-1)[0])
