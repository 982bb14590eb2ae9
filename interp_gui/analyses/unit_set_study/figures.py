"""What a study shows: the ranking, the curve over sizes of sets, and its table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.unit_set_study.sets import Plan, Scores
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Curve, Number, Table

RANKING_COLUMNS = ("unit", "rank", "balanced without it", "fall of balanced", "fall of log-odds")
"""On the ranking half. `fall of log-odds`: of the class's, log p / (1 − p), mean over its own
images; it orders units whose `fall of balanced` is equal."""
SET_COLUMNS = (
    "units", "without them", "without random ones", "lowest random", "highest random",
    "random sets as harmful", "only them", "only random ones", "lowest random alone",
    "highest random alone", "accuracy without them", "accuracy without random ones",
)  # fmt: skip
"""Balanced accuracies on the other half, and accuracies over all classes."""
CURVE_NAMES = (
    "most important removed", "random ones removed", "all but the most important removed",
    "all but random ones removed", "nothing removed",
)  # fmt: skip
MOST_DRAGGED = 256
"""Units of a set that can be dragged from the table as one feature."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Scores on the second half, by size of the set.

    Parameters
    ----------
    removed, kept
        (sizes,) the most important units removed; all but them.
    random_removed, random_kept
        (sets, sizes) the same for random orders.
    """

    whole: float
    whole_accuracy: float
    removed: NDArray[np.float64]
    kept: NDArray[np.float64]
    removed_accuracy: NDArray[np.float64]
    random_removed: NDArray[np.float64]
    random_kept: NDArray[np.float64]
    random_accuracy: NDArray[np.float64]


def measured(plan: Plan, whole: Scores, ranked: Scores, random: Scores) -> Measured:
    """Put scores, which come set by set, into their places."""
    sizes, sets = len(plan.sizes), len(plan.orders)
    drawn = random.balanced.reshape(sets, 2, sizes)
    return Measured(
        whole=float(whole.balanced[0]),
        whole_accuracy=float(whole.accuracy[0]),
        removed=ranked.balanced[:sizes],
        kept=ranked.balanced[sizes:],
        removed_accuracy=ranked.accuracy[:sizes],
        random_removed=drawn[:, 0],
        random_kept=drawn[:, 1],
        random_accuracy=random.accuracy.reshape(sets, 2, sizes)[:, 0],
    )


def ranking_table(
    layer: LayerInfo,
    order: NDArray[np.int64],
    alone: Scores,
    whole: Scores,
    *,
    model: str,
    title: str,
    notes: tuple[str, ...],
) -> Table:
    """The table `ranking`: every unit studied, the most important first, as `alone` has them."""
    fall = whole.balanced[0] - alone.balanced
    less = whole.odds[0] - alone.odds
    rows: list[tuple[Number, ...]] = [
        (int(u), i + 1, float(alone.balanced[i]), float(fall[i]), float(less[i]))
        for i, u in enumerate(order.tolist())
    ]
    return Table(
        key="ranking",
        title=title,
        columns=RANKING_COLUMNS,
        cells=tuple(rows),
        features=tuple(
            Feature(layer=layer.name, units=(int(u),), model=model) for u in order.tolist()
        ),
        numbers={"balanced_accuracy": float(whole.balanced[0]), "units": len(order)},
        notes=(
            *notes,
            "Ordered by the fall of balanced accuracy; equal ones by the fall of the log-odds of "
            "the class in its own images.",
        ),
    )


def curve(plan: Plan, found: Measured, *, title: str, notes: tuple[str, ...]) -> Curve:
    """The curve `curve`: balanced accuracy over how many units are concerned."""
    lines = (
        found.removed, found.random_removed.mean(axis=0), found.kept,
        found.random_kept.mean(axis=0), np.full(len(plan.sizes), found.whole),
    )  # fmt: skip
    return Curve(
        key="curve",
        title=title,
        x=np.array(plan.sizes, np.float32),
        ys=np.stack(lines).astype(np.float32),
        names=CURVE_NAMES,
        x_label="units",
        y_label="balanced accuracy",
        logarithmic=True,
        band=np.stack([found.random_removed.min(axis=0), found.random_removed.max(axis=0)]).astype(
            np.float32
        ),
        band_name="random ones removed, lowest to highest",
        numbers={"balanced_accuracy": found.whole, "random_sets": len(plan.orders)},
        notes=notes,
    )


def set_table(
    layer: LayerInfo, plan: Plan, found: Measured, *, model: str, title: str, notes: tuple[str, ...]
) -> Table:
    """The table `sets`: one row a size, its feature being the most important units."""
    rows: list[tuple[Number, ...]] = []
    features: list[Feature | None] = []
    for i, size in enumerate(plan.sizes):
        drawn, alone = found.random_removed[:, i], found.random_kept[:, i]
        harmful = int((drawn <= found.removed[i] + 1e-12).sum())
        rows.append(
            (
                size, float(found.removed[i]), float(drawn.mean()), float(drawn.min()),
                float(drawn.max()), f"{harmful} of {len(drawn)}", float(found.kept[i]),
                float(alone.mean()), float(alone.min()), float(alone.max()),
                float(found.removed_accuracy[i]), float(found.random_accuracy[:, i].mean()),
            )
        )  # fmt: skip
        units = tuple(plan.ranking[:size].tolist())
        fits = size <= MOST_DRAGGED
        features.append(Feature(layer=layer.name, units=units, model=model) if fits else None)
    return Table(
        key="sets",
        title=title,
        columns=SET_COLUMNS,
        cells=tuple(rows),
        features=tuple(features),
        numbers={"balanced_accuracy": found.whole, "accuracy": found.whole_accuracy},
        notes=notes,
    )
