"""What a changed network costs: answers that change, and answers that become right or wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.result import Number

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Price:
    """What changed over some images.

    Parameters
    ----------
    flipped
        Share of images whose first answer is another one.
    divergence
        Mean Kullback-Leibler divergence of the answers, in nats.
    moved
        Mean distance of the outputs, in parts of their mean length.
    accuracy
        Share of labelled images answered right; NaN without labels.
    """

    flipped: float
    divergence: float
    moved: float
    accuracy: float


def price(before: Logits, after: Logits, truths: NDArray[np.int64], *, kind: str) -> Price:
    """Compare answers (N, outputs) before and after; `kind` is that of the output."""
    flat, new = before.reshape(len(before), -1), after.reshape(len(after), -1)
    length = float(np.linalg.norm(flat, axis=1).mean()) or 1.0
    moved = float(np.linalg.norm(new - flat, axis=1).mean()) / length
    if kind not in ("softmax", "sigmoid"):
        return Price(float("nan"), float("nan"), moved, float("nan"))
    flipped = float((flat.argmax(1) != new.argmax(1)).mean())
    return Price(flipped, _divergence(flat, new, kind), moved, accuracy(new, truths))


def accuracy(logits: Logits, truths: NDArray[np.int64]) -> float:
    """Share of labelled images whose first answer is right."""
    known = truths >= 0
    if not known.any():
        return float("nan")
    return float((logits.reshape(len(logits), -1)[known].argmax(1) == truths[known]).mean())


def _divergence(before: Logits, after: Logits, kind: str) -> float:
    if kind == "sigmoid":
        p, q = (1 / (1 + np.exp(-np.clip(x, -60, 60))) for x in (before, after))
        tiny = 1e-12
        each = p * np.log((p + tiny) / (q + tiny)) + (1 - p) * np.log(
            (1 - p + tiny) / (1 - q + tiny)
        )
        return float(each.sum(1).mean())
    p, q = _log_softmax(before), _log_softmax(after)
    return float((np.exp(p) * (p - q)).sum(1).mean())


def _log_softmax(x: Logits) -> Logits:
    x = x - x.max(1, keepdims=True)
    shifted: Logits = x - np.log(np.exp(x).sum(1, keepdims=True))
    return shifted


def rows_of(own: Price, controls: list[Price], before: float) -> tuple[tuple[Number, ...], ...]:
    """One row a measure: this edit, and the mean and range of the controls."""
    rows: list[tuple[Number, ...]] = []
    for name, field in (
        ("share of answers that change", "flipped"),
        ("mean divergence (nats)", "divergence"),
        ("mean move of the outputs, in parts of their length", "moved"),
        ("accuracy", "accuracy"),
    ):
        value = getattr(own, field)
        if np.isnan(value):
            continue
        others = [getattr(each, field) for each in controls]
        start = before if field == "accuracy" else 0.0
        rows.append((
            name, start, value, *((float(np.mean(others)), min(others), max(others))
                                  if others else (None, None, None)),
        ))  # fmt: skip
    return tuple(rows)


def class_rows(
    before: Logits, after: Logits, truths: NDArray[np.int64], names: tuple[str, ...]
) -> tuple[tuple[Number, ...], ...]:
    """By class: images, accuracy before and after (by label, else by the first answer before)."""
    first, new = before.argmax(1), after.argmax(1)
    labelled = bool((truths >= 0).any())
    own = truths if labelled else first
    rows: list[tuple[Number, ...]] = []
    for index in np.unique(own[own >= 0]):
        mine = own == index
        old = float((first[mine] == index).mean())
        now = float((new[mine] == index).mean())
        name = names[index] if index < len(names) else f"class {index}"
        rows.append((name, int(mine.sum()), old, now, now - old))
    return tuple(sorted(rows, key=lambda row: (float(row[4] or 0), str(row[0]))))
