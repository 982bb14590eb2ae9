"""One pass over the images at hand that records what every unit of many layers responds to."""

import hashlib
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import broken_notes
from interp_gui.analyses.decoding import AHEAD, Decoder, input_decoder
from interp_gui.analyses.passes import (
    MEMORY_SHORT,
    Route,
    batch_notes,
    batch_size,
    choose_route,
    halved,
    identity,
    known_route,
)
from interp_gui.analyses.real_examples.streaming import UnitStatistics
from interp_gui.analyses.unit_maps import map_size, unit_maps
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.images import image_sha256
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Array

SURVEY_VERSION = 1
"""Raised whenever the same images would give other records; part of cache keys."""

SAVE_EVERY_S = 10.0

MOST_SHARED = 3
"""Unfinished passes kept for whoever comes next; each is some megabytes."""


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
    partial
        Whether images of that hash were gone before they were read: what is made of this is not
        what the hash promises, and must not be kept under it.
    said
        What has to be said of how it was computed.
    runners
        What computed each layer's record, by its name, where that was not the model's runtime.
    """

    layers: dict[str, UnitStatistics]
    grids: dict[str, tuple[int, int]]
    paths: tuple[str, ...]
    broken: dict[int, str]
    sha256: str
    partial: bool = False
    said: tuple[str, ...] = ()
    runners: Mapping[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """How it was computed, where that needs saying, and which images were left out."""
        return (*self.said, *broken_notes(self.broken))

    def provenance(self, layer: str) -> dict[str, Any]:
        """What recipes of results about a layer say of how its record was computed."""
        runner = self.runners.get(layer, "")
        return {"runtime": runner} if runner else {}


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
        start, so that an interrupted pass repeats the same ones. Where memory does not take them,
        the pass begins anew with half as many.
    """
    size = batch_size(context, batch)
    while True:
        try:
            found = yield from _survey(context, layers, k=k, batch=size)
        except MEMORY_SHORT as problem:
            size = halved(context, size, problem)
        else:
            return replace(found, said=(*found.said, *batch_notes(context, size, batch)))


def _survey(
    context: Context, layers: Sequence[LayerInfo], *, k: int, batch: int
) -> Generator[Progress | Saved, None, Survey]:
    dataset = context.inputs.dataset
    if dataset is None or not dataset.images:
        raise InvalidValue("Images at hand are needed.", hint="Open a folder of images first.")
    paths = dataset.paths
    broken, digest = yield from hashed(context, paths)
    found: dict[str, UnitStatistics] = {}
    runners: dict[str, str] = {}
    said: tuple[str, ...] = ()

    def recall(runner: str) -> list[LayerInfo]:
        for layer in [each for each in layers if each.name not in found]:
            key = record_key(context, layer, digest, k=k, batch=batch, runner=runner)
            stored = context.recall(key)
            if stored is not None:
                found[layer.name] = UnitStatistics.restored(stored)
                runners[layer.name] = runner
                broken.update({int(i): str(text) for i, text in stored["broken"].items()})
        return [layer for layer in layers if layer.name not in found]

    missing = recall("")
    quick = known_route(context, missing) if missing else None
    if quick is not None:
        missing, said = recall(quick.runner), quick.notes
    partial = False
    if missing:

        def first() -> Array | None:
            decoder = input_decoder(context.model, paths, skip=dict(broken), ahead=0)
            inputs = decoder.take(range(min(batch, len(paths))), context.check).inputs
            return np.stack(inputs) if inputs else None

        route = yield from choose_route(context, missing, images=len(paths), first=first)
        said = route.notes or said
        keys = {
            layer.name: record_key(context, layer, digest, k=k, batch=batch, runner=route.runner)
            for layer in missing
        }
        tag = pass_tag(context, missing, digest, k=k, batch=batch, runner=route.runner)
        asked = Pass(missing, paths, broken, k=k, batch=batch, route=route)
        done = yield from _driven(context, asked, tag)
        runners |= dict.fromkeys(keys, route.runner)
        broken |= done.broken
        partial = bool(done.gone)
        listed = {str(i): text for i, text in broken.items()}
        for layer in missing:
            if context.cache is not None and not partial:
                value = {**done.made[layer.name].state(), "broken": listed}
                context.cache.put(keys[layer.name], value)
        found |= done.made
    if all(statistics.seen == 0 for statistics in found.values()):
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(broken.values()), "")
        )
    size = context.model.preprocessing.size
    grids = {layer.name: map_size(layer, size) for layer in layers}
    return Survey(
        layers=found, grids=grids, paths=paths, broken=broken, sha256=digest, partial=partial,
        said=said, runners=runners,
    )  # fmt: skip


def record_key(
    context: Context, layer: LayerInfo, digest: str, *, k: int, batch: int, runner: str = ""
) -> dict[str, Any]:
    """Content key of one layer's record over the images of a hash, computed by a runner."""
    return {
        "kind": "unit-survey", "version": SURVEY_VERSION, "layer": layer.name, "k": k,
        "batch": batch, "images": digest, **identity(context, runner=runner),
    }  # fmt: skip


def pass_tag(
    context: Context,
    layers: Sequence[LayerInfo],
    digest: str,
    *,
    k: int,
    batch: int,
    runner: str = "",
) -> dict[str, Any]:
    """What a pass is, by which one that is under way is known."""
    names = [layer.name for layer in layers]
    said = {
        "images": digest, "layers": names, "k": k, "batch": batch,
        **identity(context, runner=runner),
    }  # fmt: skip
    # as it is after a way through JSON, so that one that comes back with a state is equal
    tag: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(said))
    return tag


def hashed(
    context: Context, paths: tuple[str, ...]
) -> Generator[Progress, None, tuple[dict[int, str], str]]:
    """Why images cannot be read, by index, and the hash of those that can, in their order."""
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


class Pass:
    """A pass over the images that can be driven by any run that needs its outcome.

    A wall of units asks for examples and for a summary at the same time: both drive one pass,
    and when one of them is cancelled, the other (or the next) goes on where it stood.

    Parameters
    ----------
    layers, k, batch
        What is recorded, and images a step.
    paths, broken
        All images; sentences for those that are known to be unreadable.
    route
        What it runs on; the model's own runtime if None.
    ahead
        Batches that are decoded while the network looks at one.
    """

    def __init__(
        self,
        layers: Sequence[LayerInfo],
        paths: tuple[str, ...],
        broken: dict[int, str],
        *,
        k: int,
        batch: int,
        route: Route | None = None,
        ahead: int = AHEAD,
    ) -> None:
        self.layers = tuple(layers)
        self._route = route if route is not None else Route(layers=self.layers)
        self.paths = paths
        self.broken = dict(broken)  # never another one: the decoder looks into it
        self.gone: set[int] = set()
        """Images that were there at first: a record without them must not pass for theirs."""
        self.made = {layer.name: UnitStatistics(layer.units, k) for layer in layers}
        self.done = 0
        self._batch = batch
        self._ahead = ahead
        self._decoder: Decoder | None = None

    @property
    def finished(self) -> bool:
        """Whether all images were seen."""
        return self.done >= len(self.paths)

    def advance(self, context: Context) -> None:
        """Take in one more batch; nothing is changed if that fails or is cancelled."""
        step = range(self.done, min(self.done + self._batch, len(self.paths)))
        if self._decoder is None:
            self._decoder = input_decoder(
                context.model, self.paths, skip=self.broken, ahead=self._ahead
            )
        taken = self._decoder.take(step, context.check)
        self.broken |= {i: problem.message for i, problem in taken.problems.items()}
        self.gone |= {i for i in taken.problems if is_gone(self.paths[i])}
        if taken.items:
            self._take(context, np.stack(taken.inputs), np.array(taken.items, np.int64))
        self.done = step.stop

    def rest(self) -> None:
        """Decode nothing ahead until it is driven on."""
        if self._decoder is not None:
            self._decoder.stop()

    def _take(self, context: Context, batch: Array, items: NDArray[np.int64]) -> None:
        extremes = self._route.extremes(context, batch)
        if extremes is not None:
            for name, found in extremes.items():
                self.made[name].update_reduced(
                    found.peak, found.position, found.low, found.mean.astype(np.float64), items
                )
            return
        values = self._route.values(context, batch)
        size = context.model.preprocessing.size
        for layer in self.layers:
            self.made[layer.name].update(unit_maps(values[layer.name], layer, size), items)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on elsewhere."""
        return {
            "done": self.done,
            "layers": {name: statistics.state() for name, statistics in self.made.items()},
            "broken": {str(i): text for i, text in self.broken.items()},
            "gone": sorted(self.gone),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.done = int(state["done"])
        self.made = {name: UnitStatistics.restored(state["layers"][name]) for name in self.made}
        self.broken |= {int(i): str(text) for i, text in state["broken"].items()}
        self.gone = {int(i) for i in state.get("gone", ())}


def is_gone(path: str) -> bool:
    """Whether a file can no longer be read at all, whatever it holds."""
    try:
        image_sha256(path)
    except ImageProblem:
        return True
    return False


def _driven(
    context: Context, asked: Pass, tag: dict[str, Any]
) -> Generator[Progress | Saved, None, Pass]:
    """Drive a pass to its end: the one asked for, or the same one if it is under way already."""
    shared = context.cache.in_progress if context.cache is not None else {}
    name = msgspec.json.encode(tag).decode()
    driven: Pass = shared.setdefault(name, asked)
    while len(shared) > MOST_SHARED:
        shared.pop(next(iter(shared)))
    state = (context.state or {}).get("survey")
    if state is not None and state["tag"] == tag and state["done"] > driven.done:
        driven.restore(state)
    try:
        yield from _driving(context, driven, tag)
    except MEMORY_SHORT:
        shared.pop(name, None)
        raise
    finally:
        driven.rest()
    shared.pop(name, None)
    return driven


def _driving(
    context: Context, driven: Pass, tag: dict[str, Any]
) -> Generator[Progress | Saved, None, None]:
    saved = time.monotonic()
    while True:
        context.check()
        yield Progress(done=driven.done, total=len(driven.paths), text="Looking at all images")
        if driven.finished:  # asked behind the yield: another run may have driven it meanwhile
            return
        driven.advance(context)
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            yield Saved(state={"survey": {"tag": tag, **driven.state()}})
