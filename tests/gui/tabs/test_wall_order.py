import pytest

from interp_gui.core.feature import Feature
from interp_gui.core.result import Table
from interp_gui.gui.tabs.wall_order import UnitRow, adopt_summary, ordered, passes, ranges


def rows(count=5):
    return {f"l:{i}": UnitRow(Feature(layer="l", units=(i,))) for i in range(count)}


def summary(cells):
    return Table(
        key="l",
        title="l",
        columns=("unit", "here_max", "here_mean", "peak", "dead"),
        cells=cells,
        features=tuple(Feature(layer="l", units=(c[0],)) for c in cells),
    )


def test_a_summary_fills_rows_by_feature():
    found = rows(3)
    adopt_summary(found, summary(((2, 1.5, 0.1, 9.0, False), (0, None, None, 0.0, True))))
    assert (found["l:2"].response, found["l:2"].peak, found["l:2"].dead) == (1.5, 9.0, False)
    assert (found["l:0"].response, found["l:0"].dead) == (None, True)
    assert found["l:1"].peak is None


def test_orders():
    found = rows(4)
    adopt_summary(
        found,
        summary(((0, 1.0, 0, 5.0, False), (1, 3.0, 0, 2.0, False), (3, -1.0, 0, 0.0, True))),
    )
    found["l:1"].name = "Wheel"
    found["l:3"].name = "ear"

    def order(key):
        return [row.index for row in ordered(found.values(), key)]

    assert order("index") == [0, 1, 2, 3]
    assert order("response") == [1, 0, 3, 2]  # what is not known comes last
    assert order("peak") == [0, 1, 3, 2]
    assert order("dead") == [3, 0, 1, 2]
    assert order("name") == [3, 1, 0, 2]


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("", [0, 1, 2, 3]),
        ("2", [2]),
        ("1-2", [1, 2]),
        ("0,2-3", [0, 2, 3]),
        ("0,x", []),
        ("²", []),
        ("dead", [3]),
        ("alive 1-3", [1, 2]),
        ("named", [1]),
        ("WHE", [1]),
        ("xyz", []),
        ("3-", []),
        ("-", []),
    ],
)
def test_filters(text, indices):
    found = rows(4)
    found["l:3"].dead = True
    found["l:1"].name = "wheel"
    assert [r.index for r in found.values() if passes(r, text)] == indices


def test_ranges_are_what_the_filter_takes():
    assert ranges([7, 3, 0, 1, 2, 3]) == "0-3,7"
    assert ranges([]) == ""
    found = rows(9)
    kept = [r.index for r in found.values() if passes(r, ranges([7, 3, 0, 1, 2]))]
    assert kept == [0, 1, 2, 3, 7]
