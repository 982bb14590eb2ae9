"""Random features that stand in for one: others of its layer, changed by exactly as much.

Where several edits change one layer, another edit behind a control may overwrite what the control
changes: its effect would then be exactly zero, and say nothing. Such controls are not drawn: what
other edits in force change is `Taken`.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import Edit
from interp_gui.core.edit_reference import edited_axis
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import Change
from interp_gui.core.layer import LayerInfo

Other = tuple[tuple[int, ...], "NDArray[np.float64] | None"]
"""Indices along the edited axis, or a basis (C, k): what `Change.onto` takes."""
_FEW = 4
"""So many times the sets asked for are listed, rather than drawn until they differ."""
_INSIDE = 1.0 - 1e-9
"""A unit whose squared share in a span is above this lies in it, but for rounding."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What other edits in force change of a layer.

    Parameters
    ----------
    units
        Indices along the edited axis that others change, alone or together.
    span
        (C, t) orthonormal columns: all directions that others change; None where they change none.
    """

    units: tuple[int, ...] = ()
    span: NDArray[np.float64] | None = None


def taken_by(edits: Iterable[Edit], layer: LayerInfo, *, axis: int, size: int) -> Taken:
    """What some edits of a layer change of it, along one axis of its value.

    Whole-layer edits leave nothing over and are not counted; those along another axis change only
    a part of each index and are not counted either.

    Parameters
    ----------
    axis, size
        The axis along which controls are drawn (units or heads), and its extent.
    """
    features = [
        edit.feature
        for edit in edits
        if not edit.feature.whole_layer and edited_axis(edit, layer.axes) == axis
    ]
    if not features:
        return Taken()
    units = sorted({u for feature in features for u in feature.units})
    span = np.eye(size)[:, units]
    bases = [feature.basis(size) for feature in features if feature.vectors]
    if bases:
        together = np.concatenate([span, *bases], axis=1)
        vectors, lengths, _ = np.linalg.svd(together, full_matrices=False)
        span = vectors[:, lengths > 1e-9 * float(lengths.max(initial=0.0))]
    shares = np.square(span).sum(axis=1)
    return Taken(units=tuple(np.flatnonzero(shares > _INSIDE).tolist()), span=span)


def others(
    change: Change, count: int, random: np.random.Generator, *, taken: Taken | None = None
) -> list[Other]:
    """Random other features along which the same change has the same size at each position.

    For k units (or heads) these are k others. For vectors B = QR (Q with orthonormal columns) they
    are Q'R with Q' drawn at random: of the same lengths, at the same angles.

    Parameters
    ----------
    taken
        What other edits change: no unit of it is drawn, and vectors at right angles to all of it.

    Returns
    -------
    At most `count` of them, all different; none for a change of the whole layer, or where there
    are too few others.
    """
    taken = taken or Taken()
    if change.basis is not None:
        return list(_turned(change.basis, count, random, taken))
    free = np.setdiff1d(np.arange(change.units), [*change.picked, *taken.units])
    size = len(change.picked)
    if not size or len(free) < size:
        return []
    if size == 1:
        return [((int(u),), None) for u in random.permutation(free)[:count]]
    return [(each, None) for each in _sets(free, size, count, random)]


def _turned(
    basis: NDArray[np.float64], count: int, random: np.random.Generator, taken: Taken
) -> Iterator[Other]:
    r = np.linalg.qr(basis)[1]
    size, vectors = basis.shape
    span = taken.span if taken.span is not None else np.zeros((size, 0))
    # with no room to spare every one would span the same, which may be what the edit itself does
    if size - span.shape[1] <= vectors:
        return
    for _ in range(count):
        drawn = random.standard_normal(basis.shape)
        if span.shape[1]:
            drawn -= span @ (span.T @ drawn)
        q, triangle = np.linalg.qr(drawn)
        # QR fixes the signs: without this no direction and its opposite would be as likely
        yield (), (q * np.where(np.diag(triangle) < 0, -1.0, 1.0)) @ r


def _sets(
    free: NDArray[np.int64], size: int, count: int, random: np.random.Generator
) -> Iterator[tuple[int, ...]]:
    """Different sets of some of the indices."""
    if math.comb(len(free), size) <= _FEW * count:
        every = list(combinations(free.tolist(), size))
        yield from (every[i] for i in random.permutation(len(every))[:count])
        return
    seen: set[frozenset[int]] = set()
    while len(seen) < count:
        each = tuple(int(u) for u in random.choice(free, size, replace=False))
        if frozenset(each) not in seen:
            seen.add(frozenset(each))
            yield each


def why_none(feature: Feature) -> str:
    """Why a feature has no random others."""
    if feature.whole_layer:
        return "A change of the whole layer has no random others to stand beside it."
    return "The layer has too few other features to stand beside it."


def why_few(feature: Feature, *, found: int, asked: int, taken: Taken | None = None) -> str:
    """Why fewer random others stand beside a feature than were asked for; empty if all do."""
    if found >= asked:
        return ""
    beside = taken is not None and taken.span is not None
    if not found:
        if beside and not feature.whole_layer:
            return "The other edits of its layer leave too few features to stand beside it."
        return why_none(feature)
    others = "other of its kind is" if found == 1 else "others of its kind are"
    left = "not changed by other edits" if beside else "there"
    return f"Only {found} {others} {left} in its layer, of {asked} asked for."
