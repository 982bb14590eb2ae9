"""What an ablation puts in place of a unit: its mean over the images at hand."""

import time
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import see
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem
from interp_gui.core.images import dataset_sha256, image_sha256
from interp_gui.core.layer import LayerInfo


def sample(hashes: Sequence[str], most: int) -> list[int]:
    """Indices of at most `most` images: those whose hashes come first.

    As good as drawn at random from all folders, and the same whatever the images' order and names.
    """
    return sorted(range(len(hashes)), key=lambda i: hashes[i])[:most]


def dataset_means(
    context: Context, layer: LayerInfo, *, most: int
) -> Generator[Progress, None, tuple[NDArray[np.float64], str, int]]:
    """Mean of each unit over at most `most` images (see `sample`) and all positions.

    Computed on the unedited network, so that the baseline does not depend on other edits.

    Returns
    -------
    Means (units,), SHA-256 of the images used, and their number; broken ones are passed over.
    """
    dataset = context.inputs.dataset
    paths = dataset.paths if dataset is not None else ()
    known: list[str] = []
    hashes: list[str] = []
    spoken = time.monotonic()
    for path in paths:
        context.check()
        try:
            hashes.append(image_sha256(path))
            known.append(path)
        except ImageProblem:
            continue
        if time.monotonic() - spoken > 0.1:
            spoken = time.monotonic()
            yield Progress(done=len(known), total=len(paths), text="Identifying images")
    drawn = sample(hashes, most)
    readable = [known[i] for i in drawn]
    source = dataset_sha256(readable)
    key = {
        "kind": "unit-means", "version": 2, "layer": layer.name, "images": source,
        **identity(context), "edits": None,
    }  # fmt: skip
    stored = context.recall(key)
    if stored is not None:
        return np.asarray(stored["means"], np.float64), source, int(stored["count"])
    total, count, partial = np.zeros(layer.units), 0, False
    for done, (path, sha256) in enumerate(zip(readable, (hashes[i] for i in drawn), strict=True)):
        context.check()
        yield Progress(done=done, total=len(readable), text="Averaging over the images at hand")
        try:
            seen = see(context, path)
        except ImageProblem:
            partial = partial or not _still(path, sha256)
            continue
        if not _still(path, sha256):  # afterwards: it may change while it is read
            partial = True
            continue
        value = context.model.forward(
            seen.batch, capture=[layer.name], until=layer.name
        ).captured[layer.name]  # fmt: skip
        others = tuple(i for i in range(value.ndim) if i != layer.unit_axis)
        total += value.astype(np.float64).mean(axis=others)
        count += 1
    if not count:
        raise ImageProblem(
            "None of the images at hand can be read.", hint="Ablate to zero instead."
        )
    means = total / count
    if context.cache is not None and not partial:
        context.cache.put(key, {"means": means, "count": count})
    return means, source, count


def _still(path: str, sha256: str) -> bool:
    """Whether a file is still the one whose hash is known."""
    try:
        return image_sha256(path) == sha256
    except ImageProblem:
        return False
