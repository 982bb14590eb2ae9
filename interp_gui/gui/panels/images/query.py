"""What the filter field says, and in which order images are listed.

`label:cat split:val pred:dog wrong beach` shows the images labelled cat, of the split val,
predicted as dog, wrongly so, with `beach` in their file name. Words are joined by "and"; a minus
before a word means "not"; quotes hold words together.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.polite import politely
from interp_gui.gui.panels.images.table import ImageTable, Predictions

Mask = NDArray[np.bool_]
State = Literal["wrong", "right", "broken", "unlabelled", "unpredicted"]

_TERM = re.compile(
    r"""(?P<no>-)?(?:(?P<key>[^\s":<>]+)(?P<sign>[:<>])|"(?P<quotedkey>[^"]+)":)?"""
    r"""(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]*))"""
)
_STATES: dict[str, State] = {
    "wrong": "wrong", "right": "right", "correct": "right", "broken": "broken",
    "unlabelled": "unlabelled", "unlabeled": "unlabelled", "unpredicted": "unpredicted",
}  # fmt: skip
_PREDICTED = ("pred", "predicted", "prediction")
_PROBABILITY = ("prob", "probability", "p")

NAME, LABEL, GROUP, PREDICTION = "name", "label", "group", "prediction"
CORRECT, PROBABILITY, BROKEN, ADDED = "correct", "probability", "broken", ""
COLUMN = "column:"


@dataclass(frozen=True)
class Term:
    """One word of a filter.

    Parameters
    ----------
    key
        Column, `pred`, `prob`, or empty for a part of the file name.
    sign
        `:`, or for a probability `<` or `>`.
    """

    key: str
    sign: str
    value: str
    negated: bool = False


@dataclass(frozen=True)
class Knowledge:
    """What is known of the images beside the dataset itself.

    Parameters
    ----------
    broken
        Paths of files that cannot be read.
    """

    predictions: Predictions | None = None
    broken: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Arrangement:
    """Which images are shown, and how: what the panel asks for."""

    text: str = ""
    sort: str = ADDED
    descending: bool = False


def parse(text: str) -> tuple[Term, ...]:
    """Read a filter; whatever is typed means something."""
    terms = []
    for found in _TERM.finditer(text):
        if not found.group():
            continue
        key = found["key"] or found["quotedkey"] or ""
        value = found["quoted"] if found["quoted"] is not None else found["plain"]
        if not key and not value:
            continue
        terms.append(Term(key.casefold(), found["sign"] or ":", value, bool(found["no"])))
    return tuple(terms)


def arrange(table: ImageTable, wanted: Arrangement, known: Knowledge) -> NDArray[np.int32]:
    """Rows of the table that are shown, in order. Runs in a worker where there are many."""
    mask = matches(table, parse(wanted.text), known)
    order = _order(table, wanted.sort, known, descending=wanted.descending)
    return order[mask[order]].astype(np.int32)


def matches(table: ImageTable, terms: tuple[Term, ...], known: Knowledge) -> Mask:
    """Which images a filter lets through."""
    mask = np.ones(len(table), np.bool_)
    for term in terms:
        hits = _hits(table, term, known)
        mask &= ~hits if term.negated else hits
    return mask


def _hits(table: ImageTable, term: Term, known: Knowledge) -> Mask:
    predictions = known.predictions
    if not term.key:
        state = _STATES.get(term.value.casefold())
        return _of_name(table, term.value) if state is None else _of_state(table, state, known)
    if term.key in _PROBABILITY and (limit := _number(term.value)) is not None:
        if predictions is None:
            return np.zeros(len(table), np.bool_)
        below = predictions.probability < limit
        return predictions.known & (below if term.sign == "<" else ~below)
    column = table.column(term.key)
    if column is not None:
        return column.matching(term.value)
    if term.key in _PREDICTED:
        if predictions is None:
            return np.zeros(len(table), np.bool_)
        return predictions.column.matching(term.value)
    if term.key == NAME:
        return _of_name(table, term.value)
    return _of_name(table, f"{term.key}{term.sign}{term.value}")


def _of_name(table: ImageTable, text: str) -> Mask:
    wanted = text.casefold()
    return np.fromiter((wanted in name for name in politely(table.names)), np.bool_, len(table))


def _of_state(table: ImageTable, state: State, known: Knowledge) -> Mask:
    if state == "broken":
        return _broken(table, known)
    if state == "unlabelled":
        return table.label.codes < 0
    predictions = known.predictions
    if predictions is None:
        return np.full(len(table), state == "unpredicted")
    if state == "unpredicted":
        return ~predictions.known
    return predictions.wrong if state == "wrong" else predictions.right


def _broken(table: ImageTable, known: Knowledge) -> Mask:
    mask = np.zeros(len(table), np.bool_)
    mask[[table.rows[path] for path in known.broken if path in table.rows]] = True
    return mask


def _number(text: str) -> float | None:
    try:
        value = float(text.rstrip("%"))
    except ValueError:
        return None
    return value / 100 if text.endswith("%") else value


def _order(
    table: ImageTable, sort: str, known: Knowledge, *, descending: bool
) -> NDArray[np.int64]:
    if sort == ADDED:
        order = np.arange(len(table))
        return order[::-1] if descending else order
    keys = _keys(table, sort, known)
    if keys is None:
        return np.arange(len(table))
    unknown = ~np.isfinite(keys)
    keys = np.where(unknown, np.inf, -keys if descending else keys)  # the unknown stand last
    return np.argsort(keys, kind="stable")


def _keys(table: ImageTable, sort: str, known: Knowledge) -> NDArray[np.float64] | None:
    """What images are sorted by, NaN where it is unknown; None where nothing is known."""
    if sort == NAME:
        return table.name_ranks.astype(np.float64)
    if sort == BROKEN:
        return np.where(_broken(table, known), 0.0, 1.0)
    predictions = known.predictions
    if sort in (PREDICTION, CORRECT, PROBABILITY):
        if predictions is None:
            return None
        if sort == PREDICTION:
            return _of_codes(predictions.column.codes)
        if sort == PROBABILITY:
            return np.where(predictions.known, predictions.probability, np.nan).astype(np.float64)
        told = predictions.wrong | predictions.right
        return np.where(told, predictions.right.astype(np.float64), np.nan)
    column = table.column(sort.removeprefix(COLUMN))
    return None if column is None else _of_codes(column.codes)


def _of_codes(codes: NDArray[np.int32]) -> NDArray[np.float64]:
    return np.where(codes < 0, np.nan, codes.astype(np.float64))
