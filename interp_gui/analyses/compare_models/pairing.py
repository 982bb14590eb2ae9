"""Which layer of one model is compared with which of another, and on what grounds.

In order of trust: equal values on a test input, equal names, and the module that an exporter wrote
beside a value. Two versions of one network are paired by name first, for they differ in value
everywhere behind the first change; a network and its export by value first, since a name says
little there: norms are folded into the convolutions that bear their names.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.compare_models.sizes import Common, Layers, Size, own_inputs, passes
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.runtime import Runtime

PairedBy = Literal["name", "value", "exporter's scope", "most alike"]

TOLERANCE = 1e-4
"""Largest difference, in parts of the layer's scale, of values that count as the same."""

_IMAGES = 2
_SAMPLES = 2048
"""Numbers of a value that are compared, spread over all of it."""


@dataclass(frozen=True)
class Pair:
    """Two layers that are compared, and what they are paired by."""

    first: LayerInfo
    second: LayerInfo
    by: PairedBy = "name"

    @property
    def same_shape(self) -> bool:
        """Whether values can be subtracted; equal ones can, whatever their axes are called."""
        same_axes = self.first.axes == self.second.axes or self.by == "value"
        return self.first.shape == self.second.shape and same_axes

    @property
    def seen_as(self) -> LayerInfo:
        """What the second value's axes are: those of the first where both have the same shape."""
        return self.first if self.same_shape else self.second


@dataclass(frozen=True)
class Pairing:
    """Pairs in the first model's order of execution, and its layers that have no counterpart."""

    pairs: tuple[Pair, ...]
    alone: tuple[LayerInfo, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many pairs there are by each ground."""
        return dict(Counter(pair.by for pair in self.pairs))


@dataclass(frozen=True)
class _Sample:
    numbers: NDArray[np.float64]
    scale: float


def pair_layers(
    first: Runtime,
    second: Runtime,
    *,
    everything: bool,
    common: Common | None = None,
    check: Callable[[], None] = lambda: None,
) -> Pairing:
    """Pair the layers of two models.

    Parameters
    ----------
    everything
        All layers of the first model that have units, instead of those worth looking at; its
        counterparts are looked for among all of the second one's.
    common
        The size that both are run at, and their layers there; None for each its own.
    check
        Raises where the work is to stop.

    Notes
    -----
    Values are compared on the same random input, so that other preprocessing does not hide that
    two layers are the same, and only where both models are run at one size.
    """
    common = common if common is not None else own_inputs(first, second)
    own = [layer for layer in common.layers[0] if layer.units]
    if not everything:
        own = [layer for layer in own if layer.worthwhile] or own
    theirs = [layer for layer in common.layers[1] if layer.units]
    mixed = first.description.runtime != second.description.runtime
    found: dict[str, tuple[LayerInfo, PairedBy]] = {}
    by_name = {layer.name: layer for layer in theirs}

    def take_names() -> None:
        for layer in own:
            if layer.name in by_name:
                found.setdefault(layer.name, (by_name[layer.name], "name"))

    if not mixed:
        take_names()
    left = [layer for layer in own if layer.name not in found]
    for name, partner in _by_value(first, second, left, theirs, common.size, check).items():
        found[name] = (partner, "value")
    if mixed:
        taken = {partner.name for partner, _ in found.values()}
        _take_scopes(first, second, common.layers, own, found, taken)
        take_names()
    pairs = tuple(Pair(layer, *found[layer.name]) for layer in own if layer.name in found)
    return Pairing(pairs, tuple(layer for layer in own if layer.name not in found))


def _by_value(
    first: Runtime, second: Runtime, own: Sequence[LayerInfo], theirs: Sequence[LayerInfo],
    size: Size | None, check: Callable[[], None],
) -> dict[str, LayerInfo]:  # fmt: skip
    """Layers of the second model whose values equal those of the first, by the first's names."""
    planes = [len(model.preprocessing.mean) for model in (first, second)]
    common = {layer.shape for layer in own} & {layer.shape for layer in theirs}
    if size is None or planes[0] != planes[1] or not common:
        return {}
    shape = (_IMAGES, planes[0], *size)
    noise = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    ours = _samples(first, noise, [layer for layer in own if layer.shape in common], check)
    others = _samples(second, noise, [layer for layer in theirs if layer.shape in common], check)
    by_shape: dict[tuple[int, ...], list[LayerInfo]] = {}
    for layer in theirs:
        if layer.name in others:
            by_shape.setdefault(layer.shape, []).append(layer)
    found: dict[str, LayerInfo] = {}
    for layer in own:
        if layer.name not in ours:
            continue
        sample = ours[layer.name]
        equal = [
            each for each in by_shape.get(layer.shape, ())
            if np.abs(others[each.name].numbers - sample.numbers).max() <= TOLERANCE * sample.scale
        ]  # fmt: skip
        if equal:
            found[layer.name] = _nearest(layer, equal, onnx=second.description.runtime == "onnx")
    return found


def _samples(
    model: Runtime, batch: NDArray[np.float32], layers: Sequence[LayerInfo],
    check: Callable[[], None],
) -> dict[str, _Sample]:  # fmt: skip
    """Some numbers of each layer's value; layers that are the same for all images are left out."""
    found: dict[str, _Sample] = {}
    for part in passes(layers, images=_IMAGES):
        check()
        captured: Mapping[Any, Any] = model.forward(
            batch, capture=tuple(layer.name for layer in part)
        ).captured
        for layer in part:
            value = np.asarray(captured[layer.name])
            if np.array_equal(value[0], value[-1]) or not np.isfinite(value).all():
                continue
            flat = value.reshape(-1)
            at = np.random.default_rng(value.shape).integers(0, flat.size, _SAMPLES)
            at = np.arange(flat.size) if flat.size <= _SAMPLES else at
            found[layer.name] = _Sample(flat[at].astype(np.float64), float(np.abs(flat).max()))
    return found


def _nearest(layer: LayerInfo, equal: Sequence[LayerInfo], *, onnx: bool) -> LayerInfo:
    """Of several layers of the same value the one in the same module, else the last one."""
    if onnx:
        inside = [each for each in equal if _within(each.name, layer.name)]
        return (inside or equal)[-1]
    around = [each for each in equal if _within(layer.name, each.name)]
    return max(around, key=lambda each: len(each.name)) if around else equal[-1]


def _within(value: str, module: str, prefix: str = "") -> bool:
    """Whether the name of a graph's value says that it was computed in a module."""
    path = prefix + Address.parse(module).path
    return value == path or value.startswith(f"{path}.")


def _take_scopes(
    first: Runtime, second: Runtime, layers: tuple[Layers, Layers], own: Sequence[LayerInfo],
    found: dict[str, tuple[LayerInfo, PairedBy]], taken: set[str],
) -> None:  # fmt: skip
    """Pair what is left by the modules that the exporter noted: where values part, by place."""
    onnx_first = first.description.runtime == "onnx"
    modules, values = reversed(layers) if onnx_first else layers
    known = {
        (partner.name if onnx_first else name): (name if onnx_first else partner.name)
        for name, (partner, _) in found.items()
    }
    scopes = last_in_scopes(modules, values, known)
    asked = {layer.name for layer in own}
    for module, value in scopes.items():
        name, partner = (value, module) if onnx_first else (module, value)
        if name.name in asked and name.name not in found and partner.name not in taken:
            found[name.name] = (partner, "exporter's scope")


def last_in_scopes(
    modules: Sequence[LayerInfo], values: Sequence[LayerInfo], known: Mapping[str, str]
) -> dict[LayerInfo, LayerInfo]:
    """The last value of the same shape that an exporter's names place in each module.

    Parameters
    ----------
    modules, values
        Layers of the network in torch, and of its graph.
    known
        Pairs found so far, by the module's name: they tell what the export was wrapped in.

    Notes
    -----
    Modules that are called more than once are left out. Of a convolution and the norm behind it,
    where the graph has no norm, the folded value is the norm's.
    """
    prefix = _prefix(known)
    called_again = {a.path for a in (Address.parse(m.name) for m in modules) if a.call}
    found: dict[LayerInfo, LayerInfo] = {}
    plain = [m for m in modules if m.units and not Address.parse(m.name).site]
    for place, module in enumerate(plain):
        path = Address.parse(module.name).path
        if not path or path in called_again:
            continue
        inside = [
            v for v in values if v.shape == module.shape and _within(v.name, module.name, prefix)
        ]
        if not inside:
            continue
        behind = plain[place + 1] if place + 1 < len(plain) else None
        if (
            module.role == "convolution" and behind is not None
            and behind.role == "norm" and behind.shape == module.shape
            and not any(_within(v.name, behind.name, prefix) for v in values)
        ):  # fmt: skip
            found[behind] = inside[-1]
        else:
            found[module] = inside[-1]
    return found


def _prefix(known: Mapping[str, str]) -> str:
    """What the exporter's names begin with before the network's own: `model.`; mostly nothing."""
    seen: Counter[str] = Counter()
    for module, value in known.items():
        path = Address.parse(module).path
        at = f".{value}".find(f".{path}.") if path else -1
        if at >= 0:
            seen[value[:at]] += 1
    return seen.most_common(1)[0][0] if seen else ""
