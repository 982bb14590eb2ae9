"""The few values of an ONNX graph that are worth looking at, chosen by its structure."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from interp_gui.core.layer import Axis
from interp_gui.runtimes.onnx.graph import Graph, Node

MOST = 40
_FEW = 3
_MOST_NODES = 8000  # beyond, whose branch a node is in would take too long to tell
T = TypeVar("T")

_ACTIVATIONS = frozenset((
    "Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "HardSwish", "Gelu", "Mish",
    "Softplus", "Tanh", "ThresholdedRelu", "Swish",
))  # fmt: skip
_LINEAR = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization"))
_POOLS = frozenset(("GlobalAveragePool", "GlobalMaxPool", "ReduceMean"))
_NORMS = frozenset(("LayerNormalization", "RMSNormalization"))
_MIXING = _LINEAR | _POOLS | {"AveragePool", "MaxPool", "Einsum", "LSTM", "GRU", "DequantizeLinear"}
"""Without one of these, a branch that is added to its source is part of an activation or norm."""


def worthwhile_values(
    graph: Graph, offered: Mapping[str, tuple[int, ...]], axes: Mapping[str, tuple[Axis, ...]]
) -> set[str]:
    """Values that end blocks, activations outside blocks, MLP hidden, last norm and pooling.

    Parameters
    ----------
    offered
        Values that can be looked at, in order of execution, with shapes including the batch.
    axes
        Of these values, without the batch.
    """
    sums = _residual_sums(graph, offered)
    inside = _inside(graph, sums)
    ends_of_blocks = [
        v for v in offered if graph.producer[v].op == "Conv" and _ends_block(graph, v)
    ]
    if len(ends_of_blocks) >= _FEW:  # what lies between them is inside of blocks as well
        first, last = (graph.producer[ends_of_blocks[place]].index for place in (0, -1))
        inside.update(
            dict.fromkeys(
                set(range(first + 1, last)) - set(_indices(graph, (*ends_of_blocks, *sums))), True
            )
        )
    main: list[str] = []
    hidden: list[str] = []
    ends: dict[str, str] = {}
    for value in offered:
        node = graph.producer[value]
        if value in sums or _joins(node, axes):
            main.append(_activated(graph, value, offered))
        elif _is_activation(graph, node):
            if not inside.get(node.index):
                main.append(value)
            elif _source(graph, node).op in ("Gemm", "MatMul", "Add"):
                hidden.append(value)
        elif node.op in _POOLS and len(offered[value]) <= 4:
            ends["pool"] = value
        elif node.op in _NORMS:
            ends["norm"] = value
        elif value in ends_of_blocks and not inside.get(node.index):
            main.append(value)
    main = [value for value in dict.fromkeys(main) if value in offered]
    if not main and not hidden:
        main = [v for v in offered if graph.producer[v].op in _LINEAR] or list(offered)[-1:]
    room = MOST - len(ends)
    chosen = evenly(main, room) if len(main) > room else main
    chosen = [*chosen, *evenly(hidden, room - len(chosen))]
    returned = {port.name for port in graph.outputs}
    return {*chosen, *ends.values()} - returned


def evenly(items: Sequence[T], count: int) -> list[T]:
    """At most `count` items, evenly spread, the last one among them."""
    if count <= 0:
        return []
    if len(items) <= count:
        return list(items)
    step = len(items) / count
    return [items[min(len(items) - 1, int((i + 1) * step - 1e-9))] for i in range(count)]


def _residual_sums(graph: Graph, offered: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Sums of two values of the same shape with a common source, and the index of that source."""
    if len(graph.nodes) > _MOST_NODES:
        return {}
    above: dict[str, int] = {port.name: 0 for port in graph.inputs}
    mixing = [node.index for node in graph.nodes if node.op in _MIXING]
    sums: dict[str, int] = {}
    for node in graph.nodes:
        own = [above.get(value, 0) for value in node.inputs if value]
        mask = 0
        for each in own:
            mask |= each
        for value in node.outputs:
            above[value] = mask | (1 << (node.index + 1))
        if node.op != "Add" or len(node.inputs) != 2 or node.outputs[0] not in offered:
            continue
        shapes = [offered.get(value) for value in node.inputs]
        shared = own[0] & own[1] if len(own) == 2 else 0
        if shared and shapes[0] is not None and shapes[0] == shapes[1]:
            source = shared.bit_length() - 2
            if bisect_right(mixing, source) < bisect_right(mixing, node.index):
                sums[node.outputs[0]] = source
    return sums


def _inside(graph: Graph, sums: Mapping[str, int]) -> dict[int, bool]:
    """Indices of nodes between the source of a residual sum and the sum."""
    inside: dict[int, bool] = {}
    for value, source in sums.items():
        for index in range(source + 1, graph.producer[value].index):
            inside[index] = True
    return inside


def _indices(graph: Graph, values: Collection[str]) -> list[int]:
    return [graph.producer[value].index for value in values]


def _is_activation(graph: Graph, node: Node) -> bool:
    if node.op in _ACTIVATIONS:
        return node.op != "Tanh" or not _is_within_gelu(graph, node)
    if node.op != "Mul" or len(node.inputs) != 2:
        return False
    # x · sigmoid(c · x) and x · (1 + erf(x / √2)) / 2, also with tanh, as exporters write them
    for value in node.inputs:
        maker = graph.producer.get(value)
        if maker is not None and maker.op in ("Sigmoid", "HardSigmoid"):
            scaled = graph.producer.get(maker.inputs[0])
            taken = maker.inputs + (scaled.inputs if scaled and scaled.op == "Mul" else ())
            return next(v for v in (*node.inputs, "") if v != value) in taken
    chain = _upward(graph, node, 4)
    known = any(e.op == "Erf" or (e.op == "Tanh" and _is_within_gelu(graph, e)) for e in chain)
    return known and not any(
        user.op == "Mul" for value in node.outputs for user in graph.consumers.get(value, ())
    )


def _is_within_gelu(graph: Graph, node: Node) -> bool:
    """Whether one is added to a tanh and the sum is a factor."""
    sums = [user for user in graph.consumers.get(node.outputs[0], ()) if user.op == "Add"]
    return any(
        user.op == "Mul" for each in sums for user in graph.consumers.get(each.outputs[0], ())
    )


def _upward(graph: Graph, node: Node, steps: int) -> list[Node]:
    found, level = [], [node]
    for _ in range(steps):
        level = [graph.producer[v] for each in level for v in each.inputs if v in graph.producer]
        found += level
    return found[:64]


def _source(graph: Graph, node: Node) -> Node:
    """The linear map before an activation, past what an exporter writes between."""
    current = node
    for _ in range(6):
        makers = [graph.producer[v] for v in current.inputs if v in graph.producer]
        makers = [m for m in makers if any(o in graph.dependent for o in m.outputs)]
        if not makers:
            break
        current = min(makers, key=lambda maker: maker.index)
        if current.op in _LINEAR:
            break
    return current


def _joins(node: Node, axes: Mapping[str, tuple[Axis, ...]]) -> bool:
    """Whether several branches of channels are put side by side (Inception, Fire, dense)."""
    own = axes.get(node.outputs[0], ())
    place = int(node.attributes.get("axis", 0))
    if node.op != "Concat" or sum(value in axes for value in node.inputs) < 2:
        return False
    return 0 <= (place - 1 if place > 0 else place + len(own)) < len(own) and (
        own[place - 1 if place > 0 else place] == "unit"
    )


def _activated(graph: Graph, value: str, offered: Collection[str]) -> str:
    """The activation right behind a value, if nothing else takes it; else the value itself."""
    users = graph.consumers.get(value, ())
    if len(users) == 1 and users[0].op in _ACTIVATIONS and users[0].outputs[0] in offered:
        return users[0].outputs[0]
    return value


def _ends_block(graph: Graph, value: str) -> bool:
    """Whether a convolution hands its result to the next one without an activation between."""
    users = graph.consumers.get(value, ())
    return bool(users) and all(user.op in ("Conv", "Add") for user in users) and any(
        user.op == "Conv" for user in users
    )  # fmt: skip
