"""An answer before and after, side by side: which outputs are worth a row, and in which words."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.export.numbers import readable
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.core.interventions.measures import shares_of

TOP = 5
MOST_NUMBERS = 8
"""Rows of an answer that is no choice between classes."""
Measure = Literal["probability", "logit", "value"]
Values = NDArray[np.float64]
MINUS = "−"


@dataclass(frozen=True)
class Row:
    """One output before and after.

    Parameters
    ----------
    index
        Class, or place among the numbers.
    rank_before, rank_after
        From 1 on; 0 where outputs have no order.
    """

    index: int
    label: str
    before: float
    after: float
    rank_before: int = 0
    rank_after: int = 0

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def moved(self) -> str:
        """`#1 → #4` where the rank is another one; empty where it is the same."""
        same = self.rank_before == self.rank_after
        return "" if same else f"#{self.rank_before:,} → #{self.rank_after:,}"


@dataclass(frozen=True)
class Compared:
    """Rows of one answer and what their numbers are."""

    rows: tuple[Row, ...]
    measure: Measure

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the bars, zero among them."""
        if self.measure == "probability":
            return 0.0, 1.0
        numbers = [v for row in self.rows for v in (row.before, row.after) if np.isfinite(v)]
        low, high = min(0.0, *numbers, 0.0), max(0.0, *numbers, 0.0)
        return (low, high) if high > low else (0.0, 1.0)


def has_classes(result: Intervention) -> bool:
    """Whether the answer is a choice between classes, or yes and no of each."""
    return result.output_kind in ("softmax", "sigmoid")


def compared(result: Intervention, *, logits: bool = False, top: int = TOP) -> Compared:
    """The rows worth seeing of an answer.

    Of classes those among the `top` of either answer: the ones before in their order, then those
    that came up. Of other numbers the few that there are; of many, those that changed most.

    Parameters
    ----------
    logits
        Whether classes are told by logits instead of probabilities.
    """
    before = np.asarray(result.before, np.float64).reshape(-1)
    after = np.asarray(result.after, np.float64).reshape(-1)
    labels = result.labels or tuple(f"output {i}" for i in range(len(before)))
    shares = shares_of(before, result.output_kind), shares_of(after, result.output_kind)
    measure: Measure = "value"
    if shares[0] is not None and shares[1] is not None:
        measure = "logit" if logits else "probability"
        ranks = _ranks(before), _ranks(after)
        old, new = (np.argsort(-row, kind="stable")[:top] for row in (before, after))
        chosen = list(dict.fromkeys([*old.tolist(), *new.tolist()]))
        if not logits:
            before, after = shares[0], shares[1]
    else:
        ranks = (np.zeros(len(before), int),) * 2
        chosen = list(range(len(before)))
        if len(chosen) > MOST_NUMBERS:
            order = np.argsort(-np.abs(after - before), kind="stable")[:MOST_NUMBERS]
            chosen = order.tolist()
    return Compared(
        tuple(
            Row(i, labels[i], float(before[i]), float(after[i]), int(ranks[0][i]), int(ranks[1][i]))
            for i in chosen
        ),
        measure,
    )


def _ranks(values: Values) -> NDArray[np.int64]:
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return ranks


# --- the Target and the whole answer --------------------------------------------------------------


def top_of(values: NDArray[Any]) -> int | None:
    """The class of an answer; None if there is none."""
    row = np.asarray(values, np.float64).reshape(-1)
    return int(row.argmax()) if row.size and not np.isnan(row).any() else None


def flipped(result: Intervention) -> bool:
    """Whether another class is answered than before."""
    return result.output_kind == "softmax" and top_of(result.before) != top_of(result.after)


def target_change(result: Intervention) -> float | None:
    """The Target after minus before."""
    if result.target_before is None or result.target_after is None:
        return None
    return result.target_after - result.target_before


def target_class(result: Intervention) -> int | None:
    """Class of the Target where it is the logit or the probability of one."""
    if not has_classes(result) or result.target_before is None:
        return None
    for kind in ("logit", "probability"):
        if result.target_title.startswith(f"{kind} of ") and MINUS not in result.target_title:
            values = np.asarray(result.before, np.float64).reshape(-1)
            if kind == "probability":
                found = shares_of(values, result.output_kind)
                values = values if found is None else found
            name = result.target_title.removeprefix(f"{kind} of ")
            near = np.isclose(values, result.target_before, rtol=1e-4, atol=1e-6)
            same = [i for i in np.flatnonzero(near).tolist() if result.labels[i] == name]
            return same[0] if same else None
    return None


def probabilities(result: Intervention, index: int) -> tuple[float, float] | None:
    """Probability of a class before and after; None where the outputs are no classes."""
    one, other = (shares_of(v, result.output_kind) for v in (result.before, result.after))
    return None if one is None or other is None else (float(one[index]), float(other[index]))


def likeness(result: Intervention) -> float | None:
    """Cosine similarity of the answers before and after, for an embedding; else None."""
    if result.output_kind != "embedding" or not result.before.size:
        return None
    one, other = (np.asarray(v, np.float64).reshape(-1) for v in (result.before, result.after))
    size = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / size) if size > 0 else None


# --- in words -----------------------------------------------------------------------------------


def number(value: float, measure: Measure) -> str:
    """A number of a row: `81.2%` or `12.4`."""
    return f"{value:.1%}" if measure == "probability" else readable(value)


def difference(value: float, measure: Measure) -> str:
    """A difference with its sign: `−69.2` percentage points, `+1.3`."""
    if measure == "probability":
        text = f"{abs(value) * 100:.1f}"
        zero = text == "0.0"
    else:
        text, zero = readable(abs(value)), value == 0
    if zero:
        return "±0"
    return f"{'+' if value > 0 else MINUS}{text}"


def headline(result: Intervention) -> str:
    """What became of the Target, in a line: `tabby 81.2% → 12.0%`."""
    if result.problem:
        return result.problem
    index = target_class(result)
    shares = probabilities(result, index) if index is not None else None
    if index is not None and shares is not None:
        one, other = (number(share, "probability") for share in shares)
        return f"{result.labels[index]}  {one} → {other}"
    if result.target_before is None or result.target_after is None:
        alike = likeness(result)
        return "" if alike is None else f"Similarity to the answer before: {alike:.3f}"
    title = result.target_title
    return f"{title[:1].upper()}{title[1:]}  {target_words(result)}"


def target_words(result: Intervention) -> str:
    """The Target's numbers: `12.4 → 8.31 (−4.09)`."""
    change = target_change(result)
    if result.target_before is None or result.target_after is None or change is None:
        return ""
    measure: Measure = (
        "probability" if result.target_title.startswith("probability of ") else "value"
    )
    one, other = (number(v, measure) for v in (result.target_before, result.target_after))
    return f"{one} → {other} ({difference(change, measure)})"


def change_words(result: Intervention) -> str:
    """The Target's numbers, the change first: `−4.09  12.4 → 8.31`."""
    numbers, _, change = target_words(result).rpartition(" (")
    return f"{change.removesuffix(')')}  {numbers}" if numbers else ""


def answer_words(result: Intervention) -> str:
    """The answer in a few words: `tabby → tiger cat`, or `tabby` where it stays the same."""
    if result.problem:
        return result.problem
    if has_classes(result):
        names = [
            result.labels[i] if i is not None and i < len(result.labels) else "not a number"
            for i in (top_of(result.before), top_of(result.after))
        ]
        return names[0] if names[0] == names[1] else f"{names[0]} → {names[1]}"
    return target_words(result) or headline(result)


def whole_words(result: Intervention) -> tuple[str, ...]:
    """What is said of the whole answer: divergence, entropy, similarity."""
    found = []
    if result.divergence is not None:
        found.append(f"KL divergence {readable(result.divergence)} nats")
    before, after = (result.numbers.get(f"entropy_{when}") for when in ("before", "after"))
    if isinstance(before, float) and isinstance(after, float):
        found.append(f"Entropy {readable(before)} → {readable(after)} nats")
    alike = likeness(result)
    if alike is not None and result.target_before is not None:
        found.append(f"Similarity to the answer before {alike:.3f}")
    return tuple(found)
