"""The headings under which examples of one feature stand, and which images stand there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import sampled
from interp_gui.analyses.top_examples.choosing import (
    Places,
    Ranking,
    at_quantile,
    by_value,
    drawn,
    least,
    order,
)
from interp_gui.analyses.top_examples.peaks import Peaks
from interp_gui.analyses.top_examples.settings import GROUP, LABEL, Parameters, Wanted, column_of
from interp_gui.analyses.top_examples.sources import Found
from interp_gui.core.dataset import Dataset
from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature

FEW_IMAGES = 100
"""Among fewer, the strongest may be none of those that the feature is about."""
_IN_WORDS = {LABEL: "Label", GROUP: "Group"}


class Heading(NamedTuple):
    """Some images under a title; `expands` where an image may stand there several times."""

    title: str
    images: Places
    expands: bool = False


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """All headings of one feature, and what has to be said of them.

    Parameters
    ----------
    only
        The kind of examples, where there is but one: then it is said in the title.
    """

    headings: tuple[Heading, ...]
    ranking: Ranking
    notes: tuple[str, ...] = ()
    only: str = ""


def lots_of(found: Found | None, count: int, *, seed: int) -> Places:
    """A number for each of `count` images, drawn by content: the same whatever their order.

    All alike for None, where nothing is drawn.
    """
    lots = np.full(count, count, np.int64)
    if found is None:
        return lots
    ordered = sampled(list(found.images.values()), count, seed=seed, stratified=False)
    for number, image in enumerate(ordered):
        lots[image.place] = number
    return lots


def choose(
    dataset: Dataset,
    feature: Feature,
    peaks: Peaks,
    lots: Places,
    parameters: Parameters,
    wanted: Wanted,
) -> Chosen:
    """Which images are shown of a feature, under which headings."""
    values, k = peaks.values, parameters.k
    ranking = Ranking(values)
    notes: list[str] = []
    if not ranking.count:
        said = "Not a number: the feature has no value in any of the images at hand."
        return Chosen(headings=(), ranking=ranking, notes=(said,))
    if peaks.dead:
        what = "unit" if len(feature.units) == 1 else "feature"
        said = f"Dead: the {what} is the same number in every image at hand."
        return Chosen(headings=(), ranking=ranking, notes=(said,))
    ordered = order(values)
    headings: list[Heading] = []
    for kind in wanted.kinds:
        if kind == "strongest":
            headings.append(Heading("Strongest", ordered[:k], not parameters.distinct))
        elif kind == "least":
            headings.append(Heading("Least", least(values, lots, k)))
            notes += _shared_note(ranking, k)
        elif kind == "random":
            headings.append(Heading("Random", drawn(values, lots, k)))
        else:
            headings += [
                Heading(_quantile_title(q, ranking), at_quantile(ordered, q, k))
                for q in wanted.quantiles
            ]
    if wanted.by:
        columns = [column_of(entry, wanted.by) for entry in dataset.images]
        kept, known = by_value(ordered, columns, k, parameters.values)
        called = _IN_WORDS.get(wanted.by, wanted.by)
        expands = not parameters.distinct
        headings += [Heading(f"{called}: {value}", images, expands) for value, images in kept]
        notes += _column_notes(wanted.by, columns, ordered, len(kept), known)
    if ranking.count < FEW_IMAGES:
        notes.insert(0, f"Among only {_images(ranking.count)}.")
    only = headings[0].title.lower() if len(headings) == 1 and not wanted.by else ""
    return Chosen(headings=tuple(headings), ranking=ranking, notes=tuple(notes), only=only)


def _quantile_title(percent: float, ranking: Ranking) -> str:
    return f"At {percent:g} %: {readable(ranking.quantile(percent))}"


def _shared_note(ranking: Ranking, k: int) -> list[str]:
    shared = ranking.lowest_shared
    if shared <= k:
        return []
    return [f"{shared:,} images share the lowest peak; {min(k, shared)} of them were drawn."]


def _column_notes(
    by: str, columns: Sequence[str], ordered: NDArray[np.int64], kept: int, known: int
) -> list[str]:
    what = {LABEL: "label", GROUP: "group"}.get(by, f"value of '{by}'")
    many = {LABEL: "labels", GROUP: "groups"}.get(by, f"values of '{by}'")
    without = sum(not columns[i] for i in ordered.tolist())
    notes = []
    if not known:
        notes.append(f"None of the images has a {what}.")
    elif without:
        have = "has" if without == 1 else "have"
        notes.append(f"{_images(without)} {have} no {what} and stand under none.")
    if kept < known:
        notes.append(f"{kept} of {known:,} {many} are shown: those with the strongest images.")
    return notes


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
