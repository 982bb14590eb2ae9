"""Bars and curves."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from interp_gui.core.export.drawing import (
    ACCENT,
    INK,
    LINE_COLOURS,
    MARGIN,
    RULE,
    SMALL_SIZE,
    SOFT,
    TEXT_SIZE,
    Discs,
    Drawing,
    Polyline,
    Rectangle,
    Text,
)
from interp_gui.core.export.fonts import shorten, text_width
from interp_gui.core.export.frame import close_frame, open_frame
from interp_gui.core.export.numbers import powers, readable, ticks
from interp_gui.core.result import Bars, Curve

_ROW = 24.0
_BAR_HEIGHT = 14.0
_BAR_LENGTH = 320.0
_WIDEST_LABEL = 240.0
_PLOT_WIDTH, _PLOT_HEIGHT = 480.0, 280.0
_DROP = SMALL_SIZE * 0.36
"""From the middle of small text down to its base line."""

_BAND, _BEYOND = "#d9dee5", "#f6efe3"
_MARK = (28, 33, 40)

Placing = Callable[[float], float]


def bars_drawing(bars: Bars) -> Drawing:
    """Labels, bars from a common zero, and each value at its bar's end."""
    values = [v if math.isfinite(v) else 0.0 for v in bars.values]
    texts = [_with_unit(v, bars.unit) for v in bars.values]
    labels = [shorten(label, _WIDEST_LABEL, TEXT_SIZE) for label in bars.labels]
    label_room = max((text_width(t, TEXT_SIZE) for t in labels), default=0.0) + 12.0
    value_room = max((text_width(t, TEXT_SIZE) for t in texts), default=0.0) + 8.0
    low = min([0.0, *values])
    high = max([0.0, *values, *([bars.maximum] if bars.maximum is not None else [])])
    span = (high - low) or 1.0
    left_room = value_room if low < 0 else 0.0
    drawing, y = open_frame(bars, label_room + left_room + _BAR_LENGTH + value_room)
    zero = float(round(MARGIN + label_room + left_room - low / span * _BAR_LENGTH))
    top = y
    marked = bars.marked or (False,) * len(values)
    for label, value, text, mark in zip(labels, values, texts, marked, strict=True):
        base = y + _ROW / 2 + TEXT_SIZE * 0.36
        length = value / span * _BAR_LENGTH
        drawing.add(
            Text(MARGIN + label_room - 12.0, base, label, TEXT_SIZE, INK, anchor="end"),
            Rectangle(
                min(zero, zero + length), y + (_ROW - _BAR_HEIGHT) / 2, abs(length), _BAR_HEIGHT,
                ACCENT if value >= 0 else LINE_COLOURS[1],
            ),
        )  # fmt: skip
        if mark:
            centre = np.array([[MARGIN + label_room - 6.0, y + _ROW / 2]])
            drawing.add(Discs(centre, np.array([2.2]), np.array([_MARK], np.uint8)))
        drawing.add(
            Text(zero + length + 6.0, base, text, TEXT_SIZE, SOFT)
            if value >= 0
            else Text(zero + length - 6.0, base, text, TEXT_SIZE, SOFT, anchor="end")
        )
        y += _ROW
    if labels:
        drawing.add(Polyline(((zero, top), (zero, y)), SOFT, 1.0))
    return close_frame(drawing, y, bars.notes)


def curve_drawing(curve: Curve) -> Drawing:
    """Lines over a common axis, with a key above where there are several."""
    drawn = [curve.ys.ravel(), *([] if curve.band is None else [curve.band.ravel()])]
    finite = [float(v) for part in drawn for v in part if math.isfinite(v)] or [0.0]

    def along(value: float) -> float:
        return math.log10(value) if curve.logarithmic else value

    x_low, x_high = _padded([along(float(v)) for v in curve.x if math.isfinite(v)] or [0.0], 0.0)
    y_low, y_high = _padded(finite, 0.04)
    y_marks = ticks(y_low, y_high, 5)
    room = max(text_width(readable(t), SMALL_SIZE) for t in y_marks) + 10.0
    drawing, y = open_frame(curve, room + _PLOT_WIDTH)
    left = MARGIN + room
    y = _key(drawing, y, MARGIN, curve.names, band=curve.band_name)
    if curve.y_label:
        drawing.add(Text(MARGIN, y + SMALL_SIZE, curve.y_label, SMALL_SIZE, SOFT))
        y += 22.0

    def across(value: float) -> float:
        return left + (along(value) - x_low) / (x_high - x_low) * _PLOT_WIDTH

    def down(value: float) -> float:
        return y + (y_high - value) / (y_high - y_low) * _PLOT_HEIGHT

    _areas(drawing, curve, across, down, y)
    for mark in y_marks:
        at = down(mark)
        drawing.add(
            Polyline(((left, at), (left + _PLOT_WIDTH, at)), SOFT if mark == 0 else RULE, 1.0),
            Text(left - 8.0, at + _DROP, readable(mark), SMALL_SIZE, SOFT, anchor="end"),
        )
    base = y + _PLOT_HEIGHT
    drawing.add(Polyline(((left, base), (left + _PLOT_WIDTH, base)), SOFT, 1.0))
    for mark in powers(x_low, x_high) if curve.logarithmic else ticks(x_low, x_high, 6):
        at = across(mark)
        drawing.add(
            Polyline(((at, base), (at, base + 4.0)), SOFT, 1.0),
            Text(at, base + 16.0, readable(mark), SMALL_SIZE, SOFT, anchor="middle"),
        )
    _lines(drawing, curve, across, down)
    end = base + 18.0
    if curve.x_label:
        end += 16.0
        middle = left + _PLOT_WIDTH / 2
        drawing.add(Text(middle, end, curve.x_label, SMALL_SIZE, SOFT, anchor="middle"))
    return close_frame(drawing, end + 2.0, curve.notes)


def _areas(drawing: Drawing, curve: Curve, across: Placing, down: Placing, top: float) -> None:
    """What lies behind the lines: the band, and strips beyond the span."""
    if curve.span is not None and len(curve.x):
        first, last = across(float(curve.x.min())), across(float(curve.x.max()))
        low, high = (across(each) for each in curve.span)
        for start, end in ((first, low), (high, last)):
            if end - start > 0.5:
                drawing.add(Rectangle(start, top, end - start, _PLOT_HEIGHT, _BEYOND))
    if curve.band is None:
        return
    points = [
        (across(float(x)), down(float(low)), down(float(high)))
        for x, low, high in zip(curve.x, *curve.band, strict=True)
        if math.isfinite(x) and math.isfinite(low) and math.isfinite(high)
    ]
    for (left, low, high), (right, next_low, next_high) in pairwise(points):
        # strips as wide as two pixels: a display list has no polygons
        count = max(1, round((right - left) / 2.0))
        for i in range(count):
            share = (i + 0.5) / count
            bottom, upper = low + (next_low - low) * share, high + (next_high - high) * share
            x = left + (right - left) * i / count
            height = max(1.0, bottom - upper)
            drawing.add(Rectangle(x, upper, (right - left) / count, height, _BAND))


def _lines(drawing: Drawing, curve: Curve, across: Placing, down: Placing) -> None:
    for index, ys in enumerate(curve.ys):
        colour = LINE_COLOURS[index % len(LINE_COLOURS)]
        run: list[tuple[float, float]] = []
        for x, value in [*zip(curve.x, ys, strict=True), (0.0, math.nan)]:
            if math.isfinite(value) and math.isfinite(x):
                run.append((across(float(x)), down(float(value))))
                continue
            if len(run) == 1:
                drawing.add(Rectangle(run[0][0] - 2, run[0][1] - 2, 4, 4, colour))
            elif run:
                drawing.add(Polyline(tuple(run), colour, 1.8))
            run = []


def _key(
    drawing: Drawing, y: float, left: float, names: tuple[str, ...], *, band: str = ""
) -> float:
    if len(names) < 2 and not band:
        return y
    x = left
    names = (*names, band) if band else names
    for index, name in enumerate(names):
        label = shorten(name, 180.0, SMALL_SIZE)
        width = 24.0 + text_width(label, SMALL_SIZE) + 16.0
        if x > left and x + width > left + _PLOT_WIDTH:
            x, y = left, y + 16.0
        is_band = bool(band) and index == len(names) - 1
        colour = _BAND if is_band else LINE_COLOURS[index % len(LINE_COLOURS)]
        drawing.add(
            Polyline(((x, y + 6.0), (x + 16.0, y + 6.0)), colour, 8.0 if is_band else 2.4),
            Text(x + 22.0, y + 6.0 + SMALL_SIZE * 0.36, label, SMALL_SIZE, INK),
        )
        x += width
    return y + 24.0


def _padded(values: list[float], share: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        reach = abs(low) or 1.0
        return low - reach / 2, high + reach / 2
    return low - (high - low) * share, high + (high - low) * share


def _with_unit(value: float, unit: str) -> str:
    if unit in ("probability", "share"):
        return f"{value * 100:.1f} %"
    return f"{readable(value)} {unit}".strip() if len(unit) <= 12 else readable(value)
