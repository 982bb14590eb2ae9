"""How alike each unit of a layer is to a feature, by what both do over the images at hand."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_features, asked_layer, edit_notes, run_edited, unit
from interp_gui.analyses.dataset_pass import (
    Known,
    broken_notes,
    changed,
    decoded,
    identified,
    sampled,
)
from interp_gui.analyses.passes import MEMORY_SHORT, batch_notes, batch_size, halved, identity
from interp_gui.analyses.unit_maps import Floats, feature_maps, require_units, unit_maps
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.overlays import upsample
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.result import Number, Table

VERSION = 1
"""Raised whenever the same images would give other values; part of cache keys."""

COLUMNS = ("unit", "similarity")
FEW_IMAGES = 8
"""With fewer images a correlation over them says nothing, and positions are compared instead."""

_MOST_VALUES = 2**26
_FLAT = 1e-6
"""A value that varies by less than this share of its size is taken as constant."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `unit-similarity`."""

    images: int = parameter(
        2000, help="How many of the images at hand are looked at, at most.",
        minimum=2, maximum=100_000,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step; 0: what suits the device.", minimum=0, maximum=1024, advanced=True,
    )  # fmt: skip


@dataclass(frozen=True)
class _Peaks:
    """Per image: largest value of each unit (N, units), and of the feature (N,)."""

    units: Floats
    feature: Floats


def correlations(units: NDArray[Any], feature: NDArray[Any]) -> NDArray[np.float64]:
    """Pearson's correlation of each column of (N, units) with (N,); NaN where one is constant."""
    x = np.asarray(units, np.float64)
    y = np.asarray(feature, np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        dx, dy = x - x.mean(axis=0), y - y.mean()
        sx, sy = np.sqrt((dx * dx).sum(axis=0)), np.sqrt((dy * dy).sum())
        found = (dx * dy[:, None]).sum(axis=0) / (sx * sy)
        flat = (sx <= _FLAT * np.abs(x).max(axis=0) * len(x) ** 0.5) | (
            sy <= _FLAT * np.abs(y).max() * len(y) ** 0.5
        )
    found[flat] = np.nan
    clipped: NDArray[np.float64] = np.clip(found, -1.0, 1.0)
    return clipped


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` keyed `layer~feature`: one row a unit, in the order of units.

    `similarity` is the correlation, over images, of the unit's largest value in an image with
    that of the feature; with fewer than `FEW_IMAGES` images the cosine of their values over the
    positions of all images. None for units, and features, that are the same number everywhere.
    The pass is kept: a second feature of a layer that was looked at costs nothing.
    """
    features = asked_features(context)
    if len(features) != 1:
        raise InvalidValue(
            "One feature is needed to compare with.", hint="Choose one unit, as in features.14:7."
        )
    layer, feature = asked_layer(context), features[0]
    require_units(layer)
    broken: dict[int, str] = {}
    images = yield from identified(context, broken)
    chosen = _chosen(context, layer, images, parameters)
    batch = batch_size(context, parameters.batch)
    if len(chosen) >= FEW_IMAGES:
        while True:
            try:
                peaks = yield from _peaks(context, layer, feature, chosen, broken, batch=batch)
            except MEMORY_SHORT as problem:
                batch = halved(context, batch, problem)
            else:
                break
        looked_at = len(peaks.feature)
    else:
        looked_at = 0
    if looked_at >= FEW_IMAGES:
        similar, method = correlations(peaks.units, peaks.feature), "correlation over images"
        chance = 1.96 / looked_at**0.5
        said = (
            f"Correlation of the largest values in {looked_at:,} images; two unrelated units "
            f"reach ±{chance:.2f} by chance once in 20 times."
        )
    else:
        similar, looked_at = yield from _cosines(context, layer, feature, chosen, broken)
        method = "cosine over positions"
        said = (
            f"Only {looked_at} images at hand: cosine of the values at all their positions. "
            f"Open {FEW_IMAGES} or more for a correlation over images."
        )
    if not looked_at:
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(broken.values()), "")
        )
    table = _table(context, layer, feature, similar, said, method, looked_at, broken)
    notes = (*table.notes, *batch_notes(context, batch, parameters.batch))
    yield msgspec.structs.replace(table, notes=notes)
    yield Progress(done=1, total=1, text="Comparing units")


def _chosen(
    context: Context, layer: LayerInfo, images: Sequence[Known], parameters: Parameters
) -> list[Known]:
    most = min(parameters.images, max(_MOST_VALUES // layer.units, FEW_IMAGES))
    chosen = sampled(images, most, seed=context.inputs.seed, stratified=False)
    return sorted(chosen, key=lambda image: image.sha256)


def _keys(
    context: Context, layer: LayerInfo, feature: Feature, images: Sequence[Known], *, batch: int
) -> dict[str, dict[str, Any]]:
    """Cache keys of what is needed, and of all units of the feature's layer."""
    about = context.model.description.layer(feature.layer)
    shared = {
        "kind": "peaks", "version": VERSION, "batch": batch,
        "images": [image.sha256 for image in images], **identity(context),
    }  # fmt: skip
    return {
        "units": {**shared, "layer": layer.name},
        "feature": {**shared, "layer": about.name, "feature": feature.text},
        "around": {**shared, "layer": about.name},
    }


def _known(
    context: Context, feature: Feature, keys: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any] | None]:
    """What the cache holds of the layer's units and of the feature."""
    stored = {name: context.recall(keys[name]) for name in ("units", "feature")}
    if stored["feature"] is None and len(feature.units) == 1:
        whole = context.recall(keys["around"])
        if whole is not None:
            column = np.asarray(whole["peaks"])[:, feature.units[0]]
            stored["feature"] = {"peaks": column, "broken": whole["broken"]}
    return stored


def _peaks(
    context: Context,
    layer: LayerInfo,
    feature: Feature,
    images: Sequence[Known],
    broken: dict[int, str],
    *,
    batch: int,
) -> Generator[Progress, None, _Peaks]:
    """Largest values by image, from the cache or in one pass; images that broke are left out."""
    keys = _keys(context, layer, feature, images, batch=batch)
    stored = _known(context, feature, keys)
    missing = [name for name in stored if stored[name] is None]
    if missing:
        made, lost = yield from _pass(context, layer, feature, images, missing, broken, batch)
        gone = any(changed(images[int(i)]) for i in lost)
        for name in missing:
            value: dict[str, Any] = {"peaks": made[name], "broken": lost}
            stored[name] = value
            if context.cache is not None and not gone:
                context.cache.put(keys[name], value)
    units, asked = stored["units"], stored["feature"]
    assert units is not None
    assert asked is not None
    out = {int(i): str(text) for one in (units, asked) for i, text in one["broken"].items()}
    for i, text in out.items():
        broken[images[i].place] = text
    kept = np.array([i for i in range(len(images)) if i not in out], np.int64)
    return _Peaks(np.asarray(units["peaks"])[kept], np.asarray(asked["peaks"])[kept])


def _pass(
    context: Context,
    layer: LayerInfo,
    feature: Feature,
    images: Sequence[Known],
    wanted: Sequence[str],
    broken: dict[int, str],
    batch: int,
) -> Generator[Progress, None, tuple[dict[str, Floats], dict[str, str]]]:
    made = {
        "units": np.zeros((len(images), layer.units), np.float32),
        "feature": np.zeros(len(images), np.float32),
    }
    about = context.model.description.layer(feature.layer)
    layers = {"units": layer, "feature": about}
    needed = [layers[name] for name in wanted]
    for start in range(0, len(images), batch):
        context.check()
        yield Progress(done=start, total=len(images), text="Looking at all images")
        part = images[start : start + batch]
        found = decoded(context, part, broken)
        rows = [start + part.index(image) for image, _ in found]
        maps = _maps(context, needed, [pixels for _, pixels in found])
        for row, by_layer in zip(rows, maps, strict=True):
            if "units" in wanted:
                made["units"][row] = by_layer[layer.name].max(axis=(1, 2))
            if "feature" in wanted:
                made["feature"][row] = feature_maps(by_layer[about.name][None], feature)[0].max()
    lost = {str(i): broken[im.place] for i, im in enumerate(images) if im.place in broken}
    return made, lost


def _cosines(
    context: Context,
    layer: LayerInfo,
    feature: Feature,
    images: Sequence[Known],
    broken: dict[int, str],
) -> Generator[Progress, None, tuple[NDArray[np.float64], int]]:
    """Cosine over positions; a feature on another grid is brought to the layer's."""
    about = context.model.description.layer(feature.layer)
    products = np.zeros(layer.units)
    squares = np.zeros(layer.units)
    square, looked_at = 0.0, 0
    for done, image in enumerate(images):
        context.check()
        yield Progress(done=done, total=len(images), text="Looking at all images")
        for _, pixels in decoded(context, [image], broken):
            (maps,) = _maps(context, [layer, about], [pixels])
            x = maps[layer.name].astype(np.float64)
            own = feature_maps(maps[about.name][None], feature)[0]
            y = upsample(own, x.shape[1:]).astype(np.float64)
            products += (x * y).sum(axis=(1, 2))
            squares += (x * x).sum(axis=(1, 2))
            square += float((y * y).sum())
            looked_at += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        found = products / np.sqrt(squares * square)
    return np.clip(found, -1.0, 1.0), looked_at


def _maps(
    context: Context, layers: Sequence[LayerInfo], pictures: Sequence[Any]
) -> list[dict[str, Floats]]:
    """Maps (units, h, w) of each layer, by picture."""
    if not pictures:
        return []
    inputs = [preprocess(pixels, context.model.preprocessing) for pixels in pictures]
    names = list(dict.fromkeys(layer.name for layer in layers))
    last = max(layers, key=lambda layer: layer.depth).name
    same = len({each.shape for each in inputs}) == 1
    found: list[dict[str, Floats]] = []
    for part in [np.stack(inputs)] if same else [each[None] for each in inputs]:
        captured = run_edited(context, part, capture=names, until=last).captured
        size = part.shape[2], part.shape[3]
        maps = {layer.name: unit_maps(captured[layer.name], layer, size) for layer in layers}
        found += [{name: maps[name][i] for name in names} for i in range(len(part))]
    return found


def _table(
    context: Context,
    layer: LayerInfo,
    feature: Feature,
    similar: NDArray[np.float64],
    said: str,
    method: str,
    looked_at: int,
    broken: dict[int, str],
) -> Table:
    finite = np.isfinite(similar)
    cells: tuple[tuple[Number, ...], ...] = tuple(
        (u, float(similar[u]) if finite[u] else None) for u in range(layer.units)
    )
    notes = [said]
    if not finite.any():
        notes.append(f"{feature.title} is the same number in every image, so nothing is like it.")
    elif not finite.all():
        count = int((~finite).sum())
        still = "1 unit is" if count == 1 else f"{count} units are"
        notes.append(f"{still} the same number in every image.")
    return Table(
        key=f"{layer.name}~{feature.text}",
        title=f"Units of {layer.name} like {feature.title}",
        columns=COLUMNS,
        cells=cells,
        features=tuple(unit(context, layer.name, u) for u in range(layer.units)),
        feature=feature,
        numbers={"images": looked_at, "method": method, "broken_images": len(broken)},
        notes=(*notes, *edit_notes(context), *broken_notes(broken)),
    )


def estimate(context: Context, parameters: Parameters) -> Cost:
    """One pass an image, unless the cache holds it."""
    from interp_gui.analyses.dataset_costs import asking_cost

    layer, batch = asked_layer(context), batch_size(context, parameters.batch)

    def left(images: Sequence[Known]) -> int:
        chosen = _chosen(context, layer, images, parameters)
        known = [
            _known(context, each, _keys(context, layer, each, chosen, batch=batch))
            for each in context.inputs.features[:1]
        ]
        return 0 if known and None not in known[0].values() else len(chosen)

    return asking_cost(
        context, left=left, most=parameters.images, layer=layer.name,
        bytes_an_image=4 * layer.units,
    )  # fmt: skip


ANALYSIS = Analysis(
    id="unit-similarity",
    title="Similar units",
    summary="How alike each unit of a layer is to a feature, over the images at hand.",
    parameters=Parameters,
    needs=("dataset", "layer", "features"),
    produces=("table",),
    run=run,
    estimate=estimate,
    version=VERSION,
)
