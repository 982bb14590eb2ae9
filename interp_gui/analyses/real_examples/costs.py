"""What a pass over the images at hand, and the pictures cut from it, will cost."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from interp_gui.analyses.costs import forward_s, remembered, spread, step_s, within
from interp_gui.analyses.passes import batch_size, identity, known_route
from interp_gui.analyses.real_examples.crops import LayerMaps, example_picture, field_box
from interp_gui.analyses.real_examples.survey import (
    Pass,
    hashed,
    pass_tag,
    record_key,
)
from interp_gui.core.analysis import Context
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem
from interp_gui.core.layer import LayerInfo

_BYTES_A_RECORD, _BYTES_A_UNIT = 16, 24
_LOOKED_UP = 16
"""Units whose pictures are looked for in the cache; the others are taken to be like them."""


class Looked(NamedTuple):
    """What a pass would cost, and the hash of the images where it could be found in time."""

    cost: Cost
    sha256: str


def survey_cost(context: Context, layers: Sequence[LayerInfo], *, k: int, batch: int = 0) -> Looked:
    """The pass of `survey.survey`, without what the cache or a pass under way has already."""
    dataset = context.inputs.dataset
    paths = dataset.paths if dataset is not None else ()
    if not paths:
        return Looked(Cost(seconds=0), "")
    batch = batch_size(context, batch)
    found, seconds = within(hashed(context, paths), len(paths))
    broken, digest = found if found is not None else ({}, "")
    missing, done = list(layers), 0
    if digest:
        keys = {
            layer.name: record_key(context, layer, digest, k=k, batch=batch) for layer in layers
        }
        missing = [layer for layer in layers if context.recall(keys[layer.name]) is None]
        route = known_route(context, missing) if missing else None
        runner = route.runner if route is not None else ""
        if runner:
            missing = [
                layer for layer in missing
                if context.recall(
                    record_key(context, layer, digest, k=k, batch=batch, runner=runner)
                ) is None
            ]  # fmt: skip
        tag = pass_tag(context, missing, digest, k=k, batch=batch, runner=runner)
        shared = context.cache.in_progress if context.cache is not None else {}
        under_way = shared.get(msgspec.json.encode(tag).decode())
        done = under_way.done if isinstance(under_way, Pass) else 0
    if not missing:
        return Looked(Cost(seconds=seconds), digest)
    left = max(0, len(paths) - len(broken) - done)
    seconds += left * _image_s(context, missing, paths, k=k, batch=batch)
    units = sum(layer.units for layer in missing)
    values = sum(math.prod(layer.shape) for layer in missing)
    return Looked(
        Cost(
            seconds=seconds,
            disk_bytes=units * (k * _BYTES_A_RECORD + _BYTES_A_UNIT),
            # as tensors, as arrays, and as maps
            memory_bytes=3 * 4 * batch * values,
            note="" if digest else "What is known of these images already is not counted.",
        ),
        digest,
    )


def _image_s(
    context: Context, layers: Sequence[LayerInfo], paths: tuple[str, ...], *, k: int, batch: int
) -> float:
    sample = spread(paths, 2 * batch)
    what = {
        "what": "survey", "layers": [layer.name for layer in layers], "k": k, "batch": batch,
        "sample": sample, **identity(context),
    }  # fmt: skip

    route = known_route(context, layers)
    if route is not None and route.network is None:
        route = None  # the export is not made for an estimate
    what |= {"runner": route.runner if route is not None else ""}
    trial = Pass(layers, sample, {}, k=k, batch=batch, route=route, ahead=0)

    def step() -> None:
        if trial.finished:
            trial.done = 0
        trial.advance(context)

    images = min(batch, len(sample))
    return remembered(context, what, lambda: step_s(step) / images)


def pictures_cost(
    context: Context,
    layer: LayerInfo,
    keys: Sequence[dict[str, object]],
    *,
    k: int,
    size_px: int,
    cropped: bool,
) -> Cost:
    """Cutting `k` pictures for each of some units of a layer.

    Parameters
    ----------
    keys
        Of the units' pictures in the cache; a unit whose pictures are there costs nothing.
    """
    dataset = context.inputs.dataset
    paths = dataset.paths if dataset is not None else ()
    asked = [keys[int(i)] for i in np.linspace(0, len(keys) - 1, min(len(keys), _LOOKED_UP))]
    absent = sum(context.recall(key) is None for key in asked if "images" in key)
    known = [key for key in asked if "images" in key]
    share = absent / len(known) if known else 1.0
    pictures = share * len(keys) * min(k, len(paths))
    if not pictures:
        return Cost(seconds=0)
    # the same image is run once for all its pictures
    distinct = len(paths) * -math.expm1(-pictures / len(paths))
    path = spread(paths, 3)[len(paths) > 1]
    cut_s = _cut_s(context, layer, path, size_px=size_px, cropped=cropped)
    seconds = distinct * forward_s(context, layer=layer.name, path=path) + pictures * cut_s
    return Cost(seconds=seconds, disk_bytes=int(pictures * size_px * size_px * 3))


def _cut_s(context: Context, layer: LayerInfo, path: str, *, size_px: int, cropped: bool) -> float:
    def measure() -> float:
        maps = LayerMaps(context, layer)
        try:
            pixels, values = maps.get(path)
        except ImageProblem:
            return 0.0
        where = layer.grid or (1, 1)
        place = (where[0] // 2, where[1] // 2)

        def cut() -> None:
            box = (0, 0, *pixels.shape[:2])
            if cropped:
                box = field_box(context, layer, place, pixels.shape[:2])
            example_picture(pixels, values[0], box, size_px=size_px, floor=0.0, shaded=True)

        cut()  # finds the layer's field, which is kept
        return step_s(cut, most=7)

    what = {
        "what": "cut", "layer": layer.name, "path": path, "size": size_px, "cropped": cropped,
        **identity(context),
    }  # fmt: skip
    return remembered(context, what, measure)
