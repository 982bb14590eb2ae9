"""Random features in place of an edit's own, computed again by numpy."""

import numpy as np
import pytest

from interp_gui.analyses.intervene import controls as module
from interp_gui.analyses.intervene.answering import Answering
from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.core.place import Place
from tests.analyses.intervene.conftest import unit, value_of


def logits(runtime, value):
    """The part of the small CNN behind `last`, by hand."""
    head = runtime.module.head
    weight, bias = (p.detach().double().numpy() for p in (head.weight, head.bias))
    return weight @ value.mean(axis=(1, 2)) + bias


@pytest.fixture
def cnn(runtimes):
    return runtimes["cnn"]


def test_they_are_all_other_units_changed_by_the_same(cnn, intervene, pictures):
    found = intervene(cnn, unit("last", 3, kind="scale", amount=0.25), controls=20)[-1]
    value = value_of(cnn, "last", pictures[0])
    top = int(found.before.argmax())
    plain = logits(cnn, value)[top]
    wanted = []
    for u in range(len(value)):
        moved = value.copy()
        moved[u] += -0.75 * value[3]
        wanted.append(logits(cnn, moved)[top] - plain)
    effect = found.effects[0]
    assert effect.effect == pytest.approx(wanted.pop(3), rel=1e-3)
    # eleven others, each once, the feature itself never
    np.testing.assert_allclose(sorted(effect.controls), sorted(wanted), rtol=1e-3, atol=1e-5)
    smaller = sum(abs(w) < abs(effect.effect) for w in wanted)
    assert effect.percentile == pytest.approx(100 * smaller / 11)


def test_beside_other_edits_they_replace_the_one_only(cnn, intervene, pictures):
    edits = [unit("last", 0), unit("last", 3, kind="add", amount=2.0), unit("last", 4)]
    found = intervene(cnn, *edits, controls=11)[-1]
    value = value_of(cnn, "last", pictures[0])
    value[[0, 4]] = 0.0
    top = int(found.before.argmax())
    plain = logits(cnn, value)[top]
    wanted = []
    # neither the one that is set before it, nor the one that the edit behind it sets again
    for u in set(range(12)) - {0, 3, 4}:
        moved = value.copy()
        moved[u] += 2.0
        wanted.append(logits(cnn, moved)[top] - plain)
    effect = found.effects[1]
    np.testing.assert_allclose(sorted(effect.controls), sorted(wanted), rtol=1e-3, atol=1e-5)
    assert "Only 9 others" in effect.control_note
    assert "of 11 asked for" in effect.control_note


def test_none_is_overwritten_by_another_edit_of_the_layer(cnn, intervene):
    edits = [unit("last", u) for u in range(8)]
    found = intervene(cnn, *edits, controls=20)[-1].effects
    changing = [effect for effect in found if effect.change]
    assert len(changing) > 5
    for effect in changing:
        assert len(effect.controls) == 4
        assert all(abs(control) > 1e-6 for control in effect.controls)
    # what is switched off leaves its unit to the others
    off = [unit("last", 0), *(unit("last", u, enabled=False) for u in range(1, 8))]
    assert len(intervene(cnn, *off, controls=20)[-1].effects[0].controls) == 11


def test_vectors_stay_clear_of_what_other_edits_change(cnn, intervene, put_in_place, pictures):
    random = np.random.default_rng(3)
    rows = [tuple(float(v) for v in row) for row in random.normal(size=(2, 12))]
    first, second = (
        Edit(feature=Feature(layer="last", vectors=(row,)), kind="project_out") for row in rows
    )
    found = intervene(cnn, first, second, unit("last", 5), controls=3)[-1]
    assert [len(effect.controls) for effect in found.effects] == [3, 3, 3]
    value = value_of(cnn, "last", pictures[0])
    for moved in (each - value for each in put_in_place[:3]):
        # up to the rounding of single precision
        assert np.abs(moved[5]).max() < 1e-5
        assert np.abs(np.einsum("c,cyx->yx", rows[1], moved)).max() < 1e-4
        assert np.abs(moved).max() > 1e-2


def test_behind_it_a_whole_layer_that_is_set_leaves_nothing_to_compare(cnn, intervene):
    every = Edit(feature=Feature(layer="last"), kind="ablate")
    found = intervene(cnn, unit("last", 3, kind="scale", amount=2.0), every, controls=5)[-1]
    assert found.effects[0].controls == ()
    assert "sets the whole layer" in found.effects[0].control_note
    half = Edit(feature=Feature(layer="last"), kind="scale", amount=0.5)
    found = intervene(cnn, unit("last", 3, kind="scale", amount=2.0), half, controls=5)[-1]
    assert len(found.effects[0].controls) == 5
    assert found.effects[0].control_note == ""


@pytest.fixture
def put_in_place(monkeypatch):
    """The values that were put in place of the layer's, in order."""
    found = []
    original = Answering.run

    def run(self, edits, *, capture=(), further={}):
        found.extend(np.asarray(each, np.float64) for each in further.values())
        return original(self, edits, capture=capture, further=further)

    monkeypatch.setattr(Answering, "run", run)
    return found


@pytest.mark.parametrize("place", [Place(), Place("positions", positions=((0, 1), (2, 2)))])
@pytest.mark.parametrize("kind", ["units", "vectors"])
def test_each_changes_every_position_by_exactly_as_much(
    cnn, intervene, pictures, put_in_place, kind, place
):
    random = np.random.default_rng(1)
    vectors = tuple(tuple(float(v) for v in row) for row in random.normal(size=(2, 12)))
    basis = {"units": (3, 7)} if kind == "units" else {"vectors": vectors}
    edit = Edit(feature=Feature(layer="last", **basis), kind="ablate", place=place)
    found = intervene(cnn, edit, controls=20)[-1]
    assert len(put_in_place) == len(found.effects[0].controls) == 20
    value = value_of(cnn, "last", pictures[0])
    b = np.eye(12)[:, [3, 7]] if kind == "units" else np.array(vectors).T
    own = np.einsum("cd,dyx->cyx", -b @ np.linalg.pinv(b), value)
    mask = place.mask(("unit", "y", "x"), value.shape)
    sizes = np.linalg.norm(mask * own, axis=0)
    for other in put_in_place:
        moved = other - value
        np.testing.assert_allclose(np.linalg.norm(moved, axis=0), sizes, atol=1e-5)
        # never along the feature itself
        assert not np.allclose(moved, mask * own, atol=1e-4)
        if kind == "units":
            assert np.all(moved[[3, 7]] == 0.0)
    distinct = {tuple(np.round(other.ravel(), 5)) for other in put_in_place}
    assert len(distinct) > 15


def test_they_are_drawn_by_seed_and_feature_alone(cnn, intervene, pictures):
    edit, other = unit("last", 1, 2, kind="scale", amount=0.3), unit("last", 6)

    def controls(*edits, index=0, **asked):
        return intervene(cnn, *edits, controls=5, **asked)[-1].effects[index].controls

    assert controls(edit) == controls(edit)
    assert controls(edit, seed=1) != controls(edit)
    drawn = [module.random_of(4, edit.feature).integers(1000) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert module.random_of(5, edit.feature).integers(1000) != drawn[0]
    assert module.random_of(4, other.feature).integers(1000) != drawn[0]


def test_heads_stand_beside_other_heads(runtimes, intervene, put_in_place, pictures):
    vit = runtimes["vit"]
    layer = "encoder.layers.encoder_layer_1.self_attention/z"
    feature = Feature(layer=layer, units=(1,), heads=True)
    found = intervene(vit, Edit(feature=feature, kind="ablate"), controls=20)[-1]
    value = value_of(vit, layer, pictures[0])
    axes = vit.description.layer(layer).axes
    heads = np.moveaxis(value, axes.index("head"), 0)
    assert len(found.effects[0].controls) == 1  # there is one other head
    assert "Only 1 other of its kind is there" in found.effects[0].control_note
    moved = np.moveaxis(put_in_place[0] - value, axes.index("head"), 0)
    np.testing.assert_allclose(moved[0], -heads[1], atol=1e-6)
    assert np.all(moved[1] == 0.0)


def test_where_there_can_be_none_a_sentence_says_why(told, cnn, intervene):
    whole = Edit(feature=Feature(layer="last"), kind="scale", amount=0.5)
    effect = intervene(cnn, whole)[-1].effects[0]
    assert effect.controls == ()
    assert "whole layer" in effect.control_note
    assert effect.percentile is None
    many = unit("last", *range(11))
    assert "too few" in intervene(cnn, many)[-1].effects[0].control_note
    beside = [unit("last", 0), unit("last", *range(1, 12))]
    assert "leave too few" in intervene(cnn, *beside)[-1].effects[0].control_note
    assert "Nothing changes" in intervene(told, unit("act", 3))[-1].effects[0].control_note


def test_a_layer_by_two_names_is_one_layer(cnn, intervene):
    def of(second):
        one, other = unit("last", 3), unit(second, 3, kind="add", amount=2.0)
        return intervene(cnn, one, other, controls=11)[-1]

    plain, mixed = of("last"), of("last#0")
    assert mixed.edits.edits[1].feature.layer == "last#0"  # as it was asked for
    for i in (0, 1):
        assert mixed.effects[i].change == pytest.approx(plain.effects[i].change)
        assert mixed.effects[i].effect == pytest.approx(plain.effects[i].effect)
        np.testing.assert_allclose(mixed.effects[i].controls, plain.effects[i].controls, rtol=1e-5)
        assert mixed.effects[i].control_note == plain.effects[i].control_note
