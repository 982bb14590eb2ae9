"""What the axes of an ONNX graph's values mean, followed from the image through every node."""

from collections.abc import Mapping
from typing import Literal

from interp_gui.core.layer import Axis, LayerInfo
from interp_gui.runtimes.onnx.graph import Graph, Node

Axes = tuple[Axis, ...]
Whole = tuple[Axis | Literal["batch"], ...]
"""Axes of a value whose batch may lie anywhere."""
Extents = Mapping[str, tuple[int, ...]]

_CHANNELS_FIRST = frozenset((
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool",
    "GlobalMaxPool", "GlobalLpPool", "BatchNormalization", "InstanceNormalization",
    "GroupNormalization", "LRN", "DepthToSpace", "SpaceToDepth", "QLinearConv", "ConvInteger",
    "DeformConv", "Upsample",
))  # fmt: skip
_FIRST: dict[int, Axes] = {
    1: ("unit",), 2: ("unit", "other"), 3: ("unit", "y", "x"), 4: ("unit", "other", "y", "x"),
}  # fmt: skip
_LAST: dict[int, Axes] = {
    1: ("unit",), 2: ("token", "unit"), 3: ("y", "x", "unit"), 4: ("other", "y", "x", "unit"),
}  # fmt: skip
_RESHAPING = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze"))
_REDUCING = frozenset((
    "ReduceMean", "ReduceMax", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceMin", "ReduceProd",
    "ReduceLogSumExp", "ReduceSumSquare", "ArgMax", "ArgMin",
))  # fmt: skip


def has_parts(axes: Axes) -> bool:
    """Whether a value can be edited by its units, or by its heads where it has no units."""
    return "unit" in axes or "head" in axes


def slot_axis(layer: LayerInfo) -> int:
    """The axis of a batched value along which directions lie; that of the heads without units."""
    return layer.unit_axis if "unit" in layer.axes else layer.axes.index("head") + 1


def follow_axes(graph: Graph, shapes: Extents, batch: int) -> dict[str, Axes]:
    """Axes, without that of the batch, of every value whose first axis holds the batch.

    Parameters
    ----------
    shapes
        Of values in a run with `batch` images.

    Notes
    -----
    The operation settles convolutions, poolings, linear maps, transpositions and reshapes;
    everything else keeps the meaning of the first input of the same shape, or of the last value
    of that shape.
    """
    found: dict[str, Axes] = {}
    moved: dict[str, Whole] = {}
    by_shape: dict[tuple[int, ...], Axes] = {}
    image = graph.inputs[0].name
    square = len(shapes.get(image, ())) == 4 and shapes[image][2] == shapes[image][3]
    found[image] = _FIRST[3]
    for node in graph.nodes:
        for value in node.outputs:
            shape = shapes.get(value)
            if shape is None:
                continue
            whole = _moved(node, graph, shapes, found, moved, shape)
            if whole is not None and whole[0] != "batch":
                moved[value] = whole
                continue
            if len(shape) < 2 or shape[0] != batch:
                continue
            axes = tuple(axis for axis in whole or () if axis != "batch") or _by_operation(
                node, graph, shapes, found, shape
            )
            if axes is None or len(axes) != len(shape) - 1:
                axes = _carried(node, shapes, found, by_shape, shape)
            if set(axes) == {"other"} and node.op == "Reshape":
                axes = by_shape.get(shape, axes)  # groups of a norm put back in their places
            guessed = not node.inputs or found.get(node.inputs[0]) != axes
            if square and guessed and axes == _LAST[3] and shape[1] != shape[2]:
                axes = ("other", "other", "unit")  # a slice of a map need not be square
            found[value] = axes
            by_shape[shape] = axes
    return found


def _moved(
    node: Node, graph: Graph, shapes: Extents, found: Mapping[str, Axes],
    moved: Mapping[str, Whole], shape: tuple[int, ...],
) -> Whole | None:  # fmt: skip
    """All axes of a value on the way from where the batch is taken from the front to its return.

    Attention splits queries, keys and values that way: (batch, token, 3, head, unit) is turned to
    (3, batch, head, token, unit) and taken apart along the first axis.
    """
    first = node.inputs[0] if node.inputs else ""
    if first not in found and first not in moved:
        return None
    before: Whole = moved[first] if first in moved else ("batch", *found[first])
    rank = len(before)
    after: Whole | None = None
    if node.op == "Transpose":
        order = node.attributes.get("perm") or range(rank - 1, -1, -1)
        after = tuple(before[axis] for axis in order)
    elif first not in moved:
        return None
    elif node.op == "Squeeze":
        dropped = _reduced(node, graph, rank)
        after = tuple(axis for place, axis in enumerate(before) if place not in dropped)
    elif node.op == "Gather" and len(shape) < rank:
        dropped = {_positive(node.attributes.get("axis", 0), rank)}
        after = tuple(axis for place, axis in enumerate(before) if place not in dropped)
    elif node.op in ("Split", "Slice", "Gather") or shape == shapes[first]:
        after = None if node.op in _RESHAPING else before
    return after if after is not None and len(after) == len(shape) and "batch" in after else None


def _by_operation(
    node: Node, graph: Graph, shapes: Extents, found: Mapping[str, Axes], shape: tuple[int, ...]
) -> Axes | None:
    rank = len(shape) - 1
    first = node.inputs[0] if node.inputs else ""
    before = found.get(first)
    if node.op == "InstanceNormalization" and before is not None and len(before) == rank:
        return before
    if node.op in _CHANNELS_FIRST:
        return _FIRST.get(rank)
    if node.op == "Gemm":
        return ("unit",)
    if node.op == "MatMul":
        return _multiplied(node, graph, found, rank)
    if node.op in ("LayerNormalization", "RMSNormalization") and before is None:
        return _LAST.get(rank)
    if before is None:
        return None
    if node.op == "Transpose":
        order = node.attributes.get("perm")
        if order and order[0] == 0:
            return tuple(before[axis - 1] for axis in order[1:])
        return None
    if node.op in _RESHAPING:
        return regrouped(before, shapes[first][1:], shape[1:])
    if node.op in _REDUCING and len(shape) < len(shapes[first]):
        return _without(before, _reduced(node, graph, len(shapes[first])))
    if node.op == "Gather" and len(shape) < len(shapes[first]):
        return _without(before, {_positive(node.attributes.get("axis", 0), len(shapes[first]))})
    if node.op in ("Slice", "Split", "Concat", "Pad", "Resize", "Gather", "Tile", "Expand"):
        return before if len(before) == rank else None
    return None


def _multiplied(
    node: Node, graph: Graph, found: Mapping[str, Axes], rank: int
) -> Axes | None:  # fmt: skip
    before = found.get(node.inputs[0])
    if node.inputs[1] not in graph.dependent:
        if before is not None and len(before) == rank and rank > 1:
            others: Axes = tuple("other" if axis == "unit" else axis for axis in before[:-1])
            return (*others, "unit")
        return _LAST.get(rank)
    other = found.get(node.inputs[1])
    if before is None or len(before) != rank:
        return None
    # attention: queries with keys give a pattern over tokens, patterns with values give units
    last: Axis = other[-1] if other is not None and len(other) == rank else "other"
    return (*before[:-1], "other" if last == "token" else last)


def regrouped(axes: Axes, old: tuple[int, ...], new: tuple[int, ...]) -> Axes | None:
    """Axes of a value of shape `old` seen as `new`: joined axes become one, split ones several."""
    result: list[Axis] = []
    i = j = 0
    while i < len(old) or j < len(new):
        own, other = [i] if i < len(old) else [], [j] if j < len(new) else []
        left, right = (old[i] if own else 1), (new[j] if other else 1)
        i, j = i + len(own), j + len(other)
        while left != right:
            if left < right and i < len(old):
                left *= old[i]
                own.append(i)
                i += 1
            elif right < left and j < len(new):
                right *= new[j]
                other.append(j)
                j += 1
            else:
                return None
        result += _grouped(tuple(axes[k] for k in own), tuple(old[k] for k in own),
                           tuple(new[k] for k in other))  # fmt: skip
    return tuple(result)


def _grouped(axes: Axes, old: tuple[int, ...], new: tuple[int, ...]) -> list[Axis]:
    """What a group of axes becomes that holds as many numbers as before."""
    real: Axes = tuple(axis for axis, extent in zip(axes, old, strict=True) if extent > 1)
    if not new:
        return []
    if len(axes) == len(new):
        return list(axes)
    if len(new) == 1:
        if not real:
            return ["unit" if "unit" in axes else "other"]
        if real == ("y", "x"):
            return ["token"]
        if len(real) == 2 and real[0] in ("y", "x", "token") and real[1] == "other":
            return [real[0]]  # windows of neighbours put back in their places
        if real == ("y", "other", "x", "other"):
            return ["token"]
        return [real[0] if len(set(real)) == 1 else ("unit" if "unit" in real else "other")]
    places = [place for place, extent in enumerate(new) if extent > 1]
    result: list[Axis] = ["other"] * len(new)
    if not places:
        if "unit" in axes:
            result[0] = "unit"
        return result
    if real == ("token",) and len(places) == 2:
        result[places[0]], result[places[1]] = "y", "x"
    elif len(real) == len(places):
        for place, axis in zip(places, real, strict=True):
            result[place] = axis
    elif real in (("y",), ("x",), ("token",)):
        result[places[0]] = real[0]  # windows or patches of neighbours within
    elif real == ("unit",):
        result[places[-1]] = "unit"
        if len(places) > 1:
            result[places[-2]] = "head"
    return result


def _without(axes: Axes, dropped: set[int]) -> Axes | None:
    if 0 in dropped:
        return None
    kept = tuple(axis for place, axis in enumerate(axes, start=1) if place not in dropped)
    return ("unit",) if len(kept) == 1 else kept


def _reduced(node: Node, graph: Graph, rank: int) -> set[int]:
    axes = node.attributes.get("axes") or node.attributes.get("axis")
    if axes is None and len(node.inputs) > 1 and node.inputs[1]:
        constant = graph.constants.get(node.inputs[1])
        maker = graph.producer.get(node.inputs[1])
        if constant is None and maker is not None and maker.op == "Constant":
            constant = maker.attributes.get("value")
        axes = None if constant is None else tuple(int(v) for v in constant.reshape(-1))
    if axes is None:
        return set(range(1, rank))
    listed = (axes,) if isinstance(axes, int) else axes
    return {_positive(axis, rank) for axis in listed}


def _positive(axis: int, rank: int) -> int:
    return axis + rank if axis < 0 else axis


def _carried(
    node: Node,
    shapes: Extents,
    found: Mapping[str, Axes],
    by_shape: Mapping[tuple[int, ...], Axes],
    shape: tuple[int, ...],
) -> Axes:
    for value in node.inputs:
        if value in found and shapes[value] == shape:
            return found[value]
    for value in node.inputs:  # broadcast
        if value in found and len(shapes[value]) == len(shape):
            return found[value]
    return by_shape.get(shape) or _default(len(shape) - 1)


def _default(rank: int) -> Axes:
    if rank == 2:
        return _LAST[2]
    others: list[Axis] = ["other"] * (rank - 1)
    return _FIRST.get(rank) or ("unit", *others)
