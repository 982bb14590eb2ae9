"""A harvest: what is on disk is taken, what is not is recorded first."""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interp_gui.analyses.dataset_pass import Known, identified, images_at_hand
from interp_gui.analyses.harvest.folder import LayerFolder
from interp_gui.analyses.harvest.hashes import packed
from interp_gui.analyses.harvest.reading import Reader
from interp_gui.analyses.harvest.record import Harvest, HarvestedImage, LayerRecord
from interp_gui.analyses.harvest.recording import Recording, missing
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.harvest.statistics import FIGURES_VERSION, Statistics, summarised
from interp_gui.analyses.passes import (
    Route,
    batch_notes,
    batch_size,
    choose_route,
    halved,
    identity,
    known_route,
)
from interp_gui.analyses.unit_maps import map_size, require_units
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem, InvalidValue, OutOfMemory
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import load_input
from interp_gui.core.runtime import Array

HARVEST_VERSION = 1
"""Raised whenever the same image would give another record; part of keys."""


def harvest(
    context: Context, layers: Sequence[LayerInfo], spec: HarvestSpec, *, batch: int = 0
) -> Generator[Progress | Saved, None, Harvest]:
    """Record what every unit of `layers` does in every image at hand.

    Each layer has a folder in the cache, kept by what the model is and what `spec` asks for; an
    image is in it once, whatever dataset it came with. Only images that are not there yet are
    computed, all layers at once. A run that was stopped or killed goes on where it stood.
    Several may record at once, in one process or in many.

    Parameters
    ----------
    batch
        Images a step, 0 for a number that suits the device; fewer where memory does not take
        them. It changes last digits.

    Raises
    ------
    InvalidValue
        There are no images, or they have another size than the network's input.
    ImageProblem
        None of the images can be read.
    MissingAbility
        A layer has no units.
    OutputProblem
        The disk is full. What was recorded is kept.
    """
    images_at_hand(context)
    if not layers:
        raise InvalidValue("A layer is needed.", hint="Choose a layer first.")
    layers = list({layer.name: layer for layer in layers}.values())
    for layer in layers:
        require_units(layer)
    broken: dict[int, str] = {}
    images = yield from identified(context, broken)
    if not images:
        raise _unreadable(broken)
    step = batch_size(context, batch)
    while True:
        try:
            store = yield from _filled(context, layers, images, spec, batch=step)
            break
        except OutOfMemory as problem:
            step = halved(context, step, problem)
    broken |= store.broken
    return (
        yield from _found(
            context, layers, images, spec, store, broken,
            said=(*store.said, *batch_notes(context, step, batch)),
        )
    )  # fmt: skip


def layer_key(
    context: Context, layer: LayerInfo, spec: HarvestSpec, *, runner: str = ""
) -> dict[str, Any]:
    """Content key of one layer's folder, filled by a runner; images are no part of it."""
    return {
        "kind": "harvest", "version": HARVEST_VERSION, "layer": layer.name,
        "positions": spec.positions, "skip_edges": spec.skip_edges, "seed": spec.seed,
        **identity(context, runner=runner),
    }  # fmt: skip


@dataclass(kw_only=True)
class Stored:
    """Folders that hold what is asked for, and what has to be said of how they were filled."""

    folders: dict[str, LayerFolder]
    runner: str = ""
    said: tuple[str, ...] = ()
    broken: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)


def opened(
    context: Context, layers: Sequence[LayerInfo], spec: HarvestSpec, runner: str
) -> dict[str, LayerFolder]:
    """The layers' folders, by name, in use until they are forgotten."""
    return {
        layer.name: LayerFolder(
            context.folder_of(layer_key(context, layer, spec, runner=runner))
        )
        for layer in layers
    }  # fmt: skip


def whole(
    context: Context, layers: Sequence[LayerInfo], images: Sequence[Known], spec: HarvestSpec
) -> Stored | None:
    """Folders that hold all images already, of whichever runner; None if none do."""
    hashes = packed([image.sha256 for image in images])
    route = known_route(context, layers)
    for runner in dict.fromkeys(("", route.runner if route else "")):
        folders = opened(context, layers, spec, runner)
        broken: dict[int, str] = {}
        if not missing(folders.values(), images, hashes, broken).any():
            said = route.notes if route and runner else ()
            return Stored(folders=folders, runner=runner, said=said, broken=broken)
    return None


def _filled(
    context: Context,
    layers: Sequence[LayerInfo],
    images: Sequence[Known],
    spec: HarvestSpec,
    *,
    batch: int,
) -> Generator[Progress, None, Stored]:
    """Folders that hold all images, after a pass over those that were not there."""
    found = whole(context, layers, images, spec)
    if found is not None:
        return found
    route = yield from choose_route(
        context, layers, images=len(images), first=lambda: _first(context, images, batch)
    )
    folders = opened(context, layers, spec, route.runner)
    hashes = packed([image.sha256 for image in images])
    lacking = [
        layer for layer in layers if missing([folders[layer.name]], images, hashes, {}).any()
    ]
    said = route.notes
    if route.network is None:
        route = Route(layers=tuple(lacking))
    recording = Recording(context, route, folders, images, spec)
    yield from recording.steps(batch)
    return Stored(
        folders=folders, runner=route.runner, said=said, broken=recording.broken,
        gone=recording.gone,
    )  # fmt: skip


def _first(context: Context, images: Sequence[Known], batch: int) -> Array | None:
    """The first images that can be decoded, preprocessed."""
    found: list[Array] = []
    for image in images[: 4 * batch]:
        try:
            seen = load_input(image.entry.path, context.model.preprocessing)
        except ImageProblem:
            continue
        if seen.shape[1:] == context.model.preprocessing.size:
            found.append(seen)
        if len(found) == batch:
            break
    return np.stack(found) if found else None


def _found(
    context: Context,
    layers: Sequence[LayerInfo],
    images: Sequence[Known],
    spec: HarvestSpec,
    store: Stored,
    broken: dict[int, str],
    *,
    said: tuple[str, ...],
) -> Generator[Progress, None, Harvest]:
    """Records of the images that all folders hold now."""
    hashes = packed([image.sha256 for image in images])
    where = {layer.name: store.folders[layer.name].where(hashes) for layer in layers}
    recorded = np.flatnonzero(np.all([rows >= 0 for rows in where.values()], axis=0))
    if not len(recorded):
        raise _unreadable(broken)
    digest = hashlib.sha256()
    for i in recorded.tolist():
        digest.update(bytes.fromhex(images[i].sha256))
    sha256 = digest.hexdigest()
    size = context.model.preprocessing.size
    records: dict[str, LayerRecord] = {}
    for layer in layers:
        reader = Reader(store.folders[layer.name].chunks(), where[layer.name][recorded])
        key = {
            **layer_key(context, layer, spec, runner=store.runner), "kind": "harvest-figures",
            "figures": FIGURES_VERSION, "k": spec.k, "images": sha256,
        }  # fmt: skip
        known = context.recall(key)
        if known is not None:
            statistics = Statistics.restored(known)
        else:
            statistics = yield from summarised(
                context, reader, units=layer.units, k=spec.k, text=f"Summarising {layer.name}"
            )
            if context.cache is not None:
                context.cache.put(key, statistics.state())
        records[layer.name] = LayerRecord(
            layer, map_size(layer, size), reader=reader, statistics=statistics
        )
    return Harvest(
        layers=records,
        images=tuple(_harvested(images[i]) for i in recorded.tolist()),
        broken=dict(sorted(broken.items())),
        sha256=sha256,
        partial=bool(store.gone),
        said=(*said, *_not_numbers(records)),
        runners=dict.fromkeys(records, store.runner),
    )


def _not_numbers(records: Mapping[str, LayerRecord]) -> tuple[str, ...]:
    found = []
    for name, record in records.items():
        units = int((record.not_a_number > 0).sum())
        if units:
            things = "unit is" if units == 1 else "units are"
            found.append(
                f"In {name}, {units} {things} not a number in some image: such values are left out."
            )
    return tuple(found)


def _unreadable(broken: Mapping[int, str]) -> ImageProblem:
    return ImageProblem(
        "None of the images at hand can be read.", hint=next(iter(broken.values()), "")
    )


def _harvested(image: Known) -> HarvestedImage:
    entry = image.entry
    return HarvestedImage(
        place=image.place, path=entry.path, sha256=image.sha256, label=entry.label,
        group=entry.group, metadata=entry.metadata,
    )  # fmt: skip
