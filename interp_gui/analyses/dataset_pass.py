"""What analyses of a whole dataset share: which images, in which order, decoded batch by batch."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.analysis import Context, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.images import image_sha256
from interp_gui.core.planes import Planes
from interp_gui.core.preprocessing import read_for

_REASONS = 3
"""So many reasons for leaving images out are named."""
_SPEAK_EVERY_S = 0.1


@dataclass(frozen=True)
class Known:
    """An image that can be read.

    Parameters
    ----------
    place
        In the dataset.
    sha256
        Of the file's bytes.
    truth
        Class that it should get, −1 where that is not known.
    """

    place: int
    entry: ImageEntry
    sha256: str
    truth: int


def images_at_hand(context: Context) -> Dataset:
    """The dataset; InvalidValue if there is none."""
    dataset = context.inputs.dataset
    if dataset is None or not dataset.images:
        raise InvalidValue("Images at hand are needed.", hint="Open a folder of images first.")
    return dataset


def identified(
    context: Context, broken: dict[int, str], *, labelled: bool = False
) -> Generator[Progress, None, list[Known]]:
    """The readable images of the dataset in its order, with their hashes.

    Parameters
    ----------
    broken
        Takes a sentence for each file that is gone, by its place.
    labelled
        Leave out those whose class is not known.
    """
    dataset = images_at_hand(context)
    found: list[Known] = []
    spoken_s = time.monotonic()
    for place, entry in enumerate(dataset.images):
        truth = dataset.true_class(entry)
        if truth is None and labelled:
            continue
        context.check()
        try:
            sha256 = image_sha256(entry.path)
        except ImageProblem as problem:
            broken[place] = problem.message
            continue
        found.append(Known(place, entry, sha256, -1 if truth is None else truth))
        if time.monotonic() - spoken_s > _SPEAK_EVERY_S:
            spoken_s = time.monotonic()
            yield Progress(done=place, total=len(dataset.images), text="Identifying images")
    return found


def sampled(images: Sequence[Known], count: int, *, seed: int, stratified: bool) -> list[Known]:
    """At most `count` images, drawn by their content: the same whatever their names and order.

    Parameters
    ----------
    stratified
        Take turns among the labels, so that each has its share.
    """
    drawn = sorted(images, key=lambda image: (_lot(image.sha256, seed), image.place))
    if stratified:
        turns: dict[str, int] = defaultdict(int)
        keyed: list[tuple[int, int, Known]] = []
        for position, image in enumerate(drawn):
            keyed.append((turns[image.entry.label], position, image))
            turns[image.entry.label] += 1
        keyed.sort(key=lambda each: each[:2])
        drawn = [image for _, _, image in keyed]
    return drawn[:count]


def decoded(
    context: Context, images: Sequence[Known], broken: dict[int, str]
) -> list[tuple[Known, Planes]]:
    """Those of `images` that can be decoded; the others are added to `broken`.

    A file that is no longer the one whose hash is known is among the others: nothing may be kept
    under that hash.
    """
    found = []
    for image in images:
        if image.place in broken:
            continue
        try:
            pixels = read_for(image.entry.path, context.model.preprocessing)
        except ImageProblem as problem:
            broken[image.place] = changed(image) or problem.message
            continue
        said = changed(image)  # afterwards: it may change while it is read
        if said:
            broken[image.place] = said
        else:
            found.append((image, pixels))
    return found


def changed(image: Known) -> str:
    """Why a file is no longer the one whose hash is known; empty where it still is."""
    try:
        same = image_sha256(image.entry.path) == image.sha256
    except ImageProblem as problem:
        return problem.message
    return "" if same else f"'{image.entry.name}' has changed while the images were read."


def stacks(inputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Inputs (C, h, w) as one batch, or as one each where their sizes differ."""
    if len({each.shape for each in inputs}) > 1:
        return [each[None] for each in inputs]
    return [np.stack(inputs)] if inputs else []


def broken_notes(broken: dict[int, str]) -> tuple[str, ...]:
    """A sentence about images that were left out, if any were; one example a reason."""
    if not broken:
        return ()
    alike: dict[str, list[str]] = {}
    for text in broken.values():  # "'name' is truncated."
        alike.setdefault(text.rpartition("'")[2], []).append(text.rstrip("."))
    examples = [
        f"{texts[0]} ({len(texts) - 1} more alike)" if len(texts) > 1 else texts[0]
        for texts in alike.values()
    ]
    shown = "; ".join(examples[:_REASONS])
    more = f"; and {len(examples) - _REASONS} more" if len(examples) > _REASONS else ""
    things = "image" if len(broken) == 1 else "images"
    return (f"{len(broken)} {things} left out: {shown}{more}.",)


def truth_provenance(context: Context, images: Sequence[Known]) -> dict[str, Any]:
    """What a recipe adds where it counts which answers are right.

    `classes`, the class of each label, makes a replay count alike; `truth_sha256`, over the
    images' hashes with their classes, tells whether it did.
    """
    digest = hashlib.sha256()
    for line in sorted(f"{image.sha256} {image.truth}\n" for image in images):
        digest.update(line.encode())
    return {"classes": dict(images_at_hand(context).classes), "truth_sha256": digest.hexdigest()}


def _lot(sha256: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
