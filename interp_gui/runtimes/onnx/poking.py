"""Whether writing into a layer changes the answer, tried literally for those worth looking at."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.layer import LayerInfo
from interp_gui.runtimes.onnx.axes import slot_axis
from interp_gui.runtimes.onnx.network import Network, SlotFeeds
from interp_gui.runtimes.onnx.probing import Layers
from interp_gui.runtimes.onnx.rewriting import Plan, Site, SiteSlots

MOST_S = 1.0
"""So long opening may take for this; what is not tried rests on the proof of its links."""


def poked(
    network: Network,
    layers: Layers,
    image: tuple[int, int, int],
    *,
    check: Callable[[], None] | None = None,
) -> Layers:
    """The same layers, those not writable after all that a literal try shows to have no effect."""
    chosen = [layer for layer in layers.listed if layer.worthwhile and layer.writable]
    silent: set[str] = set()
    begun = time.monotonic()
    size = network.batch or 1
    noise = np.random.default_rng(2).standard_normal((size, *image)).astype(np.float32)
    if chosen:
        plan = Plan(edits=tuple(sorted((_slots(layers, each) for each in chosen), key=_order)))
        run = network.trial(plan, check=check)
        plain = run(noise, {})
        for layer in reversed(chosen):
            if time.monotonic() - begun > MOST_S:
                break
            if not changes(run, layers, layer, noise, plain):
                silent.add(layer.name)
    if not silent:
        return layers

    def honest(info: LayerInfo) -> LayerInfo:
        return msgspec.structs.replace(info, writable=info.writable and info.name not in silent)

    return Layers(
        listed=tuple(honest(info) for info in layers.listed),
        sites={name: honest(info) for name, info in layers.sites.items()},
        places=layers.places,
        dtypes=layers.dtypes,
    )


def changes(
    run: Callable[[NDArray[np.float32], SlotFeeds], list[NDArray[Any]]],
    layers: Layers,
    layer: LayerInfo,
    noise: NDArray[np.float32],
    plain: list[NDArray[Any]],
) -> bool:
    """Whether random noise written into a layer changes the outputs."""
    random = np.random.default_rng(3).standard_normal((1, *layer.shape)).astype(np.float32)
    site: Site = layers.places[layer.name]
    feeds: SlotFeeds = {(site, 0): {"mask": np.ones((1,) * random.ndim, bool), "shift": random}}
    edited = run(noise, feeds)
    return any(not np.array_equal(a, b) for a, b in zip(edited, plain, strict=True))


def _slots(layers: Layers, layer: LayerInfo) -> SiteSlots:
    return SiteSlots(
        layers.places[layer.name], ("hard",), slot_axis(layer), len(layer.shape) + 1,
        layer.units, layers.dtypes[layer.name],
    )  # fmt: skip


def _order(each: SiteSlots) -> Site:
    return each.site
