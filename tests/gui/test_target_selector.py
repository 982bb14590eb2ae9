import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter

from interp_gui.core.model import OutputInfo
from interp_gui.core.result import Bars
from interp_gui.core.target import Target
from interp_gui.engine.messages import Produced, Run
from interp_gui.gui.state import OpenModelState
from interp_gui.gui.target_selector import TargetSelector
from interp_gui.gui.undoing.changes import choose_target


@pytest.fixture
def selector(state, bridge, model, qtbot):
    state.set_model(model)
    selector = TargetSelector(state, bridge)
    qtbot.addWidget(selector)
    selector.show()
    return selector


def choose(box, data):
    box.setCurrentIndex(next(i for i in range(box.count()) if box.itemData(i) == data))
    box.activated.emit(box.currentIndex())


def kinds(selector):
    return [selector.kind.itemData(i) for i in range(selector.kind.count())]


def test_logit_difference_and_probability_are_chosen_and_undone(state, selector):
    assert kinds(selector) == ["logit", "logit_difference", "probability"]
    assert not selector.versus.isVisible()
    choose(selector.kind, "probability")
    choose(selector.classes, 3)
    assert state.target == Target(kind="probability", index=3)
    choose(selector.kind, "logit_difference")
    assert selector.versus.isVisible()
    choose(selector.versus, 5)
    assert state.target == Target(kind="logit_difference", index=3, versus=5)
    assert state.undo.undoText() == "choose target logit of animal 3 − animal 5"
    choose(selector.classes, 5)
    assert (state.target.index, state.target.versus) == (5, 3), "the two change places"
    for _ in range(5):
        state.undo.undo()
    assert state.target == Target()
    assert selector.kind.currentData() == "logit"
    assert not selector.versus.isVisible()
    for _ in range(5):
        state.undo.redo()
    assert (state.target.index, state.target.versus) == (5, 3)
    assert selector.versus.currentText() == "animal 3"


def test_a_class_is_found_by_typing(state, selector, qtbot):
    edit = selector.classes.lineEdit()
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "ANIMAL 7")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert state.target.index == 7
    assert selector.classes.completer().filterMode() == Qt.MatchFlag.MatchContains
    assert isinstance(selector.versus.completer(), QCompleter)
    edit.setText("no such animal")
    edit.editingFinished.emit()
    assert (state.target.index, selector.classes.currentText()) == (7, "animal 7")


def test_a_model_without_classes_gets_no_invented_ones(state, bridge, selector, describe):
    scalars = describe(outputs=(OutputInfo(name="age", kind="scalar", size=2),))
    state.set_model(OpenModelState("m2", scalars, "/m2"))
    assert kinds(selector) == ["scalar"]
    assert [selector.classes.itemText(i) for i in range(2)] == ["value 0", "value 1"]
    choose(selector.classes, 1)
    assert state.target == Target(kind="scalar", index=1, output="age")
    state.set_model(OpenModelState("m3", describe(outputs=(OutputInfo(kind="map"),)), "/m3"))
    assert kinds(selector) == ["scalar"]
    assert selector.classes.itemText(0) == "channel 0"  # the mean of a channel over its places
    state.set_model(OpenModelState("m4", describe(outputs=()), "/m4"))
    assert not selector.isEnabled()
    assert "no number" in selector.toolTip()


def test_a_similarity_takes_its_reference_from_an_image(
    state, bridge, client, greet, selector, describe, qtbot
):
    with qtbot.waitSignal(bridge.ready):
        client.emit(greet())
    embedding = describe(outputs=(OutputInfo(kind="embedding", size=3),))
    state.set_model(OpenModelState("m2", embedding, "/m2"))
    assert kinds(selector) == ["scalar", "similarity"]
    notes = []
    state.notified.connect(lambda note: notes.append(note.message))
    choose(selector.kind, "similarity")
    assert notes == ["Open the image that others are to be compared with first."]
    assert selector.kind.currentData() == "scalar"
    state.set_image("/pictures/a.png")
    choose(selector.kind, "similarity")
    job = client.last(Run)
    assert client.requests[job].inputs.images == ("/pictures/a.png",)
    top = [{"index": 2, "value": -4.0}, {"index": 0, "value": 1.5}, {"index": 1, "value": 0.5}]
    bars = Bars(key="0", title="t", labels=(), values=(), provenance={"top": top})
    client.emit(Produced(job=job, generation=client.options[job]["generation"], result=bars))
    client.end(job)
    qtbot.waitUntil(lambda: state.target.kind == "similarity")
    assert state.target.reference == (1.5, 0.5, -4.0)
    assert selector.reference.isVisible()
    assert not selector.classes.isVisible()
    state.undo.undo()
    assert state.target.kind == "scalar"


def test_a_class_that_the_model_lacks_is_told_not_taken(state, selector):
    notes = []
    state.notified.connect(lambda note: notes.append(note.message))
    choose_target(state, Target(index=55))
    assert notes == ["There is no class 55."]
    assert state.target == Target()
