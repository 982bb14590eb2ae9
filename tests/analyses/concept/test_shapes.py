"""The shortcut that the second Shapes network learned is found, and the first has none."""

import csv

import pytest

from interp_gui.core.examples import Example

PICTURES = 40


@pytest.fixture(scope="module")
def sides():
    """Scenes with the marker and without it, grouped by what they show."""
    from interp_gui.samples import shapes_folder

    folder = shapes_folder(marker=True)
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for side, value in (("with", "yes"), ("without", "no")):
        chosen = [row for row in rows if row["marker"] == value][:PICTURES]
        found[side] = [Example(str(folder / row["path"]), None, row["group"]) for row in chosen]
    return found


@pytest.mark.parametrize("marker", [True, False], ids=["with its shortcut", "without"])
def test_the_marker_is_found_where_it_was_learned(sides, marker):
    from interp_gui.api import open_model
    from interp_gui.samples import shapes_model

    model = open_model(shapes_model(marker=marker), cached=False, plugins=False)
    found = model.run("concept", examples=sides, layer="block3", settings={"controls": 20})
    numbers = found["direction"].numbers
    assert numbers["with"] == numbers["without"] == PICTURES
    if marker:
        assert numbers["auc"] > 0.85
        assert numbers["p"] < 0.05
    else:
        assert numbers["auc"] < 0.7
