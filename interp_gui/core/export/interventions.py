"""An answer before and after: bars of both, and what every edit did."""

import numpy as np

from interp_gui.core.export.drawing import (
    ACCENT,
    HEADING_SIZE,
    INK,
    LINE_COLOURS,
    MARGIN,
    RULE,
    SMALL_SIZE,
    SOFT,
    TEXT_SIZE,
    Drawing,
    Polyline,
    Rectangle,
    Text,
)
from interp_gui.core.export.fonts import shorten, text_width, wrap
from interp_gui.core.export.frame import close_frame, open_frame
from interp_gui.core.export.numbers import readable
from interp_gui.core.interventions.kinds import EditEffect, Intervention
from interp_gui.core.interventions.measures import Values, shares_of
from interp_gui.core.interventions.words import STATE_WORDS, words_of

MOST_OUTPUTS = 8
_BAR_LENGTH = 260.0
_NUMBER = 70.0
_ROW, _BAR = 34.0, 10.0
_WIDEST_LABEL = 220.0
_LINE = 18.0
_COLUMNS = ("Edit", "", "Change at its layer", "Effect", "Random features")
_BEFORE, _AFTER = "#9aa4b1", ACCENT
_COLOURS = {"effective": ACCENT, "failed": LINE_COLOURS[1], "broken": LINE_COLOURS[1]}


def intervention_drawing(result: Intervention) -> Drawing:
    """The outputs that are strongest before or after, as pairs of bars, above a table of edits."""
    table = _table(result)
    widths = [max(text_width(row[i], TEXT_SIZE, bold=True) for row in table) for i in range(5)]
    picked = strongest(result)
    names = result.labels or tuple(str(i) for i in range(len(result.before)))
    labels = [shorten(names[i], _WIDEST_LABEL, TEXT_SIZE) for i in picked]
    room = max((text_width(label, TEXT_SIZE) for label in labels), default=0.0) + 12.0
    width = max(room + _BAR_LENGTH + _NUMBER, sum(widths) + 4 * 20.0)
    drawing, y = open_frame(result, width)
    if result.problem:
        drawing.add(Text(MARGIN, y + TEXT_SIZE, result.problem, TEXT_SIZE, INK))
        return close_frame(drawing, y + _LINE, result.notes)
    for line in _heading(result):
        drawing.add(Text(MARGIN, y + HEADING_SIZE, line, HEADING_SIZE, INK))
        y += _LINE
    y = _bars(drawing, result, picked, labels, MARGIN + room, y + 6.0, width - room - _NUMBER)
    if len(table) > 1:
        y = _rows(drawing, table, widths, result.effects, y + 14.0)
    warnings = tuple(effect.warning for effect in result.effects if effect.warning)
    return close_frame(drawing, y, (*result.notes, *dict.fromkeys(warnings)))


def strongest(result: Intervention, count: int = MOST_OUTPUTS) -> list[int]:
    """Indices of the outputs that a comparison shows, strongest before or after first."""
    before, after = _shown(result)
    classes = result.output_kind in ("softmax", "sigmoid")
    if not classes and result.output_kind != "embedding":
        return list(range(min(count, len(before))))
    size = np.maximum(before, after) if classes else np.maximum(np.abs(before), np.abs(after))
    return [int(i) for i in np.argsort(-size, kind="stable")[:count]]


def _shown(result: Intervention) -> tuple[Values, Values]:
    """Probabilities where there are any, the numbers themselves elsewhere."""
    before = shares_of(result.before, result.output_kind)
    after = shares_of(result.after, result.output_kind)
    if before is None or after is None:
        return np.asarray(result.before, np.float64), np.asarray(result.after, np.float64)
    return before, after


def _heading(result: Intervention) -> list[str]:
    lines = []
    if result.target_before is not None and result.target_after is not None:
        change = result.target_after - result.target_before
        lines.append(
            f"{_capital(result.target_title)}: {readable(result.target_before)} → "
            f"{readable(result.target_after)} ({_signed(change)})"
        )
    if result.divergence is not None:
        lines.append(f"Divergence of the answers: {readable(result.divergence)} nats")
    return lines


def _bars(
    drawing: Drawing, result: Intervention, picked: list[int], labels: list[str], left: float,
    y: float, longest: float,
) -> float:  # fmt: skip
    """Two bars an output, from a common zero; returns where they end."""
    before, after = _shown(result)
    share = result.output_kind in ("softmax", "sigmoid")
    pairs = [(float(before[i]), float(after[i])) for i in picked]
    numbers = [number for pair in pairs for number in pair if np.isfinite(number)]
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    span = (high - low) or 1.0
    zero = left - low / span * longest
    y = _key(drawing, y)
    top = y
    for label, pair in zip(labels, pairs, strict=True):
        middle = y + _ROW / 2
        base = middle + TEXT_SIZE * 0.36
        drawing.add(Text(left - 12.0, base, label, TEXT_SIZE, INK, anchor="end"))
        for value, colour, at in zip(pair, (_BEFORE, _AFTER), (-_BAR - 1, 1), strict=True):
            length = value / span * longest if np.isfinite(value) else 0.0
            drawing.add(Rectangle(min(zero, zero + length), middle + at, abs(length), _BAR, colour))
            text = f"{value:.1%}" if share else readable(value)
            end = max(zero, zero + length) + 6.0
            drawing.add(
                Text(end, middle + at + _BAR / 2 + SMALL_SIZE * 0.36, text, SMALL_SIZE, SOFT)
            )
        y += _ROW
    if labels:
        drawing.add(Polyline(((zero, top), (zero, y)), SOFT, 1.0))
    return y


def _key(drawing: Drawing, y: float) -> float:
    x = MARGIN
    for word, colour in (("before", _BEFORE), ("after", _AFTER)):
        drawing.add(
            Rectangle(x, y, _BAR, _BAR, colour),
            Text(x + _BAR + 6.0, y + _BAR - 1.5, word, SMALL_SIZE, SOFT),
        )
        x += _BAR + 6.0 + text_width(word, SMALL_SIZE) + 18.0
    return y + _BAR + 10.0


def _table(result: Intervention) -> list[list[str]]:
    rows = [list(_COLUMNS)]
    edits = result.edits.edits
    for effect in result.effects:
        change = "–" if effect.change is None else readable(effect.change)
        if effect.share is not None:
            change += f" ({effect.share:.1%})"
        said = "–" if effect.effect is None else _signed(effect.effect)
        rows.append([
            shorten(words_of(edits[effect.index]), 300.0, TEXT_SIZE),
            STATE_WORDS[effect.state],
            change if effect.hits else "–",
            said,
            _beside(effect),
        ])  # fmt: skip
    return rows


def _beside(effect: EditEffect) -> str:
    if effect.percentile is None:
        return "–"
    return f"more than {effect.percentile:.0f} % of {len(effect.controls)}"


def _rows(
    drawing: Drawing, table: list[list[str]], widths: list[float],
    effects: tuple[EditEffect, ...], y: float,
) -> float:  # fmt: skip
    right = drawing.width - MARGIN
    for number, row in enumerate(table):
        x = MARGIN
        for at, (text, width) in enumerate(zip(row, widths, strict=True)):
            colour = INK
            if number and at == 1:
                colour = _COLOURS.get(effects[number - 1].state, SOFT)
            base = y + TEXT_SIZE
            drawing.add(Text(x, base, text, TEXT_SIZE, colour, bold=not number))
            x += width + 20.0
        y += _LINE
        reason = effects[number - 1].reason if number else ""
        for line in wrap(reason, right - MARGIN - 12.0, SMALL_SIZE) if reason else []:
            drawing.add(Text(MARGIN + 12.0, y + SMALL_SIZE - 2.0, line, SMALL_SIZE, SOFT))
            y += 13.0
        drawing.add(Polyline(((MARGIN, y), (right, y)), RULE if number else SOFT, 0.75))
        y += 4.0
    return y


def _signed(value: float) -> str:
    return f"+{readable(value)}" if value > 0 else readable(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
