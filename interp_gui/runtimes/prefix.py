"""Repeated edited passes on one batch that compute only what lies behind the first edit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InvalidValue, OutOfMemory
from interp_gui.core.layer import Address
from interp_gui.core.runtime import Array, Capture, CaptureLike, Forward, Runtime, Sources
from interp_gui.runtimes.describers.sites import is_virtual
from interp_gui.runtimes.structures import can_be_copied, copy_of, tensors_of
from interp_gui.runtimes.torch_runtime import TorchRuntime

LIMIT_BYTES = 256 * 2**20


class CachedPrefix:
    """Forward passes of one batch, bit for bit those of the runtime, faster from the second on.

    The first pass with edits at some sites is a plain one in which the results of the largest
    modules that end before the first edit are kept; the next passes with edits at the same sites
    take them from there. Every other pass is a plain one.

    Parameters
    ----------
    runtime
        The network; other runtimes than PyTorch's just run.
    batch
        Preprocessed (N, C, H, W); a copy is kept.
    limit_bytes
        What is kept takes at most so much; what does not fit is computed again.

    Notes
    -----
    A result is kept only if leaving its module out cannot be noticed: it shares no memory with
    what the module was given, the module wrote into none of it and kept no state, and no site
    asked for lies within. The kept results are proved once by repeating the first pass with them,
    and dropped when a weight has changed.
    """

    def __init__(self, runtime: Runtime, batch: Array, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._runtime = runtime
        self._batch = np.array(batch)
        self._limit = limit_bytes
        self._key: Any = None
        self._kept: dict[str, list[_Call]] = {}
        self._state: list[Any] = []

    @property
    def kept_bytes(self) -> int:
        """Size of what is kept now."""
        return sum(call.size for calls in self._kept.values() for call in calls)

    def forward(
        self,
        *,
        capture: Sequence[CaptureLike] = (),
        edits: EditStack | None = None,
        sources: Sources | None = None,
        until: str | None = None,
    ) -> Forward:
        """What `runtime.forward` gives for the batch, with the same errors."""

        def run() -> Forward:
            return self._runtime.forward(
                self._batch, capture=capture, edits=edits, sources=sources, until=until
            )

        runtime = self._runtime
        stack = edits if edits is not None else EditStack()
        if (
            not stack.active
            or not isinstance(runtime, TorchRuntime)
            or not _can_be_wrapped(runtime)
        ):
            return run()
        try:
            edited = {str(Address.parse(edit.feature.layer)) for edit in stack.active}
            names = [key.layer if isinstance(key, Capture) else key for key in capture]
            names += [until] if until is not None else []
            asked = edited | {str(Address.parse(name)) for name in names}
        except InvalidValue:
            return run()
        key = (frozenset(edited), frozenset(asked), _settings(runtime))
        modules = dict(runtime.module.named_modules())
        if key != self._key or not _same(self._state, _tensors(modules)):
            return self._first(run, modules, key)
        if not self._kept:
            return run()
        with suppress(OutOfMemory), _replaying(modules, self._kept):
            return run()
        self._kept = {}
        return run()

    def _first(
        self, run: Callable[[], Forward], modules: dict[str, nn.Module], key: Any
    ) -> Forward:
        """A plain pass that keeps results, and the proof that they can be used."""
        edited, asked, _ = key
        self._key, self._kept = None, {}
        before = _attributes(modules)
        random = torch.get_rng_state()
        recorder = _Recorder(edited, asked, self._limit)
        try:
            with recorder.recording(modules):
                true = run()
        except OutOfMemory:
            recorder.log.clear()
            return run()
        state, kept = _tensors(modules), recorder.kept()
        pure = _same(before, _attributes(modules)) and torch.equal(random, torch.get_rng_state())
        if kept and pure and not recorder.unsure:
            with suppress(OutOfMemory), _replaying(modules, kept):
                self._kept = kept if _equal(true, run()) else {}
        self._key, self._state = key, state
        return true


@dataclass
class _Call:
    """One call of a module before the first edit, and what it returned if that is kept."""

    path: str
    result: Any = None
    kept: bool = False
    size: int = 0


@dataclass
class _Recorder:
    """Follows a pass up to its first edit.

    `log` holds calls in order of their starts. Those made within a call stand right behind it, so
    that a call whose result is kept takes the place of all that follow it there.
    """

    edited: frozenset[str]
    asked: frozenset[str]
    limit: int
    log: list[_Call] = field(default_factory=list)
    unsure: bool = False
    _closed: bool = False
    _open: list[list[bool]] = field(default_factory=list)  # whether a site asked for lies within
    _counts: dict[str, int] = field(default_factory=dict)
    _hooked: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        edited = [Address.parse(name) for name in self.edited]
        asked = [Address.parse(name) for name in self.asked]
        self._edited_within = {(a.path, a.call) for a in edited if a.site}
        self._asked_within = {(a.path, a.call) for a in asked if is_virtual(a)}

    @contextmanager
    def recording(self, modules: Mapping[str, nn.Module]) -> Iterator[None]:
        """Follow the pass that is run while this is open."""
        paths = {Address.parse(name).path for name in self.asked} & set(modules)
        handles = [
            modules[path].register_forward_pre_hook(self._counter(path)) for path in sorted(paths)
        ]
        wrappers = {
            path: self._wrapper(path, module.forward, path in paths)
            for path, module in modules.items()
            if path
        }
        try:
            with _instead(modules, wrappers):
                yield
        finally:
            for handle in handles:
                handle.remove()

    def kept(self) -> dict[str, list[_Call]]:
        """By path: calls in order, with the kept results among them."""
        paths = {call.path for call in self.log if call.kept}
        return {path: [c for c in self.log if c.path == path] for path in paths}

    def _is_closed(self) -> bool:
        return self._closed

    def _counter(self, path: str) -> Callable[[nn.Module, Any], None]:
        def count(_module: nn.Module, _args: Any) -> None:
            self._hooked[path] = self._hooked.get(path, 0) + 1

        return count

    def _wrapper(self, path: str, inner: Callable[..., Any], asked: bool) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            if self._closed:
                return inner(*args, **kwargs)
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            if asked:
                # Called without hooks, it is not counted as the runtime counts.
                self.unsure = self.unsure or self._hooked.get(path, 0) != number + 1
                for frame in self._open:
                    frame[0] = True
            if (path, number) in self._edited_within:
                self._closed = True
                return inner(*args, **kwargs)
            position = len(self.log)
            self.log.append(_Call(path))
            # What is asked for within a call is only there if the call is made.
            frame = [(path, number) in self._asked_within]
            self._open.append(frame)
            given = tensors_of((args, kwargs))
            versions = [t._version for t in given or ()]
            result = inner(*args, **kwargs)
            if self._is_closed():
                return result
            self._open.pop()
            untouched = given is not None and versions == [t._version for t in given]
            if untouched and not frame[0]:
                self._keep(position, given or [], result)
            self._closed = str(Address(path, number)) in self.edited
            return result

        return forward

    def _keep(self, position: int, given: list[Tensor], result: Any) -> None:
        found = tensors_of(result)
        if not found or not all(can_be_copied(tensor) for tensor in found):
            return
        own = {t.untyped_storage().data_ptr() for t in found}
        if len(own) < len(found) or own & {t.untyped_storage().data_ptr() for t in given}:
            return
        size = sum(tensor.untyped_storage().nbytes() for tensor in found)
        others = sum(call.size for call in self.log[:position])
        if others + size > self.limit:
            return
        del self.log[position + 1 :]
        call = self.log[position]
        call.result, call.kept, call.size = copy_of(result), True, size


def _replaying(modules: Mapping[str, nn.Module], kept: Mapping[str, list[_Call]]) -> Any:
    """While open, calls whose results are kept return copies of them."""

    def wrapper(inner: Callable[..., Any], calls: Iterator[_Call]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            call = next(calls, None)
            return copy_of(call.result) if call and call.kept else inner(*args, **kwargs)

        return forward

    wrappers = {path: wrapper(modules[path].forward, iter(calls)) for path, calls in kept.items()}
    return _instead(modules, wrappers)


@contextmanager
def _instead(
    modules: Mapping[str, nn.Module], forwards: Mapping[str, Callable[..., Any]]
) -> Iterator[None]:
    """Other `forward`s for some modules; hooks run as ever."""
    own = {p: vars(modules[p])["forward"] for p in forwards if "forward" in vars(modules[p])}
    try:
        for path, forward in forwards.items():
            vars(modules[path])["forward"] = forward
        yield
    finally:
        for path in forwards:
            if path in own:
                vars(modules[path])["forward"] = own[path]
            else:
                vars(modules[path]).pop("forward", None)


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
