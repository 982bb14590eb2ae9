"""Target and preprocessing: chosen by hand, undone whichever model is current by then."""

import msgspec
import pytest
from PySide6.QtCore import Qt

from interp_gui.core.model import Preprocessing
from interp_gui.core.target import Target
from interp_gui.engine.messages import SetPreprocessing
from interp_gui.gui.state import OpenModelState
from interp_gui.gui.undoing.changes import choose_target


@pytest.fixture
def opened(window, relay, greet, model, qapp):
    relay(greet())
    qapp.processEvents()
    window.state.set_models((model,))
    window.state.set_model(model)
    qapp.processEvents()
    window.state.undo.clear()
    return window


@pytest.fixture
def other(describe):
    return OpenModelState("model-2", describe(weights_sha256="f" * 64), "/models/other.pth")


def close(window, model):
    left = tuple(m for m in window.state.models if m.handle != model.handle)
    window.state.set_models(left)
    window.state.set_model(left[0] if left else None)


def answered(window, client):
    """Play the engine's answer to the newest change of preprocessing."""
    job = client.last(SetPreprocessing)
    request = client.requests[job]
    before = next(m for m in window.state.models if m.handle == request.model).description
    new = msgspec.structs.replace(before, preprocessing=request.preprocessing)
    client.end(job, description=new)
    return request


# --- the target ---------------------------------------------------------------------------------


def test_a_class_chosen_in_the_toolbar_can_be_undone(opened, qtbot):
    box, state = opened.target.classes, opened.state
    before = state.target
    box.setFocus()
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), "animal 3")
    qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Return)
    assert state.target.index == 3
    assert state.undo.undoText() == "choose target logit of animal 3"
    assert state.undo.count() == 1
    opened.actions_.refresh()
    opened.actions_["edit.undo"].trigger()
    assert state.target == before
    assert box.currentText() == "Top class"
    opened.actions_.refresh()
    assert opened.actions_["edit.redo"].text() == "&Redo choose target logit of animal 3"
    opened.actions_["edit.redo"].trigger()
    assert state.target.index == 3
    assert box.currentText() == "animal 3"


def test_choosing_the_same_again_is_no_step(opened):
    choose_target(opened.state, opened.state.target)
    assert not opened.state.undo.canUndo()


def test_undoing_a_target_goes_to_its_model(opened, model, other):
    state = opened.state
    choose_target(state, Target(index=3))
    state.set_models((*state.models, other))
    state.set_model(other)
    choose_target(state, Target(index=5))
    state.set_model(model)
    state.undo.undo()
    assert (state.model, state.target.index) == (other, None)
    state.undo.undo()
    assert (state.model.handle, state.target.index) == (model.handle, None)
    state.undo.redo()
    state.undo.redo()
    assert (state.model, state.target.index) == (other, 5)


def test_a_target_of_a_closed_model_is_left_out_in_words(opened, model, other):
    state, told = opened.state, []
    state.notified.connect(told.append)
    state.undo.change("something before", lambda: None, lambda: told.append("undone"))
    choose_target(state, Target(index=3))
    state.set_models((*state.models, other))
    state.set_model(other)
    close(opened, model)
    target = state.target
    state.undo.undo()
    assert told[-1].message == "The target was chosen for a model that is closed."
    assert (state.model, state.target) == (other, target)
    assert state.undo.undoText() == "something before"
    state.undo.undo()
    assert told[-1] == "undone"


# --- preprocessing ------------------------------------------------------------------------------


def test_preprocessing_can_be_undone(opened, client, qapp):
    form, state = opened.model_panel.preprocessing, opened.state
    before = state.model.description.preprocessing
    form.height_px.setValue(96)
    form.width_px.setValue(96)
    form.apply.click()
    assert answered(opened, client).preprocessing.size == (96, 96)
    qapp.processEvents()
    assert state.model.description.preprocessing.size == (96, 96)
    assert state.undo.undoText() == "change the preprocessing of small.pth"
    state.undo.undo()
    assert answered(opened, client).preprocessing == before
    qapp.processEvents()
    assert state.model.description.preprocessing == before
    assert form.height_px.value() == before.size[0]
    state.undo.redo()
    assert answered(opened, client).preprocessing.size == (96, 96)
    qapp.processEvents()
    form.reset.click()
    assert answered(opened, client).preprocessing == before
    qapp.processEvents()
    state.undo.undo()
    assert answered(opened, client).preprocessing.size == (96, 96)


def test_preprocessing_is_undone_for_the_model_it_was_changed_of(
    opened, client, model, other, qapp
):
    state = opened.state
    opened.documents.set_preprocessing(Preprocessing(size=(64, 64)))
    answered(opened, client)
    qapp.processEvents()
    state.set_models((*state.models, other))
    state.set_model(other)
    state.undo.undo()
    assert client.requests[client.last(SetPreprocessing)].model == model.handle
    answered(opened, client)
    qapp.processEvents()
    assert state.model == other
    assert state.models[0].description.preprocessing == model.description.preprocessing


def test_preprocessing_of_a_closed_model_is_left_alone_and_it_is_said(
    opened, client, model, other, qapp
):
    state, told = opened.state, []
    opened.documents.set_preprocessing(Preprocessing(size=(64, 64)))
    answered(opened, client)
    qapp.processEvents()
    state.set_models((*state.models, other))
    state.set_model(other)
    close(opened, model)
    state.notified.connect(told.append)
    asked = len(client.requests)
    state.undo.undo()
    assert told[-1].message == "The preprocessing was changed of a model that is closed."
    assert len(client.requests) == asked
    assert not state.undo.canUndo()


def test_preprocessing_that_is_as_wanted_already_is_no_step(opened):
    opened.documents.set_preprocessing(opened.state.model.description.preprocessing)
    assert not opened.state.undo.canUndo()


def test_a_class_that_the_model_lacks_is_told_and_not_taken(opened):
    told = []
    opened.state.notified.connect(told.append)
    choose_target(opened.state, Target(index=10))
    assert told[-1].message == "There is no class 10."
    assert opened.state.target.index is None
    assert not opened.state.undo.canUndo()
