"""Graphs rewritten to return inner values and to take edits as inputs.

Each edit has a slot at its value: a few operations whose parameters are inputs with defaults that
change nothing. Moving a slider, changing the kind of an edit or its units feeds other numbers and
rebuilds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from interp_gui.runtimes.onnx.graph import Graph

SlotKind = Literal["hard", "soft", "vectors"]
"""`hard`: units where the place has weights of 0 or 1 only; `soft`: units with any weights;
`vectors`: coordinates of directions."""


@dataclass(frozen=True, order=True)
class Site:
    """Where a value is read and written: for all who take it, or on its way into one node.

    Parameters
    ----------
    value
        Its name in the graph.
    consumer
        Index of the one node, −1 for all.
    """

    value: str
    consumer: int = -1


@dataclass(frozen=True)
class SiteSlots:
    """The slots at one site, in order.

    Parameters
    ----------
    unit_axis, rank
        Of the batched value.
    units
        Extent of the unit axis.
    dtype
        Of the value; those of half precision are edited in float32.
    """

    site: Site
    slots: tuple[SlotKind, ...]
    unit_axis: int
    rank: int
    units: int
    dtype: str = "float32"


@dataclass(frozen=True)
class Plan:
    """What a graph is rewritten for.

    Parameters
    ----------
    reads
        Sites to return, each `after` its edits or `before`.
    edits
        Slots by site.
    outputs
        Whether the model's own outputs are returned.
    """

    reads: tuple[tuple[Site, bool], ...] = ()
    edits: tuple[SiteSlots, ...] = ()
    outputs: bool = True


@dataclass(frozen=True)
class Rewritten:
    """A rewritten model.

    Parameters
    ----------
    outputs
        Name to fetch for each of the model's outputs.
    reads
        Name to fetch for each of the plan's `reads`.
    inputs
        By site and place of a slot: the prefix of its inputs' names.
    same
        Names of numbers, one a site, that are 1 where its slots left every value as it was.
    """

    model: Any
    outputs: tuple[str, ...]
    reads: tuple[str, ...]
    inputs: dict[tuple[Site, int], str]
    same: tuple[str, ...] = ()


def rewrite(skeleton: Any, graph: Graph, plan: Plan) -> Rewritten:
    """Write a plan into a copy of a model without its weights (`sessions.Weights.skeleton`)."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(skeleton)
    own = model.graph
    nodes = list(own.node)
    writer = _Writer(own, graph)
    instead: dict[Site, str] = {}
    added: dict[int, list[Any]] = {}
    prefixes: dict[tuple[Site, int], str] = {}
    same: list[str] = []
    # those for one consumer last: they start from what the others leave
    for count, each in enumerate(sorted(plan.edits, key=lambda e: (e.site.consumer >= 0, e.site))):
        value = each.site.value
        whole = instead.get(Site(value), value)
        start = whole if each.site.consumer >= 0 else value
        current = given = writer.cast(f"edit{count}", start, each.dtype, "float32")
        for place, kind in enumerate(each.slots):
            prefix = f"edit{count}_{place}"
            prefixes[each.site, place] = prefix
            current = writer.slot(prefix, kind, current, each)
        same.append(writer.same(f"edit{count}", given, current))
        instead[each.site] = writer.cast(f"edit{count}", current, "float32", each.dtype)
        made = writer.taken()
        position = graph.producer[value].index if value in graph.producer else -1
        added.setdefault(position, []).extend(made)
    for index, node in enumerate(nodes):
        for place, name in enumerate(node.input):
            site = Site(name, index) if place == 0 else Site(name)
            if site in instead or Site(name) in instead:
                node.input[place] = instead.get(site) or instead[Site(name)]
    del own.node[:]
    own.node.extend(added.get(-1, []))
    for index, node in enumerate(nodes):
        own.node.append(node)
        own.node.extend(added.get(index, []))
    outputs = tuple(
        instead.get(Site(port.name), port.name) for port in graph.outputs if plan.outputs
    )
    reads = tuple(_read(site, before, instead) for site, before in plan.reads)
    _return(own, graph, (*outputs, *reads, *same))
    prune(own)
    return Rewritten(model=model, outputs=outputs, reads=reads, inputs=prefixes, same=tuple(same))


def _read(site: Site, before: bool, instead: dict[Site, str]) -> str:
    if before:
        whole = site.consumer >= 0 and instead.get(Site(site.value))
        return whole or site.value
    return instead.get(site) or instead.get(Site(site.value)) or site.value


def _return(own: Any, graph: Graph, names: Sequence[str]) -> None:
    """Make some values the graph's outputs; inputs are known to whoever gives them."""
    import onnx

    kinds = {port.name: port.type for port in own.output}
    del own.output[:]
    inputs = {port.name for port in graph.inputs}
    for name in dict.fromkeys(name for name in names if name not in inputs):
        port = onnx.ValueInfoProto(name=name)
        if name in kinds:
            port.type.CopyFrom(kinds[name])
        own.output.append(port)


def prune(own: Any) -> None:
    """Drop nodes that nothing returned depends on, and weights that only they took."""
    needed = {port.name for port in own.output}
    kept = []
    for node in reversed(own.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    if len(kept) < len(own.node):
        kept.reverse()
        del own.node[:]
        own.node.extend(kept)
    weights = [tensor for tensor in own.initializer if tensor.name in needed]
    if len(weights) < len(own.initializer):
        del own.initializer[:]
        own.initializer.extend(weights)


class _Writer:
    """Writes the operations of slots."""

    def __init__(self, own: Any, graph: Graph) -> None:
        self._own = own
        self._graph = graph
        self._nodes: list[Any] = []

    def taken(self) -> list[Any]:
        """The nodes written since the last call."""
        nodes, self._nodes = self._nodes, []
        return nodes

    def cast(self, prefix: str, value: str, source: str, target: str) -> str:
        """The value in another kind of number."""
        from onnx import helper

        if source == target:
            return value
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(target))
        return self._op("Cast", prefix, f"as_{target}", value, to=kind)

    def same(self, prefix: str, one: str, other: str) -> str:
        """A number that is 1 where two values are the same everywhere, else 0."""
        equal = self._op("Equal", prefix, "equal", one, other)
        number = self._op("Cast", prefix, "equal_as_number", equal, to=1)
        return self._op("ReduceMin", prefix, "same", number, keepdims=0)

    def slot(self, prefix: str, kind: SlotKind, value: str, each: SiteSlots) -> str:
        """Write one slot behind a value; returns the edited value's name."""
        rank = each.rank
        if kind == "vectors":
            return self._vectors(prefix, value, each)
        changed = self._changed(prefix, value, rank)
        if kind == "hard":
            mask = self._input(prefix, "mask", rank, False)
            return self._op("Where", prefix, "result", mask, changed, value)
        weights = self._input(prefix, "mask", rank, 0.0)
        one, zero = self._constant(prefix, "one", 1.0), self._constant(prefix, "zero", 0.0)
        step = self._op("Sub", prefix, "step", changed, value)
        part = self._op("Mul", prefix, "part", step, weights)
        blended = self._op("Add", prefix, "blended", value, part)
        full = self._op("Equal", prefix, "full", weights, one)
        none = self._op("Equal", prefix, "none", weights, zero)
        some = self._op("Where", prefix, "some", full, changed, blended)
        return self._op("Where", prefix, "result", none, value, some)

    def _changed(self, prefix: str, value: str, rank: int) -> str:
        """min(max(value · scale + shift, low), high)."""
        # minus zero is the number that changes nothing when it is added
        scaled = self._op("Mul", prefix, "scaled", value, self._input(prefix, "scale", rank, 1.0))
        moved = self._op("Add", prefix, "moved", scaled, self._input(prefix, "shift", rank, -0.0))
        low = self._input(prefix, "low", rank, -np.inf)
        above = self._op("Max", prefix, "above", moved, low)
        high = self._input(prefix, "high", rank, np.inf)
        return self._op("Min", prefix, "within", above, high)

    def _vectors(self, prefix: str, value: str, each: SiteSlots) -> str:
        axis, rank = each.unit_axis, each.rank
        last = [a for a in range(rank) if a != axis] + [axis]
        # measured from there: two products of other shapes would round differently
        seen = self._op("Sub", prefix, "seen", value, self._input(prefix, "origin", rank, 0.0))
        turned = self._op("Transpose", prefix, "turned", seen, perm=last)
        inverse = self._matrix(prefix, "inverse", each.units, 1)
        found = self._op("MatMul", prefix, "coordinates", turned, inverse)
        changed = self._changed(prefix, found, rank)
        step = self._op("Sub", prefix, "step", changed, found)
        plus = self._op("Add", prefix, "added", step, self._input(prefix, "plus", rank, 0.0))
        back = self._op(
            "MatMul", prefix, "back", plus, self._matrix(prefix, "basis", 1, each.units)
        )
        first = [last.index(a) for a in range(rank)]
        straight = self._op("Transpose", prefix, "straight", back, perm=first)
        part = self._op("Mul", prefix, "part", straight, self._input(prefix, "mask", rank, 1.0))
        return self._op("Add", prefix, "result", value, part)

    def _op(self, op: str, prefix: str, name: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        result = f"{prefix}_{name}"
        self._nodes.append(
            helper.make_node(op, list(inputs), [result], name=result, **attributes)
        )  # fmt: skip
        return result

    def _input(self, prefix: str, name: str, rank: int, default: float | bool) -> str:
        """An input with a default, of any extents."""
        from onnx import TensorProto, helper

        own = f"{prefix}_{name}"
        kind = TensorProto.BOOL if isinstance(default, bool) else TensorProto.FLOAT
        extents = [f"{own}_{axis}" for axis in range(rank)]
        self._own.input.append(helper.make_tensor_value_info(own, kind, extents))
        self._own.initializer.append(helper.make_tensor(own, kind, [1] * rank, [default]))
        return own

    def _matrix(self, prefix: str, name: str, rows: int, columns: int) -> str:
        """An input that is a matrix; its default is of zeros."""
        from onnx import TensorProto, helper

        own = f"{prefix}_{name}"
        extents = [f"{own}_rows", f"{own}_columns"]
        self._own.input.append(helper.make_tensor_value_info(own, TensorProto.FLOAT, extents))
        zeros = [0.0] * (rows * columns)
        self._own.initializer.append(
            helper.make_tensor(own, TensorProto.FLOAT, [rows, columns], zeros)
        )
        return own

    def _constant(self, prefix: str, name: str, value: float) -> str:
        from onnx import TensorProto, helper

        own = f"{prefix}_{name}"
        self._own.initializer.append(helper.make_tensor(own, TensorProto.FLOAT, [1], [value]))
        return own
