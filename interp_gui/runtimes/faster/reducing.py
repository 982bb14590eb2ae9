"""Reductions of captured values within an ONNX graph: what a pass over many images keeps.

Copying maps out and reducing them in numpy costs more than the network itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.layer import Axis

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """How a layer's value is reduced to a few numbers a unit.

    Parameters
    ----------
    layer
        Address.
    axes
        Of its value, without the batch.
    skip
        Tokens that have no place in the image and are left out.
    spatial
        Whether rows and columns or tokens are positions; else they are folded like other axes.
    """

    layer: str
    axes: tuple[Axis, ...]
    units: int
    skip: int = 0
    spatial: bool = True


class Extremes(NamedTuple):
    """Numbers of each unit in each image, (N, units) each.

    `position` counts row by row, or token by token behind those left out.
    """

    peak: Floats
    position: NDArray[np.int64]
    low: Floats
    mean: Floats


PARTS = Extremes._fields


def part_names(value: str) -> list[str]:
    """Names of the graph's values that hold the parts of `Extremes`."""
    return [f"{value}/{part}" for part in PARTS]


def add_reduction(model: Any, value: str, reduction: Reduction) -> None:
    """Append to an ONNX model (opset 18 or later) what makes `Extremes` of one of its values.

    Positions and axes are those of `analyses.unit_maps`: axes that are neither unit nor position
    are reduced to their largest value first.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    made = 0

    def constant(numbers: Sequence[int]) -> str:
        nonlocal made
        made += 1
        name = f"{value}/constant_{made}"
        graph.initializer.append(numpy_helper.from_array(np.array(numbers, np.int64), name))
        return name

    def node(kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        nonlocal made
        made += 1
        output = output or f"{value}/step_{made}"
        graph.node.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    axes: list[str] = list(reduction.axes)
    places = [a for a in ("y", "x", "token") if a in axes] if reduction.spatial else []
    folded = [i + 1 for i, a in enumerate(axes) if a != "unit" and a not in places]
    current = value
    if folded:
        current = node("ReduceMax", [current, constant(folded)], keepdims=0)
        axes = [a for a in axes if a == "unit" or a in places]
    order = [0, *(axes.index(a) + 1 for a in ("unit", *places))]
    if order != sorted(order):
        current = node("Transpose", [current], perm=order)
    if reduction.skip:
        ends = [constant([n]) for n in (reduction.skip, np.iinfo(np.int64).max, 2)]
        current = node("Slice", [current, *ends])
    flat = node("Reshape", [current, constant([0, reduction.units, -1])])
    last = constant([2])
    names = dict(zip(PARTS, part_names(value), strict=True))
    # of equal values the first one, as numpy has it
    found = [f"{value}/top", f"{value}/where"]
    graph.node.append(helper.make_node("TopK", [flat, constant([1])], found, axis=2))
    node("Squeeze", [found[0], last], names["peak"])
    node("Squeeze", [found[1], last], names["position"])
    node("ReduceMin", [flat, last], names["low"], keepdims=0)
    node("ReduceMean", [flat, last], names["mean"], keepdims=0)
    kinds = {part: TensorProto.INT64 if part == "position" else TensorProto.FLOAT for part in PARTS}
    graph.output.extend(
        helper.make_tensor_value_info(names[part], kinds[part], ["N", reduction.units])
        for part in PARTS
    )


def extremes_of(flat: Floats) -> Extremes:
    """The same of an array (N, units, positions), in numpy: the reference."""
    position = flat.argmax(axis=2)
    peak = np.take_along_axis(flat, position[:, :, None], axis=2)[:, :, 0]
    mean = flat.mean(axis=2, dtype=np.float64).astype(np.float32)
    return Extremes(peak, position, flat.min(axis=2), mean)


def flattened(array: NDArray[Any], reduction: Reduction) -> Floats:
    """A value (N, …) as (N, units, positions)."""
    axes: list[str] = list(reduction.axes)
    places = [a for a in ("y", "x", "token") if a in axes] if reduction.spatial else []
    for axis in [a for a in axes if a != "unit" and a not in places]:
        array = array.max(axis=axes.index(axis) + 1)
        axes.remove(axis)
    order = [0, *(axes.index(a) + 1 for a in ("unit", *places))]
    array = array.transpose(order)
    if reduction.skip:
        array = array[:, :, reduction.skip :]
    return np.asarray(array.reshape(len(array), reduction.units, -1), np.float32)
