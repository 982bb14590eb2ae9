import numpy as np
import pytest

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.edit_reference import apply_edit, apply_stack
from interp_gui.core.errors import EditProblem
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.place import Place

AXES = ("unit", "y", "x")
VALUE = np.random.default_rng(0).normal(size=(2, 4, 3, 3))
UNITS = Feature(layer="a", units=(1, 3))


def test_units_become_what_each_kind_says():
    def at(**fields):
        got = apply_edit(VALUE, Edit(feature=UNITS, **fields), AXES)
        assert np.array_equal(got[:, [0, 2]], VALUE[:, [0, 2]])
        return got[:, [1, 3]]

    old = VALUE[:, [1, 3]]
    np.testing.assert_allclose(at(kind="ablate"), 0, atol=1e-15)
    mean = at(kind="ablate", baseline=Baseline("mean", (5.0, -2.0)))
    np.testing.assert_allclose(mean[:, 0], 5)
    np.testing.assert_allclose(mean[:, 1], -2)
    np.testing.assert_allclose(at(kind="scale", amount=3.0), old * 3)
    np.testing.assert_allclose(at(kind="clamp", low=-0.1, high=0.2), old.clip(-0.1, 0.2))
    np.testing.assert_allclose(at(kind="clamp", high=0.0), np.minimum(old, 0), atol=1e-15)
    np.testing.assert_allclose(at(kind="add", amount=2.0), old + 2)
    steps = np.array([0.5, 4.0])[:, None, None]
    got = at(kind="add", amount=-2.0, deviation=(0.5, 4.0))
    np.testing.assert_allclose(got, old - 2 * steps)


def test_directions_move_in_their_span_only():
    d = np.array([3.0, 0.0, 4.0, 0.0])
    feature = Feature(layer="a", vectors=as_vectors(d))
    unit = d / 5

    def along(value):
        return np.einsum("nuyx,u->nyx", value, unit)

    out = apply_edit(VALUE, Edit(feature=feature, kind="project_out"), AXES)
    np.testing.assert_allclose(along(out), 0, atol=1e-12)
    rest = VALUE - along(VALUE)[:, None] * unit[:, None, None]
    np.testing.assert_allclose(out, rest, atol=1e-12)
    twice = apply_edit(VALUE, Edit(feature=feature, kind="scale", amount=2.0), AXES)
    np.testing.assert_allclose(along(twice), 2 * along(VALUE))
    np.testing.assert_allclose(
        apply_edit(twice, Edit(feature=feature, kind="project_out"), AXES), rest, atol=1e-12
    )
    moved = apply_edit(VALUE, Edit(feature=feature, kind="add", amount=1.5), AXES)
    np.testing.assert_allclose(moved - VALUE, np.broadcast_to(1.5 * d[:, None, None], (2, 4, 3, 3)))


def test_patches_take_the_other_image():
    source = np.random.default_rng(1).normal(size=(4, 3, 3))
    patch = Edit(feature=UNITS, kind="patch", source="s")
    got = apply_edit(VALUE, patch, AXES, sources={"s": source})
    np.testing.assert_allclose(got[:, [1, 3]], np.broadcast_to(source[[1, 3]], (2, 2, 3, 3)))
    ablate = Edit(feature=UNITS, kind="ablate", baseline=Baseline("image", source="s"))
    assert np.array_equal(apply_edit(VALUE, ablate, AXES, sources={"s": source}), got)
    with pytest.raises(EditProblem, match="another image"):
        apply_edit(VALUE, patch, AXES)


def test_places_weigh_the_change():
    place = Place("region", region=((0.0, 0.25, 1.0),))
    edit = Edit(feature=Feature(layer="a"), kind="ablate", place=place)
    got = apply_edit(VALUE, edit, AXES)
    np.testing.assert_allclose(got, VALUE * np.array([1.0, 0.75, 0.0]), atol=1e-15)


def test_stacks_apply_in_order_to_their_layer():
    scale = Edit(feature=UNITS, kind="scale", amount=2.0)
    add = Edit(feature=UNITS, kind="add", amount=1.0)
    off = Edit(feature=UNITS, kind="ablate", enabled=False)
    elsewhere = Edit(feature=Feature(layer="b", units=(1,)), kind="ablate")
    one = apply_stack(VALUE, EditStack((scale, off, add, elsewhere)), "a", AXES)
    other = apply_stack(VALUE, EditStack((add, scale)), "a", AXES)
    np.testing.assert_allclose(one[:, 1], VALUE[:, 1] * 2 + 1)
    np.testing.assert_allclose(other[:, 1], (VALUE[:, 1] + 1) * 2)


def test_type_and_shape_stay_and_the_original_too():
    value = VALUE.astype(np.float32)
    before = value.copy()
    for edit in (
        Edit(feature=UNITS, kind="ablate"),
        Edit(feature=UNITS, kind="ablate", enabled=False),
    ):
        got = apply_edit(value, edit, AXES)
        assert got.dtype == np.float32
        assert got.shape == value.shape
        assert got is not value
    assert np.array_equal(value, before)


def test_heads_are_edited_along_their_own_axis():
    value = np.random.default_rng(1).normal(size=(2, 5, 3, 4))
    axes = ("token", "head", "unit")
    head = Feature(layer="a/z", units=(2,), heads=True)
    got = apply_edit(value, Edit(feature=head, kind="ablate"), axes)
    np.testing.assert_allclose(got[:, :, 2], 0, atol=1e-15)
    np.testing.assert_array_equal(got[:, :, :2], value[:, :, :2])
    place = Place("tokens", tokens=(1,))
    got = apply_edit(value, Edit(feature=head, kind="add", amount=1.0, place=place), axes)
    expected = value.copy()
    expected[:, 1, 2] += 1
    np.testing.assert_allclose(got, expected)


def test_patterns_have_heads_and_no_units():
    value = np.random.default_rng(2).random((2, 3, 5, 5))
    axes = ("head", "token", "token")
    whole = Edit(feature=Feature(layer="a/pattern"), kind="scale", amount=0.5)
    np.testing.assert_allclose(apply_edit(value, whole, axes), value * 0.5)
    query = Place("tokens", tokens=(4,))
    head = Feature(layer="a/pattern", units=(1,), heads=True)
    got = apply_edit(value, Edit(feature=head, kind="ablate", place=query), axes)
    np.testing.assert_allclose(got[:, 1, 4], 0, atol=1e-15)
    np.testing.assert_array_equal(got[:, 1, :4], value[:, 1, :4])
    with pytest.raises(EditProblem, match="units"):
        apply_edit(value, Edit(feature=Feature(layer="a/pattern", units=(1,)), kind="ablate"), axes)
