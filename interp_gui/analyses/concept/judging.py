"""How well a direction tells examples apart that it was not fitted on, against random labels.

The examples are held out part by part, groups whole. Only pairs within one part are compared, so
that the figure of one fit is never mixed with that of another: with random labels it is 0.5 on
average.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.concept.fitting import Doubles, weights_of
from interp_gui.analyses.concept.settings import Method

Labels = NDArray[np.bool_]
Groups = NDArray[np.int64]
_MANY = 10**6


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """Labels of all examples and the part in which each is held out."""

    labels: Labels
    parts: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What examples look like to directions that were fitted without them.

    Parameters
    ----------
    auc
        Share of pairs (one with, one without, held out together) that stand the right way round;
        ties count as half. None where there is no such pair.
    places
        (N,) where each lies between the mean of those without (0) and of those with (1), as the
        direction fitted without it has it; NaN where that is none.
    """

    auc: float | None
    places: Doubles


def parts_of(labels: Labels, groups: Groups, wanted: int, seed: int) -> NDArray[np.int64] | None:
    """The part of each example: groups whole, both labels spread evenly; None if impossible.

    With fewer groups than parts wanted on a side there are as many parts as groups.
    """
    count = min(wanted, len(set(groups[labels])), len(set(groups[~labels])))
    if count < 2:
        return None
    names, places = np.unique(groups, return_inverse=True)
    held = np.stack([np.bincount(places, labels), np.bincount(places, ~labels)], axis=1)
    random = np.random.default_rng([seed, 0])
    order = random.permutation(len(names))
    order = order[np.argsort(-held[order].sum(axis=1), kind="stable")]
    shares = held / held.sum(axis=0)
    filled = np.zeros((count, 2))
    part_of = np.zeros(len(names), np.int64)
    for group in order:
        # the part that is left most even by it: the least growth of the sum of squares
        growth = ((2 * filled + shares[group]) * shares[group]).sum(axis=1)
        part = int(growth.argmin())
        part_of[group] = part
        filled[part] += shares[group]
    found: NDArray[np.int64] = part_of[places]
    return found


def shuffled(labels: Labels, groups: Groups, random: np.random.Generator) -> Labels:
    """Labels dealt out at random, as far as groups allow.

    Groups that are all of one side change sides as a whole; in groups that hold both the labels
    change places within. So the null hypothesis is that the label has nothing to do with what a
    group looks like, not that examples of one group are independent.
    """
    found = labels.copy()
    names = np.unique(groups)
    pure = [g for g in names if labels[groups == g].all() or not labels[groups == g].any()]
    sides = np.array([labels[groups == g][0] for g in pure], bool)
    for group, side in zip(pure, random.permutation(sides), strict=True):
        found[groups == group] = side
    for group in sorted(set(names.tolist()) - {int(g) for g in pure}):
        inside = groups == group
        found[inside] = random.permutation(labels[inside])
    return found


def ways(labels: Labels, groups: Groups) -> int:
    """In how many ways `shuffled` can deal the labels, at most a million."""
    pure: list[bool] = []
    total = 1
    for group in np.unique(groups):
        inside = labels[groups == group]
        if inside.all() or not inside.any():
            pure.append(bool(inside[0]))
        else:
            total *= math.comb(len(inside), int(inside.sum()))
        total = min(total, _MANY)
    return min(_MANY, total * math.comb(len(pure), Counter(pure)[True]))


def deals(labels: Labels, groups: Groups, *, wanted: int, count: int, seed: int) -> Iterator[Dealt]:
    """`count` random deals of the labels, each with parts of its own; the same for one seed."""
    random = np.random.default_rng([seed, 1])
    for index in range(count):
        dealt = shuffled(labels, groups, random)
        parts = parts_of(dealt, groups, wanted, seed + index + 1)
        if parts is not None:
            yield Dealt(labels=dealt, parts=parts)


def held_out(points: Doubles, dealt: Dealt, method: Method, *, ridge: float) -> HeldOut:
    """Fit without each part in turn, and see how the part's examples stand."""
    right, pairs = 0.0, 0
    places = np.full(len(points), np.nan)
    for part in range(int(dealt.parts.max()) + 1):
        held = dealt.parts == part
        known = dealt.labels[~held]
        if known.all() or not known.any():
            continue
        weights = weights_of(points[~held], known, method, ridge=ridge)
        scores = points[held] @ weights
        own = dealt.labels[held]
        ahead = np.subtract.outer(scores[own], scores[~own])
        right += float((ahead > 0).sum()) + 0.5 * float((ahead == 0).sum())
        pairs += ahead.size
        low, high = _ends(points[~held], known, weights)
        if high > low:
            places[held] = (scores - low) / (high - low)
    return HeldOut(auc=right / pairs if pairs else None, places=places)


def p_value(value: float, controls: Sequence[float] | Doubles) -> float:
    """Share of random deals that do at least as well, the real one among them."""
    reached = int((np.asarray(controls) >= value - 1e-12).sum())
    return (1 + reached) / (1 + len(controls))


def _ends(points: Doubles, labels: Labels, weights: Doubles) -> tuple[float, float]:
    ends = (points[~labels].mean(axis=0) @ weights, points[labels].mean(axis=0) @ weights)
    return float(ends[0]), float(ends[1])
