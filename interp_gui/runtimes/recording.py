"""What a PyTorch pass computed before its first edit: recorded once, given again in later passes.

A result is kept only if leaving its module out cannot be noticed: it shares no memory with what
the module was given, and the module wrote into none of that.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from interp_gui.core.layer import Address
from interp_gui.runtimes.describers.sites import is_virtual
from interp_gui.runtimes.structures import can_be_copied, copy_of, mapped, tensors_of

CallKey = tuple[str, int]
"""Path of a module, and which of its calls."""


@dataclass
class Call:
    """One call of a module before the first edit, and what it returned.

    Parameters
    ----------
    within
        Calls made within it, by path.
    """

    path: str
    number: int
    result: Any = None
    size_bytes: int = 0
    within: Counter[str] = field(default_factory=Counter)

    @property
    def key(self) -> CallKey:
        """Path and number."""
        return self.path, self.number


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What lies before one place of the network, for one batch.

    Parameters
    ----------
    kept
        Calls with their results; none lies within another.
    over, under_way
        Calls that were over, and those that went on, where it ends.
    end
        Where it ends: behind a call (False), or before one (True).
    unsure
        Paths whose calls the runtime counts otherwise.
    """

    kept: Mapping[CallKey, Call]
    over: frozenset[CallKey]
    under_way: frozenset[CallKey]
    end: tuple[CallKey, bool] | None
    unsure: frozenset[str]

    def serves(self, edited: Collection[Address]) -> bool:
        """Whether no edit acts before its end, so that what is kept is what it would be."""
        return all(self._is_behind(address) for address in edited)

    def ends_at(self, edited: Collection[Address]) -> bool:
        """Whether the first of some edits, which it serves, is made where it ends."""
        return any(((a.path, a.call), bool(a.site)) == self.end for a in edited)

    def usable(self, asked: Collection[Address]) -> dict[CallKey, Call]:
        """Calls that can be left out of a pass in which some addresses are edited or read."""
        paths = {address.path for address in asked}
        if paths & self.unsure:
            return {}
        inner = {(a.path, a.call) for a in asked if is_virtual(a)}
        return {
            key: call for key, call in self.kept.items()
            if key not in inner and paths.isdisjoint(call.within)
        }  # fmt: skip

    def _is_behind(self, address: Address) -> bool:
        call = address.path, address.call
        if call in self.over:
            return not address.site and self.end == (call, False)
        return call not in self.under_way or not address.site


def repeated(recording: Recording, times: int, *, rows: int, limit_bytes: int) -> Recording | None:
    """What was kept for a batch, for that batch repeated; None where it cannot be.

    It cannot where a result has not a part of equal size for each of the batch's `rows`, or where
    it would take more than `limit_bytes`.
    """
    kept: dict[CallKey, Call] = {}
    size = 0
    for key, call in recording.kept.items():
        tensors = tensors_of(call.result) or []
        if any(not t.dim() or t.shape[0] % rows for t in tensors):
            return None
        size += times * call.size_bytes
        if size > limit_bytes:
            return None
        result = mapped(call.result, lambda tensor: torch.cat([tensor] * times))
        kept[key] = replace(call, result=result, size_bytes=times * call.size_bytes)
    return replace(recording, kept=kept)


def skipped(calls: Mapping[CallKey, Call]) -> int:
    """How many calls are saved by leaving some out."""
    return sum(1 + call.within.total() for call in calls.values())


class Recorder:
    """Follows a pass up to its first edit.

    Parameters
    ----------
    edited, asked
        Addresses that are edited, and those that are edited or read.
    limit_bytes
        What is kept takes at most so much beside what is `known`.
    known
        Calls that other recordings keep; an equal result is not kept twice.
    """

    def __init__(
        self,
        edited: Collection[Address],
        asked: Collection[Address],
        *,
        limit_bytes: int,
        known: Mapping[CallKey, Call],
    ) -> None:
        self._edited = {str(address) for address in edited}
        self._limit = limit_bytes
        self._known = known
        self._asked = {address.path for address in asked}
        self._edited_within = {(a.path, a.call) for a in edited if a.site}
        self._asked_within = {(a.path, a.call) for a in asked if is_virtual(a)}
        self._end: tuple[CallKey, bool] | None = None
        # In order of their starts. Calls made within a call stand right behind it, so that one
        # whose result is kept takes the place of all that follow it there.
        self._log: list[Call] = []
        self._order: list[CallKey] = []
        self._over: set[CallKey] = set()
        self._open: list[list[bool]] = []  # whether a site asked for lies within
        self._counts: Counter[str] = Counter()
        self._hooked: Counter[str] = Counter()
        self._unsure: set[str] = set()

    @contextmanager
    def recording(self, modules: Mapping[str, nn.Module]) -> Iterator[None]:
        """Follow the pass that is run while this is open."""
        handles: list[Any] = []
        wrappers = {path: self._wrapper(path, m.forward) for path, m in modules.items() if path}
        try:
            for path in wrappers:
                handles.append(modules[path].register_forward_pre_hook(self._counter(path)))
            with instead(modules, wrappers):
                yield
        finally:
            for handle in handles:
                handle.remove()

    def forget(self) -> None:
        """Let go of everything."""
        self._log.clear()

    def recorded(self) -> Recording:
        """What was kept."""
        begun = set(self._order)
        return Recording(
            kept={call.key: call for call in self._log if call.result is not None},
            over=frozenset(self._over),
            under_way=frozenset(begun - self._over),
            end=self._end,
            unsure=frozenset(self._unsure),
        )

    def _counter(self, path: str) -> Callable[[nn.Module, Any], None]:
        def count(_module: nn.Module, _args: Any) -> None:
            self._hooked[path] += 1

        return count

    def _is_closed(self) -> bool:
        return self._end is not None

    def _wrapper(self, path: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            if self._is_closed():
                return inner(*args, **kwargs)
            key = path, self._counts[path]
            self._counts[path] += 1
            if self._hooked[path] != self._counts[path]:
                # Called without hooks, it is not counted as the runtime counts.
                self._unsure.add(path)
            if path in self._asked:
                for frame in self._open:
                    frame[0] = True
            if key in self._edited_within:
                self._end = key, True
                return inner(*args, **kwargs)
            position, place = len(self._log), len(self._order)
            self._log.append(Call(*key))
            self._order.append(key)
            # What is asked for within a call is only there if the call is made.
            frame = [key in self._asked_within]
            self._open.append(frame)
            given = tensors_of((args, kwargs))
            versions = [t._version for t in given or ()]
            result = inner(*args, **kwargs)
            if self._is_closed():
                return result
            self._open.pop()
            self._over.add(key)
            untouched = given is not None and versions == [t._version for t in given]
            if untouched and not frame[0]:
                within = Counter(path for path, _ in self._order[place + 1 :])
                self._keep(position, within, given or [], result)
            if str(Address(*key)) in self._edited:
                self._end = key, False
            return result

        return forward

    def _keep(self, position: int, within: Counter[str], given: list[Tensor], result: Any) -> None:
        found = tensors_of(result)
        if not found or not all(can_be_copied(tensor) for tensor in found):
            return
        own = {t.untyped_storage().data_ptr() for t in found}
        if len(own) < len(found) or own & {t.untyped_storage().data_ptr() for t in given}:
            return
        call = self._log[position]
        known = self._known.get(call.key)
        if known is not None and known.within == within and _alike(known.result, result):
            del self._log[position:]
            self._log.append(known)
            return
        size = sum(tensor.untyped_storage().nbytes() for tensor in found)
        if size + sum(self._own_bytes(each) for each in self._log[:position]) > self._limit:
            return
        del self._log[position + 1 :]
        call.result, call.size_bytes, call.within = copy_of(result), size, within

    def _own_bytes(self, call: Call) -> int:
        return 0 if self._known.get(call.key) is call else call.size_bytes


def replaying(modules: Mapping[str, nn.Module], calls: Mapping[CallKey, Call]) -> Any:
    """While open, calls whose results are kept return copies of them, and nothing is computed."""
    counts = dict.fromkeys((path for path, _ in calls), 0)

    def wrapper(path: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            call = calls.get((path, counts[path]))
            counts[path] += 1
            if call is None:
                return inner(*args, **kwargs)
            for each, number in call.within.items():
                if each in counts:
                    counts[each] += number
            return copy_of(call.result)

        return forward

    return instead(modules, {path: wrapper(path, modules[path].forward) for path in counts})


@contextmanager
def instead(
    modules: Mapping[str, nn.Module], forwards: Mapping[str, Callable[..., Any]]
) -> Iterator[None]:
    """Other `forward`s for some modules while open; hooks run as ever."""
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


def _alike(one: Any, other: Any) -> bool:
    """Whether two results have the same structure, layout and bits."""
    first, second = tensors_of(one), tensors_of(other)
    if type(one) is not type(other) or first is None or second is None:
        return False
    return len(first) == len(second) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride()
        and torch.equal(_bits(a), _bits(b))
        for a, b in zip(first, second, strict=True)
    )  # fmt: skip


def _bits(tensor: Tensor) -> Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)
