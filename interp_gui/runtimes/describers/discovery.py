"""Finding virtual sites by one pass, and proving that they are what they are called."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from interp_gui.core.layer import Address
from interp_gui.runtimes.describers.attention import FusedCall
from interp_gui.runtimes.describers.frames import Frame, Kind, watching
from interp_gui.runtimes.describers.shapes import Layout
from interp_gui.runtimes.describers.sites import ATTENTION_SITES, AttentionPlan, Sites
from interp_gui.runtimes.hooks import plain_attention, primary

LARGEST_PATTERN = 2**24
"""Numbers an image: what a pattern may take in memory (64 MiB); larger ones are not offered."""

_AGREEMENT = 1e-5


def discover(module: nn.Module, modules: Mapping[str, nn.Module], x: Tensor) -> tuple[Sites, Any]:
    """Find the virtual sites of a network; gives them and what the network returned.

    Parameters
    ----------
    modules
        All its modules by path, the whole network left out.
    x
        One image (1, C, H, W); it is given twice, so that a batch axis that holds windows or
        heads too shows how it is composed.

    Notes
    -----
    An attention is offered if its tensors split into two equal images, its pattern's rows sum
    to 1, and pattern · value is what the module computes, within 1e-5 of the largest value.
    """
    finder = _Finder()
    watched = watching(modules, modules, finder.operation, every=True, returned=finder.returned)
    with torch.no_grad(), plain_attention(), watched:
        returned = module(torch.cat([x, x]))
    return finder.sites(), returned


@dataclass
class _Written:
    """An attention that is written out as two products and a softmax, as far as it is known."""

    scores: int
    softmax: int
    query: Tensor
    key: Tensor
    pattern: Tensor
    mixed: int = -1
    value: Tensor | None = None
    result: Tensor | None = None


@dataclass
class _Known:
    """What one call has done so far; it keeps the tensors alive, so that their ids stay theirs."""

    products: dict[int, tuple[int, Tensor, Tensor, Tensor]] = field(default_factory=dict)
    patterns: dict[int, tuple[_Written, Tensor]] = field(default_factory=dict)
    found: list[AttentionPlan | None] = field(default_factory=list)
    sums: list[tuple[int, Tensor, tuple[Any, ...]]] = field(default_factory=list)


class _Finder:
    def __init__(self) -> None:
        self._attention: dict[Address, AttentionPlan] = {}
        self._sums: dict[Address, tuple[dict[str, int], bool]] = {}
        self._closed: set[str] = set()

    def operation(
        self,
        frame: Frame,
        kind: Kind | None,
        position: int,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Any,
    ) -> Any:
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        known: _Known = frame.notes.setdefault("known", _Known())
        if kind == "fused":
            call = FusedCall.of(args, kwargs)
            known.found.append(_fused_plan(frame, position, call, result))
        elif kind == "matmul":
            self._product(frame, known, position, args, result)
        elif kind == "softmax":
            self._softmax(known, position, args, kwargs, result)
        else:
            if kind == "sum" and _is_residual(args, result):
                known.sums.append((position, result, args[:2]))
            _follow(known, args, result)
        return result

    def returned(self, frame: Frame, result: Any) -> None:
        """Note what a finished call was found to do."""
        known: _Known | None = frame.notes.get("known")
        if known is None:
            return
        if len(known.found) == 1 and known.found[0] is not None:
            self._attention[frame.address] = known.found[0]
        elif known.found:
            self._closed.add(frame.address.path)
        value = primary(result)
        if value is not None and known.sums and any(frame.module.children()):
            position, last, operands = known.sums[-1]
            if last.numel() == value.numel():
                sums = {"resid": position}
                middle = [p for p, s, _ in known.sums[:-1] if any(s is o for o in operands)]
                if middle:
                    sums["resid_mid"] = middle[-1]
                self._sums[frame.address] = (sums, last is value)

    def sites(self) -> Sites:
        """All that was found."""
        paths = [address.path for address in self._attention]
        sums = {}
        for address, (found, returned) in self._sums.items():
            transformer = _any_inside(address.path, [*paths, *self._closed])
            # Elsewhere a sum that is returned has an address already: the module's own.
            if transformer or not returned:
                kept = found if transformer else {"resid": found["resid"]}
                sums[address.path, address.call] = kept
        return Sites(
            attention={(a.path, a.call): plan for a, plan in self._attention.items()},
            sums=sums,
            problems=_problems(self._closed),
        )

    def _product(
        self, frame: Frame, known: _Known, position: int, args: tuple[Any, ...], result: Tensor
    ) -> None:
        if len(args) < 2 or not all(isinstance(a, Tensor) for a in args[-2:]):
            return
        left, right = args[-2:]
        written = known.patterns.get(id(left))
        if written is not None and written[0].mixed < 0:
            found = written[0]
            found.mixed, found.value, found.result = position, right, result
            known.found.append(_written_plan(frame, found))
        known.products[id(result)] = (position, left, right, result)

    def _softmax(
        self, known: _Known, position: int, args: tuple[Any, ...], kwargs: Any, result: Tensor
    ) -> None:
        given = args[0] if args else kwargs.get("input")
        dimension = kwargs.get("dim", args[1] if len(args) > 1 else None)
        product = known.products.get(id(given))
        if product is None or dimension not in (-1, result.ndim - 1):
            return
        scores, left, right, _ = product
        written = _Written(scores, position, left, right.transpose(-2, -1), result)
        known.patterns[id(result)] = (written, result)


def _follow(known: _Known, args: tuple[Any, ...], result: Tensor) -> None:
    """What comes of scores or of a pattern by masks, dropout and views stands for them."""
    for argument in args:
        if not isinstance(argument, Tensor) or argument.numel() != result.numel():
            continue
        if id(argument) in known.products and id(result) not in known.products:
            position, left, right, _ = known.products[id(argument)]
            known.products[id(result)] = (position, left, right, result)
        if id(argument) in known.patterns and id(result) not in known.patterns:
            known.patterns[id(result)] = (known.patterns[id(argument)][0], result)


def _is_residual(args: tuple[Any, ...], result: Tensor) -> bool:
    both = [a for a in args[:2] if isinstance(a, Tensor) and a.shape == result.shape]
    return len(both) == 2 and result.ndim >= 3 and result.shape[0] == 2


def _fused_plan(
    frame: Frame, position: int, call: FusedCall, result: Tensor
) -> AttentionPlan | None:
    layout = _layout(frame, call.query)
    if layout is None:
        return None
    parts = {"q": call.query, "k": call.key, "v": call.value, "z": result}
    if not all(_is_twice(layout.tokens(part)) for part in parts.values()):
        return None
    heads, head_size = _heads(layout, result)
    plan = AttentionPlan(layout, fused=position, heads=heads, head_size=head_size)
    if _pattern_size(call.query, call.key) > LARGEST_PATTERN:
        return replace(plan, sites=tuple(s for s in ATTENTION_SITES if s != "pattern"))
    pattern = call.pattern()
    return plan if _agrees(pattern, call.mixed(pattern), result) else None


def _written_plan(frame: Frame, found: _Written) -> AttentionPlan | None:
    assert found.value is not None
    assert found.result is not None
    layout = _layout(frame, found.query)
    parts = (found.query, found.key, found.value, found.result)
    if layout is None or len({part.ndim for part in (*parts, found.pattern)}) > 1:
        return None
    if not all(_is_twice(layout.tokens(part)) for part in parts):
        return None
    if not _agrees(found.pattern, found.pattern @ found.value, found.result):
        return None
    heads, head_size = _heads(layout, found.result)
    plan = AttentionPlan(
        layout,
        scores=found.scores,
        softmax=found.softmax,
        mixed=found.mixed,
        heads=heads,
        head_size=head_size,
    )
    if _pattern_size(found.query, found.key) > LARGEST_PATTERN:
        return replace(plan, sites=tuple(s for s in ATTENTION_SITES if s != "pattern"))
    return plan


def _layout(frame: Frame, query: Tensor) -> Layout | None:
    """How the tensors of an attention lie; None where that cannot be told."""
    folded = 0
    if query.ndim == 3:
        folded = _number_of_heads(frame.module)
        if not folded or query.shape[0] % (2 * folded):
            return None
    elif query.ndim < 4:
        return None
    leading = query.shape[:-3].numel() if not folded else query.shape[0] // folded
    if leading % 2 or frame.given is None:
        return None
    windows = leading // 2
    if not _is_over_tokens(tuple(frame.given.shape), query.shape[-2], windows):
        return None
    return Layout(windows=windows, folded_heads=folded)


def _number_of_heads(module: nn.Module) -> int:
    for name in ("num_heads", "num_attention_heads"):
        count = getattr(module, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return 0


def _is_over_tokens(given: tuple[int, ...], tokens: int, windows: int) -> bool:
    """Whether what attends are the positions that the module was given, and not its channels."""
    if len(given) == 3:
        return tokens in given or windows * tokens in given
    if len(given) == 4:
        areas = (given[1] * given[2], given[2] * given[3])
        covered = windows * tokens
        return covered in areas or (windows > 1 and min(areas) <= covered <= 4 * min(areas))
    return False


def _heads(layout: Layout, value: Tensor) -> tuple[int, int]:
    shown = layout.tokens(value)
    return int(shown.shape[-2]), int(shown.shape[-1])


def _pattern_size(query: Tensor, key: Tensor) -> int:
    return query.numel() // query.shape[-1] * key.shape[-2] // 2


def _is_twice(shown: Tensor) -> bool:
    """Whether the two images, which are the same, have the same values."""
    return len(shown) == 2 and _close(shown[0], shown[1])


def _agrees(pattern: Tensor, mixed: Tensor, result: Tensor) -> bool:
    rows = pattern.sum(-1)
    return _close(rows, torch.ones_like(rows)) and _close(mixed, result)


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    allowed = max(_AGREEMENT, 8 * torch.finfo(other.dtype).eps)
    scale = other.abs().max().clamp_min(1e-30)
    return bool((one - other).abs().max() <= allowed * scale)


def _any_inside(path: str, paths: Iterable[str]) -> bool:
    return any(p.startswith(f"{path}.") for p in paths)


def _problems(closed: set[str]) -> tuple[str, ...]:
    if not closed:
        return ()
    first, count = min(closed), len(closed)
    where = f"'{first}'" if count == 1 else f"{count} layers ('{first}' is one)"
    return (
        f"The attention of {where} is computed in a way that is not understood: its queries, "
        "keys, values and patterns are not offered.",
    )
