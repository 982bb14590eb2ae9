"""Values of the layers of two models over the same images, gathered within a bound of memory."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.compare_models.likeness import Sums
from interp_gui.analyses.compare_models.pairing import Pair
from interp_gui.analyses.compare_models.sizes import Common, Layers
from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import preprocess, read_for
from interp_gui.core.runtime import Runtime

Floats = NDArray[np.float32]

PLACES = 8
"""Positions of an image that are looked at, at most, the same in both models."""
MOST_BYTES = 1 << 29
"""What is kept of all layers together."""
MOST_IMAGES = 256
"""Over which layers are compared each with each."""
MOST_LAYERS = 40


@dataclass
class Gathered:
    """What is kept of each layer, by name, and the outputs (images, …) of both models.

    Samples (n, units) and sums are of pairs, by the name of the first layer; means (units,) over
    positions are of the layers that are compared each with each, by image.
    """

    first: dict[str, list[Floats]] = field(default_factory=dict)
    second: dict[str, list[Floats]] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)
    means: tuple[dict[str, list[Floats]], dict[str, list[Floats]]] = field(
        default_factory=lambda: ({}, {})
    )
    outputs: tuple[list[Floats], list[Floats]] = field(default_factory=lambda: ([], []))
    images: int = 0

    def samples(self, pair: Pair) -> tuple[Floats, Floats]:
        """Samples of both layers, in the same order."""
        name = pair.first.name
        return np.concatenate(self.first[name]), np.concatenate(self.second[name])


def kept_images(pairs: Sequence[Pair], wanted: int) -> int:
    """How many images fit into the bound of memory, at most those wanted."""
    an_image = sum(4 * PLACES * (pair.first.units + pair.second.units) for pair in pairs)
    return max(8, min(wanted, MOST_BYTES // max(an_image, 1)))


def each_with_each(layers: Layers) -> list[LayerInfo]:
    """Layers of a model that are compared with all of another one's: those worth looking at."""
    layers = [layer for layer in layers if layer.units]
    return [layer for layer in layers if layer.worthwhile] or layers[:MOST_LAYERS]


def gather(
    context: Context, other: Runtime, pairs: Sequence[Pair], images: Sequence[Known],
    broken: dict[int, str], gathered: Gathered, *, common: Common,
) -> Generator[Progress, None, None]:  # fmt: skip
    """Run both models on each image, each with its own preprocessing or both with one's."""
    rng = np.random.default_rng(context.inputs.seed)
    models = (context.model, other)
    wide = [each_with_each(layers) for layers in common.layers]
    asked = [
        tuple(dict.fromkeys([*(_side(pair, side).name for pair in pairs),
                             *(layer.name for layer in wide[side])]))
        for side in (0, 1)
    ]  # fmt: skip
    for done, image in enumerate(images):
        context.check()
        yield Progress(done=done, total=len(images), text="Running both models")
        try:
            batches = [batch_for(m, image.entry.path, common.like or m) for m in models]
        except ImageProblem as problem:
            broken[image.place] = problem.message
            continue
        found = [model.forward(batch, capture=names)
                 for model, batch, names in zip(models, batches, asked, strict=True)]  # fmt: skip
        sizes = [(batch.shape[2], batch.shape[3]) for batch in batches]
        for side in (0, 1):
            gathered.outputs[side].append(next(iter(found[side].outputs.values()))[0])
            if gathered.images >= MOST_IMAGES:
                continue
            for layer in wide[side]:
                maps = unit_maps(found[side].captured[layer.name], layer, sizes[side])[0]
                gathered.means[side].setdefault(layer.name, []).append(maps.mean(axis=(1, 2)))
        for pair in pairs:
            name = pair.first.name
            a, b = found[0].captured[name], found[1].captured[pair.second.name]
            if pair.same_shape and a.shape == b.shape:
                gathered.sums.setdefault(name, Sums()).add(a, b)
            picked = _picked(
                unit_maps(a, pair.first, sizes[0])[0], unit_maps(b, pair.seen_as, sizes[1])[0], rng
            )
            gathered.first.setdefault(name, []).append(picked[0])
            gathered.second.setdefault(name, []).append(picked[1])
        gathered.images += 1


def batch_for(model: Runtime, path: str, as_for: Runtime) -> Floats:
    """An image (1, C, H, W) for a model, in the preprocessing of itself or of the other one."""
    preprocessing = as_for.preprocessing
    batch: Floats = preprocess(read_for(path, preprocessing), preprocessing)[None]
    if batch.shape[1] != len(model.preprocessing.mean):
        raise InvalidValue(
            "The two models look at other numbers of planes.",
            hint="Give each its own preprocessing.",
        )
    return batch


def _side(pair: Pair, side: int) -> LayerInfo:
    return pair.second if side else pair.first


def _picked(a: Floats, b: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A few positions of both, the same ones; the mean over positions where grids differ."""
    if a.shape[1:] != b.shape[1:]:
        return a.mean(axis=(1, 2))[None], b.mean(axis=(1, 2))[None]
    count = a.shape[1] * a.shape[2]
    places = rng.permutation(count)[: min(PLACES, count)]
    return (
        np.ascontiguousarray(a.reshape(len(a), -1)[:, places].T),
        np.ascontiguousarray(b.reshape(len(b), -1)[:, places].T),
    )
