"""What an atlas is coloured by and which of its points are shown, as numbers for its points."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas, AtlasLevel
from interp_gui.core.atlas.values import attributed

By = Literal["none", "class", "weight", "feature", "density", "column", "stability"]
MOST_KINDS = 12
"""Values of a column that get a colour each, the commonest first; more cannot be told apart."""
LEAST_AMOUNTS = 13
"""A column of so many different numbers is shown as an amount, not as kinds."""


@dataclass(frozen=True)
class Colour:
    """What was chosen to colour by.

    Parameters
    ----------
    by
        `class`: attribution to a class; `weight`: that of a class atlas; `column`: what is known
        of the images.
    name
        Name of the column, index of the class as text, or text of the feature.
    """

    by: By = "none"
    name: str = ""

    @property
    def key(self) -> str:
        """By which it is told from others."""
        return f"{self.by}:{self.name}"


@dataclass(frozen=True, eq=False)
class Paint:
    """Colours as numbers: amounts or kinds of N points.

    Parameters
    ----------
    values
        (N,) float32, NaN for none; None where kinds are shown.
    categories
        (N,) int32, −1 for none; None where amounts are shown.
    names
        Of the kinds.
    legend
        What the colours mean.
    """

    values: NDArray[np.float32] | None = None
    categories: NDArray[np.int32] | None = None
    names: tuple[str, ...] = ()
    symmetric: bool = False
    legend: str = ""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lowest and highest amount; None where there is none."""
        if self.values is None:
            return None
        finite = self.values[np.isfinite(self.values)]
        return (float(finite.min()), float(finite.max())) if finite.size else None


@dataclass(frozen=True)
class Filters:
    """Which points are shown.

    Parameters
    ----------
    column, value
        Only points of images of which this is known; no column: all.
    class_at
        Column of `AtlasLevel.attribution`: only where it is above 0; −1: all.
    least
        Only what lies in cells of the finest level of so many points.
    """

    column: str = ""
    value: str = ""
    class_at: int = -1
    least: int = 1

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return bool(self.column) or self.class_at >= 0 or self.least > 1


def shown(atlas: Atlas, filters: Filters) -> NDArray[np.bool_] | None:
    """(N,) which points pass; None where all do."""
    if not filters.active:
        return None
    mask = np.ones(len(atlas.xy), bool)
    if filters.column in atlas.columns:
        texts = np.array(atlas.columns[filters.column], dtype=object)
        mask &= (texts == filters.value)[atlas.image]
    if 0 <= filters.class_at < len(atlas.classes):
        mask &= attribution(atlas, filters.class_at) > 0
    if filters.least > 1 and atlas.levels:
        mask &= counts(atlas) >= filters.least
    return mask


def paint(
    atlas: Atlas,
    colour: Colour,
    fetched: Mapping[str, NDArray[np.float32]],
    *,
    class_name: str = "",
) -> Paint | None:
    """Numbers for a colouring; None where they have to be asked for.

    Parameters
    ----------
    fetched
        Values of the points that the engine gave, by the key of the colour.
    class_name
        What the class of the colour is called, where the atlas does not tell.
    """
    found = fetched.get(colour.key)
    if colour.by == "none":
        return Paint()
    if colour.by == "density":
        many = counts(atlas).astype(np.float32)
        many[many == 0] = np.nan
        return Paint(values=np.log10(many), legend="Points in a cell")
    if colour.by == "column":
        return _column(atlas, colour.name)
    if colour.by == "weight":
        legend = f"Attribution to {atlas.about}"
        return Paint(values=atlas.weight, symmetric=True, legend=legend)
    if colour.by == "class":
        at = class_at(atlas, colour.name)
        if found is None and at < 0:
            return None
        values = found if found is not None else attribution(atlas, at)
        name = atlas.class_names[at] if at >= 0 else class_name or f"class {colour.name}"
        return Paint(values=values, symmetric=True, legend=f"Attribution to {name}")
    if found is None:
        return None
    if colour.by == "stability":
        return Paint(values=found, legend="Neighbours that stay over other seeds")
    symmetric = bool(np.nanmin(found, initial=0) < 0)
    return Paint(values=found, symmetric=symmetric, legend=f"Activation of {colour.name}")


def class_at(atlas: Atlas, name: str) -> int:
    """Where a class, by its index as text, stands among the atlas's; −1 if it does not."""
    wanted = [at for at, index in enumerate(atlas.classes) if str(index) == name]
    return wanted[0] if wanted else -1


def attribution(atlas: Atlas, at: int) -> NDArray[np.float32]:
    """(N,) mean attribution of each point's cell, of the finest level that tells it."""
    values = np.full(len(atlas.xy), np.nan, np.float32)
    for level in atlas.levels:  # finer ones write over coarser ones
        if at >= level.attribution.shape[1]:
            continue
        cells = atlas.cell_of(level.side)
        there = np.where(cells >= 0, level.attribution[cells, at], np.nan)
        np.copyto(values, there, where=np.isfinite(there))
    return values


def counts(atlas: Atlas) -> NDArray[np.int32]:
    """(N,) points in each point's cell of the finest level; 0 outside the map."""
    if not atlas.levels:
        return np.zeros(len(atlas.xy), np.int32)
    level = atlas.levels[-1]
    cells = atlas.cell_of(level.side)
    return np.where(cells >= 0, level.count[cells], 0).astype(np.int32)


def _column(atlas: Atlas, name: str) -> Paint:
    texts = atlas.columns.get(name)
    if texts is None:
        return Paint()
    numbers = _numbers(texts)
    if numbers is not None:
        return Paint(values=numbers[atlas.image], legend=name)
    known, where, many = np.unique(
        np.array(texts, dtype=str), return_inverse=True, return_counts=True
    )
    order = [at for at in np.argsort(-many, kind="stable") if known[at]][:MOST_KINDS]
    rank = np.full(len(known), -1, np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    kinds = rank[where][atlas.image].astype(np.int32)
    return Paint(categories=kinds, names=tuple(str(known[at]) for at in order), legend=name)


def _numbers(texts: tuple[str, ...]) -> NDArray[np.float32] | None:
    """A column as numbers, where it holds enough different ones and nothing else."""
    try:
        values = np.array([float(text) if text else np.nan for text in texts], np.float32)
    except ValueError:
        return None
    different = np.unique(values[np.isfinite(values)])
    return values if len(different) >= LEAST_AMOUNTS else None


# --- looking for a name ------------------------------------------------------------------------


def searchable(atlas: Atlas) -> tuple[str, ...]:
    """All names that can be looked for: labels of cells, classes, labels of images."""
    labels = atlas.columns.get("label", ())
    found = dict.fromkeys((*atlas.names, *atlas.class_names, *labels))
    found.pop("", None)
    return tuple(sorted(found, key=str.casefold))


def where_lives(atlas: Atlas, name: str) -> NDArray[np.int64]:
    """Points that a name belongs to: by the labels of images, of cells, or by attribution.

    The full name counts before names that begin with or hold what was typed.
    """
    words = name.strip().casefold()
    if not words:
        return np.zeros(0, np.int64)
    names = searchable(atlas)
    exact = [n for n in names if n.casefold() == words]
    near = [n for n in names if n.casefold().startswith(words)]
    wanted = set(exact or near or [n for n in names if words in n.casefold()])
    points = np.zeros(len(atlas.xy), bool)
    labels = atlas.columns.get("label", ())
    if labels:
        points |= np.array([text in wanted for text in labels], bool)[atlas.image]
    if not points.any() and atlas.levels:
        points |= _labelled(atlas, atlas.levels[-1], wanted)
    if not points.any():
        classes = [at for at, called in enumerate(atlas.class_names) if called in wanted]
        if classes:
            every = len(classes) == len(atlas.classes)
            points |= attributed(atlas, classes=None if every else classes).strongest()
    return np.flatnonzero(points)


def _labelled(atlas: Atlas, level: AtlasLevel, wanted: set[str]) -> NDArray[np.bool_]:
    if not atlas.names:
        return np.zeros(len(atlas.xy), np.bool_)
    named = np.array([*(text in wanted for text in atlas.names), False], bool)  # of -1: none
    cells = atlas.cell_of(level.side)
    return np.asarray((cells >= 0) & named[level.label[cells]], dtype=np.bool_)
