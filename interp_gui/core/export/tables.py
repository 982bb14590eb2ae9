"""Tables: text to the left, numbers to the right, rules instead of boxes."""

from interp_gui.core.export.drawing import (
    INK,
    MARGIN,
    RULE,
    SOFT,
    TEXT_SIZE,
    Drawing,
    Polyline,
    Text,
)
from interp_gui.core.export.fonts import shorten, text_width
from interp_gui.core.export.frame import close_frame, open_frame
from interp_gui.core.export.numbers import readable, readable_column
from interp_gui.core.result import Number, Table

MOST_ROWS = 60
_ROW = 21.0
_BETWEEN = 24.0
_WIDEST_COLUMN = 260.0
_NARROWEST_TABLE = 280.0


def table_drawing(table: Table) -> Drawing:
    """The first sixty rows; the CSV holds all, and the drawing says how many are left out."""
    shown = table.cells[:MOST_ROWS]
    numeric = [_is_numeric([row[i] for row in table.cells]) for i in range(len(table.columns))]
    columns = [readable_column([row[i] for row in shown]) for i in range(len(table.columns))]
    texts = [
        [shorten(column[k], _WIDEST_COLUMN, TEXT_SIZE) for column in columns]
        for k in range(len(shown))
    ]
    heads = [shorten(name, _WIDEST_COLUMN, TEXT_SIZE, bold=True) for name in table.columns]
    widths = [
        max([text_width(head, TEXT_SIZE, bold=True), *(text_width(r[i], TEXT_SIZE) for r in texts)])
        for i, head in enumerate(heads)
    ]
    total = sum(widths) + _BETWEEN * max(len(widths) - 1, 0)
    drawing, y = open_frame(table, max(total, _NARROWEST_TABLE))
    right = drawing.width - MARGIN
    _line(drawing, y, heads, widths, numeric, bold=True)
    y += _ROW
    drawing.add(Polyline(((MARGIN, y), (right, y)), SOFT, 1.0))
    for row in texts:
        _line(drawing, y, row, widths, numeric)
        y += _ROW
        drawing.add(Polyline(((MARGIN, y), (right, y)), RULE, 0.75))
    left_out = len(table.cells) - len(shown)
    notes = table.notes
    if left_out:
        notes = (f"{readable(left_out)} more rows are in the CSV.", *notes)
    return close_frame(drawing, y, notes)


def _line(
    drawing: Drawing,
    y: float,
    texts: list[str],
    widths: list[float],
    numeric: list[bool],
    *,
    bold: bool = False,
) -> None:
    x = MARGIN
    base = y + _ROW / 2 + TEXT_SIZE * 0.36
    for text, width, to_right in zip(texts, widths, numeric, strict=True):
        at, anchor = (x + width, "end") if to_right else (x, "start")
        drawing.add(Text(at, base, text, TEXT_SIZE, INK, bold=bold, anchor=anchor))
        x += width + _BETWEEN


def _is_numeric(values: list[Number]) -> bool:
    given = [v for v in values if v is not None]
    return bool(given) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in given
    )
