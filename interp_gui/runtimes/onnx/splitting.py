"""Edited passes of one batch that compute only what lies behind the edits, on ONNX Runtime.

The rewritten graph is cut in two models with sessions of their own (`cutting`). What crosses the
cut is computed once for a batch; the model behind it is run for every change of a number.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import FileProblem, InvalidValue, OutOfMemory
from interp_gui.core.runtime import Array, Forward
from interp_gui.runtimes.onnx.cutting import Cut, SlotPlaces, cut, held_slots, size_of
from interp_gui.runtimes.onnx.network import (
    Network,
    SlotFeeds,
    Values,
    difference_of,
    joined_parts,
    numbers_of,
)
from interp_gui.runtimes.onnx.rewriting import Plan, rewrite
from interp_gui.runtimes.onnx.sessions import LEVELS, run_session

if TYPE_CHECKING:
    from interp_gui.runtimes.onnx.runtime import OnnxRuntime

CLOSE = 0.1
"""Largest difference from the whole network, in parts of what optimisation may make."""
_MOST_LENT = 64  # passes in a row that a larger cut serves before one of their own is made

Check = Callable[[], None] | None
Passed = tuple[list[NDArray[Any]], list[NDArray[Any]]]


@dataclass
class Split:
    """A plan's graph in two, loaded.

    Parameters
    ----------
    lent
        Passes of smaller plans since the last one of its own.
    """

    plan: Plan
    cut: Cut
    behind: Any
    lent: int = 0

    @property
    def key(self) -> Any:
        """The same for cuts whose first halves are the same."""
        copies = any(name.startswith("edit") for name in self.cut.needed)
        return self.cut.needed, tuple(e.site for e in self.plan.edits) if copies else ()


class Splits:
    """The cuts of one network that are at hand; they are kept among its sessions."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._plans: OrderedDict[tuple[Plan, tuple[int, ...]], None] = OrderedDict()

    def find(
        self, plan: Plan, shape: tuple[int, ...], check: Check
    ) -> tuple[Split, SlotPlaces] | None:
        """A cut for a plan, and where its slots are there; None where none can be made.

        A cut that was made for more edits serves as well, the others idle: all subsets of a stack
        need one. One of its own is made once the larger one is no longer asked for.
        """
        own = self._kept(plan, shape)
        if own is not None:
            own.lent = 0
            return own, {(e.site, i): (e.site, i) for e in plan.edits for i in range(len(e.slots))}
        for larger, other in reversed(self._plans):
            places = held_slots(plan, larger) if other == shape else None
            split = self._kept(larger, shape) if places is not None else None
            if split is not None and places is not None and split.lent < _MOST_LENT:
                split.lent += 1
                return split, places
        made: Split | None = self._network.sessions.get(
            (Splits, plan, shape), lambda: self._made(plan, shape, check)
        )
        self._plans[plan, shape] = None
        self._plans = OrderedDict.fromkeys(
            each for each in self._plans if (Splits, *each) in self._network.sessions
        )
        return None if made is None else self.find(plan, shape, check)

    def before(self, split: Split, shape: tuple[int, ...]) -> Any:
        """The session of the first half."""
        return self._network.sessions.get(
            (Splits, split.key, shape), lambda: self._loaded(split.cut.before, shape)[0]
        )

    def _kept(self, plan: Plan, shape: tuple[int, ...]) -> Split | None:
        key = Splits, plan, shape
        sessions = self._network.sessions
        found: Split | None = sessions.get(key, lambda: None) if key in sessions else None
        return found

    def _loaded(self, model: Any, shape: tuple[int, ...]) -> tuple[Any, int]:
        """A session at the highest level that there is one at, as for the untouched model."""
        first = LEVELS.index(self._network.level(shape))
        for place, level in enumerate(LEVELS[first:], start=first):
            try:
                return self._network.sessions.make(model, level), place
            except FileProblem:
                if level == LEVELS[-1]:
                    raise
        raise AssertionError

    def _made(self, plan: Plan, shape: tuple[int, ...], check: Check) -> Split | None:
        """Cut a plan's graph, and prove that with nothing changed it answers as the network."""
        network = self._network
        image = network.graph.inputs[0].name
        found = cut(rewrite(network.skeleton, network.graph, plan), image)
        if found is None:
            return None
        try:
            plain = network.plain_outputs(shape)
            before, first = self._loaded(found.before, shape)
            noise = network.noise(shape)
            counts = (1,) if network.batch else (1, 2)
            crossing = [
                _values(before, found, np.concatenate([noise] * count), check) for count in counts
            ]
            model = found.behind(crossing)
            best: tuple[float, Split] | None = None
            for level in LEVELS[first:]:
                split = Split(plan, found, network.sessions.make(model, level))
                parts, same = answers(split, crossing[:1], {}, check)
                values = joined_parts([crossing[0] | parts[0]], found.rewritten.outputs, len(noise))
                difference = difference_of([values[n] for n in found.rewritten.outputs], plain)
                if same and (best is None or difference < best[0]):
                    best = difference, split
                if difference == 0:
                    break
        except (FileProblem, InvalidValue, TypeError, ValueError):
            return None
        if best is None or best[0] > CLOSE * network.close:
            return None
        network.sessions.get((Splits, best[1].key, shape), lambda: before)
        return best[1]


def _values(session: Any, found: Cut, part: NDArray[np.float32], check: Check) -> Values:
    """What the second half takes and what is asked for before it, of one part of a batch."""
    names = [name for name in found.needed if name != found.image]
    arrays = run_session(session, names, {found.image: part}, check=check) if names else []
    if not all(isinstance(array, np.ndarray) for array in arrays):
        raise ValueError("a value that is no array crosses the cut")
    return {found.image: part} | dict(zip(names, arrays, strict=True))


def answers(
    split: Split, parts: Sequence[Values], numbers: Values, check: Check
) -> tuple[list[Values], bool]:
    """What the second half gives for each part, and whether its edits left all as it was."""
    found: list[Values] = []
    flags = split.cut.rewritten.same
    same = bool(flags)
    for part in parts:
        feeds = {name: part[name] for name in split.cut.crossing} | dict(numbers)
        arrays = run_session(split.behind, split.cut.late, feeds, check=check)
        values = dict(zip(split.cut.late, arrays, strict=True))
        same = same and all(float(values[flag]) == 1.0 for flag in flags)
        found.append(values)
    return found, same


class SplitPasses:
    """Passes of one batch, each as far as its edits need it.

    Parameters
    ----------
    batch
        Preprocessed (N, C, H, W).
    limit_bytes
        What is kept of the batch takes at most so much.
    """

    def __init__(self, runtime: "OnnxRuntime", batch: Array, *, limit_bytes: int) -> None:
        self._runtime = runtime
        self._batch = batch
        self._limit = limit_bytes
        self._parts: OrderedDict[Any, list[Values]] = OrderedDict()
        self._plain: OrderedDict[Plan, Passed] = OrderedDict()
        self._too_large: set[Any] = set()

    @property
    def kept_bytes(self) -> int:
        """Size of what is kept of the batch now."""
        passed = sum(a.nbytes for both in self._plain.values() for one in both for a in one)
        return passed + sum(size_of(parts) for parts in self._parts.values())

    def forward(self, **asked: Any) -> Forward:
        """What the runtime's `forward` gives for the batch, with the same errors."""
        return self._runtime.forward_by(self._run, self._batch, **asked)

    def _run(
        self, plan: Plan, batch: NDArray[np.float32], feeds: SlotFeeds, *, check: Check = None
    ) -> Passed:
        network, shape = self._runtime.network, batch.shape[1:]
        # a pass that stops early gives no answer by which a cut could be proved
        found = (
            self._runtime.splits.find(plan, shape, check) if plan.outputs and plan.edits else None
        )
        try:
            kept = None if found is None else self._prefix(found[0], batch, check)
        except OutOfMemory:
            self._parts.clear()
            kept = None
        if found is None or kept is None:
            return network.run(plan, batch, feeds, check=check)
        split, places = found
        fed = {places[place]: numbers for place, numbers in feeds.items()}
        names = split.cut.rewritten
        late, same = answers(split, kept, numbers_of(names, fed), check)
        if same:
            return self._unedited(replace(plan, edits=()), batch, check)
        reads = dict(zip(split.plan.reads, names.reads, strict=True))
        asked = [*(names.outputs if plan.outputs else ()), *(reads[read] for read in plan.reads)]
        parts = [before | behind for before, behind in zip(kept, late, strict=True)]
        values = joined_parts(parts, dict.fromkeys(asked), len(batch))
        count = len(names.outputs) if plan.outputs else 0
        return [values[n] for n in asked[:count]], [values[n] for n in asked[count:]]

    def _prefix(
        self, split: Split, batch: NDArray[np.float32], check: Check
    ) -> list[Values] | None:
        """What lies before a cut, by parts of the batch; None where that takes too much room."""
        key = split.key
        if key in self._parts:
            self._parts.move_to_end(key)
            return self._parts[key]
        if key in self._too_large:
            return None
        network = self._runtime.network
        session = self._runtime.splits.before(split, batch.shape[1:])
        parts = [_values(session, split.cut, part, check) for part in network.parts(batch)]
        if size_of(parts) > self._limit:
            self._too_large.add(key)
            return None
        self._parts[key] = parts
        self._make_room()
        return parts

    def _unedited(self, plan: Plan, batch: NDArray[np.float32], check: Check) -> Passed:
        passed = self._plain.get(plan)
        if passed is None:
            passed = self._runtime.network.run(plan, batch, {}, check=check)
            self._plain[plan] = passed
            self._make_room()
        outputs, reads = passed
        return [value.copy() for value in outputs], [value.copy() for value in reads]

    def _make_room(self) -> None:
        while self.kept_bytes > self._limit and (self._plain or len(self._parts) > 1):
            if len(self._parts) > 1:
                self._parts.popitem(last=False)
            else:
                self._plain.popitem(last=False)
