import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.result import Bars
from interp_gui.core.target import Target
from interp_gui.engine.messages import EngineLost, Produced, Reopening, Run
from interp_gui.gui.output.panel import OutputPanel
from interp_gui.gui.shared import top_class_of
from interp_gui.gui.toolbar import EngineBadge


@pytest.fixture
def panel(qtbot, state, bridge, client, greet, model):
    panel = OutputPanel(state, bridge)
    qtbot.addWidget(panel)
    panel.show()
    panel.activateWindow()
    with qtbot.waitSignal(bridge.ready):
        client.emit(greet())
    state.set_models((model,))
    state.set_model(model)
    state.set_image("/pictures/a.png")
    job = client.last(Run)
    top = [{"index": i, "name": f"animal {i}", "probability": p} for i, p in ((4, 0.7), (2, 0.2))]
    bars = Bars(
        key="0", title="Answer", labels=("animal 4", "animal 2"), values=(0.7, 0.2),
        unit="probability", maximum=1.0, provenance={"top": top},
    )  # fmt: skip
    client.emit(Produced(job=job, generation=client.options[job]["generation"], result=bars))
    qtbot.waitUntil(lambda: panel.bars is not None)
    return panel


def menu_at(panel, row, reason=QContextMenuEvent.Reason.Mouse):
    where = panel.bars.row_place(row) if reason == QContextMenuEvent.Reason.Mouse else QPoint(1, 1)
    event = QContextMenuEvent(reason, where, panel.bars.mapToGlobal(where))
    QApplication.sendEvent(panel.bars, event)
    (menu,) = [m for m in panel.bars.findChildren(QMenu) if m.isVisible()]
    menu.close()
    return {action.text().replace("&", ""): action for action in menu.actions()}


def test_the_row_that_is_explained_is_named(panel, state):
    assert panel.bars.target == 4, "the top class"
    assert panel.target.text() == "Explained: logit of the top class"
    state.set_target(Target(index=2))
    assert panel.bars.target == 2
    assert panel.target.text() == "Explained: logit of animal 2"


def test_the_class_that_the_model_answers_is_noted_for_other_views(panel, state):
    top = top_class_of(state)
    assert top.of(state.model.handle) == 4
    assert top.of("another") is None


def test_a_row_becomes_the_target_by_its_menu(panel, state):
    found = menu_at(panel, 1)
    found["Explain this: make it the Target"].trigger()
    assert state.target == Target(index=2)
    assert not menu_at(panel, 1)["Explain this: make it the Target"].isEnabled()
    menu_at(panel, 0)["Compare the Target with it"].trigger()
    assert state.target == Target(kind="logit_difference", index=2, versus=4)
    menu_at(panel, 1)["Explain this: make it the Target"].trigger()
    assert state.target == Target(index=2), "alone again"
    for _ in range(3):
        state.undo.undo()
    assert state.target == Target()


def test_rows_are_reached_by_keys(panel, state, qtbot):
    panel.bars.setFocus()
    qtbot.keyClick(panel.bars, Qt.Key.Key_Down)
    assert "animal 2 20.0%, 2 of 2" in panel.bars.accessibleDescription()
    qtbot.keyClick(panel.bars, Qt.Key.Key_Return)
    assert state.target.index == 2
    menu_at(panel, 0, QContextMenuEvent.Reason.Keyboard)["Copy this row"].trigger()
    assert QGuiApplication.clipboard().text() == "animal 2\t20.0%"
    qtbot.keyClick(panel.bars, Qt.Key.Key_Up)
    qtbot.keyClick(panel.bars, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "animal 4\t70.0%"


def test_images_of_a_class_are_those_of_its_label(panel, state):
    wanted = []
    panel.images_wanted.connect(wanted.append)
    assert menu_at(panel, 0)["Images of this class"].toolTip() == "Open some images first."
    images = (ImageEntry(path="/a.png", label="big cat"),)
    state.set_dataset(Dataset(name="d", images=images, classes={"big cat": 4}), "d1")
    found = menu_at(panel, 1)["Images of this class"]
    assert not found.isEnabled()
    assert "No label" in found.toolTip()
    menu_at(panel, 0)["Images of this class"].trigger()
    assert wanted == ['label:"big cat"']


def test_a_new_engine_tells_which_model_it_opens_again(panel, state, bridge, client, greet, qtbot):
    badge = EngineBadge(bridge)
    qtbot.addWidget(badge)
    with qtbot.waitSignal(bridge.lost):
        client.emit(EngineLost(reason="It was killed.", respawning=True))
    assert panel.message.text() == (
        "The engine is starting again… These are the answers before that."
    )
    assert not panel.heading.isHidden()
    assert panel.heading.text()
    assert not panel.bars.isHidden()
    assert not panel.bars.isEnabled()
    with qtbot.waitSignal(bridge.ready):
        client.emit(greet())
    assert panel.message.text() == "Asking the model…"
    handle = state.model.handle
    now = Reopening(model=handle, name="net.pth", at=1, count=9, waiting=(handle, "other"))
    with qtbot.waitSignal(bridge.reopening):
        client.emit(now)
    assert panel.message.text() == badge.text.text() == "Reopening net.pth (1 of 9)…"
    with qtbot.waitSignal(bridge.reopening):
        client.emit(Reopening(model="other", name="o.pth", at=2, count=9, waiting=("other",)))
    assert panel.message.text() == "Asking the model…"
    assert badge.text.text() == "Reopening o.pth (2 of 9)…"
    with qtbot.waitSignal(bridge.reopening):
        client.emit(Reopening())
    assert badge.text.text() == "Ready"


def test_a_similarity_names_its_reference(panel, state):
    state.references[(1.0, 2.0)] = "cat.png"
    state.set_target(Target(kind="similarity", reference=(1.0, 2.0)))
    assert panel.target.text() == "Explained: similarity to cat.png"


def test_an_answer_that_is_not_a_number_is_a_sentence_without_bars(panel, client, qtbot):
    job = client.last(Run)
    sentence = "The answer is not a number."
    told = Bars(
        key="0", title="Answer", labels=(), values=(), notes=(sentence,), provenance={"top": []}
    )
    generation = client.options[job]["generation"]
    client.emit(Produced(job=job, generation=generation, result=told))
    qtbot.waitUntil(panel.bars.isHidden)
    assert panel.message.text() == sentence
    assert panel.message.isVisible()
