"""Which sets of units are removed: the most important, all but them, and random ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.random_alike import taken_by
from interp_gui.core.edit import Edit
from interp_gui.core.edit_reference import edited_axis
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo

UnitSet = tuple[int, ...]
USUAL_SIZES = (1, 2, 3, 4, 5, 10, 20, 64, 128, 256, 512, 1024, 2048, 4096)
"""Those of Bau et al. (2020), and some more."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All sets that are removed, for every size.

    Parameters
    ----------
    sizes
        Ascending, the last one being all units that are studied.
    ranking
        Units, the most important first.
    orders
        (sets, units): each row an order of the same units; its first n are a random set.
    """

    sizes: tuple[int, ...]
    ranking: NDArray[np.int64]
    orders: NDArray[np.int64]

    @property
    def ranked(self) -> tuple[UnitSet, ...]:
        """For each size the most important units, then for each size all but them."""
        return _both(self.ranking, self.sizes)

    @property
    def random(self) -> tuple[UnitSet, ...]:
        """The same for each random order, one after the other."""
        return tuple(units for order in self.orders for units in _both(order, self.sizes))


def _both(order: NDArray[np.int64], sizes: Sequence[int]) -> tuple[UnitSet, ...]:
    removed = [tuple(sorted(order[:n].tolist())) for n in sizes]
    kept = [tuple(sorted(order[n:].tolist())) for n in sizes]
    return (*removed, *kept)


def sizes_of(text: str, units: int) -> tuple[int, ...]:
    """Sizes of sets: as asked, or the usual ones; always up to all units there are."""
    try:
        asked = [int(part) for part in text.split(",") if part.strip()] or list(USUAL_SIZES)
    except ValueError:
        asked = [0]
    if any(n < 1 for n in asked):
        raise InvalidValue(
            f"'{text}' are not sizes of sets.", hint="Write numbers with commas, as in 1,5,20."
        )
    return tuple(sorted({n for n in asked if n < units} | {units}))


def random_orders(units: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """(count, units) orders of some units, the same whatever the ranking."""
    random = np.random.default_rng([seed, len(units)])
    return np.stack([random.permutation(units) for _ in range(count)])


def free_units(edits: Iterable[Edit], layer: LayerInfo) -> NDArray[np.int64]:
    """Units that no edit in force changes.

    To remove another would undo its edit beside removing it: an effect of something else.

    Parameters
    ----------
    edits
        Those of the layer, whatever else they are.
    """
    one = Edit(feature=Feature(layer=layer.name, units=(0,)), kind="ablate")
    taken = taken_by(edits, layer, axis=edited_axis(one, layer.axes), size=layer.units)
    return np.setdiff1d(np.arange(layer.units), taken.units)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How well a class is told, for each of some sets of removed units.

    Parameters
    ----------
    balanced
        (S,) mean of the share of the class's images that get it and of the share of the others
        that do not.
    odds
        (S,) mean log-odds of the class in its own images, log p / (1 − p): how far it is ahead of
        all other classes there. It moves before any answer does.
    accuracy
        (S,) share of right answers among all images.
    """

    balanced: NDArray[np.float64]
    odds: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def scores(
    answers: NDArray[np.int32], odds: NDArray[np.float32], truths: NDArray[np.int32], index: int
) -> Scores:
    """Score sets of removed units.

    Parameters
    ----------
    answers
        (N, S) class that each image gets with each set removed.
    odds
        (N, S) log-odds of the class studied.
    truths
        (N,) class that each image should get.
    index
        The class studied.
    """
    own = truths == index
    hit = answers == index
    return Scores(
        balanced=(hit[own].mean(axis=0) + 1.0 - hit[~own].mean(axis=0)) / 2.0,
        odds=odds[own].mean(axis=0, dtype=np.float64),
        accuracy=(answers == truths[:, None]).mean(axis=0),
    )


def importance(alone: Scores, whole: Scores) -> NDArray[np.int64]:
    """Units by what their removal costs the class, the most important first.

    By the fall of balanced accuracy as Bau et al. (2020); of equal ones by the fall of the class's
    log-odds in its own images, then by index: where the network is sure, or images are few, most
    single units change no answer. The other images have no say in ties: a unit that only keeps
    *them* from being called by the class's name carries nothing of the class.
    """
    fall = whole.balanced[0] - alone.balanced
    less = whole.odds[0] - alone.odds
    return np.lexsort((np.arange(len(fall)), -less, -np.round(fall, 12)))
