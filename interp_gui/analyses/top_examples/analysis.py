"""Real images of any feature: strongest, least, random, by quantile, and by label or group."""

import hashlib
import time
from collections.abc import Generator
from typing import Any

from interp_gui.analyses.asked import asked_features, edit_notes
from interp_gui.analyses.dataset_pass import Known, broken_notes, images_at_hand
from interp_gui.analyses.real_examples.crops import LayerMaps
from interp_gui.analyses.top_examples.cards import CardMaker
from interp_gui.analyses.top_examples.choosing import Places
from interp_gui.analyses.top_examples.headings import Chosen, choose, lots_of
from interp_gui.analyses.top_examples.settings import Parameters, Wanted, column_of, read_settings
from interp_gui.analyses.top_examples.sources import Found, find
from interp_gui.analyses.unit_maps import map_size, require_units
from interp_gui.core.analysis import Analysis, Context, Progress, Steps
from interp_gui.core.cost import Cost
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Grid, GridItem

SHOW_EVERY_S = 0.5
"""So often a grid that is not done is shown."""


def _asked(context: Context) -> list[Feature]:
    features = {feature.text: feature for feature in asked_features(context)}
    for feature in features.values():
        require_units(context.model.description.layer(feature.layer))
    return list(features.values())


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Grid` a feature, keyed by its text, in the order asked.

    Single units are read from the activation store; several units and directions take a pass
    over all positions of all images, and both are known the next time.
    """
    dataset = images_at_hand(context)
    wanted = read_settings(parameters, dataset)
    features = _asked(context)
    found = yield from find(context, features, batch=parameters.batch)
    drawing = {"least", "random"} & set(wanted.kinds)
    lots = lots_of(found if drawing else None, len(dataset.images), seed=context.inputs.seed)
    maps: dict[str, LayerMaps] = {}
    for done, feature in enumerate(features):
        context.check()
        yield Progress(done=done, total=len(features), text="Cutting examples")
        layer = context.model.description.layer(feature.layer)
        held = maps.setdefault(layer.name, LayerMaps(context, layer))
        yield from _grids(context, parameters, wanted, found, feature, layer, lots, held)
    yield Progress(done=len(features), total=len(features), text="Cutting examples")


def _grids(
    context: Context,
    parameters: Parameters,
    wanted: Wanted,
    found: Found,
    feature: Feature,
    layer: LayerInfo,
    lots: Places,
    maps: LayerMaps,
) -> Generator[Progress | Grid, None, None]:
    """The examples of one feature, shown heading by heading."""
    dataset = images_at_hand(context)
    peaks = found.peaks[feature.text]
    chosen = choose(dataset, feature, peaks, lots, parameters, wanted)
    maker = CardMaker(
        context, feature, layer, peaks, images=found.images, maps=maps,
        columns=map_size(layer, context.model.preprocessing.size)[1], parameters=parameters,
        wanted=wanted,
    )  # fmt: skip
    items: list[GridItem] = []
    shown_s = time.monotonic()
    for heading in chosen.headings:
        examples = maker.examples(heading.images)
        if heading.expands:
            examples = yield from maker.expanded(heading.images, parameters.k)
        title = "" if chosen.only else heading.title
        items += yield from maker.cards(title, examples, chosen.ranking)
        if time.monotonic() - shown_s > SHOW_EVERY_S and heading is not chosen.headings[-1]:
            shown_s = time.monotonic()
            yield _grid(context, parameters, wanted, found, feature, chosen, items, (), final=False)
    notes = (*_layer_notes(layer, feature, parameters), *broken_notes(maker.lost))
    yield _grid(context, parameters, wanted, found, feature, chosen, items, notes)


def _grid(
    context: Context,
    parameters: Parameters,
    wanted: Wanted,
    found: Found,
    feature: Feature,
    chosen: Chosen,
    items: list[GridItem],
    notes: tuple[str, ...],
    *,
    final: bool = True,
) -> Grid:
    peaks = found.peaks[feature.text]
    known = {image.entry.path: image.sha256 for image in found.images.values()} if final else {}
    provenance: dict[str, Any] = {
        "images_sha256": [known[item.image] for item in items] if final else [],
        "batch": parameters.batch,
    }
    if peaks.runner:
        provenance["runtime"] = peaks.runner
    if wanted.by and final:
        provenance["truth_sha256"] = _column_sha256(found.images, wanted.by)
    absent = len(found.images) - chosen.ranking.count
    only = f" ({chosen.only})" if chosen.only else ""
    return Grid(
        key=feature.text,
        title=f"Real examples of {feature.title}{only}",
        items=tuple(items),
        feature=feature,
        numbers={
            "peak": peaks.maximum,
            "median_peak": chosen.ranking.quantile(50),
            "least_peak": chosen.ranking.quantile(0),
            "mean": peaks.mean,
            "images": chosen.ranking.count,
            "dead": peaks.dead,
            "broken_images": len(found.broken),
        },
        notes=(
            *edit_notes(context),
            *chosen.notes,
            *((f"In {absent} images it is not a number.",) if chosen.ranking.count and absent
              else ()),
            *notes,
            *found.notes,
        ),
        provenance=provenance,
        final=final,
    )  # fmt: skip


def _layer_notes(layer: LayerInfo, feature: Feature, parameters: Parameters) -> tuple[str, ...]:
    notes = []
    if len(feature.vectors) == 1:
        notes.append("The activation is the coordinate along the direction.")
    elif feature.vectors:
        notes.append("The activation is the mean of the coordinates along the directions.")
    elif feature.whole_layer:
        notes.append("The activation is the root mean square over the layer's units.")
    elif len(feature.units) > 1:
        notes.append("The activation is the mean of the units.")
    if not layer.spatial:
        notes.append("The layer has no positions in the image: whole images are shown.")
    elif "token" in layer.axes:
        notes.append("Tokens without a place in the image (class token) are left out.")
        if parameters.cropped:
            notes.append("A token can see the whole image, which is therefore not cut.")
    return tuple(notes)


def _column_sha256(images: dict[int, Known], by: str) -> str:
    """Tells whether a replay had the same values in the column."""
    digest = hashlib.sha256()
    lines = sorted(f"{image.sha256} {column_of(image.entry, by)}\n" for image in images.values())
    for line in lines:
        digest.update(line.encode())
    return digest.hexdigest()


def estimate(context: Context, parameters: Parameters) -> Cost:
    """The pass over the images, as far as it is not known, and the pictures."""
    from interp_gui.analyses.top_examples.costs import examples_cost

    return examples_cost(context, _asked(context), parameters)


ANALYSIS = Analysis(
    id="top-examples",
    title="Examples of features",
    summary="Real images of units and directions: strongest, least, random, by quantile, by label.",
    parameters=Parameters,
    needs=("dataset", "features"),
    produces=("grid",),
    run=run,
    estimate=estimate,
)
