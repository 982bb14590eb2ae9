"""A harvest: what is on disk is taken, what is not is recorded first."""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interp_gui.analyses.dataset_pass import Known, identified, images_at_hand
from interp_gui.analyses.harvest.folder import LayerFolder
from interp_gui.analyses.harvest.reading import Reader
from interp_gui.analyses.harvest.record import Harvest, HarvestedImage, LayerRecord
from interp_gui.analyses.harvest.recording import Recording
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.harvest.statistics import FIGURES_VERSION, Statistics, summarised
from interp_gui.analyses.harvest.wanted import Wanted, require_room, row_bytes
from interp_gui.analyses.passes import (
    MEMORY_SHORT,
    batch_notes,
    batch_size,
    choose_route,
    halved,
    identity,
    onnx_name,
)
from interp_gui.analyses.unit_maps import map_size, require_units
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import load_input
from interp_gui.core.runtime import Array
from interp_gui.runtimes.faster.setting import runtime_setting
from interp_gui.runtimes.torch_runtime import TorchRuntime

HARVEST_VERSION = 1
"""Raised whenever the same image would give another record; part of keys."""

_AT_ONCE = 5000


def harvest(
    context: Context,
    layers: Sequence[LayerInfo],
    spec: HarvestSpec,
    *,
    batch: int = 0,
    part_of: int = 0,
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
    part_of
        Images that will be recorded in all, where those at hand are the first of them: what
        computes is chosen for so many.

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
    wanted = Wanted((yield from identified(context, broken)))
    if not len(wanted):
        raise _unreadable(broken)
    step = batch_size(context, batch)
    while True:
        try:
            store = yield from _filled(
                context, layers, wanted, spec, batch=step, count=max(part_of, len(wanted))
            )
            break
        except MEMORY_SHORT as problem:
            step = halved(context, step, problem)
    broken |= store.broken
    return (
        yield from _found(
            context, layers, wanted, spec, store, broken,
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
    """Folders that hold what is asked for, by layer, and what filled each."""

    folders: dict[str, LayerFolder] = field(default_factory=dict)
    runners: dict[str, str] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    recorded: int = 0

    @property
    def said(self) -> tuple[str, ...]:
        """What has to be said of how they were filled."""
        found = (line for folder in self.folders.values() for line in folder.said)
        return tuple(dict.fromkeys(found))


def opened(context: Context, layer: LayerInfo, spec: HarvestSpec, *, runner: str) -> LayerFolder:
    """A layer's folder, in use until it is forgotten."""
    return LayerFolder(context.folder_of(layer_key(context, layer, spec, runner=runner)))


def at_hand(
    context: Context, layers: Sequence[LayerInfo], wanted: Wanted, spec: HarvestSpec
) -> Generator[Progress, None, Stored]:
    """Those layers that are recorded for all images already, by whichever runner."""
    found = Stored()
    for layer in layers:
        context.check()
        yield Progress(text="Looking up what is recorded")
        for runner in runners(context):
            context.check()
            folder = opened(context, layer, spec, runner=runner)
            broken: dict[int, str] = {}
            if not wanted.lacking([folder], broken).any():
                found.folders[layer.name], found.runners[layer.name] = folder, runner
                found.broken |= broken
                break
    return found


def runners(context: Context) -> tuple[str, ...]:
    """What may have filled a folder."""
    elsewhere = runtime_setting() != "torch" and not context.inputs.edits.active
    return ("", onnx_name()) if elsewhere and isinstance(context.model, TorchRuntime) else ("",)


def _filled(
    context: Context,
    layers: Sequence[LayerInfo],
    wanted: Wanted,
    spec: HarvestSpec,
    *,
    batch: int,
    count: int,
) -> Generator[Progress, None, Stored]:
    """Folders that hold all images, after a pass over those that were not there."""
    found = yield from at_hand(context, layers, wanted, spec)
    lacking = [layer for layer in layers if layer.name not in found.folders]
    if not lacking:
        return found
    route = yield from choose_route(
        context, lacking, images=count, harvest=True,
        first=lambda: _first(context, wanted.images, batch),
    )  # fmt: skip
    folders = {layer.name: opened(context, layer, spec, runner=route.runner) for layer in lacking}
    needed = sum(
        row_bytes(layer, spec.positions) * int(wanted.lacking([folders[layer.name]]).sum())
        for layer in lacking
    )
    require_room(context, folders, needed)
    recording = Recording(context, route, folders, wanted, spec)
    yield from recording.steps(batch)
    found.folders |= folders
    found.runners |= dict.fromkeys(folders, route.runner)
    found.broken |= recording.broken
    found.gone |= recording.gone
    found.recorded = recording.recorded
    return found


def _first(context: Context, images: Sequence[Known], batch: int) -> Array | None:
    """The first images that can be decoded, preprocessed."""
    found: list[Array] = []
    for image in images[: 4 * batch]:
        context.check()
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
    wanted: Wanted,
    spec: HarvestSpec,
    store: Stored,
    broken: dict[int, str],
    *,
    said: tuple[str, ...],
) -> Generator[Progress, None, Harvest]:
    """Records of the images that all folders hold now."""
    images = wanted.images
    where = {layer.name: store.folders[layer.name].where(wanted.keys) for layer in layers}
    recorded = np.flatnonzero(np.all([rows >= 0 for rows in where.values()], axis=0))
    if not len(recorded):
        raise _unreadable(broken)
    digest = hashlib.sha256()
    told: list[HarvestedImage] = []
    for start in range(0, len(recorded), _AT_ONCE):
        context.check()
        yield Progress(done=start, total=len(recorded), text="Listing what is recorded")
        for i in recorded[start : start + _AT_ONCE].tolist():
            digest.update(bytes.fromhex(images[i].sha256))
            told.append(_harvested(images[i]))
    sha256 = digest.hexdigest()
    size = context.model.preprocessing.size
    records: dict[str, LayerRecord] = {}
    for layer in layers:
        reader = Reader(store.folders[layer.name].chunks(), where[layer.name][recorded])
        key = {
            **layer_key(context, layer, spec, runner=store.runners[layer.name]),
            "kind": "harvest-figures", "figures": FIGURES_VERSION, "k": spec.k, "images": sha256,
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
        images=tuple(told),
        broken=dict(sorted(broken.items())),
        sha256=sha256,
        partial=bool(store.gone),
        said=(*said, *_not_numbers(records)),
        runners=store.runners,
        recorded=store.recorded,
        disk_bytes={name: store.folders[name].bytes for name in records},
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
