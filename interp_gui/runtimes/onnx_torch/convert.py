"""From a checked ONNX graph to a torch module, by running it once on an example."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from interp_gui.runtimes.onnx.graph import Graph
from interp_gui.runtimes.onnx.graph import Node as GraphNode
from interp_gui.runtimes.onnx_torch.module import OnnxModule, Step
from interp_gui.runtimes.onnx_torch.node import Batch, Built, Node, Unsupported, computed
from interp_gui.runtimes.onnx_torch.operators import OPERATORS, QUANTISED

_OLDEST = 7  # revision of the operators; broadcasting had rules of its own before
_OWN_DOMAIN = ("", "ai.onnx")
_ADAPTER = "interp_gui_input/"
"""Nodes that bring images to what a graph takes (`checkpoints.onnx_ports`)."""
_UINT8 = 2


def as_torch(
    graph: Graph, shape: tuple[int, int, int], *, check: Callable[[], None] = lambda: None
) -> OnnxModule:
    """A module that computes what a graph does, with gradients.

    Every node becomes a submodule at the path that is its layer address. What follows from
    constants alone is computed here, so that nodes that only work out constants are gone; shapes
    that follow from the images stay computed, and any number of images can be run. Models that
    were exported for one image are rewritten for several.

    Parameters
    ----------
    shape
        Channels, height and width of one image.
    check
        Called before every node is followed; what it raises ends the conversion.

    Returns
    -------
    In evaluation mode, frozen.

    Raises
    ------
    Unsupported
        It has operators that are not known here, or uses known ones in an unusual way.
    """
    check_operators(graph)
    try:
        with torch.no_grad():
            return _converted(graph, shape, check)
    except (RuntimeError, IndexError, TypeError, ValueError, KeyError, AttributeError,
            AssertionError, OverflowError, ZeroDivisionError) as problem:  # fmt: skip
        reason = " ".join(str(problem).split())[:160].rstrip(". ")
        raise Unsupported(f"The graph cannot be followed: {reason}") from problem


def check_operators(graph: Graph) -> None:
    """Raise Unsupported for a graph that cannot be converted, as far as its nodes tell."""
    if graph.opset < _OLDEST:
        raise Unsupported(f"Its operators are of revision {graph.opset}, which is too old")
    kinds = [node.op for node in graph.nodes]
    quantised = [op for op in dict.fromkeys(kinds) if op in QUANTISED]
    if quantised:
        raise Unsupported(
            f"It is quantised ({', '.join(quantised)}), and whole numbers have no gradient",
            operators=quantised,
        )
    unknown = [op for op in dict.fromkeys(kinds) if op not in OPERATORS and op != "Constant"]
    if unknown:
        raise Unsupported(
            f"It has operators without a known gradient: {', '.join(unknown)}", operators=unknown
        )
    if len(graph.inputs) != 1:
        raise Unsupported(f"It takes {len(graph.inputs)} inputs, and images are one")


def _converted(graph: Graph, shape: tuple[int, int, int], check: Callable[[], None]) -> OnnxModule:
    first = _Conversion(graph, shape)
    if not first.single:
        return first.run(check)
    problem: Exception | None = None
    for late in (False, True):
        conversion = _Conversion(graph, shape, late=late)
        try:
            module = conversion.run(check)
            if _keeps_apart(module, conversion.example):
                return module
        except (RuntimeError, IndexError, Unsupported) as found:
            problem = problem or found
    if isinstance(problem, Unsupported):
        raise problem
    raise Unsupported("It was exported for one image in a way that does not hold for several")


def _keeps_apart(module: OnnxModule, images: Tensor) -> bool:
    """Whether several images at once are answered as one after the other."""
    # three: the conversion itself was made with one and with two
    together = _outputs(module(torch.cat([images, images[:1]])))
    each = [_outputs(module(image[None])) for image in images]
    for index, value in enumerate(together):
        apart = torch.cat([each[i][index] for i in (0, 1, 0)])
        if value.shape != apart.shape:
            return False
        if not torch.allclose(value, apart, rtol=1e-3, atol=1e-3 * float(apart.abs().max())):
            return False
    return True


@dataclass
class _Value:
    """What is known of a value while a graph is followed."""

    one: Tensor
    """In a pass with one image."""
    two: Tensor | None = None
    """In a pass with two, for models that were exported for one."""
    batch: Batch | None = None
    constant: bool = False
    measured: bool = False
    """Whether it follows from shapes alone."""

    @property
    def fixed(self) -> bool:
        """Whether it is known beforehand: a constant, or a shape that the images do not change."""
        if self.constant:
            return True
        same = self.two is not None and self.two.shape == self.one.shape
        return self.measured and same and torch.equal(self.one, self.two)  # type: ignore[arg-type]


class _Conversion:
    def __init__(self, graph: Graph, shape: tuple[int, int, int], *, late: bool = False) -> None:
        self.graph = graph
        self.late = late
        port = graph.inputs[0]
        extents = port.shape or (None, *shape)
        count = extents[0] if extents else None
        if len(extents) != 4:
            raise Unsupported(f"Its input has {len(extents)} axes, and images have 4")
        if isinstance(count, int) and count > 1:
            raise Unsupported(f"It takes exactly {count} images at a time")
        self.single = count == 1
        self.fixed_size = all(isinstance(n, int) for n in extents)
        kind = getattr(torch, port.dtype, None)
        if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
            raise Unsupported(f"Its input is of kind {port.dtype}, which has no gradient")
        # A picture of no pattern: no test of a value on the way decides by chance.
        generator = torch.Generator().manual_seed(0)
        self.example = example = torch.rand((2, *shape), generator=generator).to(kind)
        self.module = OnnxModule(port.name, [p.name for p in graph.outputs])
        batch = Batch(axis=0, outer=1, inner=1) if self.single else None
        self.values: dict[str, _Value] = {
            name: _Value(_tensor(value), constant=True) for name, value in graph.constants.items()
        }
        self.values[port.name] = _Value(
            example[:1], example if self.single else None, batch
        )  # fmt: skip
        self.steps: list[Step] = []
        self.uses = _uses(graph)

    def run(self, check: Callable[[], None]) -> OnnxModule:
        """Follow every node."""
        for node in self.graph.nodes:
            check()
            self._follow(node)
            for name in node.inputs:
                if name:
                    self.uses[name] -= 1
                    if not self.uses[name]:  # large weights are in the modules by now
                        self.values.pop(name, None)
        for name in self.module.results:
            if self.values[name].constant:
                self.module.hold(name, self.values[name].one)
        self.module.finish(self.steps)
        return self.module.eval().requires_grad_(False)

    def _follow(self, node: GraphNode) -> None:
        if node.op == "Constant":
            self.values[node.outputs[0]] = _Value(_constant(node), constant=True)
            return
        known = [self.values[name] if name else None for name in node.inputs]
        seen = self._seen(node, known)
        built = _of_adapter(node, seen) or OPERATORS[node.op](seen)
        taken = [known[i] for i in built.takes]
        given = [value for value in taken if value is not None]
        ones = _outputs(built.module(*(value.one for value in given)))
        if all(value is None or self._known(value) for value in known):
            for name, value in zip(node.outputs, ones, strict=False):
                if name:
                    self.values[name] = _Value(value, constant=True)
            return
        twos: list[Any] = [None] * len(ones)
        if any(value.two is not None for value in given):
            both = (value.one if value.two is None else value.two for value in given)
            twos = _outputs(built.module(*both))
        for name, one, two in zip(node.outputs, ones, twos, strict=False):
            if name:
                batch = built.batch or _batch(one, two, [v for v in known if v is not None])
                measured = node.op in ("Shape", "Size") or all(
                    v is None or v.constant or v.measured for v in known
                )
                self.values[name] = _Value(one, two, batch, measured=measured)
        self._place(node, built)

    def _seen(self, node: GraphNode, known: list[_Value | None]) -> Node:
        first = known[0] if known else None
        return Node(
            op=node.op,
            opset=self.graph.opset,
            attributes={
                name: _tensor(value) if isinstance(value, np.ndarray) else value
                for name, value in node.attributes.items()
            },
            constants=tuple(v.one if v is not None and self._known(v) else None for v in known),
            given=tuple(v is not None for v in known),
            shapes=tuple(() if v is None else tuple(v.one.shape) for v in known),
            dtypes=tuple(None if v is None else v.one.dtype for v in known),
            outputs=tuple(n if self.uses.get(n) else "" for n in node.outputs),
            batch=None if first is None else first.batch,
            single=self.single,
            late=self.late,
        )

    def _known(self, value: _Value) -> bool:
        return value.fixed if self.single and self.fixed_size else value.constant

    def _place(self, node: GraphNode, built: Built) -> None:
        names = [name for name in node.outputs if name]
        inputs = tuple(node.inputs[i] for i in built.takes)
        for name in inputs:
            if self.values[name].constant and name not in self.module._fixed:
                self.module.hold(name, self.values[name].one)
        addresses = [self.graph.names[name] for name in names]
        if len(names) == 1:
            self.module.put(addresses[0], built.module)
            self.steps.append(Step(addresses[0], inputs, tuple(node.outputs)))
            return
        above = addresses[0].rpartition(".")[0]
        self.module.put(above, built.module)
        spread = [self.graph.names.get(name, "") for name in node.outputs]
        for path in addresses:
            self.module.put(path, nn.Identity())
        self.steps.append(Step(above, inputs, tuple(node.outputs), tuple(spread)))


def _of_adapter(node: GraphNode, seen: Node) -> Built | None:
    """Rounding of pixels for a graph that takes bytes, with the gradient of what is rounded."""
    if not node.name.startswith(_ADAPTER):
        return None
    if node.op == "Round":
        return computed(seen, lambda x: x + (torch.round(x) - x).detach())
    if node.op == "Cast" and node.attributes["to"] == _UINT8:
        return computed(seen, lambda x: x)
    return None


def _uses(graph: Graph) -> dict[str, int]:
    uses: dict[str, int] = {}
    for node in graph.nodes:
        for name in node.inputs:
            uses[name] = uses.get(name, 0) + 1
    for port in graph.outputs:
        uses[port.name] = uses.get(port.name, 0) + 1
    return uses


def _batch(one: Tensor, two: Tensor | None, inputs: Iterable[_Value]) -> Batch | None:
    """Where the images lie in a value, told by its shape with one and with two of them."""
    if two is None:
        return None
    pairs = list(zip(one.shape, two.shape, strict=True))
    grown = [axis for axis, (a, b) in enumerate(pairs) if a != b]
    if not grown:
        return None
    if len(grown) != 1 or pairs[grown[0]][1] != 2 * pairs[grown[0]][0]:
        raise Unsupported("It was exported for one image in a way that does not hold for several")
    axis, length = grown[0], pairs[grown[0]][0]
    for value in inputs:
        own = value.batch
        if own is not None and own.outer * own.inner == length:
            return Batch(axis=axis, outer=own.outer, inner=own.inner)
    return Batch(axis=axis, outer=1, inner=length)


def _outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def _constant(node: GraphNode) -> Tensor:
    for kind, value in node.attributes.items():
        if kind == "value":
            return _tensor(value)
        if kind in ("value_int", "value_ints"):
            return torch.tensor(value, dtype=torch.int64)
        if kind in ("value_float", "value_floats"):
            return torch.tensor(value, dtype=torch.float32)
    raise Unsupported("A constant is neither a tensor nor a number", operators=["Constant"])


def _tensor(array: NDArray[Any] | Any) -> Tensor:
    """A tensor of an array of a model; memory is shared where it can be written."""
    array = np.asarray(array)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    wider: Mapping[str, Any] = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}
    if array.dtype.name in wider:
        array = array.astype(wider[array.dtype.name])
    if not array.flags.writeable or not array.flags.c_contiguous:
        array = array.copy()
    return torch.from_numpy(array)
