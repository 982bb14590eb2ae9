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

FEW_POSITIONS = 64
"""So many positions are searched for the largest value one by one."""


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
    grid
        Rows and columns of the positions where they are known, which only makes it faster.
    """

    layer: str
    axes: tuple[Axis, ...]
    units: int
    skip: int = 0
    spatial: bool = True
    grid: tuple[int, int] | None = None

    @property
    def tokens(self) -> bool:
        """Whether the positions are tokens."""
        return self.spatial and "token" in self.axes


class Extremes(NamedTuple):
    """Numbers of each unit in each image, (N, units) each.

    `position` counts row by row, or token by token behind those left out.
    """

    peak: Floats
    position: NDArray[np.int64]
    low: Floats
    mean: Floats


PARTS = Extremes._fields


def part_names(value: str, parts: Sequence[str] = PARTS) -> list[str]:
    """Names of the graph's values that hold the parts of `Extremes`."""
    return [f"{value}/{part}" for part in parts]


class Steps:
    """Appends operations on one value to an ONNX model (opset 18 or later)."""

    def __init__(self, model: Any, value: str) -> None:
        self._graph = model.graph
        self._value = value
        self._made = 0

    def constant(self, numbers: Any, kind: Any = np.int64) -> str:
        """Name of a tensor of numbers."""
        from onnx import numpy_helper

        name = self._name("constant")
        self._graph.initializer.append(numpy_helper.from_array(np.array(numbers, kind), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Name of what an operation gives."""
        from onnx import helper

        output = output or self._name("step")
        self._graph.node.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def port(self, name: str, kind: int, shape: Sequence[str | int]) -> None:
        """Make a value an output of the graph."""
        from onnx import helper

        self._graph.output.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def wanted(self, name: str, kind: int, shape: Sequence[str | int]) -> str:
        """Name of a further input of the graph."""
        from onnx import helper

        self._graph.input.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def _name(self, what: str) -> str:
        self._made += 1
        return f"{self._value}/{what}_{self._made}"


def add_reduction(model: Any, value: str, reduction: Reduction) -> None:
    """Append to an ONNX model (opset 18 or later) what makes `Extremes` of one of its values.

    Positions and axes are those of `analyses.unit_maps`: axes that are neither unit nor position
    are reduced to their largest value first.
    """
    steps = Steps(model, value)
    add_extremes(steps, add_flat(steps, value, reduction), value, reduction)


def add_flat(steps: Steps, value: str, reduction: Reduction) -> str:
    """Append what makes (N, units, positions) of a value; the name of that."""
    axes: list[str] = list(reduction.axes)
    places = [a for a in ("y", "x", "token") if a in axes] if reduction.spatial else []
    folded = [i + 1 for i, a in enumerate(axes) if a != "unit" and a not in places]
    current = value
    if folded:
        current = steps.node("ReduceMax", [current, steps.constant(folded)], keepdims=0)
        axes = [a for a in axes if a == "unit" or a in places]
    order = [0, *(axes.index(a) + 1 for a in ("unit", *places))]
    if order != sorted(order):
        current = steps.node("Transpose", [current], perm=order)
    if reduction.skip:
        ends = [steps.constant([n]) for n in (reduction.skip, np.iinfo(np.int64).max, 2)]
        current = steps.node("Slice", [current, *ends])
    return steps.node("Reshape", [current, steps.constant([0, reduction.units, -1])])


def add_extremes(steps: Steps, flat: str, value: str, reduction: Reduction) -> None:
    """Append what makes `Extremes` of (N, units, positions)."""
    from onnx import TensorProto

    last = steps.constant([2])
    names = dict(zip(PARTS, part_names(value), strict=True))
    _add_peak(steps, flat, reduction, names["peak"], names["position"])
    steps.node("ReduceMin", [flat, last], names["low"], keepdims=0)
    steps.node("ReduceMean", [flat, last], names["mean"], keepdims=0)
    for part in PARTS:
        kind = TensorProto.INT64 if part == "position" else TensorProto.FLOAT
        steps.port(names[part], kind, ["N", reduction.units])


def _add_peak(steps: Steps, flat: str, reduction: Reduction, peak: str, position: str) -> None:
    """The largest value and where it is; of equal values the first one, as numpy has it.

    The largest of each row is found first, by an operation that takes a sixth of the time of any
    that tells places too; the first row with the largest of these is then looked through alone.
    """
    rows, columns = reduction.grid or (1, 0)
    if min(rows, columns) == 1 or rows * columns <= FEW_POSITIONS:
        steps.node("ReduceMax", [flat, steps.constant([2])], peak, keepdims=0)
        steps.node("ArgMax", [flat], position, axis=2, keepdims=0)
        return
    lines = steps.node("Reshape", [flat, steps.constant([0, reduction.units, rows, columns])])
    tops = steps.node("ReduceMax", [lines, steps.constant([3])], keepdims=0)
    steps.node("ReduceMax", [tops, steps.constant([2])], peak, keepdims=0)
    row = steps.node("ArgMax", [tops], axis=2, keepdims=1)
    line = steps.node("GatherND", [lines, row], batch_dims=2)
    column = steps.node("ArgMax", [line], axis=2, keepdims=1)
    before = steps.node("Mul", [row, steps.constant([columns])])
    place = steps.node("Add", [before, column])
    steps.node("Squeeze", [place, steps.constant([2])], position)


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
