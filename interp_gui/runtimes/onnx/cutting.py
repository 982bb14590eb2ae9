"""A rewritten graph cut in two: what does not depend on its edits, and what does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.runtimes.onnx.rewriting import Plan, Rewritten, Site, prune

SlotPlaces = dict[tuple[Site, int], tuple[Site, int]]
"""Slots of one plan -> those of another that holds it."""


@dataclass(frozen=True)
class Cut:
    """Where a rewritten graph is cut.

    Parameters
    ----------
    before
        The model up to the cut; it returns `crossing` and `early`.
    crossing
        Values that the nodes behind the edits take.
    early
        Values asked for that no edit changes.
    late
        Values asked for that edits may change, those that tell whether they do among them.
    image
        Name of the graph's input; it may be among the values.
    """

    rewritten: Rewritten
    before: Any
    crossing: tuple[str, ...]
    early: tuple[str, ...]
    late: tuple[str, ...]
    image: str

    @property
    def needed(self) -> tuple[str, ...]:
        """Values that are computed once for a batch."""
        return tuple(dict.fromkeys((*self.crossing, *self.early)))

    def behind(self, values: Sequence[Mapping[str, NDArray[Any]]]) -> Any:
        """The model behind the cut, which takes `crossing` and the numbers of edits.

        Parameters
        ----------
        values
            What crosses, in runs with different numbers of images: extents that are the same in
            all of them are fixed.
        """
        from onnx import helper

        model = _copy(self.rewritten.model)
        own = model.graph
        slots = [port for port in own.input if port.name != self.image]
        ports = []
        for name in self.crossing:
            arrays = [each[name] for each in values]
            shapes = [array.shape for array in arrays]
            extents = [
                sizes[0] if len(set(sizes)) == 1 and len(values) > 1 else f"{name}_{axis}"
                for axis, sizes in enumerate(zip(*shapes, strict=True))
            ]
            kind = helper.np_dtype_to_tensor_dtype(arrays[0].dtype)
            ports.append(helper.make_tensor_value_info(name, kind, extents))
        nodes = [node for node in own.node if not set(self.crossing) & set(node.output)]
        _only(model, nodes, [*ports, *slots], self.late)
        return model


def cut(rewritten: Rewritten, image: str) -> Cut | None:
    """Cut a rewritten model at its edits; None where that cannot be done.

    Graphs within nodes (If, Loop) take values of the outer one without naming them.
    """
    own = rewritten.model.graph
    if any(attribute.HasField("g") or attribute.graphs
           for node in own.node for attribute in node.attribute):  # fmt: skip
        return None
    changed = {port.name for port in own.input if port.name != image}
    pictured = {image}
    crossing: dict[str, None] = {}
    for node in own.node:
        taken = set(node.input)
        late = bool(taken & changed)
        if late:
            crossing |= dict.fromkeys(
                name for name in node.input if name in pictured and name not in changed
            )
            changed.update(name for name in node.output if name)
        if taken & pictured:
            pictured.update(name for name in node.output if name)
    asked = list(dict.fromkeys((*rewritten.outputs, *rewritten.reads)))
    early = tuple(name for name in asked if name not in changed)
    late_names = (*(name for name in asked if name in changed), *rewritten.same)
    if not crossing or not late_names:
        return None
    before = _copy(rewritten.model)
    needed = [name for name in dict.fromkeys((*crossing, *early)) if name != image]
    ports = [port for port in before.graph.input if port.name == image]
    _only(before, list(before.graph.node), ports, needed)
    return Cut(rewritten, before, tuple(crossing), early, late_names, image)


def held_slots(plan: Plan, larger: Plan) -> SlotPlaces | None:
    """Which slots of a larger plan serve those of a plan; None where it does not hold it.

    Slots that are fed nothing change nothing.
    """
    if not set(plan.reads) <= set(larger.reads) or plan.outputs > larger.outputs:
        return None
    sites = {each.site: each for each in larger.edits}
    places: SlotPlaces = {}
    for each in plan.edits:
        other = sites.get(each.site)
        if other is None or (other.unit_axis, other.rank, other.units, other.dtype) != (
            each.unit_axis, each.rank, each.units, each.dtype,
        ):  # fmt: skip
            return None
        at = 0
        for place, kind in enumerate(each.slots):
            while at < len(other.slots) and other.slots[at] != kind:
                at += 1
            if at == len(other.slots):
                return None
            places[each.site, place] = each.site, at
            at += 1
    return places


def _copy(model: Any) -> Any:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _only(model: Any, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[str]) -> None:
    """Leave of a model what makes some outputs out of some inputs."""
    import onnx

    own = model.graph
    kept = [_copied(node) for node in nodes]
    ports = [_copied(port) for port in inputs]
    types = {port.name: port.type for port in [*own.output]}
    returned = []
    for name in outputs:
        port = onnx.ValueInfoProto(name=name)
        if name in types:
            port.type.CopyFrom(types[name])
        returned.append(port)
    for part, filled in ((own.node, kept), (own.input, ports), (own.output, returned)):
        del part[:]
        part.extend(filled)
    prune(own)
    needed = {name for node in own.node for name in node.input}
    ports = [port for port in own.input if port.name in needed]
    del own.input[:]
    own.input.extend(ports)


def _copied(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def size_of(values: Sequence[Mapping[str, NDArray[Any]]]) -> int:
    """Bytes of some values."""
    return sum(int(np.asarray(array).nbytes) for part in values for array in part.values())
