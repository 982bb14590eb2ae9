"""An ONNX model and its sessions: which one serves a plan, and how a batch goes through it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from interp_gui.core.errors import FileProblem, InterpError
from interp_gui.runtimes.onnx.graph import Graph
from interp_gui.runtimes.onnx.rewriting import Plan, Rewritten, Site, rewrite
from interp_gui.runtimes.onnx.sessions import LEVELS, Sessions, Weights, run_session

CLOSE = 1e-5
"""Largest difference, in parts of the outputs' scale, that optimisation may make."""
_CLOSE_HALF = 2e-3
"""The same where weights are of half precision, whose numbers are a thousandth apart."""

SlotFeeds = Mapping[tuple[Site, int], Mapping[str, NDArray[Any]]]
Values = dict[str, NDArray[Any]]


class RunPlan(Protocol):
    """What runs a plan: the whole network, or what lies behind its edits."""

    def __call__(
        self,
        plan: Plan,
        batch: NDArray[np.float32],
        feeds: SlotFeeds,
        *,
        check: Callable[[], None] | None = None,
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Outputs and reads of the plan for a batch, float32."""


@dataclass(frozen=True)
class _Ready:
    """A rewritten model, loaded."""

    rewritten: Rewritten
    session: Any


class Network:
    """A model on ONNX Runtime.

    Parameters
    ----------
    device
        `cpu`, `cuda:0`, `mps`.

    Notes
    -----
    Optimisation may fuse nodes that a plan reads or writes. The level for a plan is the highest
    at which the outputs, with nothing changed, are those of the untouched model bit for bit; if
    there is none, that with the least difference.
    """

    def __init__(self, graph: Graph, *, device: str) -> None:
        self.graph = graph
        self._weights = Weights(graph)
        self._asked_device = device
        self._sessions = Sessions(self._weights, device=device, threads=torch.get_num_threads())
        first = graph.inputs[0].shape
        extent = first[0] if first else None
        self.batch = extent if isinstance(extent, int) else 0
        """How many images the graph takes at once; 0 where any number."""
        half = any(array.dtype == np.float16 for array in graph.constants.values())
        self.close = _CLOSE_HALF if half else CLOSE
        """Largest difference that optimisation may make here."""
        self._level = ""
        self._plain: _Ready | None = None
        self._reference: dict[tuple[int, ...], list[NDArray[Any]]] = {}
        # the copies in `_weights` serve all sessions
        del graph.model.graph.initializer[:]

    @property
    def skeleton(self) -> Any:
        """The model without its weights."""
        return self._weights.skeleton

    @property
    def sessions(self) -> Sessions:
        """The sessions of its rewritings, the latest ones."""
        return self._sessions

    @property
    def sentence(self) -> str:
        """What it runs on, and why."""
        return self._sessions.sentence

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers in use."""
        return self._sessions.used

    @property
    def device(self) -> str:
        """The device that was asked for, or the CPU where its sessions say so."""
        return "cpu" if self.providers[:1] == ("CPUExecutionProvider",) else self._asked_device

    @property
    def sessions_made(self) -> int:
        """How many sessions were made so far."""
        return self._sessions.made

    def run_once(
        self,
        model: Any,
        names: Sequence[str],
        feeds: Mapping[str, Any],
        *,
        check: Callable[[], None] | None = None,
    ) -> list[NDArray[Any]]:
        """Run a model made from the skeleton without optimisation, and forget it."""
        session = self._sessions.make(model, LEVELS[-1], passing=True)
        return run_session(session, names, feeds, check=check)

    def run(
        self,
        plan: Plan,
        batch: NDArray[np.float32],
        feeds: SlotFeeds,
        *,
        check: Callable[[], None] | None = None,
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Outputs and reads of a plan, float32, for a batch of any length.

        Where edits leave every value as it was, these are those of the unedited network: slots
        keep ONNX Runtime from fusing what lies around them, which rounds differently.
        """
        shape = batch.shape[1:]
        ready = self._sessions.get((plan, shape), lambda: self._prepare(plan, shape))
        outputs, reads, same = self._run(ready, batch, numbers_of(ready.rewritten, feeds), check)
        if same:
            return self.run(replace(plan, edits=()), batch, {}, check=check)
        return outputs, reads

    def trial(
        self, plan: Plan, *, check: Callable[[], None] | None = None
    ) -> Callable[[NDArray[np.float32], SlotFeeds], list[NDArray[Any]]]:
        """A function that runs a plan for its outputs, to be dropped after use."""
        rewritten = rewrite(self.skeleton, self.graph, plan)
        ready = self._loaded(rewritten, LEVELS[-2], passing=True) or self._loaded(
            rewritten, LEVELS[-1], passing=True
        )
        assert ready is not None

        def run(batch: NDArray[np.float32], feeds: SlotFeeds) -> list[NDArray[Any]]:
            return self._run(ready, batch, numbers_of(rewritten, feeds), check)[0]

        return run

    def _run(
        self,
        ready: _Ready,
        batch: NDArray[np.float32],
        numbers: Mapping[str, NDArray[Any]],
        check: Callable[[], None] | None,
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]], bool]:
        """Outputs, reads, and whether there are edits that left every value as it was."""
        rewritten, image = ready.rewritten, self.graph.inputs[0].name
        names = [n for n in dict.fromkeys((*rewritten.outputs, *rewritten.reads)) if n != image]
        parts: list[Values] = []
        same = bool(rewritten.same)
        for part in self.parts(batch):
            asked = [*names, *rewritten.same]
            found = run_session(ready.session, asked, {image: part, **numbers}, check=check)
            parts.append({image: part} | dict(zip(names, found, strict=False)))
            same = same and all(float(flag) == 1.0 for flag in found[len(names) :])
        joined = joined_parts(parts, (*names, image), len(batch))
        return (
            [joined[n] for n in rewritten.outputs], [joined[n] for n in rewritten.reads], same,
        )  # fmt: skip

    def parts(self, batch: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """A batch in as many images as the graph takes at once, the last part filled up."""
        size = self.batch or max(len(batch), 1)
        for start in range(0, max(len(batch), 1), size):
            part = batch[start : start + size]
            short = size - len(part) if self.batch else 0
            if short:  # a graph for so many images takes no fewer
                part = np.concatenate([part, np.zeros((short, *part.shape[1:]), np.float32)])
            yield part

    def _prepare(self, plan: Plan, shape: tuple[int, ...]) -> _Ready:
        highest = LEVELS.index(self.level(shape))
        rewritten = rewrite(self.skeleton, self.graph, plan)
        if plan == Plan() and self._plain is not None:
            return self._plain
        best: tuple[float, _Ready] | None = None
        plain = self.plain_outputs(shape) if plan.outputs else []
        for level in LEVELS[highest:]:
            ready = self._loaded(rewritten, level)
            if ready is None:
                continue
            if not plan.outputs:
                return ready
            difference = difference_of(self._run(ready, self.noise(shape), {}, None)[0], plain)
            if difference == 0 or (difference <= self.close and not plan.edits):
                return ready
            if best is None or difference < best[0]:
                best = difference, ready
        if best is None or best[0] > 10 * self.close:
            raise InterpError(
                "Reading or changing this layer would change the network's answer, so it is not "
                "done.",
                hint="Choose a layer beside it.",
            )
        return best[1]

    def _loaded(self, rewritten: Rewritten, level: str, *, passing: bool = False) -> _Ready | None:
        """A session at a level; None where optimisation stumbles over what is asked for.

        ONNX Runtime's fusions of convolutions with sums lose values that are returned as well.
        """
        try:
            session = self._sessions.make(rewritten.model, level, passing=passing)
            return _Ready(rewritten, session)
        except FileProblem:
            if level == LEVELS[-1]:
                raise
            return None

    def level(self, shape: tuple[int, ...]) -> str:
        """The highest level at which the model answers as it does without optimisation."""
        if self._level:
            return self._level
        rewritten = rewrite(self.skeleton, self.graph, Plan())
        exact: list[NDArray[Any]] = []
        for level in (LEVELS[-1], *LEVELS[:-1]):
            ready = self._loaded(rewritten, level)
            if ready is None:
                continue
            found = self._run(ready, self.noise(shape), {}, None)[0]
            exact = exact or found
            self._level, self._plain = level, ready
            if level != LEVELS[-1] and difference_of(found, exact) <= self.close:
                return level
        self._level, self._plain = LEVELS[-1], None
        return self._level

    def plain_outputs(self, shape: tuple[int, ...]) -> list[NDArray[Any]]:
        """What the untouched model answers to noise."""
        if shape not in self._reference:
            plain = self._sessions.get((Plan(), shape), lambda: self._prepare(Plan(), shape))
            self._reference[shape] = self._run(plain, self.noise(shape), {}, None)[0]
        return self._reference[shape]

    def noise(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The pictures that rewritings are compared on."""
        noise = np.random.default_rng(1).standard_normal((self.batch or 1, *shape))
        return noise.astype(np.float32)


def joined_parts(
    parts: Sequence[Values], names: Iterable[str], count: int
) -> dict[str, NDArray[np.float32]]:
    """Values of all images of a batch of `count`, from those of its parts, as float32."""
    return {
        name: _float32(np.concatenate([part[name] for part in parts])[:count] if len(parts) > 1
                       else parts[0][name][:count])
        for name in names
    }  # fmt: skip


def numbers_of(rewritten: Rewritten, feeds: SlotFeeds) -> dict[str, NDArray[Any]]:
    """What the slots of a rewritten model are fed, by the names of its inputs."""
    return {
        f"{rewritten.inputs[key]}_{name}": value
        for key, slot in feeds.items()
        for name, value in slot.items()
    }


def difference_of(found: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> float:
    """Largest difference in parts of the outputs' scale."""
    largest = 0.0
    for a, b in zip(found, wanted, strict=True):
        if a.shape != b.shape:
            return np.inf
        both = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return np.inf
        scale = float(np.abs(b[both]).max(initial=0.0)) or 1.0
        largest = max(largest, float(np.abs(a[both] - b[both]).max(initial=0.0)) / scale)
    return largest


def _float32(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype == np.float32 else values.astype(np.float32)
