"""Matrices: cells in colours with names of rows and columns, and a legend."""

import re

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.colormaps import apply_colormap, value_range
from interp_gui.core.export.drawing import (
    INK,
    MARGIN,
    SMALL_SIZE,
    SOFT,
    Discs,
    Drawing,
    ImageItem,
    Polyline,
    Text,
)
from interp_gui.core.export.fonts import shorten, text_width, wrap
from interp_gui.core.export.frame import close_frame, open_frame
from interp_gui.core.export.numbers import caption, readable
from interp_gui.core.result import Matrix, Pixels

NOTHING = (150, 155, 162)
"""Colour of a cell without a number: none of the colours that numbers have."""
_LARGEST_CELL, _SMALLEST_CELL = 28.0, 9.0
_WIDEST = 760.0
_LEGEND_PX = 14.0
_LEAST_HEIGHT = 120.0
_LONGEST_LABEL = 220.0


def limits(matrix: Matrix) -> tuple[float, float]:
    """Between which numbers the colours go."""
    return value_range(matrix.best, symmetric=matrix.symmetric)


def colour_name(matrix: Matrix) -> str:
    """Which colour map it takes."""
    return "diverging" if matrix.symmetric else "sequential"


def cell_colours(matrix: Matrix) -> Pixels:
    """(rows, columns, 3): numbers as they are known best, `NOTHING` where there are none."""
    values = matrix.best
    colours = apply_colormap(values, colour_name(matrix), *limits(matrix))
    return np.where(np.isfinite(values)[..., None], colours, np.array(NOTHING, np.uint8))


def legend_colours(matrix: Matrix, height: int) -> Pixels:
    """(height, 1, 3) colours from the highest number down to the lowest."""
    low, high = limits(matrix)
    column = np.linspace(high, low, max(height, 2))[:, None]
    return apply_colormap(column, colour_name(matrix), low, high)


def is_confirmed(matrix: Matrix) -> NDArray[np.bool_]:
    """(rows, columns) which cells are marked: those confirmed, where others are estimates."""
    if matrix.exact is None:
        return np.zeros(matrix.values.shape, bool)
    return np.isfinite(matrix.exact)


def dot_colour(rgb: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Black or white, whichever is seen better on a cell."""
    luma = float(np.asarray(rgb, np.float64) @ (0.299, 0.587, 0.114))
    return (20, 22, 26) if luma > 140 else (255, 255, 255)


def short_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses without the parts that all of them begin and end with.

    `encoder.layers.encoder_layer_3.self_attention/z` among its like is `encoder_layer_3`.
    """
    parts = [re.split(r"(?<=[./])|(?=[./])", name) for name in names]
    shortest = min((len(each) for each in parts), default=0)
    if len(names) < 2:
        return names
    first = parts[0]
    start = 0
    while start < shortest - 1 and all(each[start] == first[start] for each in parts):
        start += 1
    end = 0
    while end < shortest - 1 - start and all(
        each[len(each) - 1 - end] == first[len(first) - 1 - end] for each in parts
    ):
        end += 1
    return tuple("".join(each[start : len(each) - end]).strip("./") or "".join(each)
                 for each in parts)  # fmt: skip


def matrix_drawing(matrix: Matrix) -> Drawing:
    """Rows of cells; those that were confirmed have a dot."""
    rows, columns = matrix.values.shape
    names = matrix.row_labels
    if any(text_width(name, SMALL_SIZE) > _LONGEST_LABEL for name in names):
        names = short_names(names)
    labels = [shorten(name, _LONGEST_LABEL, SMALL_SIZE) for name in names]
    label_room = max((text_width(t, SMALL_SIZE) for t in labels), default=0.0) + 10.0
    cell = float(round(min(_LARGEST_CELL, max(_SMALLEST_CELL, _WIDEST / max(columns, 1)))))
    low, high = limits(matrix)
    marks = [high, (low + high) / 2, low]
    legend_room = max(text_width(readable(mark), SMALL_SIZE) for mark in marks) + 12.0
    width, height = cell * columns, cell * rows
    drawing, y = open_frame(matrix, label_room + width + 16.0 + _LEGEND_PX + legend_room)
    left = MARGIN + label_room
    if matrix.column_title:
        drawing.add(Text(left, y + SMALL_SIZE, matrix.column_title, SMALL_SIZE, SOFT))
        y += 18.0
    y = _column_labels(drawing, matrix, left, y, cell)
    for row, label in enumerate(labels):
        base = y + (row + 0.5) * cell + SMALL_SIZE * 0.36
        drawing.add(Text(left - 8.0, base, label, SMALL_SIZE, INK, anchor="end"))
    side = int(cell)
    colours = cell_colours(matrix)
    pixels = colours.repeat(side, axis=0).repeat(side, axis=1)
    if side > 5:  # a thin line between cells
        pixels[side - 1 :: side] = 255
        pixels[:, side - 1 :: side] = 255
    drawing.add(ImageItem(left, y, width, height, np.ascontiguousarray(pixels)))
    _dots(drawing, matrix, colours, left, y, cell)
    _legend(drawing, matrix, left + width + 16.0, y, max(height, _LEAST_HEIGHT))
    end = _captions(drawing, matrix, y + max(height, _LEAST_HEIGHT))
    return close_frame(drawing, end, matrix.notes)


def _column_labels(drawing: Drawing, matrix: Matrix, left: float, y: float, cell: float) -> float:
    """Names over the columns, only every so many where they would touch; returns where they end."""
    widest = max((text_width(t, SMALL_SIZE) for t in matrix.column_labels), default=0.0) + 6.0
    every = max(1, int(np.ceil(widest / cell)))
    for column in range(0, len(matrix.column_labels), every):
        middle = left + (column + 0.5) * cell
        text = matrix.column_labels[column]
        drawing.add(Text(middle, y + SMALL_SIZE, text, SMALL_SIZE, SOFT, anchor="middle"))
    return y + 16.0


def _dots(
    drawing: Drawing, matrix: Matrix, colours: Pixels, left: float, top: float, cell: float
) -> None:
    where = np.argwhere(is_confirmed(matrix))
    if not len(where):
        return
    centres = np.stack([left + (where[:, 1] + 0.5) * cell, top + (where[:, 0] + 0.5) * cell], 1)
    rgb = np.array([dot_colour(colours[row, column]) for row, column in where], np.uint8)
    drawing.add(Discs(centres - 0.5, np.full(len(where), max(1.5, cell * 0.11)), rgb))


def _legend(drawing: Drawing, matrix: Matrix, x: float, y: float, height: float) -> None:
    column = legend_colours(matrix, int(height)).repeat(int(_LEGEND_PX), axis=1)
    drawing.add(ImageItem(x, y, _LEGEND_PX, height, np.ascontiguousarray(column)))
    low, high = limits(matrix)
    edge = x + _LEGEND_PX
    for mark in (high, (low + high) / 2, low):
        at = y + height * (high - mark) / (high - low)
        drawing.add(
            Polyline(((edge, at), (edge + 4.0, at)), SOFT, 1.0),
            Text(edge + 8.0, at + SMALL_SIZE * 0.36, readable(mark), SMALL_SIZE, SOFT),
        )


def _captions(drawing: Drawing, matrix: Matrix, y: float) -> float:
    """What the colours mean, and the first numbers; returns where they end."""
    told = [f"colour: {matrix.unit}"] if matrix.unit else []
    told += [" · ".join(caption(matrix.numbers))] if matrix.numbers else []
    if is_confirmed(matrix).any():
        told.append("dot: confirmed exactly; the others are estimates")
    width = drawing.width - 2 * MARGIN
    lines = [line for text in told for line in wrap(text, width, SMALL_SIZE)]
    for number, text in enumerate(lines):
        drawing.add(Text(MARGIN, y + 20.0 + 13.0 * number, text, SMALL_SIZE, SOFT))
    return y + 9.0 + 13.0 * len(lines) if lines else y
