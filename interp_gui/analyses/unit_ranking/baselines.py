"""What an ablation puts in place of a unit: its mean over the images at hand."""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import see
from interp_gui.analyses.real_examples.survey import fetch, identity
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem
from interp_gui.core.images import dataset_sha256
from interp_gui.core.layer import LayerInfo


def spread(count: int, most: int) -> list[int]:
    """At most `most` indices below `count`, evenly spaced and starting with 0."""
    if count <= most:
        return list(range(count))
    return [int(i * count / most) for i in range(most)]


def dataset_means(
    context: Context, layer: LayerInfo, *, most: int
) -> Generator[Progress, None, tuple[NDArray[np.float64], str, int]]:
    """Mean of each unit over at most `most` evenly spaced images and all positions.

    Computed on the unedited network, so that the baseline does not depend on other edits.

    Returns
    -------
    Means (units,), SHA-256 of the images used, and their number; broken ones are passed over.
    """
    dataset = context.inputs.dataset
    paths = dataset.paths if dataset is not None else ()
    chosen = [paths[i] for i in spread(len(paths), most)]
    readable = []
    for path in chosen:
        try:
            dataset_sha256([path])
        except ImageProblem:
            continue
        readable.append(path)
    source = dataset_sha256(readable)
    key = {
        "kind": "unit-means", "version": 1, "layer": layer.name, "images": source,
        **identity(context), "edits": None,
    }  # fmt: skip
    stored = fetch(context, key)
    if stored is not None:
        return np.asarray(stored["means"], np.float64), source, int(stored["count"])
    total, count = np.zeros(layer.units), 0
    for done, path in enumerate(readable):
        context.check()
        yield Progress(done=done, total=len(readable), text="Averaging over the images at hand")
        try:
            seen = see(context, path)
        except ImageProblem:
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
    if context.cache is not None:
        context.cache.put(key, {"means": means, "count": count})
    return means, source, count
