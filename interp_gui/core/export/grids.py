"""Grids and contact sheets: cards in rows, under headings."""

import math
from itertools import groupby

from interp_gui.core.export.drawing import (
    HEADING_SIZE,
    INK,
    MARGIN,
    RULE,
    SMALL_SIZE,
    SOFT,
    TEXT_SIZE,
    Drawing,
    ImageItem,
    Polyline,
    Text,
)
from interp_gui.core.export.fonts import shorten, text_width
from interp_gui.core.export.frame import close_frame, open_frame
from interp_gui.core.export.numbers import caption, readable
from interp_gui.core.result import Grid, GridItem

_GAP = 16.0
_WIDEST = 1240.0
_SMALLEST_CARD = 112.0
_LARGEST_CARD = 320.0


def grid_drawing(grid: Grid) -> Drawing:
    """Cards of equal width; a picture that is smaller than its card keeps its own pixels."""
    card = _card_width(grid)
    columns = grid.columns or _columns(grid, card)
    drawing, y = open_frame(grid, columns * card + (columns - 1) * _GAP)
    for number, (group, members) in enumerate(groupby(grid.items, key=lambda item: item.group)):
        if group:
            y = _heading(drawing, y + (14.0 if number else 0.0), group)
        items = list(members)
        for start in range(0, len(items), columns):
            y = _row(drawing, y, items[start : start + columns], card) + _GAP
    return close_frame(drawing, y - (_GAP if grid.items else 0.0), grid.notes)


def _heading(drawing: Drawing, y: float, group: str) -> float:
    width = drawing.width - 2 * MARGIN
    title = shorten(group, width, HEADING_SIZE, bold=True)
    drawing.add(
        Text(MARGIN, y + HEADING_SIZE, title, HEADING_SIZE, INK, bold=True),
        Polyline(((MARGIN, y + 19.5), (MARGIN + width, y + 19.5)), RULE, 1.0),
    )
    return y + 32.0


def _row(drawing: Drawing, y: float, items: list[GridItem], card: float) -> float:
    """Draw one row from `y`; pictures stand on a common base line above their titles."""
    sizes = [_fitted(item, card) for item in items]
    tallest = max((height for _, height in sizes), default=0.0)
    below = y + tallest
    lowest = below
    for column, (item, (width, height)) in enumerate(zip(items, sizes, strict=True)):
        x = MARGIN + column * (card + _GAP)
        drawing.add(ImageItem(x, y + tallest - height, width, height, item.pixels))
        line = below + 15.0 if item.title else below
        if item.title:
            drawing.add(Text(x, line, shorten(item.title, card, TEXT_SIZE), TEXT_SIZE, INK))
            lowest = max(lowest, line + 3.0)
        for text in _captions(item, card):
            line += 13.0
            drawing.add(Text(x, line, text, SMALL_SIZE, SOFT))
            lowest = max(lowest, line + 3.0)
    return lowest


def _captions(item: GridItem, card: float) -> list[str]:
    """The first three numbers that fit under the card; none is told twice."""
    told = {item.title}
    lines: list[str] = []
    for name, number in item.numbers.items():
        value = readable(number)
        for text in caption({name: number}):
            if value not in told and text_width(text, SMALL_SIZE) <= card:
                lines.append(text)
                told.add(value)
    return lines[:3]


def _card_width(grid: Grid) -> float:
    widest = max((max(item.pixels.shape[:2]) for item in grid.items), default=0)
    return float(min(max(widest, _SMALLEST_CARD), _LARGEST_CARD))


def _fitted(item: GridItem, card: float) -> tuple[float, float]:
    height, width = item.pixels.shape[:2]
    scale = min(1.0, card / max(width, height, 1))
    return float(round(width * scale)), float(round(height * scale))


def _columns(grid: Grid, card: float) -> int:
    fits = max(1, int((_WIDEST + _GAP) // (card + _GAP)))
    counts = [len(list(members)) for _, members in groupby(grid.items, key=lambda i: i.group)]
    longest = max(counts, default=1)
    if len(counts) > 1 or longest <= min(fits, 4):
        return min(fits, longest)
    wished = math.ceil(math.sqrt(longest * 1.5))
    near = range(max(2, wished - 1), min(fits, wished + 2) + 1)
    return min(near, key=lambda n: (-longest % n, abs(n - wished)), default=1)
