"""How all outputs change with what a layer holds at one position: value × derivative at once.

The attribution of a position to output c is the sum over units of h · ∂y_c/∂h there. For all
outputs together that is one product of the Jacobian with a vector: h itself at that position, zero
elsewhere. Forward-mode differentiation gives it for the price of about one more pass through what
lies behind the layer, whatever the number of outputs.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad as _forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from interp_gui.core.edit import EditStack
from interp_gui.core.runtime import Array, Sources
from interp_gui.runtimes.forward_rules import ForwardRules
from interp_gui.runtimes.memory import memory_errors
from interp_gui.runtimes.smooth_pooling import SmoothMaxPool
from interp_gui.runtimes.strides import copied
from interp_gui.runtimes.torch_runtime import TorchRuntime

forward_ad: Any = _forward_ad  # it has no types

Way = Literal["forward", "twice", "each"]
"""`forward`: forward-mode differentiation. `twice`: the derivative of a gradient, for operations
that have no forward mode. `each`: one gradient an output, for those that have neither."""

WAYS: tuple[Way, ...] = ("forward", "twice", "each")
AGREEMENT, HALF_AGREEMENT = 1e-2, 5e-2
"""Largest difference from a plain gradient, in parts of the largest attribution; in half precision.
A derivative that leaves something out is off by far more, rounding on any device by less."""

_CHANNELS_LAST = ("attributing", "channels last")

Read = Callable[[Mapping[str, Tensor]], Tensor]
"""From the network's outputs to the numbers attributed to, (N, T)."""


@dataclass(frozen=True, kw_only=True)
class Positions:
    """Which part of a layer's value is attributed, for each row of a batch.

    Parameters
    ----------
    layer
        Address.
    mask
        Of a layer's value (N, …), a tensor that broadcasts to it: 1 where it is attributed.
    repeats
        Rows of the mask for each image of the batch, which are next to each other.
    """

    layer: str
    mask: Tensor
    repeats: int = 1


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """Attributions (N, T), and the index (N,) of the largest number of the whole output."""

    values: Tensor
    strongest: Tensor


@dataclass(frozen=True, kw_only=True)
class Attributing:
    """Attributions to all of a network's outputs, in the cheapest way that gives the right ones.

    Parameters
    ----------
    read
        Which numbers are attributed to.
    strongest
        Index (N,) of the largest number of the whole output.
    smooth
        Whether maximum pooling is relaxed; see `SmoothMaxPool`.
    check
        May raise Cancelled; called between passes where there are several.
    """

    runtime: TorchRuntime
    read: Read
    strongest: Read
    edits: EditStack = field(default_factory=EditStack)
    sources: Sources = field(default_factory=dict)
    smooth: bool = False
    check: Callable[[], None] = lambda: None

    def attribute(self, batch: Array, positions: Positions) -> Attributed:
        """Attributions of one batch of N images, `positions.repeats` rows for each."""
        x = self._ordered(self.runtime.tensor(batch))
        way, spread = self._way(x, positions)
        if spread:
            with suppress(RuntimeError):  # where it went well with another number of images
                return self._run(x, positions, way, True)
            self.runtime.memo[self._key(positions.layer, "spread")] = False
        return self._run(x, positions, way, False)

    def way(self, layer: str) -> Way | None:
        """What was found to work behind a layer; None before anything was attributed there."""
        found: Way | None = self.runtime.memo.get(self._key(layer, "way"))
        return found

    def _key(self, layer: str, what: str) -> tuple[Any, ...]:
        edited = self.edits.to_json() if self.edits.active else ""
        return ("attributing", what, layer, self.smooth, edited)

    def _ordered(self, x: Tensor) -> Tensor:
        """Channels last in memory, where convolutions are faster, if the network takes it so."""
        last = x.contiguous(memory_format=torch.channels_last)
        memo = self.runtime.memo
        if _CHANNELS_LAST not in memo:
            with torch.no_grad():
                true = self.read(self.runtime.trace(x[:1]).outputs)
                memo[_CHANNELS_LAST] = False
                with suppress(RuntimeError):  # a view that needs the other order
                    found = self.read(self.runtime.trace(last[:1]).outputs)
                    memo[_CHANNELS_LAST] = _agree(found, true, true)
        return last if memo[_CHANNELS_LAST] else x

    def _way(self, x: Tensor, positions: Positions) -> tuple[Way, bool]:
        """The way to go, and whether rows can be repeated at the layer; found out once."""
        memo = self.runtime.memo
        key = self._key(positions.layer, "way")
        if key not in memo:
            memo[key] = self._found_way(x[:1], positions)
        way: Way = memo[key]
        if positions.repeats == 1 or way != "forward":
            return way, False
        key = self._key(positions.layer, "spread")
        if key not in memo:
            memo[key] = self._can_spread(x, positions)
        return way, bool(memo[key])

    def _found_way(self, x: Tensor, positions: Positions) -> Way:
        # the whole layer: a position may hold nothing
        one = Positions(layer=positions.layer, mask=torch.ones_like(positions.mask[:1]))
        plain = self._each(x, one, columns=3)
        for way in WAYS[:-1]:
            try:
                found = self._run(x, one, way, False)
            except RuntimeError:  # an operation has no such derivative
                continue
            if _agree(found.values[:, : plain.values.shape[1]], plain.values, found.values):
                return way
        return "each"

    def _can_spread(self, x: Tensor, positions: Positions) -> bool:
        """Whether what lies behind the layer can be given more rows than what lies before it.

        Not where values go around the layer: they would meet with too few rows.
        """
        few = x[:2]
        some = Positions(
            layer=positions.layer, repeats=positions.repeats,
            mask=positions.mask[: len(few) * positions.repeats],
        )  # fmt: skip
        try:
            found = self._run(few, some, "forward", True)
        except (RuntimeError, IndexError, TypeError):
            return False
        plain = self._run(few, some, "forward", False)
        same = found.values.shape == plain.values.shape
        return same and _agree(found.values, plain.values, plain.values)

    def _run(self, x: Tensor, positions: Positions, way: Way, spread: bool) -> Attributed:
        if positions.repeats > 1 and not spread:
            x = x.repeat_interleave(positions.repeats, dim=0)
        with memory_errors():
            if way == "forward":
                return self._forward(x, positions, spread)
            return self._twice(x, positions) if way == "twice" else self._each(x, positions)

    def _forward(self, x: Tensor, positions: Positions, spread: bool) -> Attributed:
        def dual(h: Tensor) -> Tensor:
            own = copied(h)
            if spread:
                own = own.repeat_interleave(positions.repeats, dim=0)
            changed: Tensor = forward_ad.make_dual(own, own * positions.mask.to(own))
            return changed

        with torch.no_grad(), _forward_mode(), self._passing(), ForwardRules():
            traced = self.runtime.trace(
                x, edits=self.edits, sources=self.sources, onward={positions.layer: dual}
            )
            numbers = self.read(traced.outputs)
            plain, tangent = forward_ad.unpack_dual(numbers)
            if plain.shape[0] != len(positions.mask):
                raise RuntimeError("rows of another batch came out")
            values = torch.zeros_like(plain) if tangent is None else tangent.clone()
            strongest = self.strongest(traced.outputs)
        return Attributed(values=values, strongest=strongest)

    def _twice(self, x: Tensor, positions: Positions) -> Attributed:
        with torch.enable_grad(), self._passing():
            h, numbers, strongest = self._traced(x, positions)
            # The gradient is linear in what it is given, so its own derivative is the Jacobian.
            given = torch.zeros_like(numbers, requires_grad=True)
            (slope,) = _gradient(numbers, h, given, create_graph=True)
            values = None
            if slope is not None and slope.requires_grad:
                (values,) = _gradient(slope, given, (h * positions.mask.to(h)).detach())
        if values is None:
            values = torch.zeros_like(numbers)
        return Attributed(values=values.detach(), strongest=strongest)

    def _each(self, x: Tensor, positions: Positions, *, columns: int | None = None) -> Attributed:
        with torch.enable_grad(), self._passing():
            h, numbers, strongest = self._traced(x, positions)
            part = (h * positions.mask.to(h)).detach()
            found = []
            for column in range(numbers.shape[1] if columns is None else columns):
                self.check()
                if column >= numbers.shape[1]:
                    break
                (slope,) = _gradient(numbers[:, column].sum(), h, None, retain_graph=True)
                product = torch.zeros_like(part) if slope is None else slope * part
                found.append(product.flatten(1).sum(dim=1))
        return Attributed(values=torch.stack(found, dim=1).detach(), strongest=strongest)

    def _traced(self, x: Tensor, positions: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """The layer's value as what a graph begins with, and what comes of it."""
        kept: list[Tensor] = []

        def begin(h: Tensor) -> Tensor:
            kept.append(copied(h).detach().requires_grad_(True))
            return kept[-1]

        traced = self.runtime.trace(
            x, edits=self.edits, sources=self.sources, onward={positions.layer: begin}
        )
        return kept[-1], self.read(traced.outputs), self.strongest(traced.outputs).detach()

    @contextmanager
    def _passing(self) -> Iterator[None]:
        # Fused attention has neither forward mode nor second derivatives.
        relaxed = SmoothMaxPool() if self.smooth else nullcontext()
        with sdpa_kernel(SDPBackend.MATH), relaxed:
            yield


def _gradient(of: Tensor, at: Tensor, given: Tensor | None, **options: Any) -> Any:
    if not of.requires_grad:
        return (None,)
    return torch.autograd.grad(of, at, given, allow_unused=True, **options)


def _forward_mode() -> Any:
    """Forward mode while open; its first use in a process compiles formulas."""
    with warnings.catch_warnings():
        # torch finds fault with how it compiles them itself
        warnings.simplefilter("ignore")
        importlib.import_module("torch._decomp.decompositions_for_jvp")
    return forward_ad.dual_level()


def _agree(found: Tensor, plain: Tensor, all_values: Tensor) -> bool:
    """Whether attributions are the same but for roundings."""
    known = torch.isfinite(plain)
    scale = all_values[torch.isfinite(all_values)].abs()
    if not known.any() or not len(scale):
        return True
    difference = (found - plain)[known].abs().max().item()
    half = found.dtype in (torch.float16, torch.bfloat16)
    return difference <= (HALF_AGREEMENT if half else AGREEMENT) * max(scale.max().item(), 1e-30)
