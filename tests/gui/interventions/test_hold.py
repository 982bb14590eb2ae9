"""Holding X over a card: off while held, and never longer."""

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from interp_gui.core.feature import Feature
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.result import Bars
from interp_gui.gui.interventions import hold as holding
from interp_gui.gui.interventions.hold import features_under
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.widgets.bars import BarsView


def unit(index, **values):
    return Feature(layer="features.14", units=(index,), **values)


@pytest.fixture
def shown(window, model, qapp, monkeypatch):
    """A window with two cards on the shelf, and the cursor over what the test says."""
    window.resize(780, 700)  # within the screen, beyond which no widget is found
    window.move(0, 0)
    window.state.set_models((model,))
    window.state.set_model(model)
    shelf_of(window.state).collect([unit(7), unit(3)])
    qapp.processEvents()
    window.at = QPoint(-1000, -1000)
    monkeypatch.setattr(holding.QCursor, "pos", lambda: window.at)
    yield window
    window.hold.end()


def over_card(window, index):
    cards = window.shelf.list
    window.at = cards.viewport().mapToGlobal(cards._rect(index).center())


def press(widget):
    QTest.keyPress(widget, Qt.Key.Key_X)


def release(widget, *, repeated=False):
    event = QKeyEvent(
        QEvent.Type.KeyRelease, Qt.Key.Key_X, Qt.KeyboardModifier.NoModifier, "x", repeated
    )
    QApplication.sendEvent(widget, event)


def held(window):
    return [edit.feature.units[0] for edit in window.state.held]


def test_what_is_under_the_cursor_is_off_until_the_key_is_let_go(shown, qapp):
    over_card(shown, 0)
    shown.hold.begin()
    assert held(shown) == [7]
    assert [e.kind for e in shown.state.edits_in_force.edits] == ["ablate"]
    assert shown.state.edits.edits == ()
    assert not shown.state.undo.canUndo() or "off" not in shown.state.undo.undoText()
    qapp.processEvents()
    assert shown.interventions.held.text() == "Held: features.14:7 is switched off."
    release(shown, repeated=True)
    assert held(shown) == [7], "the key repeats itself"
    release(shown)
    assert held(shown) == []
    qapp.processEvents()
    assert shown.interventions.held.isHidden()


def test_the_key_itself_works_and_is_no_letter_of_the_shelf(shown, qapp, qtbot):
    over_card(shown, 1)
    shown.activateWindow()
    shown.shelf.list.setFocus()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is shown)
    press(shown.shelf.list)
    assert held(shown) == [3]
    release(shown.shelf.list)
    assert held(shown) == []


def test_typing_an_x_is_typing(shown, qtbot):
    over_card(shown, 0)
    shown.activateWindow()
    field: QLineEdit = shown.shelf.search
    field.setFocus()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is shown)
    QTest.keyClick(field, Qt.Key.Key_X)
    assert field.text() == "x"
    assert held(shown) == []


def test_the_card_of_the_keyboard_is_meant_where_the_cursor_is_on_none(shown, qtbot):
    shown.activateWindow()
    cards = shown.shelf.list
    qtbot.waitUntil(lambda: QApplication.activeWindow() is shown)
    cards.setFocus()
    cards.set_current(cards.cards[1].key)
    cards.select((cards.cards[1].key,))
    shown.hold.begin()
    assert held(shown) == [3]


def test_over_nothing_it_says_what_to_do(shown, messages, qapp):
    QApplication.focusWidget() and QApplication.focusWidget().clearFocus()
    shown.shelf.list._selection.clear()
    shown.hold.begin()
    assert held(shown) == []
    assert any("hold X" in text for text in messages(shown))


@pytest.mark.parametrize("kind", [QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate])
def test_a_window_that_is_left_holds_nothing(shown, kind):
    over_card(shown, 0)
    shown.hold.begin()
    QApplication.sendEvent(shown, QEvent(kind))
    assert held(shown) == []


def test_escape_ends_it_and_another_press_changes_nothing(shown):
    over_card(shown, 0)
    shown.hold.begin()
    over_card(shown, 1)
    shown.hold.begin()
    assert held(shown) == [7]
    QTest.keyPress(shown, Qt.Key.Key_Escape)
    assert held(shown) == []


def test_the_mean_is_put_where_it_is_known(shown):
    from interp_gui.core.dataset import Dataset, ImageEntry

    state = shown.state
    state.set_dataset(Dataset(name="d", images=(ImageEntry(path="/a.png"),)), "data-1")
    own = state.model.description.weights_sha256
    shown.interventions.edits.book._known[("data-1", unit(7, model=own))] = FeatureStatistics(
        feature=unit(7), mean=(0.5,), deviation=(0.1,), low=(0.0,), high=(1.0,)
    )
    over_card(shown, 0)
    shown.hold.begin()
    assert state.held[0].baseline.values == (0.5,)


def test_what_does_not_fit_the_model_is_told(shown, messages, describe):
    from interp_gui.gui.state import OpenModelState

    other = OpenModelState("model-2", describe(weights_sha256="ff" * 32), "/models/two.pth")
    shown.state.set_models((*shown.state.models, other))
    shown.state.set_model(other)
    over_card(shown, 0)
    shown.hold.begin()
    assert held(shown) == []
    assert any("another model" in text for text in messages(shown))


def test_bars_and_edits_say_what_they_show(shown, qapp):
    bars = BarsView()
    bars.set_result(
        Bars(key="b", title="units", labels=("a", "b"), values=(1.0, 2.0),
             features=(unit(4), unit(5)))
    )  # fmt: skip
    bars.resize(300, 80)
    bars.move(0, 0)
    bars.show()
    qapp.processEvents()
    row = bars.mapToGlobal(QPoint(30, bars._row_height() + 6))
    assert features_under(row) == (unit(5),)
    bars.close()
    bars.deleteLater()
    shown.interventions.edits.add_features((unit(9),))
    qapp.processEvents()
    line = shown.interventions.list.rows[0]
    found = holding._features_of(line, line.mapToGlobal(QPoint(60, 8)))
    assert [feature.units for feature in found] == [(9,)]


def test_no_tooltip_lies_over_the_answer_while_held(shown, qapp):
    over_card(shown, 0)
    seen = []
    tip = QHelpEvent(QEvent.Type.ToolTip, QPoint(3, 3), QPoint(3, 3))
    shown.shelf.event = lambda event: bool(seen.append(event.type())) or True
    press(shown)
    QApplication.sendEvent(shown.shelf, tip)
    assert QEvent.Type.ToolTip not in seen
    release(shown)
    QApplication.sendEvent(shown.shelf, tip)
    assert QEvent.Type.ToolTip in seen
