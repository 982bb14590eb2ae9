"""An ONNX graph as plain data, and the names that its values bear."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.runtimes.onnx.names import names_of_nodes

Shape = tuple[int | str | None, ...]
"""Extents; a name or None where they are not fixed."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of the graph.

    Parameters
    ----------
    dtype
        numpy's name of the type (`float32`, `uint8`); `bfloat16` and the like as ONNX has them.
    shape
        None where even the rank is unknown.
    """

    name: str
    dtype: str
    shape: Shape | None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operation.

    Parameters
    ----------
    inputs, outputs
        Names of values; empty for optional ones that are left out.
    attributes
        Python values: int, float, str, tuples of them, numpy arrays.
    """

    index: int
    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A model's graph, its nodes in an order in which they can run.

    Parameters
    ----------
    constants
        Initialisers by name, as arrays that share memory with the model where possible.
    names
        Value name -> address, for every output of every node; see `names_of`.
    """

    model: Any
    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[Any]]
    names: Mapping[str, str]

    @cached_property
    def values(self) -> dict[str, str]:
        """Address -> value name."""
        return {address: value for value, address in self.names.items()}

    @cached_property
    def producer(self) -> dict[str, Node]:
        """Value name -> the node that makes it."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    @cached_property
    def consumers(self) -> dict[str, tuple[Node, ...]]:
        """Value name -> the nodes that take it, in order."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                if name:
                    found.setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    @cached_property
    def dependent(self) -> frozenset[str]:
        """Values that depend on the graph's inputs; the others are the same for every image."""
        found = {port.name for port in self.inputs}
        for node in self.nodes:
            if any(name in found for name in node.inputs):
                found.update(name for name in node.outputs if name)
        return frozenset(found)


def read_graph(onnx_bytes: bytes) -> Graph:
    """Parse the bytes of a checked model (`checkpoints.onnx_files`)."""
    import onnx

    return graph_of(onnx.load_model_from_string(onnx_bytes))


def graph_of(model: Any) -> Graph:
    """The graph of a checked `onnx.ModelProto`."""
    from onnx import numpy_helper

    own = model.graph
    constants = {t.name: numpy_helper.to_array(t) for t in own.initializer}
    names = names_of(model)
    return Graph(
        model=model,
        opset=next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1),
        # before IR version 4 every initialiser was listed among the inputs too
        inputs=tuple(_port(v) for v in own.input if v.name not in constants),
        outputs=tuple(_port(v) for v in own.output),
        nodes=tuple(
            Node(
                index=index,
                op=node.op_type,
                name=node.name,
                inputs=tuple(node.input),
                outputs=tuple(node.output),
                attributes={a.name: _attribute(a) for a in node.attribute},
            )
            for index, node in enumerate(own.node)
        ),
        constants=constants,
        names=names,
    )


def names_of(model: Any) -> dict[str, str]:
    """One address a node output, by value name, legal for `core.layer.Address`.

    The address is the dotted path of the module that the exporter names, then the operation:
    `layer1.0.conv1.Conv`, `blocks.0.attn.MatMul_1`. Nodes of several outputs have their addresses
    below them (`blocks.0.attn.Split.0`). No address is the beginning of another's path. It is
    never the plain path of a module (`layer1.0.conv1`): whether a value is what that module
    returned is only known once the two have been compared.
    """
    return names_of_nodes(model.graph.node)


def _port(info: Any) -> Port:
    tensor = info.type.tensor_type
    shape: Shape | None = None
    if tensor.HasField("shape"):
        shape = tuple(
            d.dim_value if d.HasField("dim_value") else (d.dim_param or None)
            for d in tensor.shape.dim
        )
    return Port(name=info.name, dtype=dtype_name(tensor.elem_type), shape=shape)


def dtype_name(element_type: int) -> str:
    """Name of an ONNX element type as numpy writes it."""
    import onnx

    if element_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        return "string" if element_type else "unknown"
    return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element_type)))


def _attribute(attribute: Any) -> Any:
    from onnx import helper, numpy_helper

    value = helper.get_attribute_value(attribute)
    if attribute.HasField("t"):
        return numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, str | int | float):
        return value
    return tuple(v.decode(errors="replace") if isinstance(v, bytes) else v for v in value)
