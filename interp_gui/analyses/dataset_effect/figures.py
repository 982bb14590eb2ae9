"""The tables of a comparison: what changed on the whole, by class and by group."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_effect.answers import Answers, Compared
from interp_gui.analyses.dataset_effect.measures import (
    Ints,
    accuracy,
    changed_confusions,
    class_figures,
    flips,
    grouped,
    mean_balanced,
    mean_of,
    mean_recall,
)
from interp_gui.core.dataset import Dataset
from interp_gui.core.model import ModelDescription
from interp_gui.core.proportions import mcnemar_exact
from interp_gui.core.result import Number, Table

SUMMARY_COLUMNS = (
    "measure", "before", "after", "change", "controls", "lowest control", "highest control",
    "controls that change as much",
)  # fmt: skip
"""`controls`: mean change of the controls. The last: how many of them change the measure by at
least as much, of all."""
CLASS_COLUMNS = (
    "class", "images", "recall before", "recall after", "balanced before", "balanced after",
    "change", "controls", "lowest control", "answered before", "answered after",
)  # fmt: skip
"""`balanced`: mean of the share of the class's images that get it and of the share of the others
that do not. `change`, `controls`: of it."""
CONFUSION_COLUMNS = ("should be", "answer", "before", "after", "change", "controls")
GROUP_COLUMNS = (
    "column", "value", "images", "accuracy before", "accuracy after", "change", "controls",
    "answers that change", "change of target",
)  # fmt: skip

_MOST_VALUES = 60
"""A column of more different values does not make groups."""
_MOST_CONFUSIONS = 500

Measure = Callable[[Answers], float | None]


def truths_of(dataset: Dataset) -> Ints:
    """(N,) class that each image should get, −1 where that is not known."""
    found = [dataset.true_class(entry) for entry in dataset.images]
    return np.array([-1 if truth is None else truth for truth in found], np.int32)


def summary_rows(compared: Compared, true: Ints) -> list[tuple[Number, ...]]:
    """One row a measure; accuracies only where labels stand for classes."""
    before = compared.before
    rows: list[tuple[Number, ...]] = []

    def add(name: str, measure: Measure) -> None:
        values = [measure(each) for each in (before, compared.after, *compared.controls)]
        if values[1] is not None:
            rows.append((name, *_beside(values[0], values[1], values[2:])))

    if (true >= 0).any():
        add("accuracy", lambda a: accuracy(a.predicted, true))
        add("balanced accuracy", lambda a: mean_balanced(a.predicted, true))
        add("recall", lambda a: mean_recall(a.predicted, true))
    if (before.predicted >= 0).any():
        add("answers that change", lambda a: _share(flips(before.predicted, a.predicted), before))
        add("divergence (nats)", lambda a: mean_of(a.divergence))
        add("probability of the answer", lambda a: mean_of(a.share))
    else:
        add("change of the output", lambda a: mean_of(a.moved))
    add("Target", lambda a: mean_of(a.target))
    return rows


def _share(flipped: NDArray[np.bool_], before: Answers) -> float | None:
    asked = before.predicted >= 0
    return float(flipped[asked].mean()) if asked.any() else None


def _beside(
    before: float | None, after: float | None, controls: Sequence[float | None]
) -> tuple[Number, ...]:
    """Before, after, change, and what controls change."""
    if before is None or after is None:
        return before, after, None, None, None, None, ""
    change = after - before
    others = [value - before for value in controls if value is not None]
    if not others:
        return before, after, change, None, None, None, ""
    # a hair below, so that an equal change counts as one whatever its last digit
    as_much = sum(abs(other) >= abs(change) * (1 - 1e-9) for other in others)
    return (
        before, after, change, float(np.mean(others)), min(others), max(others),
        f"{as_much} of {len(others)}",
    )  # fmt: skip


def class_rows(compared: Compared, true: Ints, model: ModelDescription) -> list[tuple[Number, ...]]:
    """One row a class that occurs, that which suffers most first."""
    rows: list[tuple[Number, ...]] = []
    for index in np.unique(true[true >= 0]).tolist():
        before, after, *controls = (
            class_figures(each.predicted, true, index)
            for each in (compared.before, compared.after, *compared.controls)
        )
        figures = _beside(before.balanced, after.balanced, [c.balanced for c in controls])
        rows.append(
            (
                model.class_name(index), before.images, before.recall, after.recall, *figures[:5],
                before.answered, after.answered,
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: (float(row[6]) if row[6] is not None else 2.0, str(row[0])))


def confusion_rows(
    compared: Compared, true: Ints, model: ModelDescription
) -> list[tuple[Number, ...]]:
    """One row a pair of class and answer whose number of images changed."""

    def named(index: int) -> str:
        return model.class_name(index)

    before = compared.before.predicted
    found = changed_confusions(before, compared.after.predicted, true)[:_MOST_CONFUSIONS]
    rows: list[tuple[Number, ...]] = []
    for wanted, answer, old, new in found:
        others = [
            int(((true == wanted) & (each.predicted == answer)).sum()) - old
            for each in compared.controls
        ]
        mean = float(np.mean(others)) if others else None
        rows.append((named(wanted), named(answer), old, new, new - old, mean))
    return rows


def group_rows(
    compared: Compared, true: Ints, dataset: Dataset
) -> tuple[list[tuple[Number, ...]], tuple[str, ...]]:
    """One row a value of each metadata column; and sentences about columns left out."""
    before, after = compared.before, compared.after
    changed = flips(before.predicted, after.predicted)
    rows: list[tuple[Number, ...]] = []
    left_out: list[str] = []
    for column, values in _columns(dataset, labelled=bool((true >= 0).any())).items():
        groups = grouped(values)
        if len(groups) > _MOST_VALUES:
            left_out.append(column)
            continue
        if len(groups) < 2:
            continue
        for value, where in groups.items():
            asked = where[np.isfinite(before.target[where])]
            if not len(asked):
                continue
            shares = [
                accuracy(each.predicted[asked], true[asked])
                for each in (before, after, *compared.controls)
            ]
            figures = _beside(shares[0], shares[1], shares[2:])
            rows.append(
                (
                    column, value, len(asked), *figures[:4], float(changed[asked].mean()),
                    mean_of(after.target[asked] - before.target[asked]),
                )
            )  # fmt: skip
    notes = (f"Columns of more than {_MOST_VALUES} values make no groups: {', '.join(left_out)}.",)
    return rows, notes if left_out else ()


def _columns(dataset: Dataset, *, labelled: bool) -> dict[str, list[str]]:
    found = {
        name: [entry.metadata.get(name, "") for entry in dataset.images]
        for name in dataset.columns
    }  # fmt: skip
    group = [entry.group for entry in dataset.images]
    if any(group) and group not in found.values():
        found["group"] = group
    if not labelled and dataset.labels:
        found["label"] = [entry.label for entry in dataset.images]
    return found


def summary_numbers(compared: Compared, true: Ints) -> dict[str, Number]:
    """Figures below the summary."""
    before, after = compared.before.predicted, compared.after.predicted
    numbers: dict[str, Number] = {
        "images": len(true), "asked": compared.done, "broken_images": len(compared.broken),
        "edits": len(compared.stack.edits), "controls": len(compared.controls),
        "answers_that_change": int(flips(before, after).sum()),
    }  # fmt: skip
    known = (before >= 0) & (after >= 0) & (true >= 0)
    if known.any():
        was, now = (before == true)[known], (after == true)[known]
        lost, won = int((was & ~now).sum()), int((~was & now).sum())
        numbers |= {"labelled": int(known.sum()), "right_to_wrong": lost, "wrong_to_right": won}
        numbers["p_by_chance"] = mcnemar_exact(lost, won)
    return numbers


def summary_table(compared: Compared, true: Ints, *, notes: tuple[str, ...], final: bool) -> Table:
    """The table `summary`."""
    return Table(
        key="summary",
        title="Before and after, over all images",
        columns=SUMMARY_COLUMNS,
        cells=tuple(summary_rows(compared, true)),
        numbers=summary_numbers(compared, true),
        notes=notes,
        final=final,
    )
