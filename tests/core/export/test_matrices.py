"""Matrices on paper: colours are those of the numbers known best, dots are where one is exact."""

import csv
import io
from itertools import pairwise

import numpy as np
import pytest

from interp_gui.core.colormaps import apply_colormap
from interp_gui.core.export import export_bytes
from interp_gui.core.export.charts import bars_drawing, curve_drawing
from interp_gui.core.export.drawing import Discs, ImageItem, Rectangle, Text
from interp_gui.core.export.matrices import (
    NOTHING,
    cell_colours,
    dot_colour,
    is_confirmed,
    limits,
    matrix_drawing,
    short_names,
)
from interp_gui.core.result import Bars, Curve, Matrix

VALUES = np.array([[0.1, -0.4, np.nan], [0.0, 0.3, 0.2]], np.float32)
EXACT = np.array([[0.8, np.nan, np.nan], [np.nan, 0.1, np.nan]], np.float32)


def made(**changes):
    fields = {
        "key": "x", "title": "Patched", "values": VALUES, "exact": EXACT,
        "row_labels": ("features.3", "features.7"), "column_labels": ("0,0", "0,1", "class"),
        "row_title": "layer", "column_title": "position", "unit": "share of the way",
    }  # fmt: skip
    return Matrix(**{**fields, **changes})


def test_colours_are_those_of_the_exact_number_where_there_is_one():
    matrix = made()
    assert limits(matrix) == (-np.float32(0.8), np.float32(0.8))
    colours = cell_colours(matrix)
    for (row, column), value in {(0, 0): 0.8, (0, 1): -0.4, (1, 1): 0.1, (1, 2): 0.2}.items():
        expected = apply_colormap(np.float32(value), "diverging", *limits(matrix))
        assert np.array_equal(colours[row, column], expected)
    assert tuple(colours[0, 2]) == NOTHING


def test_dots_stand_on_confirmed_cells_only():
    drawing = matrix_drawing(made())
    (dots,) = [item for item in drawing.items if isinstance(item, Discs)]
    assert len(dots.xy) == is_confirmed(made()).sum() == 2
    cells = next(item for item in drawing.items if isinstance(item, ImageItem))
    side = cells.width / 3
    where = {(int((y - cells.y) // side), int((x - cells.x) // side)) for x, y in dots.xy}
    assert where == {(0, 0), (1, 1)}
    assert not any(isinstance(i, Discs) for i in matrix_drawing(made(exact=None)).items)
    assert dot_colour(np.array([255, 255, 255])) != dot_colour(np.array([20, 20, 60]))


def test_names_of_rows_and_columns_and_the_unit_are_written():
    texts = {item.text for item in matrix_drawing(made()).items if isinstance(item, Text)}
    assert {"features.3", "features.7", "0,0", "class", "position"} <= texts
    assert "colour: share of the way" in texts
    assert any(text.startswith("dot: confirmed exactly") for text in texts)


def test_columns_that_would_touch_are_named_every_so_often():
    many = made(
        values=np.zeros((2, 80), np.float32), exact=None,
        column_labels=tuple(f"{i},{i}" for i in range(80)),
    )  # fmt: skip
    drawing = matrix_drawing(many)
    named = [i for i in drawing.items if isinstance(i, Text) and "," in i.text]
    assert 5 < len(named) < 50
    ends = [(item.x - item.width / 2, item.x + item.width / 2) for item in named]
    assert all(before[1] < after[0] for before, after in pairwise(ends))


def test_long_names_lose_what_they_share():
    blocks = tuple(f"encoder.layers.encoder_layer_{i}.self_attention/z" for i in (0, 11))
    assert short_names(blocks) == ("encoder_layer_0", "encoder_layer_11")
    assert short_names(("features.3", "features.14")) == ("3", "14")
    assert short_names(("a.b", "a.b.c")) == ("b", "b.c")
    assert short_names(("conv1", "layer1.0")) == ("conv1", "layer1.0")
    assert short_names(("a.b",)) == ("a.b",)


def test_a_csv_tells_estimates_from_exact_numbers():
    rows = list(csv.reader(io.StringIO(export_bytes(made(), "csv").decode())))
    assert rows[0] == ["layer", "position", "estimate", "exact"]
    assert len(rows) == 1 + 6
    assert [float(v) for v in rows[1][2:]] == pytest.approx([0.1, 0.8])
    assert rows[2][3] == ""
    wide = list(csv.reader(io.StringIO(export_bytes(made(exact=None), "csv").decode())))
    assert wide[0] == ["layer", "0,0", "0,1", "class"]
    held = np.load(io.BytesIO(export_bytes(made(), "npz")))
    np.testing.assert_array_equal(held["exact"], EXACT)


def test_bands_and_spans_are_drawn_behind_lines():
    curve = Curve(
        key="c", title="c", x=np.linspace(-2, 2, 5, dtype="f4"), ys=np.zeros((1, 5), "f4"),
        names=("unit",), band=np.array([[-1.0] * 5, [1.0] * 5], "f4"), band_name="others",
        span=(-1.0, 2.0),
    )  # fmt: skip
    drawn = [i for i in curve_drawing(curve).items if isinstance(i, Rectangle)]
    beyond = [item for item in drawn if item.fill == "#f6efe3"]
    assert len(beyond) == 1  # on the left only
    strips = [item for item in drawn if item.fill == "#d9dee5"]
    assert sum(strip.width for strip in strips) == pytest.approx(480.0)
    header, *rows = curve.rows()
    assert header == ("x", "unit", "others, from", "others, to")
    assert rows[0] == (-2.0, 0.0, -1.0, 1.0)


def test_bars_that_stand_out_have_a_dot():
    bars = Bars(key="b", title="b", labels=("u", "v"), values=(1.0, 2.0), marked=(False, True))
    dots = [item for item in bars_drawing(bars).items if isinstance(item, Discs)]
    assert len(dots) == 1
    assert bars.rows()[0] == ("label", "value", "marked")
