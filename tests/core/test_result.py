"""Results give their numbers as rows and arrays."""

import numpy as np

from interp_gui.core.feature import Feature
from interp_gui.core.result import (
    RESULT_KINDS,
    Bars,
    Curve,
    Grid,
    GridItem,
    Heatmap,
    Picture,
    Table,
)  # fmt: skip

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def results():
    item = GridItem(
        title="a", pixels=PIXELS, numbers={"x": 1.5}, feature=Feature(layer="l", units=(1,))
    )
    bare = GridItem(title="b", pixels=PIXELS, numbers={"y": 2})
    ones = np.ones((2, 3), np.float32)
    return [
        Picture(key="p", title="t", pixels=PIXELS, numbers={"activation": 2.0}),
        Grid(key="g", title="t", items=(item, bare)),
        Heatmap(key="h", title="t", values=ones, image=PIXELS),
        Bars(key="b", title="t", labels=("a", "b"), values=(1.0, 2.0)),
        Table(key="t", title="t", columns=("a", "b"), cells=((1, "x"), (2, None))),
        Curve(key="c", title="t", x=ones[0], ys=ones, names=("one", "two")),
    ]


def test_every_kind_is_a_named_kind():
    assert {r.kind for r in results()} <= set(RESULT_KINDS)


def test_rows_are_as_wide_as_their_header():
    for result in results():
        header, *rows = result.rows()
        assert {len(row) for row in rows} <= {len(header)}


def test_a_grid_gives_every_number_of_every_card():
    header, first, second = results()[1].rows()
    assert header == ("title", "group", "feature", "x", "y")
    assert first == ("a", "", "l:1", 1.5, None)
    assert second == ("b", "", "", None, 2)


def test_a_curve_gives_one_row_a_point():
    assert results()[5].rows()[1:] == [(1.0, 1.0, 1.0)] * 3


def test_arrays_hold_what_is_drawn():
    for result in results():
        for array in result.arrays().values():
            assert array.size


def test_lines_without_names_have_a_column_each():
    curve = Curve(key="c", title="t", x=np.zeros(2, np.float32), ys=np.zeros((3, 2), np.float32))
    assert curve.rows()[0] == ("x", "line 1", "line 2", "line 3")
    assert {len(row) for row in curve.rows()} == {4}
