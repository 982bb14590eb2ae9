"""One pass over the images at hand that records what every unit of many layers responds to."""

import hashlib
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from interp_gui.analyses.asked import run_edited
from interp_gui.analyses.real_examples.streaming import UnitStatistics
from interp_gui.analyses.unit_maps import map_size, unit_maps
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.images import image_sha256, read_image
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.runtime import Array, batches

SURVEY_VERSION = 1
"""Raised whenever the same images would give other records; part of cache keys."""

SAVE_EVERY_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What the pass found.

    Parameters
    ----------
    layers
        Statistics by layer name; item i is the i-th path.
    grids
        Rows and columns of each layer's maps; positions count row by row.
    paths
        All images of the dataset in its order, also those that cannot be read.
    broken
        Sentence for each image that was left out, by index.
    sha256
        Hash of the readable images in their order.
    """

    layers: dict[str, UnitStatistics]
    grids: dict[str, tuple[int, int]]
    paths: tuple[str, ...]
    broken: dict[int, str]
    sha256: str

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence about images that were left out, if any were."""
        if not self.broken:
            return ()
        shown = "; ".join(list(self.broken.values())[:5])
        more = f"; and {len(self.broken) - 5} more" if len(self.broken) > 5 else ""
        return (f"{len(self.broken)} image(s) left out: {shown}{more}",)


def identity(context: Context) -> dict[str, Any]:
    """What a value computed by the model depends on, as part of cache keys."""
    model = context.model.description
    return {
        "weights": model.weights_sha256,
        "architecture": model.architecture,
        "library": model.library,
        "config": model.config,
        "runtime": type(context.model).__name__,
        "device": context.model.device,
        "preprocessing": msgspec.to_builtins(context.model.preprocessing),
        "edits": msgspec.to_builtins(msgspec.json.decode(context.inputs.edits.to_json())),
    }


def fetch(context: Context, key: dict[str, Any]) -> dict[str, Any] | None:
    """What the cache holds under a key, None if nothing does or there is no cache."""
    if context.cache is None:
        return None
    try:
        return context.cache.get(key)
    except KeyError:
        return None


def automatic_batch(device: str) -> int:
    """Images a step: few on a CPU, where a step has to stay short."""
    return 4 if device == "cpu" else 32


def survey(
    context: Context, layers: Sequence[LayerInfo], *, k: int, batch: int = 0
) -> Generator[Progress | Saved, None, Survey]:
    """Record for every unit of `layers` its strongest images and its statistics.

    Layers that the cache knows for these images are not computed again; the rest take one pass
    together. Images that cannot be decoded are left out and listed. Memory holds one batch's
    values and the records, whatever the number of images.

    Parameters
    ----------
    k
        Strongest images kept a unit.
    batch
        Images a step, 0 for a number that suits the device. Batches are aligned to the dataset's
        start, so that an interrupted pass repeats the same ones.
    """
    dataset = context.inputs.dataset
    if dataset is None or not dataset.images:
        raise InvalidValue("Images at hand are needed.", hint="Open a folder of images first.")
    paths = dataset.paths
    batch = batch or automatic_batch(context.model.device)
    broken, digest = yield from _hashed(context, paths)
    keys = {
        layer.name: {
            "kind": "unit-survey", "version": SURVEY_VERSION, "layer": layer.name, "k": k,
            "batch": batch, "images": digest, **identity(context),
        }
        for layer in layers
    }  # fmt: skip
    found: dict[str, UnitStatistics] = {}
    for layer in layers:
        stored = fetch(context, keys[layer.name])
        if stored is not None:
            found[layer.name] = UnitStatistics.restored(stored)
            broken |= {int(i): str(text) for i, text in stored["broken"].items()}
    missing = [layer for layer in layers if layer.name not in found]
    if missing:
        made = yield from _pass(context, missing, paths, broken, digest, k=k, batch=batch)
        for layer in missing:
            if context.cache is not None:
                listed = {str(i): text for i, text in broken.items()}
                value = {**made[layer.name].state(), "broken": listed}
                context.cache.put(keys[layer.name], value)
        found |= made
    if all(statistics.seen == 0 for statistics in found.values()):
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(broken.values()), "")
        )
    size = context.model.preprocessing.size
    grids = {layer.name: map_size(layer, size) for layer in layers}
    return Survey(layers=found, grids=grids, paths=paths, broken=broken, sha256=digest)


def _hashed(
    context: Context, paths: tuple[str, ...]
) -> Generator[Progress, None, tuple[dict[int, str], str]]:
    broken: dict[int, str] = {}
    digest = hashlib.sha256()
    spoken = time.monotonic()
    for i, path in enumerate(paths):
        context.check()
        try:
            digest.update(image_sha256(path).encode())
        except ImageProblem as problem:
            broken[i] = problem.message
            digest.update(b"-")
        if time.monotonic() - spoken > 0.1:
            spoken = time.monotonic()
            yield Progress(done=i, total=len(paths), text="Identifying images")
    return broken, digest.hexdigest()


def _pass(
    context: Context,
    layers: Sequence[LayerInfo],
    paths: tuple[str, ...],
    broken: dict[int, str],
    digest: str,
    *,
    k: int,
    batch: int,
) -> Generator[Progress | Saved, None, dict[str, UnitStatistics]]:
    names = [layer.name for layer in layers]
    tag = {"images": digest, "layers": names, "k": k, "batch": batch, **identity(context)}
    made = {layer.name: UnitStatistics(layer.units, k) for layer in layers}
    start = 0
    state = (context.state or {}).get("survey")
    if state is not None and state["tag"] == tag:
        start = int(state["done"])
        made = {name: UnitStatistics.restored(state["layers"][name]) for name in names}
        broken |= {int(i): text for i, text in state["broken"].items()}
    size = context.model.preprocessing.size
    last = max(layers, key=lambda layer: layer.depth).name
    saved = time.monotonic()
    for step in batches(len(paths), batch):
        if step.stop <= start:
            continue
        context.check()
        yield Progress(done=step.start, total=len(paths), text="Looking at all images")
        items, inputs = _decoded(context, paths, step, broken)
        if items:
            captured = run_edited(context, np.stack(inputs), capture=names, until=last).captured
            for layer in layers:
                maps = unit_maps(captured[layer.name], layer, size)
                made[layer.name].update(maps, np.array(items, np.int64))
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            yield Saved(state={"survey": _state(tag, step.stop, made, broken)})
    yield Progress(done=len(paths), total=len(paths), text="Looking at all images")
    return made


def _state(
    tag: dict[str, Any], done: int, made: dict[str, UnitStatistics], broken: dict[int, str]
) -> dict[str, Any]:
    return {
        "tag": tag,
        "done": done,
        "layers": {name: statistics.state() for name, statistics in made.items()},
        "broken": {str(i): text for i, text in broken.items()},
    }


def _decoded(
    context: Context, paths: tuple[str, ...], step: range, broken: dict[int, str]
) -> tuple[list[int], list[Array]]:
    items: list[int] = []
    inputs: list[Array] = []
    for i in step:
        if i in broken:
            continue
        try:
            inputs.append(preprocess(read_image(paths[i]), context.model.preprocessing))
        except ImageProblem as problem:
            broken[i] = problem.message
            continue
        items.append(i)
    return items, inputs
