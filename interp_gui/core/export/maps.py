"""Heat maps: the image, the map laid over it, and a legend in the colours that are seen."""

import numpy as np

from interp_gui.core.colormaps import (
    DEFAULT_OPACITY,
    apply_colormap,
    blend,
    grey,
    overlay,
    value_range,
)
from interp_gui.core.export.drawing import (
    INK,
    MARGIN,
    SMALL_SIZE,
    SOFT,
    Drawing,
    ImageItem,
    Polyline,
    Text,
)
from interp_gui.core.export.fonts import wrap
from interp_gui.core.export.frame import close_frame, open_frame
from interp_gui.core.export.numbers import caption, readable, ticks
from interp_gui.core.result import Heatmap, Pixels

_GAP = 16.0
_BAR_WIDTH = 14.0
_LARGEST_SIDE = 480.0
_SMALLEST_SIDE = 160.0


def heatmap_drawing(heatmap: Heatmap) -> Drawing:
    """Image and overlay side by side; the legend's numbers are those of `values`."""
    height, width = _panel_size(heatmap.image)
    low, high = value_range(heatmap.values, symmetric=heatmap.symmetric)
    marks = _marks(low, high, height)
    texts = [readable(mark) for mark in marks]
    room = max(Text(0, 0, text, SMALL_SIZE).width for text in texts)
    drawing, y = open_frame(heatmap, 2 * width + 2 * _GAP + _BAR_WIDTH + 8.0 + room)
    right = MARGIN + width + _GAP
    laid = overlay(heatmap.image, heatmap.values, symmetric=heatmap.symmetric)
    drawing.add(
        ImageItem(MARGIN, y, width, height, heatmap.image[..., :3]),
        ImageItem(right, y, width, height, laid),
    )
    bar = right + width + _GAP
    drawing.add(ImageItem(bar, y, _BAR_WIDTH, height, legend(heatmap, int(height))))
    for mark, text in zip(marks, texts, strict=True):
        at = y + height * (high - mark) / (high - low)
        edge = bar + _BAR_WIDTH
        drawing.add(
            Polyline(((edge, at), (edge + 4.0, at)), SOFT, 1.0),
            Text(edge + 8.0, at + SMALL_SIZE * 0.36, text, SMALL_SIZE, SOFT),
        )
    return close_frame(drawing, _captions(drawing, heatmap, y + height, width), heatmap.notes)


def _captions(drawing: Drawing, heatmap: Heatmap, y: float, width: float) -> float:
    """What the colours mean under the map, the numbers under the image; returns where it ends."""
    unit = heatmap.unit.strip()
    sides = (
        (MARGIN, wrap(" · ".join(caption(heatmap.numbers)), width, SMALL_SIZE), INK),
        (MARGIN + width + _GAP, wrap(f"colour: {unit}" if unit else "", width, SMALL_SIZE), SOFT),
    )
    for x, lines, colour in sides:
        for number, text in enumerate(lines):
            drawing.add(Text(x, y + 16.0 + 13.0 * number, text, SMALL_SIZE, colour))
    deepest = max(len(lines) for _, lines, _ in sides)
    return y + 5.0 + 13.0 * deepest if deepest else y


def legend(heatmap: Heatmap, height: int) -> Pixels:
    """A column of the map's colours as they look over the image's mean grey, highest on top."""
    low, high = value_range(heatmap.values, symmetric=heatmap.symmetric)
    name = "diverging" if heatmap.symmetric else "sequential"
    column = apply_colormap(np.linspace(high, low, max(height, 2))[:, None], name, low, high)
    bar = blend(column, float(grey(heatmap.image).mean()), DEFAULT_OPACITY)
    return np.ascontiguousarray(np.repeat(bar, int(_BAR_WIDTH), axis=1))


def _marks(low: float, high: float, height: float) -> list[float]:
    """Both ends, and round numbers that do not crowd them."""
    clear = (high - low) * 16.0 / height
    between = [t for t in ticks(low, high, 5) if low + clear < t < high - clear]
    return [low, *between, high]


def _panel_size(image: Pixels) -> tuple[float, float]:
    height, width = image.shape[:2]
    longest = max(height, width, 1)
    scale = min(1.0, _LARGEST_SIDE / longest)
    if longest < _SMALLEST_SIDE:
        scale = _SMALLEST_SIDE / longest
    return float(max(round(height * scale), 1)), float(max(round(width * scale), 1))
