"""Random directions that a direction stands beside: what chance makes of the same examples.

A concept's direction bears the marks of how it was made: of which images, pooled and fitted how.
Random directions that bear the same marks are those of its examples with their labels dealt at
random. Directions drawn from anything else answer another question, and p is wrong by them.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from interp_gui.analyses.concept.collecting import collect
from interp_gui.analyses.concept.fitting import Space, weights_of
from interp_gui.analyses.concept.judging import Groups, Labels, shuffled
from interp_gui.analyses.concept.pooling import has_vector
from interp_gui.analyses.concept.reading import read_vectors
from interp_gui.analyses.concept.settings import Method, Pooling
from interp_gui.analyses.concept_sensitivity.asked import Direction
from interp_gui.analyses.concept_sensitivity.derivatives import Doubles, random_directions
from interp_gui.analyses.concept_sensitivity.settings import Parameters
from interp_gui.core.analysis import Context, Progress

_POOLINGS: tuple[Pooling, ...] = ("mean", "maximum", "class-token")
_METHODS: tuple[Method, ...] = ("mean-difference", "probe")
_SAME = 0.999
"""Cosine from which on a direction is surely made so."""
_OWN = 0.8
"""Cosine from which on it is made of these examples, be it with other settings."""
_SPEAK_EVERY = 8
_METHOD_WORDS = {"mean-difference": "from mean to mean", "probe": "as a logistic regression"}
_POOLING_WORDS = {
    "mean": "of means over places", "maximum": "of maxima over places",
    "class-token": "of class tokens",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Chance:
    """Random directions and how they came.

    Parameters
    ----------
    directions
        (n, C) of length 1.
    note
        A sentence or two.
    """

    directions: Doubles
    note: str


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to make a direction of examples.

    Parameters
    ----------
    likeness
        Cosine of the direction made so and of the one asked about.
    """

    method: Method
    pooling: Pooling
    likeness: float
    space: Space
    labels: Labels
    groups: Groups


def by_chance(
    context: Context, direction: Direction, vectors: Doubles, parameters: Parameters
) -> Generator[Progress, None, Chance]:
    """Random directions: of the examples given, made as the direction itself; else drawn.

    Parameters
    ----------
    vectors
        (M, C) what the layer holds for the images asked about.
    """
    random = np.random.default_rng([context.inputs.seed, 3])
    way = None
    if context.inputs.examples:
        way = yield from way_of(context, direction)
    if way is None:
        drawn = random_directions(vectors, parameters.controls, parameters.random, random)
        return Chance(directions=drawn, note=_drawn_note(parameters))
    made = []
    for index in range(parameters.controls):
        context.check()
        labels = shuffled(way.labels, way.groups, random)
        made.append(way.space.direction(weights_of(way.space.points, labels, way.method)))
        if index % _SPEAK_EVERY == 0:
            yield Progress(done=index, total=parameters.controls, text="Dealing labels")
    rows = np.asarray(made, np.float64).reshape(len(made), direction.layer.units)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Doubles = rows / np.where(lengths > 0, lengths, 1.0)
    return Chance(directions=unit, note=_dealt_note(direction, way))


def way_of(context: Context, direction: Direction) -> Generator[Progress, None, Way | None]:
    """How the direction is made of the examples, told by making it in every way.

    A direction that comes out in none is none of theirs: then it is the plainest way, whose
    `likeness` tells. None where the examples all look the same to the layer.
    """
    collected = yield from collect(context)
    tried: list[Way] = []
    for pooling in _POOLINGS:
        if not has_vector(direction.layer, pooling):
            continue
        kept, vectors = yield from read_vectors(context, collected, [direction.layer], pooling)
        values = vectors[direction.layer.name]
        if not np.isfinite(values).all():
            continue
        space = Space(values)
        if space.nothing:
            continue
        for method in _METHODS:
            made = space.direction(weights_of(space.points, kept.labels, method))
            tried.append(
                Way(
                    method=method, pooling=pooling, likeness=_cosine(made, direction.vector),
                    space=space, labels=kept.labels, groups=kept.groups,
                )
            )  # fmt: skip
        if max(way.likeness for way in tried) > _SAME:
            break
    if not tried:
        return None
    best = max(tried, key=lambda way: way.likeness)
    return best if best.likeness >= _OWN else tried[0]


def _cosine(one: Doubles, other: Doubles) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0


def _dealt_note(direction: Direction, way: Way) -> str:
    name = direction.feature.title
    how = f"{_METHOD_WORDS[way.method]} {_POOLING_WORDS[way.pooling]}"
    if way.likeness >= _OWN:
        return (
            f"Random directions are made as {name} ({how}), of its own examples with labels dealt "
            "at random."
        )
    return (
        f"{name} is not made of the examples given. Random directions are those of the examples "
        f"with labels dealt at random ({how}), and p says how {name} stands among these."
    )


def _drawn_note(parameters: Parameters) -> str:
    how = (
        "as the layer's vectors for these images vary" if parameters.random == "covariance"
        else "all alike"
    )  # fmt: skip
    return (
        f"Random directions are drawn {how}, of equal length. For a direction made of other "
        "images, as a concept is, p can be far too small by them: give its examples, and it is "
        "told from random labels of these."
    )
