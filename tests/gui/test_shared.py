"""Names of features: kept by model, undone, handed to sessions and back."""

import pytest

from interp_gui.core.feature import Feature
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import OpenModelState

UNIT = Feature(layer="features.14", units=(7,))


@pytest.fixture
def names(state, model):
    state.set_model(model)
    return names_of(state)


def test_a_name_can_be_undone(state, names):
    told = []
    names.changed.connect(told.append)
    names.set_name(UNIT, "  wheels \n of cars ")
    assert names.name(UNIT) == "wheels of cars"
    assert state.undo.undoText() == "rename features.14:7"
    names.set_name(UNIT, "tyres")
    assert state.undo.undoText() == "rename wheels of cars"
    state.undo.undo()
    assert names.name(UNIT) == "wheels of cars"
    state.undo.undo()
    assert names.name(UNIT) == ""
    assert names.snapshot() == {}
    state.undo.redo()
    assert names.name(UNIT) == "wheels of cars"
    assert told == ["features.14:7"] * 5


def test_the_same_name_again_is_no_change(state, names):
    names.set_name(UNIT, "wheels")
    names.set_name(UNIT, " wheels ")
    assert state.undo.count() == 1


def test_taking_a_name_back(state, names):
    names.set_name(UNIT, "wheels")
    names.set_name(UNIT, "")
    assert names.name(UNIT) == ""
    assert state.undo.undoText() == "remove the name wheels"
    state.undo.undo()
    assert names.name(UNIT) == "wheels"


def test_two_models_have_names_of_their_own(state, names, model, describe):
    names.set_name(UNIT, "wheels")
    other = OpenModelState("model-2", describe(weights_sha256="f" * 64), "/models/other.pth")
    state.set_model(other)
    assert names.name(UNIT) == ""
    names.set_name(UNIT, "eyes")
    of_first = Feature(layer="features.14", units=(7,), model=model.description.weights_sha256)
    assert names.name(of_first) == "wheels"
    state.set_model(model)
    assert names.name(UNIT) == "wheels"
    # undone where it was given, whatever model is current now
    state.undo.undo()
    assert names.name(UNIT) == "wheels"
    state.set_model(other)
    assert names.name(UNIT) == ""


def test_a_feature_that_brings_a_name_keeps_it_until_it_is_given_one(names):
    named = Feature(layer="features.14", units=(7,), name="brought")
    assert names.name(named) == "brought"
    assert names.given(named) == ""
    names.set_name(named, "given")
    assert names.name(named) == "given"


def test_snapshot_and_restore(state, names):
    names.set_name(UNIT, "wheels")
    kept = names.snapshot()
    names.set_name(UNIT, "other")
    assert kept == {"b0353104" * 8: {"features.14:7": "wheels"}}
    told = []
    names.changed.connect(told.append)
    names.restore(kept)
    assert names.name(UNIT) == "wheels"
    assert told == ["features.14:7"]
    assert not state.undo.canUndo()
    names.restore({})
    assert names.snapshot() == {}
