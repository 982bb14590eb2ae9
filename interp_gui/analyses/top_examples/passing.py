"""Peaks of features from the cache, or by a pass that can be stopped and gone on with."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.decoding import input_decoder
from interp_gui.analyses.passes import MEMORY_SHORT, Route, choose_route, known_route
from interp_gui.analyses.real_examples.survey import MOST_SHARED, SAVE_EVERY_S
from interp_gui.analyses.top_examples.peaks import (
    PeakPass,
    Peaks,
    digest_of,
    layers_of,
    peaks_of,
    record_key,
)
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.feature import Feature
from interp_gui.core.runtime import Array


@dataclass(frozen=True, kw_only=True)
class Passed:
    """Outcome of `passed`: peaks by the feature's text, and what has to be said of them."""

    peaks: dict[str, Peaks]
    broken: dict[int, str]
    partial: bool = False
    said: tuple[str, ...] = ()


def passed(
    context: Context,
    features: Sequence[Feature],
    images: Sequence[Known],
    broken: dict[int, str],
    *,
    batch: int,
) -> Generator[Progress | Saved, None, Passed]:
    """Values of features in all images: from the cache, and the rest by one pass together."""
    dataset = context.inputs.dataset
    count = len(dataset.images) if dataset is not None else 0
    digest = digest_of(images)
    found: dict[str, Peaks] = {}
    broken = dict(broken)

    def recall(runner: str) -> list[Feature]:
        for feature in features:
            if feature.text in found:
                continue
            key = record_key(context, feature, digest, batch=batch, runner=runner)
            kept = context.recall(key)
            if kept is not None:
                found[feature.text] = peaks_of(kept, images, count, runner=runner)
                listed = {int(i): str(text) for i, text in kept["broken"].items()}
                broken.update({images[i].place: text for i, text in listed.items()})
        return [feature for feature in features if feature.text not in found]

    missing = recall("")
    layers = layers_of(context, missing)
    quick = known_route(context, layers) if missing else None
    said: tuple[str, ...] = ()
    if quick is not None:
        missing, said = recall(quick.runner), quick.notes
    if not missing:
        return Passed(peaks=found, broken=broken, said=said)
    done = yield from _made(context, missing, images, broken, digest, batch=batch)
    route = done.route
    index = {image.place: str(i) for i, image in enumerate(images)}
    listed = {index[p]: text for p, text in done.broken.items() if p in index}
    for feature in missing:
        kept = done.record(feature)
        found[feature.text] = peaks_of(kept, images, count, runner=route.runner)
        if context.cache is not None and not done.gone:
            key = record_key(context, feature, digest, batch=batch, runner=route.runner)
            context.cache.put(key, {**kept, "broken": listed})
    return Passed(
        peaks=found, broken={**broken, **done.broken}, partial=bool(done.gone),
        said=route.notes or said,
    )  # fmt: skip


def _made(
    context: Context,
    features: Sequence[Feature],
    images: Sequence[Known],
    broken: dict[int, str],
    digest: str,
    *,
    batch: int,
) -> Generator[Progress | Saved, None, PeakPass]:
    """A pass at its end: by the maps that are kept, and the network for what they leave."""
    layers = layers_of(context, features)

    def planned(route: Route) -> PeakPass:
        return PeakPass(context, features, images, broken, batch=batch, route=route)

    def first() -> Array | None:
        paths = [image.entry.path for image in images[:batch]]
        taken = input_decoder(context.model, paths, ahead=0).take(range(len(paths)), context.check)
        return np.stack(taken.inputs) if taken.inputs else None

    asked: PeakPass | None = None
    quick = known_route(context, layers)
    if quick is not None:  # its network may have to be exported first: perhaps without need
        asked = planned(quick)
        while asked.advance_kept(context):
            context.check()
            yield Progress(done=asked.done, total=len(images), text="Looking at all images")
        if asked.finished:
            return asked
    route = yield from choose_route(context, layers, images=len(images), first=first)
    if asked is not None and asked.route.runner == route.runner:
        asked.route = route
    else:
        asked = planned(route)
    tag = _tag(context, features, digest, batch, route.runner)
    return (yield from _driven(context, asked, tag))


def _tag(
    context: Context, features: Sequence[Feature], digest: str, batch: int, runner: str
) -> dict[str, Any]:
    keys = [record_key(context, f, digest, batch=batch, runner=runner) for f in features]
    # as it is after a way through JSON, so that one that comes back with a state is equal
    tag: dict[str, Any] = msgspec.json.decode(msgspec.json.encode({"peaks": keys}))
    return tag


def _driven(
    context: Context, asked: PeakPass, tag: dict[str, Any]
) -> Generator[Progress | Saved, None, PeakPass]:
    """Drive a pass to its end: the one asked for, or the same one if it is under way already."""
    shared = context.cache.in_progress if context.cache is not None else {}
    name = msgspec.json.encode(tag).decode()
    driven: PeakPass = shared.setdefault(name, asked)
    while len(shared) > MOST_SHARED:
        shared.pop(next(iter(shared)))
    state = (context.state or {}).get("peaks")
    if state is not None and state["tag"] == tag and state["done"] > driven.done:
        driven.restore(state)
    saved = time.monotonic()
    while True:
        context.check()
        yield Progress(done=driven.done, total=len(driven.images), text="Looking at all images")
        if driven.finished:  # asked behind the yield: another run may have driven it meanwhile
            break
        try:
            driven.advance(context)
        except MEMORY_SHORT:
            shared.pop(name, None)
            raise
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            yield Saved(state={"peaks": {"tag": tag, **driven.state()}})
    shared.pop(name, None)
    return driven
