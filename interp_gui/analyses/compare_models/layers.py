"""Values of the layers of two models over the same images, gathered within a bound of memory."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import preprocess, read_for
from interp_gui.core.runtime import Runtime

Floats = NDArray[np.float32]

PLACES = 8
"""Positions of an image that are looked at, at most, the same in both models."""
MOST_BYTES = 1 << 29
"""What is kept of all layers together."""


@dataclass(frozen=True)
class Pair:
    """Two layers that are compared: of the same name, or the best there is."""

    first: LayerInfo
    second: LayerInfo

    @property
    def same_shape(self) -> bool:
        """Whether their values can be subtracted."""
        return (self.first.shape, self.first.axes) == (self.second.shape, self.second.axes)

    @property
    def same_grid(self) -> bool:
        """Whether they have positions in the same places."""
        return self.same_shape or (
            self.first.grid is not None and self.first.grid == self.second.grid
        )


@dataclass
class Gathered:
    """Samples (n, units) of each layer, by name, and the outputs (images, …) of both models."""

    first: dict[str, list[Floats]] = field(default_factory=dict)
    second: dict[str, list[Floats]] = field(default_factory=dict)
    outputs: tuple[list[Floats], list[Floats]] = field(default_factory=lambda: ([], []))
    images: int = 0

    def samples(self, pair: Pair) -> tuple[Floats, Floats]:
        """Samples of both layers, in the same order."""
        return (
            np.concatenate(self.first[pair.first.name]),
            np.concatenate(self.second[pair.second.name]),
        )


def pairs_of(first: Runtime, second: Runtime, *, everything: bool) -> list[Pair]:
    """Layers of the same address in both models, in order of execution.

    Parameters
    ----------
    everything
        All layers instead of those worth looking at.
    """
    others = {layer.name: layer for layer in second.description.layers if layer.units}
    return [
        Pair(layer, others[layer.name])
        for layer in first.description.layers
        if layer.units and layer.name in others and (everything or layer.worthwhile)
    ]


def kept_images(pairs: Sequence[Pair], wanted: int) -> int:
    """How many images fit into the bound of memory, at most those wanted."""
    an_image = sum(4 * PLACES * (pair.first.units + pair.second.units) for pair in pairs)
    return max(8, min(wanted, MOST_BYTES // max(an_image, 1)))


def gather(
    context: Context, other: Runtime, pairs: Sequence[Pair], images: Sequence[Known],
    broken: dict[int, str], gathered: Gathered,
) -> Generator[Progress, None, None]:  # fmt: skip
    """Run both models on each image, each with its own preprocessing."""
    rng = np.random.default_rng(context.inputs.seed)
    for done, image in enumerate(images):
        context.check()
        yield Progress(done=done, total=len(images), text="Running both models")
        try:
            values = [_run(model, image.entry.path, side, pairs)
                      for side, model in enumerate((context.model, other))]  # fmt: skip
        except ImageProblem as problem:
            broken[image.place] = problem.message
            continue
        for side, (_, output) in enumerate(values):
            gathered.outputs[side].append(output)
        for pair in pairs:
            a, b = values[0][0][pair.first.name], values[1][0][pair.second.name]
            picked = _picked(a, b, pair, rng)
            gathered.first.setdefault(pair.first.name, []).append(picked[0])
            gathered.second.setdefault(pair.second.name, []).append(picked[1])
        gathered.images += 1


def _run(
    model: Runtime, path: str, side: int, pairs: Sequence[Pair]
) -> tuple[dict[str, Floats], Floats]:
    """Maps (units, h, w) of one image by layer, and its first output."""
    batch = preprocess(read_for(path, model.preprocessing), model.preprocessing)[None]
    layers = {(pair.first, pair.second)[side].name: (pair.first, pair.second)[side]
              for pair in pairs}  # fmt: skip
    found = model.forward(batch, capture=tuple(layers))
    size: tuple[int, int] = (batch.shape[2], batch.shape[3])
    maps: dict[str, Any] = {
        name: unit_maps(found.captured[name], layer, size)[0] for name, layer in layers.items()
    }
    return maps, next(iter(found.outputs.values()))[0]


def _picked(
    a: Floats, b: Floats, pair: Pair, rng: np.random.Generator
) -> tuple[Floats, Floats]:  # fmt: skip
    """A few positions of both, the same ones; the mean over positions where grids differ."""
    if a.shape[1:] != b.shape[1:]:
        return a.mean(axis=(1, 2))[None], b.mean(axis=(1, 2))[None]
    count = a.shape[1] * a.shape[2]
    places = rng.permutation(count)[: min(PLACES, count)]
    return (
        np.ascontiguousarray(a.reshape(len(a), -1)[:, places].T),
        np.ascontiguousarray(b.reshape(len(b), -1)[:, places].T),
    )
