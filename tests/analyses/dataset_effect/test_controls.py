import numpy as np
import pytest

from interp_gui.analyses.dataset_effect.controls import draw_controls, network_edits
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.place import Place


@pytest.fixture
def drawn(runtimes):
    def draw(*edits, count=3, seed=0):
        context = Context(model=runtimes["cnn"], inputs=Inputs(edits=EditStack(edits), seed=seed))
        stack = network_edits(context)
        return context, stack, draw_controls(context, stack, count)

    return draw


def units_edit(*units, **more):
    return Edit(feature=Feature(layer="last", units=units), kind="ablate", **more)


def vectors_edit(*rows, kind="project_out"):
    return Edit(feature=Feature(layer="last", vectors=as_vectors(np.array(rows))), kind=kind)


def value(seed=0):
    return np.random.default_rng(seed).normal(size=(12, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("place", [Place(), Place("positions", positions=((0, 1), (3, 4)))])
def test_units_give_way_to_other_units_and_every_position_changes_as_much(drawn, place):
    edit = units_edit(1, 4, 6, place=place)
    context, stack, found = drawn(edit, count=6)
    x = value()
    mask = np.broadcast_to(place.mask(("unit", "y", "x"), x.shape), (1, 4, 5))
    wanted = np.linalg.norm(x[[1, 4, 6]] * mask, axis=0)
    seen = set()
    for control in found.controls:
        step = control.value(context, stack, found.layers[0], x, x) - x
        np.testing.assert_allclose(np.linalg.norm(step, axis=0), wanted, atol=1e-5)
        changed = np.flatnonzero(np.abs(step).max(axis=(1, 2)) > 0)
        assert not set(changed) & {1, 4, 6}
        seen.add(tuple(changed))
    assert len(seen) > 1


def test_vectors_are_turned_with_their_lengths_and_angles(drawn):
    random = np.random.default_rng(1)
    rows = random.normal(size=(3, 12))
    first, second = vectors_edit(*rows[:2]), vectors_edit(rows[2], kind="ablate")
    context, stack, found = drawn(first, second)
    x = value()
    real = x
    from interp_gui.core.edit_reference import apply_edit

    for edit in stack.edits:
        real = apply_edit(real[None], edit, ("unit", "y", "x"))[0]
    wanted = np.linalg.norm(real - x, axis=0)
    for control in found.controls:
        step = control.value(context, stack, found.layers[0], x, x) - x
        np.testing.assert_allclose(np.linalg.norm(step, axis=0), wanted, rtol=1e-4, atol=1e-5)
        bases = np.concatenate([control.moved[0][1], control.moved[1][1]], axis=1)
        np.testing.assert_allclose(bases.T @ bases, rows @ rows.T, rtol=1e-4, atol=1e-5)
        assert np.abs(bases - rows.T).max() > 0.1


def test_controls_hang_on_the_seed_alone(drawn):
    picks = [
        [control.moved[0][0] for control in drawn(units_edit(0, 1), seed=seed)[2].controls]
        for seed in (0, 0, 1)
    ]
    assert picks[0] == picks[1] != picks[2]
    more = drawn(units_edit(0, 1), count=5)[2].controls
    assert [control.moved[0][0] for control in more][:3] == picks[0]  # further ones add to them


def test_more_than_half_a_layer_shares_units_with_its_control(drawn):
    _, _, found = drawn(units_edit(*range(10)), count=40)
    for control in found.controls:
        assert len(set(control.moved[0][0])) == 10
        assert all(own != other for own, other in enumerate(control.moved[0][0]))
    assert len({control.moved[0][0] for control in found.controls}) == 40
    assert found.note.startswith("More than half of last is edited")
    assert not drawn(units_edit(*range(6)))[2].note


def test_all_units_have_no_others(drawn):
    _, _, found = drawn(units_edit(*range(12)))
    assert not found.controls
    assert "no others" in found.note


def test_all_directions_have_no_others(drawn):
    _, _, found = drawn(vectors_edit(*np.random.default_rng(0).normal(size=(12, 12))))
    assert not found.controls
    assert found.note == (
        "Every direction of last is edited, so there are no others to compare with."
    )


def test_layers_are_named_as_the_model_names_them(drawn):
    edit = Edit(feature=Feature(layer="last#0", units=(1,)), kind="ablate")
    _, stack, found = drawn(edit)
    assert stack.edits[0].feature.layer == found.layers[0].name == "last"
