"""What a sweep found, as bars and a table."""

from dataclasses import dataclass

import numpy as np

from interp_gui.analyses.ablation_sweep.subjects import Subjects
from interp_gui.analyses.ablation_sweep.tally import Counted, Tally
from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars, Number, Table

STANDS_OUT = 95.0
"""From this percentile among random others on, a feature is marked."""
EFFECT_COLUMNS = ("effect", "size of change", "percentile", "compared with")
ACCURACY_COLUMNS = ("accuracy", "balanced accuracy", "percentile of accuracy")
"""`effect`: Target without the feature minus Target with it. `size of change`: Euclidean length at
the layer. `percentile`: share of random others whose effect is smaller in magnitude, `compared
with` `own` ones (changed by exactly as much) or the layer's `scaled` in proportion. `accuracy`,
`balanced accuracy`: changes, in shares."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How results of one sweep are worded."""

    subjects: Subjects
    target: str
    value: float
    bars: int
    images: int
    notes: tuple[str, ...]

    def label(self, feature: Feature) -> str:
        """A name that is short: the layer stands in the title."""
        word = self.subjects.word(len(feature.units))
        if feature.name or not feature.units:
            return feature.title
        return f"{word} {', '.join(map(str, feature.units))}"


def results(
    shown: Shown, tally: Tally, counted: Counted | None, *, final: bool, note: str = ""
) -> list[Bars | Table]:
    """`effects` (bars), `accuracy` (bars, where counted) and `sweep` (table)."""
    tally.refresh()
    notes = (*shown.notes, *([note] if note else []))
    numbers = _numbers(shown, tally, counted)
    found: list[Bars | Table] = [_effect_bars(shown, tally, numbers, notes, final=final)]
    if counted is not None:
        found.append(_accuracy_bars(shown, counted, notes, final=final))
    return [*found, _table(shown, tally, counted, numbers, notes, final=final)]


def _numbers(shown: Shown, tally: Tally, counted: Counted | None) -> dict[str, Number]:
    word = shown.subjects.word(2)
    measured = [i for i in range(tally.features) if tally.effect(i) is not None]
    ratios = tally.control_ratios
    numbers: dict[str, Number] = {
        "target": shown.value,
        "target_of": shown.target,
        "images": shown.images,
        word: tally.features,
        "measured": len(measured),
        "inactive": sum(tally.size(i) == 0 for i in measured),
        "controls": len(ratios),
    }
    if len(ratios):
        numbers["stand_out"] = sum((tally.percentile(i) or 0.0) >= STANDS_OUT for i in measured)
    if counted is not None:
        numbers["counted_images"] = counted.images
        numbers["accuracy"] = float(counted.accuracy[0])
        numbers["balanced_accuracy"] = float(counted.balanced[0])
    return numbers


def _effect_bars(
    shown: Shown, tally: Tally, numbers: dict[str, Number], notes: tuple[str, ...], *, final: bool
) -> Bars:
    listed = tally.strongest(shown.bars)
    features = shown.subjects.features
    percentiles = [tally.percentile(i) for i in listed]
    told = (*notes, *_mark_notes(percentiles, shown))
    rest = tally.features - len(listed)
    if rest > 0:
        told = (*told, f"{rest:,} more are in the table.")
    return Bars(
        key="effects",
        title=f"{shown.subjects.layer.name}, each {shown.subjects.word(1)} off: change of "
        f"{shown.target}",
        labels=tuple(shown.label(features[i]) for i in listed),
        values=tuple(float(tally.effect(i) or 0.0) for i in listed),
        features=tuple(features[i] for i in listed),
        marked=tuple(p is not None and p >= STANDS_OUT for p in percentiles),
        numbers=numbers,
        notes=told,
        final=final,
    )


def _mark_notes(percentiles: list[float | None], shown: Shown) -> tuple[str, ...]:
    if all(p is None for p in percentiles):
        return ()
    return (
        f"A dot marks what does more than {STANDS_OUT:.0f} % of random changes. For the strongest "
        "these are random others changed by exactly as much (own in the table), as on the "
        "intervention panel; for the rest they are random changes of the layer scaled to its size "
        "(scaled), so that the panel may say another share.",
    )


def _accuracy_bars(shown: Shown, counted: Counted, notes: tuple[str, ...], *, final: bool) -> Bars:
    features = shown.subjects.features
    change = counted.balanced[1:] - counted.balanced[0]
    own, controls = change[: len(features)], change[len(features) :]
    listed = [int(i) for i in np.argsort(own, kind="stable")[: shown.bars]]
    least = float(np.percentile(controls, 5)) if len(controls) else -np.inf
    told = notes
    if len(controls):
        told = (
            *told, "A dot marks what costs more than 95 % of random changes of the layer, which "
            f"cost at most {-100 * float(controls.min()):.1f} percentage points.",
        )  # fmt: skip
    return Bars(
        key="accuracy",
        title=f"{shown.subjects.layer.name}, each {shown.subjects.word(1)} off: change of "
        "balanced accuracy",
        labels=tuple(shown.label(features[i]) for i in listed),
        values=tuple(100.0 * float(own[i]) for i in listed),
        unit="points",
        features=tuple(features[i] for i in listed),
        marked=tuple(bool(own[i] < least) for i in listed) if len(controls) else (),
        numbers={
            "counted_images": counted.images,
            "accuracy": float(counted.accuracy[0]),
            "balanced_accuracy": float(counted.balanced[0]),
        },
        notes=told,
        final=final,
    )


def _table(
    shown: Shown, tally: Tally, counted: Counted | None, numbers: dict[str, Number],
    notes: tuple[str, ...], *, final: bool,
) -> Table:  # fmt: skip
    columns: tuple[str, ...] = (shown.subjects.word(1), *EFFECT_COLUMNS)
    if counted is not None:
        columns = (*columns, *ACCURACY_COLUMNS)
    strongest = tally.strongest(tally.features)
    seen = set(strongest)
    order = [*strongest, *(i for i in range(tally.features) if i not in seen)]
    features = shown.subjects.features
    return Table(
        key="sweep",
        title=f"{shown.subjects.layer.name}, each {shown.subjects.word(1)} off",
        columns=columns,
        cells=tuple(_row(shown, tally, counted, i) for i in order),
        features=tuple(features[i] for i in order),
        numbers=numbers,
        notes=notes,
        final=final,
    )


def _row(shown: Shown, tally: Tally, counted: Counted | None, index: int) -> tuple[Number, ...]:
    feature = shown.subjects.features[index]
    name: Number = feature.units[0] if len(feature.units) == 1 else feature.title
    others, kind = tally.beside(index)
    row: tuple[Number, ...] = (
        name, tally.effect(index), tally.size(index), tally.percentile(index),
        kind if len(others) else "",
    )  # fmt: skip
    if counted is None:
        return row
    accuracy = counted.accuracy - counted.accuracy[0]
    balanced = counted.balanced - counted.balanced[0]
    controls = balanced[1 + tally.features :]
    own = float(balanced[1 + index])
    share = 100.0 * float(np.mean(controls > own)) if len(controls) else None
    return (*row, float(accuracy[1 + index]), own, share)
