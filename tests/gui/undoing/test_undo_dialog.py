"""The list of steps: choosing one goes there."""

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QDialogButtonBox

from interp_gui.core.feature import Feature
from interp_gui.gui.shared import names_of
from interp_gui.gui.undoing.dialog import UndoDialog, show_history

UNIT = Feature(layer="features.14", units=(7,))


def test_choosing_a_step_goes_there(window, model, qtbot):
    window.state.set_model(model)
    names = names_of(window.state)
    for name in ("a", "b", "c"):
        names.set_name(UNIT, name)
    window.actions_.refresh()
    window.actions_["edit.history"].trigger()
    dialog = window.findChild(UndoDialog)
    rows = dialog.view.model()
    words = [rows.data(rows.index(i, 0)) for i in range(rows.rowCount())]
    assert words == ["As it was at first", "Rename features.14:7", "Rename a", "Rename b"]
    dialog.view.setCurrentIndex(rows.index(1, 0))
    assert names.name(UNIT) == "a"
    qtbot.keyClick(dialog.view, Qt.Key.Key_End)
    assert names.name(UNIT) == "c"
    qtbot.keyClick(dialog.view, Qt.Key.Key_Home)
    assert names.name(UNIT) == ""
    assert show_history(window.state.undo, window) is dialog  # not a second one
    close = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Close)
    assert close.isDefault()
    close.click()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert window.findChild(UndoDialog) is None


def test_without_steps_there_is_nothing_to_show(window):
    assert not window.actions_["edit.history"].isEnabled()


def test_an_ampersand_in_a_name_is_no_mnemonic_in_the_edit_menu(window, model):
    window.state.set_model(model)
    names = names_of(window.state)
    names.set_name(UNIT, "a & b")
    names.set_name(UNIT, "c")
    window.actions_.refresh()
    undo = window.actions_["edit.undo"]
    assert undo.text() == "&Undo rename a && b"
    undo.trigger()
    window.actions_.refresh()
    assert window.actions_["edit.redo"].text() == "&Redo rename a && b"
