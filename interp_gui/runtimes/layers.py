"""Which layers a network really has: found by running it, proved by writing into it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from interp_gui.core.describing import LayerDescriber, SeenNetwork, SiteView
from interp_gui.core.errors import MissingAbility
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.origin import ATTRIBUTE, Origins
from interp_gui.runtimes.axes import CHANNELS_FIRST, Axes, Layouts
from interp_gui.runtimes.describers.describe import Described
from interp_gui.runtimes.describers.discovery import discover
from interp_gui.runtimes.describers.roles import describe_roles
from interp_gui.runtimes.describers.sites import Sites, is_virtual, tapping
from interp_gui.runtimes.describers.tokens import TokenWatch, describe_tokens
from interp_gui.runtimes.disturbing import alike, first_of, floats_in, not_offered
from interp_gui.runtimes.hooks import INPUT_SITE, Visit, plain_attention, tensors_in, visiting
from interp_gui.runtimes.originals import worthwhile_originals
from interp_gui.runtimes.worthwhile import worthwhile_layers

PROBE_BATCH = 2
"""Two images: an axis that does not hold the batch shows itself by its extent."""

_LITERAL_TESTS = 3

_KINDS = {
    "q": "Queries", "k": "Keys", "v": "Values", "pattern": "Attention pattern",
    "z": "Head outputs", "resid": "Residual stream", "resid_mid": "Residual stream",
}  # fmt: skip


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
    virtual
        How virtual sites are reached.
    problems
        Sentences about what could not be shown, for the user.
    """

    layers: tuple[LayerInfo, ...]
    sites: dict[str, LayerInfo]
    virtual: Sites = field(default_factory=Sites)
    problems: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[LayerInfo, ...]:
        """What modules are given, in order of execution."""
        listed = {layer.name for layer in self.layers}
        return tuple(site for name, site in self.sites.items() if name not in listed)


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


@contextmanager
def reaching(
    modules: Mapping[str, nn.Module], sites: Sites, addresses: Iterable[Address], visit: Visit
) -> Iterator[None]:
    """Visit outputs, inputs and virtual sites of a network, or of a copy of it, while open."""
    asked = list(addresses)
    inputs = [a.path for a in asked if a.site == INPUT_SITE]
    outputs = [a.path for a in asked if not a.site]
    # Views first: they are part of what the hook on the output then sees.
    with (
        tapping(modules, sites, asked, visit),
        visiting(modules, outputs, visit, inputs=inputs),
    ):
        yield


def probe(
    module: nn.Module,
    shape: tuple[int, int, int],
    *,
    describers: Sequence[LayerDescriber] = (),
    architecture: str = "",
    library: str = "",
) -> Probe:
    """Find, prove and describe the layers of a network.

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
    describers
        Of plugins.
    architecture, library
        Names to tell describers.
    """
    prober = _Prober(module, shape)
    seen = prober.proved()
    layers = _layers(prober, seen)
    names = {"architecture": architecture, "library": library, "input_size": shape[1:]}
    network = SeenNetwork(modules={"": module} | prober.modules, layers=layers, **names)  # type: ignore[arg-type]
    described = Described(network)
    described.take(describe_roles(network))
    described.take(describe_tokens(network, prober.tokens))
    described.ask(describers)
    problems = [*prober.sites.problems, *not_offered(prober.disturbing)]
    if described.views:
        prober.sites = replace(prober.sites, views=prober.sound(described.views, problems))
        prober.tokens = TokenWatch()
        seen = prober.proved()
        known = {layer.name: layer for layer in described.layers}
        layers = tuple(known.get(x.name, x) for x in _layers(prober, seen))
    else:
        layers = described.layers
    return _probed(prober, layers, (*problems, *described.problems))


def _layers(prober: "_Prober", seen: Sequence["_Seen"]) -> tuple[LayerInfo, ...]:
    modules = prober.modules
    outputs = [s for s in seen if s.address.site != INPUT_SITE]
    called = [(s.address, s.shape) for s in outputs]
    origins: Origins | None = getattr(prober.module, ATTRIBUTE, None)
    chosen = (
        worthwhile_layers(modules, called)
        if origins is None
        else worthwhile_originals(origins, called)
    )
    depths = {str(s.address): depth for depth, s in enumerate(outputs)}
    return tuple(
        LayerInfo(
            name=str(s.address),
            kind=prober.kind(s.address),
            axes=s.axes,
            shape=s.shape,
            worthwhile=str(s.address) in chosen,
            writable=s.effective,
            depth=depths.get(_of_output(s.address), 0),
            role=prober.role(s.address),
        )
        for s in seen
    )


def _of_output(address: Address) -> str:
    own = Address(address.path, address.call) if address.site == INPUT_SITE else address
    return str(own)


def _probed(prober: "_Prober", layers: tuple[LayerInfo, ...], problems: tuple[str, ...]) -> Probe:
    inputs = {x.name for x in layers if Address.parse(x.name).site == INPUT_SITE}
    return Probe(
        layers=tuple(layer for layer in layers if layer.name not in inputs),
        sites={layer.name: layer for layer in layers},
        virtual=prober.sites,
        problems=problems,
    )


class _Prober:
    def __init__(self, module: nn.Module, shape: tuple[int, int, int]) -> None:
        self.module = module
        self.modules = {name: child for name, child in module.named_modules() if name}
        self._generator = torch.Generator().manual_seed(0)
        self._like = next((p for p in module.parameters() if p.is_floating_point()), None)
        self._x = self._noise((PROBE_BATCH, *shape))
        self._square = shape[1] == shape[2]
        self._plain: list[Tensor] | None = None
        self.sites: Sites
        self.sites, returned = discover(module, self.modules, self._x[:1])
        self._first = floats_in(returned)
        """The answer to the first image, with nothing but operations looked at."""
        self.tokens = TokenWatch()
        self.disturbing: set[Address] = set()
        """Addresses that cannot be read without changing the answer."""

    def proved(self) -> list[_Seen]:
        """Every value that reaches the outputs or an inner layer."""
        seen = self.gradient_pass()
        if not alike(first_of(self._found), first_of(self._first)) and self._disturbed():
            self.disturbing |= {s.address for s in seen if self._disturbed(s.address)}
            seen = self.gradient_pass()
        for site in [s for s in reversed(seen) if not s.effective][:_LITERAL_TESTS]:
            site.effective = self.noise_changes_outputs(site.address)
        return [s for s in seen if s.effective or s.connected]

    def kind(self, address: Address) -> str:
        """Class name of a module, or what a virtual site holds."""
        if is_virtual(address):
            return _KINDS.get(address.site, address.site)
        return type(self.modules[address.path]).__name__

    def role(self, address: Address) -> str:
        """What a describer's site was said to be."""
        views = self.sites.views.get((address.path, address.call), ())
        return next((v.role for v in views if v.site == address.site), "")

    def sound(
        self, views: Mapping[tuple[str, int], tuple[SiteView, ...]], problems: list[str]
    ) -> dict[tuple[str, int], tuple[SiteView, ...]]:
        """Views that write back what they read, bit for bit; the others are told of."""
        kept: dict[tuple[str, int], tuple[SiteView, ...]] = {}

        def visit(address: Address, value: Tensor, _shared: bool) -> None:
            for view in views.get((address.path, address.call), ()):
                try:
                    _check_view(view, value)
                except Exception as problem:  # noqa: BLE001 - a plugin may raise anything
                    problems.append(f"The site '{address}/{view.site}' is not offered: {problem}.")
                else:
                    key = (address.path, address.call)
                    kept[key] = (*kept.get(key, ()), view)

        paths = [path for path, _ in views]
        with torch.no_grad(), plain_attention(), visiting(self.modules, paths, visit, inputs=()):
            self.module(self._x.clone())
        return kept

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
            elif is_virtual(address):
                axes = self.sites.axes(address) or layouts.of_sum(value)
            else:
                axes = layouts.of_output(address.path, self.modules[address.path], value)
                axes = self._of_heads(address, value) or axes
                self.tokens.see(self.modules[address.path], value)
            if not value.is_floating_point() or value.ndim < 2 or len(value) != PROBE_BATCH:
                return None
            site = _Seen(address, tuple(value.shape[1:]), axes)
            seen.append(site)
            own = value.clone()
            if own.requires_grad:
                own.register_hook(lambda gradient: _note(site, gradient, reading["effective"]))  # type: ignore[no-untyped-call]
            onward = own.clone()
            if not is_virtual(address):
                layouts.remember(onward, axes)
            if address.site == INPUT_SITE and not any(self.modules[address.path].children()):
                inner.append(onward)
            return onward

        x = self._x.clone().requires_grad_()
        with (
            torch.enable_grad(),
            plain_attention(),
            reaching(self.modules, self.sites, self._everything(), visit),
        ):
            # A copy, for networks that write into what they are given.
            outputs = tensors_in(self.module(x.clone()))
        outputs = [o for o in outputs if o.is_floating_point()]
        if not outputs:
            raise MissingAbility("This network returns no tensor.")
        self._found = floats_in(outputs)
        if not _projected(outputs, self._noise).requires_grad:
            return seen
        reading["effective"] = True
        torch.autograd.grad(_projected(outputs, self._noise), x, retain_graph=True)
        if not all(s.effective for s in seen):
            reading["effective"] = False
            torch.autograd.grad(_projected(inner, self._noise), x, allow_unused=True)
        return seen

    def _of_heads(self, address: Address, value: Tensor) -> Axes | None:
        """Axes of a value within an attention that is split into heads (norms of queries)."""
        if value.ndim != 4 or isinstance(self.modules[address.path], CHANNELS_FIRST):
            return None
        for (path, _), plan in self.sites.attention.items():
            if address.path.startswith(f"{path}.") and value.shape[3] == plan.head_size:
                if value.shape[1] == plan.heads:
                    return ("head", "token", "unit")
                if value.shape[2] == plan.heads:
                    return ("token", "head", "unit")
        return None

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
            with reaching(self.modules, self.sites, [address], visit):
                noisy = tensors_in(self.module(x.clone()))
        return any(not torch.equal(a, b) for a, b in zip(self._plain, noisy, strict=True))

    def _disturbed(self, address: Address | None = None) -> bool:
        """Whether reading a value, or all of them in the last pass, changed the outputs.

        What is read goes on as a copy. A network that hands a value on, writes into the original
        and counts on the change to be seen in both answers otherwise then.
        """

        def run() -> list[Tensor]:
            return floats_in(self.module(self._x.clone()))

        with torch.no_grad(), plain_attention():
            plain, found = run(), self._found
            if address is not None:
                with reaching(
                    self.modules, self.sites, [address],
                    lambda own, value, _: value.clone() if own == address else None,
                ):  # fmt: skip
                    found = run()
            # one that answers differently each time says nothing about its layers
            return not alike(found, plain) and alike(run(), plain)

    def _everything(self) -> Iterator[Address]:
        left_out = {(address.path, address.site) for address in self.disturbing}
        own = (Address(path, 0, site) for path in self.modules for site in ("", INPUT_SITE))
        for address in (*own, *self.sites.addresses()):
            if (address.path, address.site) not in left_out:
                yield address


def _check_view(view: SiteView, value: Tensor) -> None:
    own = value.clone()
    shown = view.read(own)
    if shown.ndim != len(view.axes) + 1 or len(shown) != len(value):
        raise ValueError(f"its value {tuple(shown.shape)} does not have the axes that it names")
    changed = view.write(own, shown.clone())
    if not torch.equal(own, value) or changed.shape != value.shape:
        raise ValueError("writing it changes what it was given")
    if not torch.equal(changed, value):
        raise ValueError("writing what was read changes the value")


def _note(site: _Seen, gradient: Tensor, effective: bool) -> None:
    if bool((gradient != 0).any()):
        site.connected = True
        site.effective = site.effective or effective


def _projected(values: list[Tensor], noise: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
    return torch.stack([(v * noise(tuple(v.shape))).sum() for v in values]).sum()
