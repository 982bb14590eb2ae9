"""The real images that units respond to most, cut to what each unit can see."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from interp_gui.analyses.asked import asked_features, asked_layer, edit_notes, unit
from interp_gui.analyses.passes import identity
from interp_gui.analyses.real_examples.crops import (
    Cut,
    LayerMaps,
    example_picture,
    field_box,
    shares_of,
)
from interp_gui.analyses.real_examples.survey import Survey, survey
from interp_gui.analyses.unit_maps import require_units
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature
from interp_gui.core.images import image_sha256
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Grid, GridItem, Number

PICTURES_VERSION = 3


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `real-examples`."""

    k: int = parameter(
        9, help="How many images are shown of each unit.", minimum=1, maximum=100,
        title="images a unit",
    )  # fmt: skip
    units: str = parameter(
        "", help="Units of the layer where no feature is named, as in 0-63,70; empty: all."
    )
    size: int = parameter(
        128, help="Longer side of each picture.", unit="px", minimum=16, maximum=1024
    )
    shaded: bool = parameter(True, help="Dim what lies outside the unit's active area.")
    cropped: bool = parameter(
        True, help="Cut each picture to the unit's receptive field; off: the whole image."
    )
    all_layers: bool = parameter(
        True, help="Let the first pass record all layers worth looking at, not only this one.",
        advanced=True,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step of the pass; 0: what suits the device.", minimum=0, maximum=1024,
        advanced=True,
    )  # fmt: skip


def unit_range(text: str, units: int) -> list[int]:
    """Read `0-63,70` into unit indices below `units`; all of them for an empty text."""
    if not text.strip():
        return list(range(units))
    try:
        parts = [part.strip().partition("-") for part in text.split(",")]
        found = [u for a, dash, b in parts for u in range(int(a), int(b if dash else a) + 1)]
    except ValueError:
        raise InvalidValue(
            f"'{text}' is not a range of units.", hint="Write it as 0-63 or 3,7,20-30."
        ) from None
    if not found:
        raise InvalidValue(f"'{text}' names no unit.", hint="Write it as 0-63 or 3,7,20-30.")
    if max(found) >= units:
        raise InvalidValue(f"There is no unit {max(found)}.", hint=f"Units are 0 to {units - 1}.")
    return list(dict.fromkeys(found))


def survey_layers(context: Context, asked: list[LayerInfo], *, everything: bool) -> list[LayerInfo]:
    """The layers that a pass should record: those asked about and those worth looking at."""
    names = {layer.name for layer in asked}
    known = context.model.description.layers
    return [
        layer
        for layer in known
        if layer.units and (layer.name in names or (everything and layer.worthwhile))
    ]


def _asked(context: Context, parameters: Parameters) -> list[Feature]:
    features = asked_features(context)
    if not features:
        layer = asked_layer(context)
        require_units(layer)
        chosen = unit_range(parameters.units, layer.units)
        return [unit(context, layer.name, u) for u in chosen]
    for feature in features:
        if len(feature.units) != 1:
            raise MissingAbility(
                f"Real examples are recorded for single units, not for {feature.title}.",
                hint="Ask for LAYER:UNIT.",
            )
    return list(features)


def _rest(minimum: float, maximum: float) -> float:
    """The value at which a unit counts as quiet: zero where it can be reached from above."""
    return max(minimum, 0.0) if maximum > 0 else minimum


def _grid(
    context: Context,
    parameters: Parameters,
    found: Survey,
    layer: LayerInfo,
    feature: Feature,
    maps: LayerMaps,
) -> Generator[Progress, None, Grid]:
    u = feature.units[0]
    statistics = found.layers[layer.name]
    dead = bool(statistics.dead[u])
    floor = _rest(float(statistics.minimum[u]), float(statistics.maximum[u]))
    items: list[GridItem] = []
    kept = [] if dead else [i for i in range(parameters.k) if statistics.top.items[u, i] >= 0]
    pictures = yield from _pictures(context, parameters, found, layer, u, kept, floor, maps)
    for rank, picture in zip(kept, pictures, strict=True):
        path = found.paths[int(statistics.top.items[u, rank])]
        row, column = divmod(int(statistics.top.positions[u, rank]), found.grids[layer.name][1])
        value = float(statistics.top.values[u, rank])
        numbers: dict[str, Number] = {"rank": rank + 1, "activation": value}
        if layer.spatial:
            numbers |= {"row": row, "column": column}
        items.append(
            GridItem(
                title=readable(value), pixels=picture.pixels, numbers=numbers, feature=feature,
                image=path, box=picture.box,
            )
        )  # fmt: skip
    notes = list(found.notes)
    if dead:
        notes.insert(0, "Dead: the unit is the same number in every image at hand.")
    elif statistics.seen < 100:
        notes.append(f"Strongest among only {statistics.seen} images.")
    if "token" in layer.axes:
        notes.append("Tokens without a place in the image (class token) are left out.")
    return Grid(
        key=feature.text,
        title=f"Real examples of {feature.title}",
        items=tuple(items),
        feature=feature,
        numbers={
            "peak": float(statistics.maximum[u]),
            "mean": float(statistics.mean[u]),
            "active_images": int(statistics.active[u]),
            "images": statistics.seen,
            "dead": dead,
            "broken_images": len(found.broken),
        },
        notes=(*edit_notes(context), *notes),
        provenance={
            "images_sha256": [image_sha256(item.image) for item in items],
            "batch": parameters.batch,
            **found.provenance(layer.name),
        },
    )


def pictures_key(
    context: Context,
    parameters: Parameters,
    layer: LayerInfo,
    u: int,
    sha256: str,
    *,
    runner: str = "",
) -> dict[str, Any]:
    """Content key of one unit's pictures over the images of a hash, chosen by a runner."""
    return {
        "kind": "example-pictures", "version": PICTURES_VERSION, "layer": layer.name, "unit": u,
        "images": sha256, "k": parameters.k, "size": parameters.size,
        "shaded": parameters.shaded, "cropped": parameters.cropped, "batch": parameters.batch,
        **identity(context, runner=runner),
    }  # fmt: skip


def _pictures(
    context: Context,
    parameters: Parameters,
    found: Survey,
    layer: LayerInfo,
    u: int,
    ranks: list[int],
    floor: float,
    maps: LayerMaps,
) -> Generator[Progress, None, list[Cut]]:
    runner = found.runners.get(layer.name, "")
    key = pictures_key(context, parameters, layer, u, found.sha256, runner=runner)
    stored = None if found.partial else context.recall(key)
    if stored is not None:
        return [Cut.of(stored, f"_{rank}") for rank in ranks]
    statistics = found.layers[layer.name]
    pictures: list[Cut] = []
    for rank in ranks:
        context.check()
        pixels, values = maps.get(found.paths[int(statistics.top.items[u, rank])])
        place = divmod(int(statistics.top.positions[u, rank]), found.grids[layer.name][1])
        box = (0, 0, *pixels.shape[:2])
        if parameters.cropped:
            box = field_box(context, layer, place, pixels.shape[:2])
        cut = example_picture(
            pixels, values[u], box, size_px=parameters.size, floor=floor,
            shaded=parameters.shaded,
        )  # fmt: skip
        pictures.append(Cut(cut, shares_of(box, pixels.shape[:2])))
        yield Progress(done=rank, total=len(ranks), text="Cutting examples")
    if context.cache is not None and not found.partial:
        arrays = [p.arrays(f"_{r}") for r, p in zip(ranks, pictures, strict=True)]
        context.cache.put(key, {name: a for each in arrays for name, a in each.items()})
    return pictures


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Grid` a unit, keyed by the feature's text, in the order asked.

    The first run over a set of images records all layers in one pass; later runs, also for
    other layers, only cut pictures.
    """
    features = _asked(context, parameters)
    model = context.model.description
    asked = [model.layer(name) for name in dict.fromkeys(f.layer for f in features)]
    for layer in asked:
        require_units(layer)
    recorded = survey_layers(context, asked, everything=parameters.all_layers)
    found = yield from survey(context, recorded, k=parameters.k, batch=parameters.batch)
    maps = {layer.name: LayerMaps(context, layer) for layer in asked}
    for done, feature in enumerate(features):
        context.check()
        yield Progress(done=done, total=len(features), text="Cutting examples")
        layer = model.layer(feature.layer)
        yield (yield from _grid(context, parameters, found, layer, feature, maps[layer.name]))
    yield Progress(done=len(features), total=len(features), text="Cutting examples")


def estimate(context: Context, parameters: Parameters) -> Cost:
    """The pass over the images, as far as it is not known, and the pictures."""
    from interp_gui.analyses.real_examples.costs import pictures_cost, survey_cost

    features = _asked(context, parameters)
    model = context.model.description
    asked = [model.layer(name) for name in dict.fromkeys(f.layer for f in features)]
    recorded = survey_layers(context, asked, everything=parameters.all_layers)
    total, digest = survey_cost(context, recorded, k=parameters.k, batch=parameters.batch)
    for layer in asked:
        units = [feature.units[0] for feature in features if feature.layer == layer.name]
        keys = [pictures_key(context, parameters, layer, u, digest) for u in units]
        total += pictures_cost(
            context, layer, keys if digest else [{} for _ in units], k=parameters.k,
            size_px=parameters.size, cropped=parameters.cropped,
        )  # fmt: skip
    return total


ANALYSIS = Analysis(
    id="real-examples",
    title="Real examples",
    summary="The images at hand that each unit responds to most, cut to what the unit can see.",
    parameters=Parameters,
    needs=("dataset", "layer"),
    produces=("grid",),
    run=run,
    estimate=estimate,
)
