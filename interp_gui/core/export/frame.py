"""What all framed drawings share: a title above, notes below, even margins."""

from interp_gui.core.export.drawing import (
    INK,
    MARGIN,
    SMALL_SIZE,
    SOFT,
    TITLE_SIZE,
    Drawing,
    Text,
)
from interp_gui.core.export.fonts import shorten, wrap
from interp_gui.core.result import AnyResult

_NOTE_LEADING = 14.0
_TITLE_LEADING = 20.0


def open_frame(result: AnyResult, content_width: float) -> tuple[Drawing, float]:
    """Begin a drawing with its title.

    Returns
    -------
    The drawing, wide enough for the content between the margins, and the y where content starts.
    """
    drawing = Drawing(width=content_width + 2 * MARGIN, height=0.0, title=result.title)
    y = MARGIN
    for line in wrap(result.title, content_width * 0.94, TITLE_SIZE)[:2]:
        y += TITLE_SIZE if y == MARGIN else _TITLE_LEADING
        text = shorten(line, content_width, TITLE_SIZE, bold=True)
        drawing.add(Text(MARGIN, y, text, TITLE_SIZE, INK, bold=True))
    return drawing, (y + 18.0 if y > MARGIN else MARGIN)


def close_frame(drawing: Drawing, y: float, notes: tuple[str, ...]) -> Drawing:
    """Set the notes under the content that ends at `y` and fix the page's height."""
    width = drawing.width - 2 * MARGIN
    lines = [line for note in notes for line in wrap(note, width, SMALL_SIZE)]
    if lines:
        y += 20.0
    for line in lines:
        drawing.add(Text(MARGIN, y, line, SMALL_SIZE, SOFT))
        y += _NOTE_LEADING
    drawing.height = float(round(y - (_NOTE_LEADING - 3.0 if lines else 0.0) + MARGIN))
    drawing.width = float(round(drawing.width))
    return drawing
