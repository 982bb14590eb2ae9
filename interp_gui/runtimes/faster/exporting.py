"""A PyTorch network with its captured values as an ONNX model, in memory."""

import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from interp_gui.core.layer import Address
from interp_gui.runtimes.hooks import plain_attention
from interp_gui.runtimes.torch_runtime import TorchRuntime

OPSET = 18
INPUT = "image"
EXAMPLES = 2
"""Images of the trace; a model that holds for this number alone is found out by running more."""


class CannotExport(Exception):
    """A network that has no ONNX model of these values; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An ONNX model.

    Parameters
    ----------
    captured
        Layer addresses, in the order of the graph's first outputs.
    outputs
        Names of the network's outputs, which follow them; empty where the pass stops before.
    """

    onnx: bytes
    captured: tuple[str, ...]
    outputs: tuple[str, ...]


def export(
    runtime: TorchRuntime,
    batch: Tensor,
    layers: Sequence[str],
    *,
    until: str | None = None,
    check: Callable[[], None] = lambda: None,
    onward: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
) -> Exported:
    """Export a private copy of a network together with the values of some layers.

    The values are those that hooks read while the network runs for the exporter, so each is by
    construction the value of its address: also of one of several calls, of a virtual site, and of
    an input.

    Parameters
    ----------
    batch
        (N, C, H, W) images to run; the first two are taken.
    layers
        Addresses as the runtime lists them.
    until
        Leave out what lies behind this layer, and the outputs.
    onward
        By layer: what goes on in the place of its value; it becomes part of the graph.
    check
        Raises where the work is to stop: called before every module.

    Raises
    ------
    CannotExport
        Neither exporter of torch understands the network.

    Notes
    -----
    The exporter that traces is tried first: it runs the hooks as any pass does, takes a third of
    the other's time, and can be stopped at every module. torch calls it deprecated; where it is
    gone or fails, the other one is asked.
    """
    names = tuple(dict.fromkeys(runtime.layer(name).name for name in layers))
    last = runtime.layer(until).name if until is not None else None
    try:
        network = _Captured(runtime, names, last, onward or {})
    except Exception as problem:
        raise CannotExport(f"its network cannot be copied ({_line(problem)})") from problem
    example = batch[:EXAMPLES].detach().clone()
    if len(example) < EXAMPLES:
        example = example.expand(EXAMPLES, *example.shape[1:]).clone()
    problems: list[str] = []
    for attempt in (_traced, _dynamo):
        check()
        try:
            with _quiet(), torch.no_grad(), torch.random.fork_rng(devices=[]), plain_attention():
                onnx = attempt(network, example, check)
        except Exception as problem:  # noqa: BLE001 - exporters raise anything
            check()  # one that was raised in there comes out of them as another
            problems.append(_line(problem))
            continue
        return Exported(onnx=onnx, captured=names, outputs=network.output_names)
    raise CannotExport(problems[0])


class _Stop(Exception):  # how a pass ends at `until`
    pass


class _Captured(nn.Module):
    """A copy of a network that returns captured values in front of its outputs."""

    def __init__(
        self, runtime: TorchRuntime, names: tuple[str, ...], last: str | None,
        onward: Mapping[str, Callable[[Tensor], Tensor]],
    ) -> None:  # fmt: skip
        super().__init__()
        self._onward = {runtime.layer(name).name: change for name, change in onward.items()}
        self.network = copy.deepcopy(runtime.module).eval().requires_grad_(False)
        self._names, self._last = names, last
        self._reading = runtime
        self._modules_by_path = dict(self.network.named_modules())
        self.output_names: tuple[str, ...] = ()
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Values of the layers in their order, then the outputs."""
        found: dict[str, Tensor] = {}

        def visit(address: Address, value: Tensor, _shared: bool) -> Tensor:
            name = str(address)
            if name in self._onward:
                value = self._onward[name](value)
            if name in self._names:
                found[name] = value.clone()
            if name == self._last:
                raise _Stop
            return value.clone()

        asked = {*self._names, *self._onward} | ({self._last} if self._last is not None else set())
        outputs: dict[str, Tensor] = {}
        with self._reading.visiting(self._modules_by_path, asked, visit), suppress(_Stop):
            outputs = self._reading.named_outputs(self.network(x))
        self.output_names = tuple(outputs)
        # an output that is a captured value too needs a name of its own
        return (*(found[name] for name in self._names), *(v.clone() for v in outputs.values()))

    def ports(self, example: Tensor) -> list[str]:
        """Names of the graph's outputs."""
        self(example)
        return [f"value_{i}" for i in range(len(self._names) + len(self.output_names))]


def _traced(network: _Captured, example: Tensor, check: Callable[[], None]) -> bytes:
    target: Any = io.BytesIO()
    ports = network.ports(example)
    check()
    torch.onnx.export(
        network, (example,), target, dynamo=False, opset_version=OPSET, input_names=[INPUT],
        output_names=ports, dynamic_axes={name: {0: "N"} for name in (INPUT, *ports)},
        do_constant_folding=True,
    )  # fmt: skip
    onnx: bytes = target.getvalue()
    return onnx


def _dynamo(network: _Captured, example: Tensor, check: Callable[[], None]) -> bytes:
    ports = network.ports(example)
    check()
    many = torch.export.Dim("N", min=1, max=1024)
    program: Any = torch.onnx.export(
        network, (example,), dynamo=True, opset_version=OPSET, input_names=[INPUT],
        output_names=ports, dynamic_shapes=({0: many},), verbose=False, optimize=False,
    )  # fmt: skip
    onnx: bytes = program.model_proto.SerializeToString()
    return onnx


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the exporters say about their own affairs."""
    logger = logging.getLogger("torch.onnx")
    others = [logging.getLogger(name) for name in ("torch.export", "onnxscript", "onnx_ir")]
    levels = [each.level for each in (logger, *others)]
    try:
        for each in (logger, *others):
            each.setLevel(logging.CRITICAL)
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip((logger, *others), levels, strict=True):
            each.setLevel(level)


def _line(problem: BaseException) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return (lines[0] if lines else type(problem).__name__)[:200].rstrip(". ")
