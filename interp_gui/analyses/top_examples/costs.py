"""What examples of features will cost: the pass over the images, and the pictures."""

import math
from collections.abc import Sequence

import numpy as np

from interp_gui.analyses.costs import remembered, spread, step_s, within
from interp_gui.analyses.dataset_pass import Known, identified, images_at_hand
from interp_gui.analyses.harvest import HarvestSpec, harvest_cost
from interp_gui.analyses.passes import batch_size, identity, known_route
from interp_gui.analyses.real_examples.costs import pictures_cost
from interp_gui.analyses.top_examples.kept_maps import KeptMaps
from interp_gui.analyses.top_examples.peaks import (
    PeakPass,
    digest_of,
    layers_of,
    record_key,
)
from interp_gui.analyses.top_examples.settings import Parameters, Wanted, column_of, read_settings
from interp_gui.analyses.top_examples.sources import is_stored
from interp_gui.core.analysis import Context
from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo

_BYTES_A_VALUE = 8
_LOOKED_AT = 4
_UNCOUNTED = "What is known of these images already is not counted."


def examples_cost(context: Context, features: Sequence[Feature], parameters: Parameters) -> Cost:
    """The pass over the images for features that are not known yet, and cutting the pictures."""
    dataset = images_at_hand(context)
    wanted = read_settings(parameters, dataset)
    units = [feature for feature in features if is_stored(feature)]
    total = _pass_cost(context, features, parameters)
    if units:
        layers = layers_of(context, units)
        total += harvest_cost(context, layers, HarvestSpec(), batch=parameters.batch)
    headings = _headings(wanted, parameters, dataset)
    for layer in layers_of(context, features):
        here = [f for f in features if context.model.description.layer(f.layer) == layer]
        total += pictures_cost(
            context, layer, [{}] * (headings * len(here)), k=parameters.k,
            size_px=parameters.size, cropped=parameters.cropped,
        )  # fmt: skip
    return total


def _headings(wanted: Wanted, parameters: Parameters, dataset: Dataset) -> int:
    count = sum(len(wanted.quantiles) if kind == "quantiles" else 1 for kind in wanted.kinds)
    if wanted.by:
        values = {column_of(entry, wanted.by) for entry in dataset.images} - {""}
        count += min(len(values), parameters.values)
    return count


def _pass_cost(context: Context, features: Sequence[Feature], parameters: Parameters) -> Cost:
    missing = [feature for feature in features if not is_stored(feature)]
    if not missing:
        return Cost(seconds=0)
    paths = images_at_hand(context).paths
    batch = batch_size(context, parameters.batch)
    found, seconds = within(identified(context, {}), len(paths))
    if found is not None:
        missing = _unknown(context, missing, digest_of(found), batch)
    if not missing:
        return Cost(seconds=seconds)
    layers = layers_of(context, missing)
    left = 1.0 if found is None else _left(context, layers, found, batch)
    if left:
        seconds += left * len(paths) * _image_s(context, missing, paths, batch)
    values = sum(math.prod(layer.shape) for layer in layers)
    held = _BYTES_A_VALUE * len(paths) * len(missing)
    return Cost(
        seconds=seconds,
        disk_bytes=held,
        # as tensors, as arrays, and as maps
        memory_bytes=3 * 4 * batch * values + held,
        note="" if found is not None else _UNCOUNTED,
    )


def _left(
    context: Context, layers: Sequence[LayerInfo], images: Sequence[Known], batch: int
) -> float:
    """Share of the images whose maps no earlier pass left, by a few chunks."""
    least = 1.0
    for runner in _runners(context, layers):
        kept = KeptMaps(context, layers, len(images), batch=batch, runner=runner)
        starts = range(0, len(images), kept.chunk)
        asked = [starts[int(i)] for i in np.linspace(0, len(starts) - 1, _LOOKED_AT)]
        absent = sum(kept.get(context, images, start) is None for start in asked)
        least = min(least, absent / len(asked))
    return least


def _runners(context: Context, layers: Sequence[LayerInfo]) -> list[str]:
    """What may have computed values: the model's own runtime, and what passes take."""
    route = known_route(context, layers) if layers else None
    return [""] if route is None else ["", route.runner]


def _unknown(
    context: Context, features: Sequence[Feature], digest: str, batch: int
) -> list[Feature]:
    runners = _runners(context, layers_of(context, features))
    return [
        feature
        for feature in features
        if all(
            context.recall(record_key(context, feature, digest, batch=batch, runner=runner)) is None
            for runner in runners
        )
    ]


def _image_s(
    context: Context, features: Sequence[Feature], paths: tuple[str, ...], batch: int
) -> float:
    chosen = set(spread(paths, 2 * batch))
    dataset = images_at_hand(context)
    sample = [
        Known(place, entry, "", -1)
        for place, entry in enumerate(dataset.images)
        if entry.path in chosen
    ]
    route = known_route(context, layers_of(context, features))
    if route is not None and route.network is None:
        route = None  # the export is not made for an estimate
    trial = PeakPass(context, features, sample, {}, batch=batch, route=route, keep=False)
    what = {
        "what": "peaks", "layers": sorted({feature.layer for feature in features}),
        "features": len(features), "batch": batch, "sample": sorted(chosen), **identity(context),
        "runner": route.runner if route is not None else "",
    }  # fmt: skip

    def step() -> None:
        if trial.finished:
            trial.done = 0
        trial.advance(context)

    return remembered(context, what, lambda: step_s(step) / min(batch, len(sample)))
