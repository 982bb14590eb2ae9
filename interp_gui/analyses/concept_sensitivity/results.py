"""Results of `concept-sensitivity`."""

from collections.abc import Sequence

import numpy as np

from interp_gui.analyses.concept_sensitivity.scores import Scored, holm
from interp_gui.analyses.dataset_pass import Known
from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars, Number, Table

COLUMNS = (
    "direction", "layer", "mean derivative", "p of mean", "share rising", "random, mean",
    "random, low", "random, high", "p of share", "positive part", "change without it",
    "random change, mean", "random change, largest", "p of change",
)  # fmt: skip
"""`share rising`: of images whose Target rises along the direction; `random, low` and `high`: 2.5th
and 97.5th percentile of that share along random directions; `p of share` is empty where nearly all
images rise or fall together along many of these, for no share can then be far. `positive part`: of
the derivatives' summed size. p values are two-sided and corrected for the number of rows (Holm).
`random change`: size of the mean change when as much is taken away along random directions."""


def table(
    scored: Sequence[Scored],
    *,
    title: str,
    numbers: dict[str, Number],
    notes: tuple[str, ...],
    final: bool,
) -> Table:
    """One row a direction."""
    by_share = holm([one.p_share for one in scored])
    by_mean = holm([one.p_mean for one in scored])
    by_change = holm([one.removed.p if one.removed is not None else None for one in scored])
    cells = [
        (
            one.direction.feature.title, one.direction.layer.name, one.mean, p_mean, one.share,
            *_band(one), p_share, one.magnitude, *_changes(one), p_change,
        )
        for one, p_share, p_mean, p_change in zip(scored, by_share, by_mean, by_change, strict=True)
    ]  # fmt: skip
    return Table(
        key="sensitivity", title=title, columns=COLUMNS, cells=tuple(cells),
        features=tuple(one.direction.feature for one in scored), numbers=numbers, notes=notes,
        final=final, feature=scored[0].direction.feature if len(scored) == 1 else None,
    )  # fmt: skip


def share_bars(scored: Sequence[Scored], *, title: str, notes: tuple[str, ...]) -> Bars:
    """Share of images whose Target rises, beside that along random directions."""
    labels: list[str] = []
    values: list[float] = []
    features: list[Feature | None] = []
    for one in scored:
        if one.share is None:
            continue
        labels.append(one.direction.feature.title)
        values.append(one.share)
        features.append(one.direction.feature)
        if len(one.random):
            low, high = np.percentile(one.random_shares, [2.5, 97.5])
            labels += ["random, low", "random, high"]
            values += [float(low), float(high)]
            features += [None, None]
    return Bars(
        key="shares", title=title, labels=tuple(labels), values=tuple(values), maximum=1.0,
        features=tuple(features), notes=notes,
    )  # fmt: skip


def change_bars(scored: Sequence[Scored], *, title: str, notes: tuple[str, ...]) -> Bars:
    """Mean change of the Target without the direction, beside the random ones' largest."""
    labels: list[str] = []
    values: list[float] = []
    features: list[Feature | None] = []
    for one in scored:
        if one.removed is None:
            continue
        labels.append(f"without {one.direction.feature.title}")
        values.append(float(one.removed.effect.mean()))
        features.append(one.direction.feature)
        if len(one.removed.controls):
            means = one.removed.controls.mean(axis=1)
            labels += ["random, lowest", "random, highest"]
            values += [float(means.min()), float(means.max())]
            features += [None, None]
    return Bars(
        key="changes", title=title, labels=tuple(labels), values=tuple(values),
        features=tuple(features), notes=notes,
    )  # fmt: skip


def image_table(
    scored: Sequence[Scored], images: Sequence[Known], *, title: str, notes: tuple[str, ...]
) -> Table:
    """One row an image: the derivative and the change for each direction."""
    columns: list[str] = ["file"]
    for one in scored:
        name = one.direction.feature.title
        columns += [f"derivative along {name}"] if one.derivative is not None else []
        columns += [f"change without {name}"] if one.removed is not None else []
    cells: list[tuple[Number, ...]] = []
    for i, image in enumerate(images):
        row: list[Number] = [image.entry.name]
        for one in scored:
            if one.derivative is not None:
                row.append(float(one.derivative[i]))
            if one.removed is not None:
                effect = one.removed.effect
                row.append(float(effect[i]) if i < len(effect) else None)
        cells.append(tuple(row))
    return Table(key="images", title=title, columns=tuple(columns), cells=tuple(cells), notes=notes)


def _band(one: Scored) -> tuple[float | None, float | None, float | None]:
    if not len(one.random):
        return None, None, None
    shares = one.random_shares
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(shares.mean()), float(low), float(high)


def _changes(one: Scored) -> tuple[float | None, float | None, float | None]:
    if one.removed is None:
        return None, None, None
    if not len(one.removed.controls):
        return float(one.removed.effect.mean()), None, None
    sizes = np.abs(one.removed.controls.mean(axis=1))
    return float(one.removed.effect.mean()), float(sizes.mean()), float(sizes.max())
