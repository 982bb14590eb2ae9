"""Random features that stand in for one: others of its layer, changed by exactly as much."""

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import Change

Other = tuple[tuple[int, ...], "NDArray[np.float64] | None"]
"""Indices along the edited axis, or a basis (C, k): what `Change.onto` takes."""


def others(change: Change, count: int, random: np.random.Generator) -> list[Other]:
    """Random other features along which the same change has the same size at each position.

    For k units (or heads) these are k others. For vectors B = QR (Q with orthonormal columns) they
    are Q'R with Q' drawn at random: of the same lengths, at the same angles.

    Returns
    -------
    At most `count` of them; none for a change of the whole layer, or where there are too few
    others.
    """
    if change.basis is not None:
        q, r = np.linalg.qr(change.basis)
        if q.shape[1] < change.basis.shape[1]:  # more vectors than units
            return []
        drawn = (np.linalg.qr(random.standard_normal(q.shape))[0] for _ in range(count))
        return [((), each @ r) for each in drawn]
    free = np.setdiff1d(np.arange(change.units), change.picked)
    size = len(change.picked)
    if not size or len(free) < size:
        return []
    if size == 1:
        return [((int(u),), None) for u in random.permutation(free)[:count]]
    sets = (random.choice(free, size, replace=False) for _ in range(count))
    return [(tuple(int(u) for u in each), None) for each in sets]


def why_none(feature: Feature) -> str:
    """Why a feature has no random others."""
    if feature.whole_layer:
        return "A change of the whole layer has no random others to stand beside it."
    return "The layer has too few other features to stand beside it."
