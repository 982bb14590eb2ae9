"""Settings in forms: one step for each visit to a field, and none that outlives its view."""

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from interp_gui.core.analysis import ParameterInfo
from interp_gui.gui.undoing.settings_history import SettingsHistory
from interp_gui.gui.widgets.form import ParameterForm

PARAMETERS = (
    ParameterInfo(name="steps", title="steps", kind="int", default=64, help="h"),
    ParameterInfo(name="rate", title="step size", kind="float", default=0.05, help="h"),
    ParameterInfo(name="fast", title="fast mode", kind="bool", default=False, help="h"),
    ParameterInfo(name="text", title="objective", kind="text", default="", help="h"),
)


@pytest.fixture
def made(state, qapp):
    """A form on a page, and what watches it."""
    page = QWidget()
    form = ParameterForm(PARAMETERS)
    QVBoxLayout(page).addWidget(form)
    history = SettingsHistory(
        page, state.undo, read=form.values, write=form.set_values,
        title_of={p.name: p.title for p in PARAMETERS}.__getitem__,
    )  # fmt: skip
    form.changed.connect(history.note)
    page.show()
    yield form, history, state.undo
    if shiboken6.isValid(page):
        page.deleteLater()


def test_each_setting_is_a_step_with_a_title(made):
    form, _, undo = made
    start = form.values()
    form.control("steps").setValue(128)
    form.control("rate").setValue(0.1)
    form.control("fast").setChecked(True)
    assert [undo.text(i) for i in range(undo.count())] == [
        "Set steps to 128", "Set step size to 0.1", "Switch fast mode on",
    ]  # fmt: skip
    end = form.values()
    for _ in range(3):
        undo.undo()
    assert form.values() == start
    for _ in range(3):
        undo.redo()
    assert form.values() == end


def test_what_is_typed_in_one_visit_is_one_step(made, qtbot):
    form, _, undo = made
    field, spin = form.control("text"), form.control("steps")
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClicks(field, "channel")
    assert undo.count() == 1
    assert undo.undoText() == "set objective to channel"
    spin.setFocus()
    field.setFocus()
    qtbot.keyClicks(field, "s")
    assert undo.count() == 2
    undo.undo()
    assert field.text() == "channel"
    undo.undo()
    assert field.text() == ""
    assert not undo.canUndo()


def test_settings_that_are_taken_over_together_are_one_step(made):
    form, history, undo = made
    form.control("steps").setValue(32)
    with history.one_step("take over the settings of a picture"):
        form.reset()
        form.set_values({"rate": 0.2, "fast": True})
    assert undo.undoText() == "take over the settings of a picture"
    assert undo.count() == 2
    undo.undo()
    assert form.changed_values() == {"steps": 32}
    undo.redo()
    assert form.changed_values() == {"rate": 0.2, "fast": True}
    with history.one_step("nothing"):
        form.set_values({"rate": 0.2})
    assert undo.count() == 2


def test_steps_of_a_closed_view_are_left_out_in_words(made, qtbot, state, qapp):
    form, _, undo = made
    told = []
    state.notified.connect(told.append)
    form.control("steps").setValue(128)
    form.parentWidget().deleteLater()
    qtbot.waitUntil(lambda: not _there(made))
    undo.undo()
    assert told[-1].message == "The view whose settings were changed is closed."
    assert not undo.canUndo()


def _there(made):
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return shiboken6.isValid(made[1])


def test_enter_in_a_spin_box_is_one_step(made, qtbot):
    form, _, undo = made
    spin = form.control("steps")
    spin.setFocus()
    spin.selectAll()
    qtbot.keyClicks(spin, "200")
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert undo.undoText() == "set steps to 200"
    assert undo.count() == 1
