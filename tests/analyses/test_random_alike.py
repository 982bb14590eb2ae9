"""Random others of a feature change its layer by exactly as much, at each position."""

import numpy as np
import pytest

from interp_gui.analyses.random_alike import Taken, others, taken_by, why_few, why_none
from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import change_of
from interp_gui.core.layer import LayerInfo

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


def layer():
    return LayerInfo(name="a", kind="Conv2d", axes=AXES, shape=VALUE.shape)


def taken(*features, axis=0, size=9):
    edits = [Edit(feature=f, kind="scale", amount=0.0) for f in features]
    return taken_by(edits, layer(), axis=axis, size=size)


def test_what_other_edits_change_is_left_alone():
    found = taken(Feature(layer="a", units=(1, 4)), Feature(layer="a", units=(4, 6)))
    assert found.units == (1, 4, 6)
    change = change_of(Edit(feature=Feature(layer="a", units=(3,)), kind="ablate"), VALUE, AXES)
    drawn = others(change, 20, np.random.default_rng(0), taken=found)
    assert sorted(picked[0] for picked, _ in drawn) == [0, 2, 5, 7, 8]
    note = why_few(Feature(layer="a", units=(3,)), found=5, asked=20, taken=found)
    assert note.startswith("Only 5 others")
    assert "not changed by other edits" in note
    assert why_few(Feature(layer="a", units=(3,)), found=20, asked=20) == ""


def test_units_within_a_span_of_vectors_are_taken():
    one_hot = tuple(float(i == 2) for i in range(9))
    assert taken(Feature(layer="a", vectors=(one_hot,))).units == (2,)
    found = taken(Feature(layer="a", vectors=SLANTED))
    assert found.units == ()
    assert found.span.shape == (9, 2)
    assert taken(Feature(layer="a")) == Taken()
    assert taken(Feature(layer="a", units=(1,)), axis=1) == Taken()


def test_vectors_are_drawn_at_right_angles_to_what_is_taken():
    found = taken(Feature(layer="a", vectors=SLANTED[:1]), Feature(layer="a", units=(8,)))
    feature = Feature(layer="a", vectors=SLANTED[1:])
    change = change_of(Edit(feature=feature, kind="project_out"), VALUE, AXES)
    for _, basis in others(change, 4, np.random.default_rng(0), taken=found):
        np.testing.assert_allclose(found.span.T @ basis, 0.0, atol=1e-12)
        assert np.linalg.norm(basis) == pytest.approx(np.linalg.norm(SLANTED[1]), rel=1e-6)
    most = taken(Feature(layer="a", units=tuple(range(9))))
    assert others(change, 4, np.random.default_rng(0), taken=most) == []


@pytest.mark.parametrize("size", [2, 3, 4])
def test_sets_are_all_different(size):
    units = tuple(range(size))
    change = change_of(Edit(feature=Feature(layer="a", units=units), kind="ablate"), VALUE, AXES)
    room = taken(Feature(layer="a", units=(8,)))
    drawn = others(change, 20, np.random.default_rng(0), taken=room)
    assert len({frozenset(picked) for picked, _ in drawn}) == len(drawn)
    # of 8 - size units
    assert len(drawn) == {2: 15, 3: 10, 4: 1}[size]


def test_a_vector_and_its_opposite_are_as_likely():
    feature = Feature(layer="a", vectors=SLANTED)
    change = change_of(Edit(feature=feature, kind="project_out"), VALUE, AXES)
    random = np.random.default_rng(0)
    signs = [np.sign(basis) for _, basis in others(change, 400, random)]
    ahead = np.mean(np.stack(signs) > 0, axis=0)
    assert (np.abs(ahead - 0.5) < 0.1).all()


def test_vectors_without_room_to_spare_have_no_others():
    """One unit has one direction: another one would be itself."""
    value = VALUE[:1]
    change = change_of(
        Edit(feature=Feature(layer="a", vectors=((2.0,),)), kind="project_out"), value, AXES
    )
    assert others(change, 3, np.random.default_rng(0)) == []
    change = change_of(
        Edit(feature=Feature(layer="a", vectors=SLANTED[:1]), kind="project_out"), VALUE, AXES
    )
    # the one direction that is left may be what is edited
    left = taken(Feature(layer="a", units=tuple(range(8))))
    assert others(change, 3, np.random.default_rng(0), taken=left) == []
    room = taken(Feature(layer="a", units=tuple(range(7))))
    assert len(others(change, 3, np.random.default_rng(0), taken=room)) == 3
