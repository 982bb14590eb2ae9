"""What a builder sees of one ONNX node, and what it makes of it: a module and its inputs."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from interp_gui.core.errors import MissingAbility

MOST_ELEMENTS = 1 << 28
"""Larger tensors than this are not made out of a shape that a file gives."""


class Unsupported(MissingAbility):
    """An ONNX model that cannot be computed in PyTorch; `operators` lists what stands against it.

    Parameters
    ----------
    operators
        Types of nodes, each once.
    """

    def __init__(self, message: str, *, operators: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.operators = tuple(dict.fromkeys(operators))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Where the images lie in a value of a model that was exported for one image.

    Such a model names shapes that hold for one. With the place known, the same operation on
    several images has that axis longer by their number.

    Parameters
    ----------
    axis
        The axis that grows with the number of images.
    outer, inner
        Numbers that are folded into this axis with them, counting slower and faster.
    """

    axis: int
    outer: int
    inner: int

    def images(self, shape: Iterable[int]) -> int:
        """How many images a value of this shape holds."""
        return tuple(shape)[self.axis] // (self.outer * self.inner)


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node of a graph.

    Parameters
    ----------
    op
        Its operator.
    opset
        Revision of the operators that the model was written in.
    attributes
        By name; tensors as torch tensors.
    constants
        By input: its value where that is known before anything runs, None where it is computed.
    given
        By input: whether it is there at all.
    shapes, dtypes
        By input: what it is in a pass with the example.
    outputs
        Names of the outputs, empty for those that nobody asks for.
    batch
        Where the images lie in the first input, for models exported for a single one.
    single
        Whether the model was exported for a single image.
    late
        Which of several axes of length 1 the images become where a reshape leaves that open: the
        last one, or the first.
    """

    op: str
    opset: int
    attributes: Mapping[str, Any]
    constants: tuple[Tensor | None, ...]
    given: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype | None, ...]
    outputs: tuple[str, ...]
    batch: Batch | None = None
    single: bool = False
    late: bool = False

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute, or its default."""
        return self.attributes.get(name, default)

    def has(self, index: int) -> bool:
        """Whether an optional input is there."""
        return index < len(self.given) and self.given[index]

    def constant(self, index: int) -> Tensor | None:
        """An input whose value is known beforehand; None if it is computed or absent."""
        return self.constants[index] if index < len(self.constants) else None

    def ints(self, index: int, attribute: str) -> list[int] | None:
        """Whole numbers that are an input in one revision and an attribute in another.

        None if they are neither; Unsupported if they are computed while the network runs.
        """
        if self.has(index):
            value = self.constant(index)
            if value is None:
                raise self.refused(f"computes its {attribute} while it runs")
            return [int(v) for v in value.flatten().tolist()]
        found = self.attribute(attribute)
        if found is None:
            return None
        return [found] if isinstance(found, int) else [int(v) for v in found]

    def axis(self, default: int, rank: int | None = None) -> int:
        """The attribute `axis`, counted from the front."""
        rank = len(self.shapes[0]) if rank is None else rank
        value = int(self.attribute("axis", default))
        return value + rank if value < 0 else value

    def refused(self, reason: str) -> Unsupported:
        """The error for a node of a known kind that does something unusual."""
        return Unsupported(f"{self.op} {reason}", operators=[self.op])

    def only_first_output(self) -> None:
        """Raise Unsupported if somebody asks for more than the first output."""
        if any(self.outputs[1:]):
            raise self.refused("is asked for more than its first output")


@dataclass(frozen=True)
class Built:
    """A module, and which of the node's inputs it is called with, in order.

    `batch` says where the images lie in what it returns, if it knows better than the shapes tell.
    """

    module: nn.Module
    takes: tuple[int, ...] = (0,)
    batch: Batch | None = None


Builder = Callable[[Node], Built]


class Computed(nn.Module):
    """One operator that torch has as a function; constant inputs are held here.

    Parameters
    ----------
    function
        Called with all inputs by position, None for those that are left out.
    constants
        Inputs that are known; floating ones are frozen parameters, so that they follow the
        network to another device and precision.
    count
        Number of inputs.
    host
        Inputs that say how and not what (shapes, axes); they stay where they are.
    """

    def __init__(
        self,
        op: str,
        function: Callable[..., Any],
        *,
        constants: Mapping[int, Tensor],
        takes: tuple[int, ...],
        count: int,
        host: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__()
        self.op = op
        self._function = function
        self._takes = takes
        self._count = count
        self._host = host
        self._whole: dict[int, Tensor] = {}
        self._names: dict[int, str] = {}
        for index, value in constants.items():
            if value.is_floating_point() and index not in host:
                self._names[index] = f"constant_{index}"
                # A copy: edits of weights are in place, and nodes may share a constant.
                frozen = nn.Parameter(value.clone(), requires_grad=False)
                self.register_parameter(f"constant_{index}", frozen)
            else:
                self._whole[index] = value

    def forward(self, *values: Tensor) -> Any:
        """Compute from the inputs that are not constant."""
        inputs: list[Any] = [None] * self._count
        for index, value in zip(self._takes, values, strict=True):
            inputs[index] = value
        for index, name in self._names.items():
            inputs[index] = self._parameters[name]
        for index, value in self._whole.items():
            inputs[index] = value
        return self._function(*self._together(inputs))

    def extra_repr(self) -> str:
        """The operator's name."""
        return self.op

    def _together(self, inputs: list[Any]) -> list[Any]:
        """Shapes are computed on the CPU; where they meet values they go to their device."""
        data = [v for i, v in enumerate(inputs) if v is not None and i not in self._host]
        device = next((v.device for v in data if v.device.type != "cpu"), None)
        if device is None:
            return inputs
        return [
            v if v is None or i in self._host else v.to(device) for i, v in enumerate(inputs)
        ]  # fmt: skip


def computed(node: Node, function: Callable[..., Any], *, host: Iterable[int] = ()) -> Built:
    """A node as a function of all its inputs; those that are constant are held."""
    count = len(node.given)
    constants = {i: c for i, c in enumerate(node.constants) if c is not None}
    takes = tuple(i for i in range(count) if node.given[i] and i not in constants)
    module = Computed(
        node.op, function, constants=constants, takes=takes, count=count, host=frozenset(host)
    )
    return Built(module, takes)


def changed(built: Built, batch: Batch | None) -> Built:
    """The same with the place of the images."""
    return Built(built.module, built.takes, batch)


def whole(value: Any) -> list[int]:
    """A tensor of whole numbers as a list."""
    return [int(v) for v in value.flatten().tolist()]


def bounded(shape: Iterable[int]) -> list[int]:
    """A shape, unless it asks for more memory than any network needs."""
    lengths = list(shape)
    if any(length < 0 for length in lengths) or math.prod(lengths) > MOST_ELEMENTS:
        raise Unsupported(f"A tensor of shape {lengths} is not made.")
    return lengths
