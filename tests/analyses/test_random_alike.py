"""Random others of a feature change its layer by exactly as much, at each position."""

import numpy as np
import pytest

from interp_gui.analyses.random_alike import others, why_none
from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import change_of

VALUE = np.random.default_rng(1).normal(size=(9, 4, 5)).astype("f4")
AXES = ("unit", "y", "x")
SLANTED = tuple(
    tuple(float(v) for v in row) for row in np.random.default_rng(2).normal(size=(2, 9))
)


@pytest.mark.parametrize(
    "feature",
    [
        Feature(layer="a", units=(3,)),
        Feature(layer="a", units=(3, 5, 1)),
        Feature(layer="a", vectors=SLANTED[:1]),
        Feature(layer="a", vectors=SLANTED),
    ],
    ids=lambda f: f.text,
)
def test_others_move_each_position_as_far(feature):
    change = change_of(Edit(feature=feature, kind="scale", amount=-0.5), VALUE, AXES)
    own = np.linalg.norm(change.onto(VALUE) - VALUE, axis=0)
    drawn = others(change, 6, np.random.default_rng(0))
    assert len(drawn) == 6
    moved = [change.onto(VALUE, picked=picked, basis=basis) - VALUE for picked, basis in drawn]
    for step in moved:
        np.testing.assert_allclose(np.linalg.norm(step, axis=0), own, rtol=1e-4)
    assert not np.allclose(moved[0], moved[1])
    for picked, _ in drawn:
        assert not set(picked) & set(feature.units)


def test_one_unit_has_each_other_at_most_once():
    change = change_of(Edit(feature=Feature(layer="a", units=(3,)), kind="ablate"), VALUE, AXES)
    drawn = others(change, 20, np.random.default_rng(0))
    assert sorted(picked for picked, _ in drawn) == [(i,) for i in range(9) if i != 3]


def test_where_there_are_none_a_sentence_says_so():
    feature = Feature(layer="a")
    change = change_of(Edit(feature=feature, kind="scale", amount=2.0), VALUE, AXES)
    assert others(change, 3, np.random.default_rng(0)) == []
    assert "whole layer" in why_none(feature)
    most = Feature(layer="a", units=tuple(range(6)))
    change = change_of(Edit(feature=most, kind="ablate"), VALUE, AXES)
    assert others(change, 3, np.random.default_rng(0)) == []
    assert "too few" in why_none(most)
