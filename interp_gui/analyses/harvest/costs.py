"""What recording will cost, told before it starts."""

import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from interp_gui.analyses.costs import remembered, spread, step_s, within
from interp_gui.analyses.dataset_pass import identified, images_at_hand
from interp_gui.analyses.harvest.block import block_of, tried_places
from interp_gui.analyses.harvest.passing import at_hand, opened, runners
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.harvest.statistics import MOST_COVARIED
from interp_gui.analyses.harvest.wanted import Wanted, row_bytes
from interp_gui.analyses.passes import Route, batch_size, identity, known_route, many
from interp_gui.analyses.unit_maps import require_units
from interp_gui.core.analysis import Context
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import load_input
from interp_gui.core.runtime import Array

_SUMMARISED_PER_S = 2e7
"""Numbers of images and units from which figures are made in a second."""
_WAITING_BYTES = 2**26
_UNCOUNTED = "What is recorded of these images already is not counted."
_FASTER = "Where ONNX Runtime runs the model faster, it takes a part of that."


class _Lacking(NamedTuple):
    layers: list[LayerInfo]
    images: int
    rows: dict[str, int]


def harvest_cost(
    context: Context, layers: Sequence[LayerInfo], spec: HarvestSpec, *, batch: int = 0
) -> Cost:
    """The pass of `harvest` over the images that are not recorded yet, and its figures."""
    paths = images_at_hand(context).paths
    for layer in layers:
        require_units(layer)
    batch = batch_size(context, batch)
    images, seconds = within(identified(context, {}), len(paths))
    lacking = _Lacking(list(layers), len(paths), {x.name: len(paths) for x in layers})
    if images is not None:
        lacking = _lacking(context, layers, Wanted(images), spec)
    if not lacking.layers:
        return Cost(seconds=seconds)
    units = sum(layer.units for layer in lacking.layers)
    seconds += lacking.images * _image_s(context, lacking.layers, paths, spec, batch=batch)
    seconds += units * len(paths) / _SUMMARISED_PER_S
    notes = [_UNCOUNTED] if images is None else []
    route = known_route(context, lacking.layers, harvest=True)
    if route is None and len(runners(context)) > 1 and many(len(paths)) and lacking.images:
        notes.append(_FASTER)
    rows = sum(lacking.rows[x.name] * row_bytes(x, spec.positions) for x in lacking.layers)
    return Cost(
        seconds=seconds,
        disk_bytes=rows + sum(_figures_bytes(layer, spec) for layer in lacking.layers),
        # as tensors, as arrays, and as maps
        memory_bytes=_WAITING_BYTES
        + 3 * 4 * batch * sum(math.prod(layer.shape) for layer in lacking.layers),
        note=" ".join(notes),
    )  # fmt: skip


def _lacking(
    context: Context, layers: Sequence[LayerInfo], wanted: Wanted, spec: HarvestSpec
) -> _Lacking:
    """Layers that are not recorded for all images, and how many images that takes."""
    steps = at_hand(context, layers, wanted, spec)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        found = stop.value
    left = [layer for layer in layers if layer.name not in found.folders]
    route = known_route(context, left, harvest=True) if left else None
    runner = route.runner if route is not None else ""
    rows: dict[str, int] = {}
    some = np.zeros(len(wanted), np.bool_)
    for layer in left:
        missing = wanted.lacking([opened(context, layer, spec, runner=runner)])
        rows[layer.name] = int(missing.sum())
        some |= missing
    return _Lacking(left, int(some.sum()), rows)


def _figures_bytes(layer: LayerInfo, spec: HarvestSpec) -> int:
    covariance = 8 * layer.units**2 if layer.units <= MOST_COVARIED else 0
    return covariance + layer.units * (16 * spec.k + 200)


def _image_s(
    context: Context,
    layers: Sequence[LayerInfo],
    paths: tuple[str, ...],
    spec: HarvestSpec,
    *,
    batch: int,
) -> float:
    """Seconds an image: decoding, which shares the processor with the network, and the pass."""
    sample = spread(paths, batch)
    size = context.model.preprocessing.size
    known = known_route(context, layers, harvest=True)
    ready = known is not None and known.network is not None
    route = known if known is not None and ready else Route(layers=tuple(layers))
    inputs: list[Array] = []

    def decode() -> None:
        inputs.clear()
        for path in sample:
            try:
                seen = load_input(path, context.model.preprocessing)
            except ImageProblem:
                continue
            if seen.shape[1:] == size:
                inputs.append(seen)

    def run() -> None:
        if not inputs:
            return
        hashes = [f"{i:064x}" for i in range(len(inputs))]
        tried = tried_places(hashes, layers, size, spec)
        asked: dict[str, Any] = {name: np.maximum(p, 0) for name, p in tried.items()}
        found = route.harvested(context, np.stack(inputs), asked)
        for layer in layers:
            block_of(found[layer.name], tried[layer.name], layer, size, spec)

    what = {
        "layers": [layer.name for layer in layers], "positions": spec.positions, "batch": batch,
        "sample": sample, **identity(context, runner=route.runner),
    }  # fmt: skip
    decode_s = remembered(context, {"what": "decode", **what}, lambda: step_s(decode, most=1))
    decode()
    run_s = remembered(context, {"what": "harvest", **what}, lambda: step_s(run))
    if known is not None and not ready and known.choice.times > 0:
        run_s /= known.choice.times
    if context.model.device == "cpu":
        both_s = run_s + decode_s / (os.cpu_count() or 1)
    else:
        both_s = max(run_s, decode_s / max(1, (os.cpu_count() or 2) - 1))
    return both_s / max(len(sample), 1)
