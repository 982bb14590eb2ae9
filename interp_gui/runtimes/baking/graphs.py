"""Edits as constant nodes in an ONNX graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.runtimes.baking.outcome import NotBakeable
from interp_gui.runtimes.baking.steps import Limit, Mix, Replace, Scale, Shift, Step

_PREFIX = "interp_gui_edit"


@dataclass(frozen=True)
class Edge:
    """Where in a graph an edit is put in.

    Parameters
    ----------
    value
        Name of the value.
    consumer
        First output of the one node that reads the edited value; empty for all who read it.
    axis, rank
        Of the units in the batched value.
    dtype
        Of the value; half precision is edited in float32.
    """

    value: str
    consumer: str
    axis: int
    rank: int
    dtype: str = "float32"


def holds(model: Any, edge: Edge) -> bool:
    """Whether a graph has the value, and the consumer."""
    made = {name for node in model.graph.node for name in node.output}
    made |= {port.name for port in model.graph.input}
    return edge.value in made and (not edge.consumer or edge.consumer in made)


def insert(model: Any, edits: Sequence[tuple[Edge, tuple[Step, ...]]]) -> None:
    """Write edits into a model, in their order; those for one consumer behind those for all.

    Raises
    ------
    NotBakeable
        A value is not in the graph.
    """
    own = model.graph
    for edge in dict.fromkeys(
        edge for edge, _ in sorted(edits, key=lambda each: bool(each[0].consumer))
    ):
        if not holds(model, edge):
            raise NotBakeable(f"the graph has no value '{edge.value}'")
        steps = tuple(step for other, each in edits if other == edge for step in each)
        _insert(own, edge, steps)


def _insert(own: Any, edge: Edge, steps: tuple[Step, ...]) -> None:
    writer = _Writer(own, edge)
    nodes = list(own.node)
    made = next((i for i, node in enumerate(nodes) if edge.value in node.output), -1)
    taken = next((i for i, node in enumerate(nodes) if edge.consumer in node.output), -1)
    start = edge.value
    if not edge.consumer and made >= 0:
        # the edited value bears the name, so that readers and outputs stay as they are
        start = writer.name("before")
        outputs = [start if name == edge.value else name for name in nodes[made].output]
        del nodes[made].output[:]
        nodes[made].output.extend(outputs)
    end = writer.write(start, steps)
    if not edge.consumer and made >= 0:
        writer.nodes[-1].output[0] = edge.value
    else:
        for node in [nodes[taken]] if edge.consumer else nodes:
            inputs = list(node.input)
            hit = [0] if edge.consumer else [i for i, name in enumerate(inputs)]
            for i in hit:
                if inputs[i] == edge.value:
                    node.input[i] = end
    place = taken if edge.consumer else made + 1
    del own.node[:]
    own.node.extend([*nodes[:place], *writer.nodes, *nodes[place:]])


class _Writer:
    def __init__(self, own: Any, edge: Edge) -> None:
        self._own, self._edge = own, edge
        known = {tensor.name for tensor in own.initializer}
        known |= {name for node in own.node for name in node.output}
        number = 0
        while any(name.startswith(f"{_PREFIX}{number}_") for name in known):
            number += 1
        self._prefix = f"{_PREFIX}{number}_"
        self._count = 0
        self.nodes: list[Any] = []

    def name(self, what: str) -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{self._prefix}{self._count}_{what}"

    def write(self, value: str, steps: tuple[Step, ...]) -> str:
        """Write the operations behind a value; gives the name of the result."""
        single = self._edge.dtype == "float32"
        current = value if single else self._op("Cast", value, to=1)
        for step in steps:
            current = self._step(current, step)
        if not single:
            from onnx import helper

            kind = helper.np_dtype_to_tensor_dtype(np.dtype(self._edge.dtype))
            current = self._op("Cast", current, to=kind)
        return current if self.nodes else self._op("Identity", current)

    def _step(self, value: str, step: Step) -> str:
        if isinstance(step, Scale):
            return self._op("Mul", value, self._along(step.factors))
        if isinstance(step, Shift):
            return self._op("Add", value, self._along(step.numbers))
        if isinstance(step, Replace):
            mask = self._constant(self._shaped(step.mask))
            return self._op("Where", mask, self._along(step.numbers), value)
        if isinstance(step, Limit):
            above = self._op("Max", value, self._along(step.low))
            return self._op("Min", above, self._along(step.high))
        turned = self._turn(value, last=True)
        if isinstance(step, Mix):
            return self._turn(self._op("MatMul", turned, self._matrix(step.matrix.T)), last=False)
        found = self._op("MatMul", turned, self._matrix(step.inverse.T))
        above = self._op("Max", found, self._number(step.low))
        within = self._op("Min", above, self._number(step.high))
        change = self._op("MatMul", self._op("Sub", within, found), self._matrix(step.basis.T))
        return self._op("Add", value, self._turn(change, last=False))

    def _turn(self, value: str, *, last: bool) -> str:
        axis, rank = self._edge.axis, self._edge.rank
        if axis == rank - 1:
            return value
        order = [a for a in range(rank) if a != axis] + [axis]
        if not last:
            order = [order.index(a) for a in range(rank)]
        return self._op("Transpose", value, perm=order)

    def _op(self, op: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        result = self.name(op.lower())
        self.nodes.append(
            helper.make_node(op, list(inputs), [result], name=result, **attributes)
        )  # fmt: skip
        return result

    def _shaped(self, numbers: NDArray[Any]) -> NDArray[Any]:
        shape = [1] * self._edge.rank
        shape[self._edge.axis] = -1
        return numbers.reshape(shape)

    def _along(self, numbers: NDArray[np.float64]) -> str:
        return self._constant(self._shaped(numbers.astype(np.float32)))

    def _matrix(self, numbers: NDArray[np.float64]) -> str:
        return self._constant(np.ascontiguousarray(numbers, np.float32))

    def _number(self, value: float) -> str:
        return self._constant(np.full([1] * self._edge.rank, value, np.float32))

    def _constant(self, numbers: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = self.name("constant")
        self._own.initializer.append(numpy_helper.from_array(numbers, name))
        return name
