"""How the Target changes, to first order, when a direction is added everywhere in a layer.

With g the gradient of the Target with respect to a layer's value and v a direction, adding ε·v at
every position changes the Target by ε·Σ g·v: one vector an image, Σ g, gives the derivative along
every direction at once.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import see
from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.gradients import layer_gradient
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem
from interp_gui.core.layer import LayerInfo
from interp_gui.core.target import Target

VERSION = 1
"""Raised whenever the same image would give other numbers; part of cache keys."""
POSITIONS = 16
"""Vectors kept of each image, to tell how the layer varies."""
Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Slopes:
    """What images say of one layer.

    Parameters
    ----------
    slope
        (N, C) sum over positions of the Target's gradient.
    vectors
        (M, C) some of the layer's vectors.
    """

    slope: Doubles
    vectors: Doubles

    def along(self, vectors: Doubles) -> Doubles:
        """Derivative of each image's Target along each of k directions: (k, N)."""
        found: Doubles = np.atleast_2d(vectors) @ self.slope.T
        return found


def slopes(
    context: Context, images: Sequence[Known], layer: LayerInfo, target: Target,
    broken: dict[int, str],
) -> Generator[Progress, None, tuple[list[Known], Slopes]]:  # fmt: skip
    """The slopes of all images that can be read, and which these are; one pass an image."""
    kept: list[Known] = []
    slope: list[Doubles] = []
    vectors: list[Doubles] = []
    for done, image in enumerate(images):
        context.check()
        yield Progress(done=done, total=len(images), text=f"Differentiating at {layer.name}")
        try:
            own_slope, own_vectors = _of_image(context, image, layer, target)
        except ImageProblem as problem:
            broken[image.place] = problem.message
            continue
        kept.append(image)
        slope.append(own_slope)
        vectors.append(own_vectors)
    if not kept:
        raise ImageProblem("None of the images can be read.", hint=next(iter(broken.values()), ""))
    return kept, Slopes(slope=np.stack(slope), vectors=np.concatenate(vectors))


def random_directions(
    vectors: Doubles, count: int, kind: str, random: np.random.Generator
) -> Doubles:
    """Directions of length 1, (count, C).

    `covariance`: normally distributed with the covariance of `vectors` (sums of them about their
    mean, weighted at random). `isotropic`: every direction is as likely.
    """
    drawn = random.standard_normal((count, vectors.shape[1]))
    if kind == "covariance":
        centred = vectors - vectors.mean(axis=0)
        if centred.any():
            drawn = random.standard_normal((count, len(centred))) @ centred
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    unit: Doubles = drawn / np.where(lengths > 0, lengths, 1.0)
    return unit


def _of_image(
    context: Context, image: Known, layer: LayerInfo, target: Target
) -> tuple[Doubles, Doubles]:
    key = {
        "kind": "target-slope", "version": VERSION, "image": image.sha256, "layer": layer.name,
        "target": msgspec.to_builtins(target), **identity(context),
    }  # fmt: skip
    stored = context.recall(key)
    if stored is None:
        seen = see(context, image.entry.path)
        found = layer_gradient(context, seen.batch, layer, target)
        axis = layer.unit_axis
        rows = np.moveaxis(found.value, axis, -1).reshape(-1, layer.units)
        places = np.unique(np.linspace(0, len(rows) - 1, POSITIONS).round().astype(int))
        others = tuple(i for i in range(found.gradient.ndim) if i != axis)
        stored = {
            "slope": found.gradient.astype(np.float64).sum(axis=others),
            "vectors": rows[places],
        }
        if context.cache is not None:
            context.cache.put(key, stored)
    return np.asarray(stored["slope"], np.float64), np.asarray(stored["vectors"], np.float64)
