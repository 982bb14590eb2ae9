"""Sorting and filtering of a layer's units: plain data, without a widget."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from interp_gui.core.feature import Feature
from interp_gui.core.result import Number, Table

SortKey = Literal["index", "response", "peak", "selective", "dead", "name", "similarity"]
SORTS: dict[SortKey, str] = {
    "index": "index",
    "response": "response to the image",
    "peak": "peak over the images",
    "selective": "how few images drive it",
    "dead": "dead first",
    "name": "name",
}
"""Those that are always offered; similarity needs a feature to be similar to."""
_COLUMNS: dict[str, tuple[str, ...]] = {
    "response": ("response", "here", "activation", "current"),
    "peak": ("peak", "maximum", "max"),
    "selective": ("active",),
    "dead": ("dead",),
    "similarity": ("similarity",),
}


@dataclass
class UnitRow:
    """What is known of a unit."""

    feature: Feature
    name: str = ""
    response: float | None = None
    peak: float | None = None
    active: float | None = None
    """In how many of the images it is active."""
    similarity: float | None = None
    """To the feature that the wall compares with."""
    dead: bool = False
    numbers: dict[str, Number] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """Unit index."""
        return self.feature.units[0] if self.feature.units else 0


def adopt_summary(rows: dict[str, UnitRow], table: Table) -> None:
    """Take over the numbers of a layer summary; rows are found by their feature's text."""
    places = {name: _column(table.columns, words) for name, words in _COLUMNS.items()}
    for feature, cells in zip(table.features, table.cells, strict=False):
        row = rows.get(feature.text) if feature is not None else None
        if row is None:
            continue
        row.numbers = dict(zip(table.columns, cells, strict=True))
        row.response = _number(cells, places["response"])
        row.peak = _number(cells, places["peak"])
        row.active = _number(cells, places["selective"])
        dead = places["dead"]
        row.dead = dead is not None and cells[dead] in (True, 1, "dead", "yes")


def adopt_similarity(rows: dict[str, UnitRow], table: Table) -> None:
    """Take over how alike units are to a feature."""
    place = _column(table.columns, _COLUMNS["similarity"])
    for row in rows.values():
        row.similarity = None
    for feature, cells in zip(table.features, table.cells, strict=False):
        row_of = rows.get(feature.text) if feature is not None else None
        if row_of is not None:
            row_of.similarity = _number(cells, place)


def _column(columns: tuple[str, ...], words: tuple[str, ...]) -> int | None:
    for word in words:
        for place, column in enumerate(columns):
            if word in column.lower().replace("_", " ").split():
                return place
    return None


def _number(cells: tuple[Number, ...], place: int | None) -> float | None:
    value = cells[place] if place is not None else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return float(value)


def ordered(rows: Iterable[UnitRow], sort: SortKey, filter_text: str = "") -> list[UnitRow]:
    """Rows that pass the filter, in order; what is not known comes last."""
    kept = [row for row in rows if passes(row, filter_text)]
    keys: dict[SortKey, Callable[[UnitRow], tuple[bool | float | str, ...]]] = {
        "index": lambda row: (row.index,),
        "response": lambda row: (row.response is None, -(row.response or 0.0), row.index),
        "peak": lambda row: (row.peak is None, -(row.peak or 0.0), row.index),
        "selective": lambda row: (row.dead or row.active is None, row.active or 0.0, row.index),
        "similarity": lambda row: (row.similarity is None, -(row.similarity or 0.0), row.index),
        "dead": lambda row: (not row.dead, row.index),
        "name": lambda row: (not row.name, row.name.lower(), row.index),
    }
    return sorted(kept, key=keys[sort])


def passes(row: UnitRow, text: str) -> bool:
    """Whether a unit fits the filter.

    Every word must fit: numbers and ranges (`3`, `10-20`, `3,10-20`) the index, `dead`, `alive`
    and `named` those properties, anything else a part of the name.
    """
    return all(_fits(row, word) for word in text.lower().split())


def ranges(indices: Iterable[int]) -> str:
    """Indices as the filter takes them: `0-15,20`."""
    parts: list[list[int]] = []
    for index in sorted(set(indices)):
        if parts and index == parts[-1][1] + 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _fits(row: UnitRow, word: str) -> bool:
    spans = [_span(part) for part in word.split(",")]
    if None not in spans:
        return any(span is not None and span[0] <= row.index <= span[1] for span in spans)
    if word in ("dead", "alive"):
        return row.dead == (word == "dead")
    if word == "named":
        return bool(row.name)
    return word in row.name.lower()


def _span(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    # isdecimal, not isdigit: superscripts are digits and no numbers
    if not first.isdecimal() or (dash and not last.isdecimal()) or len(text) > 20:
        return None
    return int(first), int(last if dash else first)
