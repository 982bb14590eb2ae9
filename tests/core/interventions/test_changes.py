"""What an edit changes, against the reference implementation of edits."""

import numpy as np
import pytest

from interp_gui.core.edit import Baseline, Edit
from interp_gui.core.edit_reference import apply_edit
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import change_of
from interp_gui.core.place import Place

AXES = ("unit", "y", "x")
MEANS = Baseline("mean", values=(0.5, -1.0), source="d")
KINDS = {
    "zero": {"kind": "ablate"},
    "mean": {"kind": "ablate", "baseline": MEANS},
    "image": {"kind": "ablate", "baseline": Baseline("image", source="i")},
    "scale": {"kind": "scale", "amount": -0.5},
    "clamp": {"kind": "clamp", "low": -0.2, "high": 0.3},
    "add": {"kind": "add", "amount": 2.0, "deviation": (0.5, 1.5)},
    "patch": {"kind": "patch", "source": "i"},
}
PLACES = (Place(), Place("region", region=((1.0, 0.2), (0.0, 0.5))))


@pytest.fixture
def value():
    return np.random.default_rng(0).normal(size=(5, 4, 6)).astype(np.float32)


def features():
    vectors = np.random.default_rng(1).normal(size=(2, 5))
    return [
        Feature(layer="a", units=(3, 1)),
        Feature(layer="a", vectors=tuple(tuple(map(float, row)) for row in vectors)),
        Feature(layer="a", units=(2, 2)),
    ]


@pytest.mark.parametrize("place", PLACES, ids=["everywhere", "region"])
@pytest.mark.parametrize("feature", features(), ids=["units", "vectors", "twice the same"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_references_difference(value, kind, feature, place):
    edit = Edit(feature=feature, place=place, **KINDS[kind])
    other = np.random.default_rng(2).normal(size=value.shape).astype(np.float32)
    change = change_of(edit, value, AXES, source=other if edit.image_source else None)
    wide = value.astype(np.float64)[None]
    wanted = apply_edit(wide, edit, AXES, sources={"i": other})[0]
    np.testing.assert_allclose(change.onto(value), wanted, atol=1e-5)
    assert change.moved == pytest.approx(np.linalg.norm(wanted - wide[0]), rel=1e-5)


def test_project_out_and_a_whole_layer(value):
    direction = Feature(layer="a", vectors=((1.0, 2.0, 0.0, -1.0, 0.5),))
    edit = Edit(feature=direction, kind="project_out")
    left = change_of(edit, value, AXES).onto(value)
    np.testing.assert_allclose(np.einsum("c,cyx->yx", direction.vectors[0], left), 0.0, atol=1e-5)
    whole = Edit(feature=Feature(layer="a"), kind="scale", amount=0.0)
    assert change_of(whole, value, AXES).moved == pytest.approx(np.linalg.norm(value), rel=1e-6)
    assert not change_of(whole, value, AXES).onto(value).any()


@pytest.mark.parametrize("feature", features()[:2], ids=["units", "vectors"])
def test_what_changes_nothing_moves_exactly_nothing(value, feature):
    idle = [
        {"kind": "scale", "amount": 1.0},
        {"kind": "add", "amount": 0.0},
        {"kind": "clamp"},
        {"kind": "patch", "source": "i"},
    ]
    for fields in idle:
        change = change_of(Edit(feature=feature, **fields), value, AXES, source=value)
        assert change.moved == 0.0
        np.testing.assert_array_equal(change.onto(value), value)


def test_new_coordinates_are_those_within_the_place(value):
    edit = Edit(
        feature=Feature(layer="a", units=(1,)), kind="add", amount=3.0,
        place=Place("positions", positions=((0, 2),)),
    )  # fmt: skip
    change = change_of(edit, value, AXES)
    wanted = value[1].astype(np.float64)
    wanted[0, 2] += 3.0
    np.testing.assert_allclose(change.new_coordinates[..., 0], wanted)


def test_heads(value):
    feature = Feature(layer="a/z", units=(1,), heads=True)
    axes = ("token", "head", "unit")
    change = change_of(Edit(feature=feature, kind="ablate"), value, axes)
    assert change.moved == pytest.approx(np.linalg.norm(value[:, 1]), rel=1e-6)
    assert change.units == 4
    left = change.onto(value)
    assert not left[:, 1].any()
    np.testing.assert_array_equal(left[:, [0, 2, 3]], value[:, [0, 2, 3]])
    moved = change.onto(value, picked=(2,))
    np.testing.assert_allclose(moved[:, 2], value[:, 2] - value[:, 1], atol=1e-6)
