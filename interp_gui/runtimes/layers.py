"""Which layers a network really has: found by running it, proved by writing into it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from interp_gui.core.errors import MissingAbility
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.runtimes.axes import Axes, Layouts
from interp_gui.runtimes.hooks import INPUT_SITE, plain_attention, tensors_in, visiting
from interp_gui.runtimes.worthwhile import worthwhile_layers

PROBE_BATCH = 2
"""Two images: an axis that does not hold the batch shows itself by its extent."""

_LITERAL_TESTS = 3


def make_out_of_place(module: nn.Module) -> nn.Module:
    """Switch every in-place module to out-of-place; the same module is returned."""
    for child in module.modules():
        if getattr(child, "inplace", False) is True:
            setattr(child, "inplace", False)  # noqa: B010  (nn.Module types it as a tensor)
    return module


@dataclass(frozen=True)
class Probe:
    """What probing found.

    Parameters
    ----------
    layers
        Outputs of called modules, in order of execution.
    sites
        Every address that can be read and written, input sites included.
    """

    layers: tuple[LayerInfo, ...]
    sites: dict[str, LayerInfo]


@dataclass
class _Seen:
    """One visited value, and what its gradients told."""

    address: Address
    shape: tuple[int, ...]
    axes: Axes
    effective: bool = False
    """Writing there changes the outputs."""
    connected: bool = False
    """Writing there changes what a later module is given."""


def probe(module: nn.Module, shape: tuple[int, int, int]) -> Probe:
    """Find and prove the layers of a network.

    One forward and backward pass on noise: a random projection of the outputs is differentiated
    with respect to every value; a gradient that is not zero proves that writing there changes
    the outputs. Where there is none (a head of zeros, dead units) noise is written literally,
    from the last layer back; addresses that reach only an inner layer are offered as not
    writable, addresses that reach nothing are not offered.

    Parameters
    ----------
    module
        In evaluation mode, without in-place modules.
    shape
        Channels, height and width of its input.
    """
    prober = _Prober(module, shape)
    seen = prober.gradient_pass()
    for site in [s for s in reversed(seen) if not s.effective][:_LITERAL_TESTS]:
        site.effective = prober.noise_changes_outputs(site.address)
    return _described(prober.modules, [s for s in seen if s.effective or s.connected])


def _described(modules: Mapping[str, nn.Module], seen: list[_Seen]) -> Probe:
    outputs = [s for s in seen if s.address.site != INPUT_SITE]
    chosen = worthwhile_layers(modules, [(s.address, s.shape) for s in outputs])
    depths = {str(s.address): depth for depth, s in enumerate(outputs)}
    sites = {
        str(s.address): LayerInfo(
            name=str(s.address),
            kind=type(modules[s.address.path]).__name__,
            axes=s.axes,
            shape=s.shape,
            worthwhile=str(s.address) in chosen,
            writable=s.effective,
            depth=depths.get(str(Address(s.address.path, s.address.call)), 0),
        )
        for s in seen
    }
    return Probe(layers=tuple(sites[str(s.address)] for s in outputs), sites=sites)


class _Prober:
    def __init__(self, module: nn.Module, shape: tuple[int, int, int]) -> None:
        self.module = module
        self.modules = {name: child for name, child in module.named_modules() if name}
        self._generator = torch.Generator().manual_seed(0)
        self._like = next((p for p in module.parameters() if p.is_floating_point()), None)
        self._x = self._noise((PROBE_BATCH, *shape))
        self._square = shape[1] == shape[2]
        self._plain: list[Tensor] | None = None

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        noise = torch.randn(shape, generator=self._generator)
        return noise if self._like is None else noise.to(self._like)

    def gradient_pass(self) -> list[_Seen]:
        """Visit every value once, and differentiate outputs and inner inputs to all of them."""
        layouts = Layouts(square=self._square)
        seen: list[_Seen] = []
        inner: list[Tensor] = []
        reading = {"effective": False}

        def visit(address: Address, value: Tensor, _shared: bool) -> Tensor | None:
            if address.site == INPUT_SITE:
                axes = layouts.of_input(address.path, value)
            else:
                axes = layouts.of_output(address.path, self.modules[address.path], value)
            if not value.is_floating_point() or value.ndim < 2 or len(value) != PROBE_BATCH:
                return None
            site = _Seen(address, tuple(value.shape[1:]), axes)
            seen.append(site)
            own = value.clone()
            if own.requires_grad:
                own.register_hook(lambda gradient: _note(site, gradient, reading["effective"]))  # type: ignore[no-untyped-call]
            onward = own.clone()
            layouts.remember(onward, axes)
            if address.site == INPUT_SITE and not any(self.modules[address.path].children()):
                inner.append(onward)
            return onward

        x = self._x.clone().requires_grad_()
        with (
            torch.enable_grad(),
            plain_attention(),
            visiting(self.modules, self.modules, visit, inputs=self.modules),
        ):
            # A copy, for networks that write into what they are given.
            outputs = tensors_in(self.module(x.clone()))
        outputs = [o for o in outputs if o.is_floating_point()]
        if not outputs:
            raise MissingAbility("This network returns no tensor.")
        if not _projected(outputs, self._noise).requires_grad:
            return seen
        reading["effective"] = True
        torch.autograd.grad(_projected(outputs, self._noise), x, retain_graph=True)
        if not all(s.effective for s in seen):
            reading["effective"] = False
            torch.autograd.grad(_projected(inner, self._noise), x, allow_unused=True)
        return seen

    def noise_changes_outputs(self, address: Address) -> bool:
        """Whether noise of the value's own size, written at an address, changes the outputs."""

        def visit(found: Address, value: Tensor, _shared: bool) -> Tensor | None:
            if found != address:
                return None
            scale = value.abs().max().item() or 1.0
            return value + scale * self._noise(tuple(value.shape))

        with torch.no_grad(), plain_attention():
            x = self._x[:1]
            if self._plain is None:
                self._plain = tensors_in(self.module(x.clone()))
            path = (address.path,)
            site = address.site == INPUT_SITE
            with visiting(self.modules, () if site else path, visit, inputs=path if site else ()):
                noisy = tensors_in(self.module(x.clone()))
        return any(not torch.equal(a, b) for a, b in zip(self._plain, noisy, strict=True))


def _note(site: _Seen, gradient: Tensor, effective: bool) -> None:
    if bool((gradient != 0).any()):
        site.connected = True
        site.effective = site.effective or effective


def _projected(values: list[Tensor], noise: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
    return torch.stack([(v * noise(tuple(v.shape))).sum() for v in values]).sum()
