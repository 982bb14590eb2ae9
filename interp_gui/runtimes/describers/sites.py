"""Virtual sites: what they are called, where they are, and how they are read and written."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from interp_gui.core.describing import SiteView
from interp_gui.core.layer import INPUT_SITE, Address, Axis
from interp_gui.runtimes.describers.attention import FusedCall
from interp_gui.runtimes.describers.frames import Frame, Kind, watching
from interp_gui.runtimes.describers.shapes import Layout
from interp_gui.runtimes.hooks import Visit, primary, with_primary

ATTENTION_SITES = ("q", "k", "v", "pattern", "z")


@dataclass(frozen=True)
class AttentionPlan:
    """Where a call of a module does its attention, and how.

    Parameters
    ----------
    layout
        How its tensors lie.
    fused
        Position of its fused attention among the call's, None where it is written out.
    scores, softmax, mixed
        Where it is written out: positions of query · keyᵀ, of the softmax and of
        pattern · value among the call's own operations of that kind.
    sites
        Which sites were proved.
    heads, head_size
        What the values have.
    """

    layout: Layout
    fused: int | None = None
    scores: int = -1
    softmax: int = -1
    mixed: int = -1
    sites: tuple[str, ...] = ATTENTION_SITES
    heads: int = 0
    head_size: int = 0


@dataclass(frozen=True)
class Sites:
    """All virtual sites of a network.

    Parameters
    ----------
    attention
        By module path and call.
    sums
        By module path and call: site -> position among the call's own additions.
    views
        By module path and call: what describers make of a module's output.
    problems
        Sentences about what could not be opened up.
    """

    attention: Mapping[tuple[str, int], AttentionPlan] = field(default_factory=dict)
    sums: Mapping[tuple[str, int], Mapping[str, int]] = field(default_factory=dict)
    views: Mapping[tuple[str, int], tuple[SiteView, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def addresses(self) -> list[Address]:
        """Every virtual site."""
        found = [Address(*key, site) for key, plan in self.attention.items() for site in plan.sites]
        found += [Address(*key, site) for key, sums in self.sums.items() for site in sums]
        found += [Address(*key, v.site) for key, views in self.views.items() for v in views]
        return found

    def axes(self, address: Address) -> tuple[Axis, ...] | None:
        """Meaning of the axes of an attention site or a view; None for a sum."""
        key = (address.path, address.call)
        if address.site in ATTENTION_SITES and key in self.attention:
            return self.attention[key].layout.axes(address.site)
        for view in self.views.get(key, ()):
            if view.site == address.site:
                return view.axes
        return None


def is_virtual(address: Address) -> bool:
    """Whether an address is neither what a module is given nor what it returns."""
    return address.site not in ("", INPUT_SITE)


@contextmanager
def tapping(
    modules: Mapping[str, nn.Module], sites: Sites, addresses: Iterable[Address], visit: Visit
) -> Iterator[None]:
    """Visit the virtual ones among `addresses` while open.

    Parameters
    ----------
    modules
        All modules of the network, or of a copy of it, by path.
    visit
        As for `hooks.visiting`; values are shown as `shapes.Layout` says.

    Notes
    -----
    Fused attention stays fused, so that nothing asked for without a change changes no bit: a
    changed pattern adds (pattern' − pattern) · value to what the kernel gave, which is exactly
    zero where nothing changes, and has the gradient of the pattern itself.
    """
    wanted: dict[tuple[str, int], set[str]] = {}
    for address in addresses:
        if is_virtual(address):
            wanted.setdefault((address.path, address.call), set()).add(address.site)
    if not wanted:
        yield
        return
    views = {
        key: [v for v in sites.views.get(key, ()) if v.site in names]
        for key, names in wanted.items()
    }
    hidden = {key: names - {view.site for view in views[key]} for key, names in wanted.items()}
    hidden = {key: names for key, names in hidden.items() if names}
    taps = _Taps(sites, hidden, visit)
    frames = (
        watching(modules, {path for path, _ in hidden}, taps.operation) if hidden else nullcontext()
    )
    with _viewing(modules, {k: v for k, v in views.items() if v}, visit), frames:
        yield


class _Taps:
    def __init__(
        self, sites: Sites, wanted: Mapping[tuple[str, int], set[str]], visit: Visit
    ) -> None:
        self._sites = sites
        self._wanted = wanted
        self._visit = visit

    def operation(
        self,
        frame: Frame,
        kind: Kind | None,
        position: int,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Any,
    ) -> Any:
        key = (frame.address.path, frame.address.call)
        names = self._wanted.get(key)
        if names is None:
            return func(*args, **kwargs)
        if kind == "sum":
            return self._sum(frame, names, position, func(*args, **kwargs))
        plan = self._sites.attention.get(key)
        if plan is None:
            return func(*args, **kwargs)
        tap = _Tap(frame.address, names, plan.layout, self._visit)
        if kind == "fused" and position == plan.fused:
            return tap.fused(func, FusedCall.of(args, kwargs))
        if plan.fused is None and kind == "matmul" and position in (plan.scores, plan.mixed):
            return tap.matmul(func, args, kwargs, mixes=position == plan.mixed)
        if plan.fused is None and kind == "softmax" and position == plan.softmax:
            return tap.pattern(func(*args, **kwargs))
        return func(*args, **kwargs)

    def _sum(self, frame: Frame, names: set[str], position: int, value: Any) -> Any:
        key = (frame.address.path, frame.address.call)
        for site, where in self._sites.sums.get(key, {}).items():
            if where == position and site in names:
                address = Address(frame.address.path, frame.address.call, site)
                changed = self._visit(address, value, True)
                value = value if changed is None else changed
        return value


@dataclass(frozen=True)
class _Tap:
    """The sites of one attention that are asked for."""

    address: Address
    names: set[str]
    layout: Layout
    visit: Visit

    def tokens(self, site: str, value: Tensor) -> Tensor:
        """Visit queries, keys, values or head outputs, (…, head, token, size)."""
        if site not in self.names:
            return value
        changed = self.visit(self._site(site), self.layout.tokens(value), True)
        return value if changed is None else self.layout.tokens_back(changed, value)

    def pattern(self, value: Tensor) -> Tensor:
        """Visit a pattern, (…, head, query, key)."""
        if "pattern" not in self.names:
            return value
        changed = self.visit(self._site("pattern"), self.layout.pattern(value), True)
        return value if changed is None else self.layout.pattern_back(changed, value)

    def fused(self, func: Callable[..., Tensor], call: FusedCall) -> Tensor:
        """Fused attention with the sites around it."""
        call = FusedCall(
            self.tokens("q", call.query),
            self.tokens("k", call.key),
            self.tokens("v", call.value),
            call.rest,
        )
        mixed = func(call.query, call.key, call.value, **call.rest)
        if "pattern" in self.names:
            before = call.pattern()
            change = self.pattern(before) - before
            if torch.is_grad_enabled() or bool(change.any()):
                mixed = mixed + call.mixed(change)
        return self.tokens("z", mixed)

    def matmul(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Any, *, mixes: bool
    ) -> Tensor:
        """One of the two products of attention that is written out."""
        *added, left, right = args
        if mixes:
            right = self.tokens("v", right)
        else:
            left = self.tokens("q", left)
            if "k" in self.names:
                right = self.tokens("k", right.transpose(-2, -1)).transpose(-2, -1)
        result = func(*added, left, right, **kwargs)
        return self.tokens("z", result) if mixes else result

    def _site(self, name: str) -> Address:
        return Address(self.address.path, self.address.call, name)


@contextmanager
def _viewing(
    modules: Mapping[str, nn.Module],
    views: Mapping[tuple[str, int], list[SiteView]],
    visit: Visit,
) -> Iterator[None]:
    handles = []
    try:
        for path in dict.fromkeys(path for path, _ in views):
            hook = _view_hook(path, views, visit)
            handles.append(modules[path].register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _view_hook(
    path: str, views: Mapping[tuple[str, int], list[SiteView]], visit: Visit
) -> Callable[..., Any]:
    calls = [0]

    def hook(_module: nn.Module, _args: Any, result: Any) -> Any:
        call = calls[0]
        calls[0] += 1
        value = primary(result)
        if value is None:
            return None
        for view in views.get((path, call), ()):
            changed = visit(Address(path, call, view.site), view.read(value), True)
            if changed is not None:
                value = view.write(value, changed)
        return with_primary(result, value)

    return hook
