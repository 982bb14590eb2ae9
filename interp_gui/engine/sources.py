"""Values of other images that edits take, found among the images at hand."""

import time
from collections.abc import Generator
from typing import NamedTuple

from interp_gui.analyses.asked import changes_asked_of
from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.errors import ImageProblem, InvalidValue, UnknownName
from interp_gui.core.lasting import Lasting
from interp_gui.core.planes import Planes
from interp_gui.core.preprocessing import cropped, normalised, read_for
from interp_gui.core.runtime import Array, Runtime
from interp_gui.engine.jobs import Check
from interp_gui.engine.recipes import hashing
from interp_gui.engine.watching import STEP_S, cancelling

_PIXELS = ""
"""In place of a layer's address: an image's pixels are wanted."""


class Borrowed(NamedTuple):
    """What is taken from other images.

    Parameters
    ----------
    values
        Of layers, by layer and image.
    pixels
        What the network sees of an image before normalisation, (h, w, C), by image.
    """

    values: dict[tuple[str, str], Array]
    pixels: dict[str, Planes]


def sources_of(
    model: Runtime,
    inputs: Inputs,
    check: Check,
    *,
    lenient: bool = False,
    lasting: Lasting | None = None,
) -> Generator[Progress, None, Borrowed]:
    """What the edits in force, and the changes of the images asked about, take from others.

    Parameters
    ----------
    lenient
        Leave out what cannot be had; the analysis says which edits cannot run for it.
    lasting
        Where values are kept for the next request.

    Raises
    ------
    InvalidValue
        An image is not at hand.
    UnknownName
        An edit's layer does not exist.
    """
    wanted: dict[str, list[str]] = {}
    for edit in inputs.edits.active:
        if edit.image_source and not (lenient and not _has(model, edit.feature.layer)):
            wanted.setdefault(edit.image_source, []).append(edit.feature.layer)
    for change in changes_asked_of(inputs):
        if change.kind == "swap":
            wanted.setdefault(change.source, []).append(_PIXELS)
    if not wanted:
        return Borrowed({}, {})
    found = yield from _paths(tuple(wanted), inputs, check)
    if not lenient and len(found) < len(wanted):
        raise InvalidValue(
            "An edit takes its value from an image that is not at hand.",
            hint="Open the images that it was made with.",
        )
    sources: dict[tuple[str, str], Array] = {}
    pixels: dict[str, Planes] = {}
    with cancelling(model, check):
        for digest, path in found.items():
            names = [name for name in dict.fromkeys(wanted[digest]) if name != _PIXELS]
            kept = {
                n: lasting.get(model, ("source", n, digest)) for n in names if lasting is not None
            }
            sources.update({(n, digest): v for n, v in kept.items() if v is not None})
            names = [name for name in names if kept.get(name) is None]
            if not names and _PIXELS not in wanted[digest]:
                continue
            try:
                seen = cropped(read_for(path, model.preprocessing), model.preprocessing)
            except ImageProblem:
                if not lenient:
                    raise
                continue
            if _PIXELS in wanted[digest]:
                pixels[digest] = seen
            if not names:
                continue
            batch = normalised(seen, model.preprocessing)[None]
            captured = model.forward(batch, capture=names).captured
            for name in names:
                value = sources[name, digest] = captured[name][0]
                if lasting is not None:
                    key = ("source", name, digest)
                    lasting.put(model, key, value, size_bytes=value.nbytes)
    return Borrowed(sources, pixels)


def _has(model: Runtime, layer: str) -> bool:
    try:
        model.description.layer(layer)
    except (UnknownName, InvalidValue):
        return False
    return True


def _paths(
    wanted: tuple[str, ...], inputs: Inputs, check: Check
) -> Generator[Progress, None, dict[str, str]]:
    """By hash: where an image lies; those that are nowhere are left out."""
    at_hand = (*inputs.images, *inputs.sources, *(inputs.dataset.paths if inputs.dataset else ()))
    missing, found = set(wanted), {}
    told_s = time.monotonic()
    for done, (path, digest) in enumerate(hashing(at_hand)):
        if digest in missing:
            missing.discard(digest)
            found[digest] = path
        if not missing:
            break
        if time.monotonic() - told_s > STEP_S:
            check()
            yield Progress(done=done, total=len(at_hand), text="Looking for an edit's image")
            told_s = time.monotonic()
    return {digest: found[digest] for digest in wanted if digest in found}
