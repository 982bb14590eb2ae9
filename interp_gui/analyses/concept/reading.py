"""What layers hold for each example: one pass an image, kept by content."""

from collections import defaultdict
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import run_edited, see
from interp_gui.analyses.concept.collecting import Collected, Item, check_sides
from interp_gui.analyses.concept.pooling import pooled
from interp_gui.analyses.concept.settings import Pooling
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem
from interp_gui.core.layer import LayerInfo

VERSION = 1
"""Raised whenever the same examples would give other vectors; part of cache keys."""

Vectors = dict[str, NDArray[np.float32]]
"""(N, C) by layer, in the order of the items."""


def read_vectors(
    context: Context, collected: Collected, layers: Sequence[LayerInfo], pooling: Pooling
) -> Generator[Progress, None, tuple[Collected, Vectors]]:
    """The vectors of all examples that can be read, and which these are.

    Images run one at a time, so that no number depends on which others there are.
    """
    by_image: dict[str, list[Item]] = defaultdict(list)
    for item in collected.items:
        by_image[item.sha256].append(item)
    broken = dict(collected.broken)
    kept: list[Item] = []
    rows: dict[str, list[NDArray[np.float32]]] = {layer.name: [] for layer in layers}
    for done, items in enumerate(by_image.values()):
        context.check()
        yield Progress(done=done, total=len(by_image), text="Looking at examples")
        try:
            found = _of_image(context, items, layers, pooling)
        except ImageProblem as problem:
            broken[-1 - done] = problem.message
            continue
        kept += items
        for layer in layers:
            rows[layer.name] += list(found[layer.name])
    readable = collected.keeping(kept, broken)
    labels = readable.labels
    check_sides(int(labels.sum()), int((~labels).sum()), broken=broken)
    return readable, {name: np.stack(vectors) for name, vectors in rows.items()}


def unread(
    context: Context, collected: Collected, layers: Sequence[LayerInfo], pooling: Pooling
) -> list[str]:
    """Paths of the images that the cache knows nothing of."""
    by_image: dict[str, list[Item]] = defaultdict(list)
    for item in collected.items:
        by_image[item.sha256].append(item)
    return [
        items[0].path
        for items in by_image.values()
        if context.recall(_key(context, items, layers, pooling)) is None
    ]


def _of_image(
    context: Context, items: Sequence[Item], layers: Sequence[LayerInfo], pooling: Pooling
) -> dict[str, NDArray[np.float32]]:
    key = _key(context, items, layers, pooling)
    stored = context.recall(key)
    if stored is not None:
        return {layer.name: np.asarray(stored[layer.name]) for layer in layers}
    seen = see(context, items[0].path)
    last = max(layers, key=lambda layer: layer.depth).name
    captured = run_edited(
        context, seen.batch, capture=[layer.name for layer in layers], until=last
    ).captured
    found = {
        layer.name: np.stack(
            [pooled(captured[layer.name], layer, seen.size, item.box, pooling) for item in items]
        )
        for layer in layers
    }
    if context.cache is not None:
        context.cache.put(key, dict(found))
    return found


def _key(
    context: Context, items: Sequence[Item], layers: Sequence[LayerInfo], pooling: Pooling
) -> dict[str, Any]:
    return {
        "kind": "concept-vectors", "version": VERSION, "image": items[0].sha256,
        "boxes": [item.box for item in items], "layers": [layer.name for layer in layers],
        "pooling": pooling, **identity(context),
    }  # fmt: skip
