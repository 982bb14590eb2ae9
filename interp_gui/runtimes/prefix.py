"""Repeated edited passes on one batch that compute only what lies behind the first edit."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InvalidValue, OutOfMemory
from interp_gui.core.layer import Address
from interp_gui.core.runtime import Array, Capture, CaptureLike, Forward, Runtime, Sources
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.onnx.splitting import SplitPasses
from interp_gui.runtimes.recording import (
    Call,
    CallKey,
    Recorder,
    Recording,
    repeated,
    replaying,
    skipped,
)
from interp_gui.runtimes.torch_runtime import TorchRuntime

LIMIT_BYTES = 256 * 2**20
_MOST_REMEMBERED = 256  # sets of addresses
_UNUSED = 256  # passes after which a recording makes room for others
_MOST_IMPURE = 2  # passes that changed what modules hold: what is set up at first use is one

Run = Callable[[], Forward]


class CachedPrefix:
    """Forward passes of one batch that answer as the runtime does, faster from the second on.

    On PyTorch they are those of the runtime bit for bit. The first pass with edits at some sites
    is a plain one in which the results of the largest modules that end before the first edit are
    kept; later passes take them from there, whatever their edits are, as long as none of them is
    made earlier. Sites that are asked for again and whose first edit lies deeper get results of
    their own, so that all subsets of a stack cost what lies behind them.

    On ONNX Runtime the graph is cut in two at the values from which the edits start; the answer is
    that of the whole graph within its rounding (1e-6 of the outputs' scale, proved for every cut).

    Every other pass is a plain one.

    Parameters
    ----------
    runtime
        The network.
    batch
        Preprocessed (N, C, H, W); a copy is kept.
    limit_bytes
        What is kept takes at most so much; what does not fit is computed again.

    Notes
    -----
    Kept results are proved once by repeating the first pass with them, and dropped when a weight
    has changed.
    """

    def __init__(self, runtime: Runtime, batch: Array, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._runtime = runtime
        self._batch = np.array(batch)
        self._recordings: _Recordings | None = None
        self._split: SplitPasses | None = None
        if isinstance(runtime, TorchRuntime):
            self._recordings = _Recordings(runtime, limit_bytes)
        elif isinstance(runtime, OnnxRuntime):
            self._split = SplitPasses(runtime, self._batch, limit_bytes=limit_bytes)

    @property
    def kept_bytes(self) -> int:
        """Size of what is kept now, the batch aside."""
        if self._recordings is not None:
            return self._recordings.kept_bytes
        return self._split.kept_bytes if self._split is not None else 0

    def repeated(self, times: int) -> "CachedPrefix | None":
        """The same for the batch repeated, without computing anew what is kept; None if it cannot.

        One row in a batch of several is rounded otherwise than alone: answers are those of the
        runtime within rounding, and no longer bit for bit. That a network treats rows apart from
        each other is for the caller to check, by what it answers.
        """
        if self._recordings is None:
            return None
        recordings = self._recordings.repeated(times, rows=len(self._batch))
        if recordings is None:
            return None
        more = CachedPrefix(self._runtime, np.tile(self._batch, (times, 1, 1, 1)))
        more._recordings = recordings
        return more

    def forward(
        self,
        *,
        capture: Sequence[CaptureLike] = (),
        edits: EditStack | None = None,
        sources: Sources | None = None,
        until: str | None = None,
    ) -> Forward:
        """What `runtime.forward` gives for the batch, with the same errors."""
        stack = edits if edits is not None else EditStack()
        if self._split is not None and stack.active:
            return self._split.forward(capture=capture, edits=stack, sources=sources, until=until)

        def run() -> Forward:
            return self._runtime.forward(
                self._batch, capture=capture, edits=edits, sources=sources, until=until
            )

        if self._recordings is None or not stack.active:
            return run()
        try:
            edited = frozenset(Address.parse(edit.feature.layer) for edit in stack.active)
            names = [key.layer if isinstance(key, Capture) else key for key in capture]
            names += [until] if until is not None else []
            asked = edited | {Address.parse(name) for name in names}
        except InvalidValue:
            return run()
        return self._recordings.run(run, edited, asked)


@dataclass
class _Held:
    recording: Recording
    used: int


class _Recordings:
    """What was kept of one batch, for several sets of edited places at once."""

    def __init__(self, runtime: TorchRuntime, limit_bytes: int) -> None:
        self._runtime = runtime
        self._limit = limit_bytes
        self._held: list[_Held] = []
        self._requests: OrderedDict[_Asked, int] = OrderedDict()
        self._made: set[_Asked] = set()
        self._state: tuple[Any, list[Any]] | None = None
        self._passes = 0
        self._impure = 0

    @property
    def kept_bytes(self) -> int:
        """Size of all results; those that several recordings share count once."""
        return sum(call.size_bytes for call in self._calls())

    def run(self, run: Run, edited: frozenset[Address], asked: frozenset[Address]) -> Forward:
        """A pass with as much left out as can be."""
        if self._impure >= _MOST_IMPURE or not _can_be_wrapped(self._runtime):
            return run()
        modules = dict(self._runtime.module.named_modules())
        self._check(modules)
        key = edited, asked
        requests = self._requested(key)
        best, calls = self._best(edited, asked)
        if key not in self._made:
            if best is None:
                return self._record(run, modules, key)
            complete = best.recording.ends_at(edited) and len(calls) == len(best.recording.kept)
            if requests > 1 and not complete:
                return self._record(run, modules, key, better_than=skipped(calls))
        if best is None or not calls:
            return run()
        best.used = self._passes
        with suppress(OutOfMemory), replaying(modules, calls):
            return run()
        self._forget()
        return run()

    def repeated(self, times: int, *, rows: int) -> "_Recordings | None":
        """What is held, for a batch that is repeated; None where nothing is, or it cannot be."""
        found = _Recordings(self._runtime, self._limit)
        for held in self._held:
            room = self._limit - found.kept_bytes
            recording = repeated(held.recording, times, rows=rows, limit_bytes=room)
            if recording is None:
                return None
            found._held.append(_Held(recording, 0))
        found._made, found._state = set(self._made), self._state
        return found if found._held else None

    def _check(self, modules: Mapping[str, nn.Module]) -> None:
        """Drop everything if a weight or a setting has changed."""
        settings, tensors = _settings(self._runtime), _tensors(modules)
        if self._state is None or self._state[0] != settings or not _same(self._state[1], tensors):
            self._forget()
            self._state = settings, tensors

    def _forget(self) -> None:
        self._held.clear()
        self._requests.clear()
        self._made.clear()

    def _requested(self, key: "_Asked") -> int:
        self._passes += 1
        count = self._requests.pop(key, 0) + 1
        self._requests[key] = count
        while len(self._requests) > _MOST_REMEMBERED:
            old, _ = self._requests.popitem(last=False)
            self._made.discard(old)
        return count

    def _best(
        self, edited: frozenset[Address], asked: frozenset[Address]
    ) -> tuple[_Held | None, dict[CallKey, Call]]:
        """The recording that saves most, and what of it can be used."""
        best: _Held | None = None
        calls: dict[CallKey, Call] = {}
        for held in self._held:
            if held.recording.serves(edited):
                usable = held.recording.usable(asked)
                if best is None or skipped(usable) > skipped(calls):
                    best, calls = held, usable
        return best, calls

    def _calls(self) -> list[Call]:
        found = [call for held in self._held for call in held.recording.kept.values()]
        return list({id(call): call for call in found}.values())

    def _record(
        self,
        run: Run,
        modules: Mapping[str, nn.Module],
        key: "_Asked",
        *,
        better_than: int | None = None,
    ) -> Forward:
        """A plain pass that keeps results, and the proof that they can be used.

        The first edits of all are earlier than what is held: what is kept for them serves all
        others too, and those make room. What is kept beside that takes what room is left.
        """
        edited, asked = key
        room = self._limit
        if better_than is not None:
            self._held = [h for h in self._held if self._passes - h.used < _UNUSED]
            room -= self.kept_bytes
        before, random = _attributes(modules), torch.get_rng_state()
        recorder = Recorder(
            edited, asked, limit_bytes=room, known={call.key: call for call in self._calls()}
        )
        try:
            with recorder.recording(modules):
                true = run()
        except OutOfMemory:
            recorder.forget()
            self._forget()
            return run()
        self._made.add(key)
        recording = recorder.recorded()
        if not (_same(before, _attributes(modules)) and torch.equal(random, torch.get_rng_state())):
            self._impure += 1
            self._forget()
            return true
        calls = recording.usable(asked)
        if better_than is not None and skipped(calls) <= better_than:
            return true
        proved = False
        with suppress(OutOfMemory), replaying(modules, calls):
            proved = _equal(true, run())
        if proved:
            self._held.append(_Held(recording, self._passes))
            while self.kept_bytes > self._limit:
                self._held.pop(0)
        return true


_Asked = tuple[frozenset[Address], frozenset[Address]]
"""Addresses that are edited, and those that are edited or read."""


def _can_be_wrapped(runtime: TorchRuntime) -> bool:
    if torch.is_inference_mode_enabled():  # no versions to tell what was written into
        return False
    return not any(
        isinstance(m, torch.jit.ScriptModule) or m._forward_hooks or m._forward_pre_hooks
        for m in runtime.module.modules()
    )


def _settings(runtime: TorchRuntime) -> tuple[Any, ...]:
    """What decides roundings beside the weights."""
    return (
        runtime.device,
        runtime.dtype,
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled(runtime.device.partition(":")[0]),
    )


def _tensors(modules: Mapping[str, nn.Module]) -> list[Any]:
    """Parameters and buffers, and how often each was written."""
    found = [
        tensor
        for module in modules.values()
        for tensor in (*module._parameters.values(), *module._buffers.values())
        if tensor is not None
    ]
    return [(tensor, tensor._version) for tensor in found]


def _attributes(modules: Mapping[str, nn.Module]) -> list[Any]:
    """All that modules hold, with what shows that it was changed."""
    held = [value for module in modules.values() for value in vars(module).values()]
    held += [value for module in modules.values() for value in module._buffers.values()]
    held += [value for module in modules.values() for value in module._parameters.values()]
    return [(value, _extent(value)) for value in held]


def _extent(value: Any) -> int:
    if isinstance(value, Tensor):
        return int(value._version)
    return len(value) if isinstance(value, list | dict | set) else 0


def _same(before: list[Any], after: list[Any]) -> bool:
    pairs = zip(before, after, strict=False)
    return len(before) == len(after) and all(a is c and b == d for (a, b), (c, d) in pairs)


def _equal(one: Forward, other: Forward) -> bool:
    """Whether two passes gave the same, bit for bit."""

    def bits(values: Mapping[Any, Array]) -> dict[Any, Any]:
        return {key: (v.dtype, v.shape, v.tobytes()) for key, v in values.items()}

    return (
        one.hits == other.hits
        and bits(one.outputs) == bits(other.outputs)
        and bits(one.captured) == bits(other.captured)
    )
