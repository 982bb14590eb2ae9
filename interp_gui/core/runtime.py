"""The contract of a runtime: how a model runs, is read, and is changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import EditStack
from interp_gui.core.model import ModelDescription, Preprocessing

Array = NDArray[np.float32]
Sources = Mapping[tuple[str, str], Array]
"""By (layer, image SHA-256): that layer's value for that image, without the batch axis. PyTorch
takes for edits of a whole layer also one value a row of the batch, with that axis."""


class Capture(msgspec.Struct, frozen=True):
    """A value to be copied out: a layer, before or after the edits made there."""

    layer: str
    moment: Literal["after", "before"] = "after"


CaptureLike = str | Capture


@dataclass(frozen=True)
class Forward:
    """What a forward pass gives.

    Parameters
    ----------
    outputs
        Output name -> (N, …) array; empty if the pass stopped before the end.
    captured
        One copy a requested capture, (N, …), keyed as requested.
    hits
        How often each edit of the stack ran (index in `EditStack.edits` -> count).
    """

    outputs: dict[str, Array]
    captured: dict[CaptureLike, Array]
    hits: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """The same with tensors that keep the graph."""

    outputs: dict[str, Any]
    captured: dict[CaptureLike, Any]
    hits: dict[int, int] = field(default_factory=dict)


class Runtime(Protocol):
    """A model that can be run, read and changed.

    After any call, also one that failed or was cancelled, the model is bit for bit as before and
    carries no hook.
    """

    @property
    def description(self) -> ModelDescription:
        """What the model is, with its proved layers."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become its input."""

    def forward(
        self,
        batch: Array,
        *,
        capture: Sequence[CaptureLike] = (),
        edits: EditStack | None = None,
        sources: Sources | None = None,
        until: str | None = None,
    ) -> Forward:
        """Run a preprocessed batch (N, C, H, W) and copy values out.

        Parameters
        ----------
        capture
            Layer addresses; an unknown or never reached one raises.
        edits
            Applied in order; an edit that never ran raises EditProblem.
        sources
            Values of other images that edits ask for.
        until
            Stop after this layer; outputs are then empty.
        """

    def cancel_with(self, check: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `check` (which may raise Cancelled) before every module while this is open."""


@runtime_checkable
class Differentiable(Protocol):
    """A runtime that can differentiate (PyTorch)."""

    def trace(
        self,
        x: Any,
        *,
        capture: Sequence[CaptureLike] = (),
        edits: EditStack | None = None,
        sources: Sources | None = None,
        until: str | None = None,
    ) -> Trace:
        """Like `forward` on a tensor, keeping the graph."""


def differentiable(runtime: Runtime) -> Differentiable | None:
    """A runtime as one that can differentiate: itself, or the twin that it lends; None if neither.

    The twin has the same layers under the same addresses.
    """
    if isinstance(runtime, Differentiable):
        return runtime
    lend: Callable[[], Differentiable | None] | None = getattr(runtime, "gradients", None)
    return lend() if lend is not None else None


def batches(count: int, size: int) -> Iterator[range]:
    """Consecutive index ranges of at most `size`."""
    return (range(i, min(i + size, count)) for i in range(0, count, size))
