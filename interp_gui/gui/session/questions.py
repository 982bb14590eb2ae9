"""Questions about sessions: unsaved changes, a file that another window has open."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from interp_gui.gui.session.owner import Owner

Call = Callable[[], object]
SAVE, DISCARD = "Save", "Don't save"


def ask_unsaved(
    parent: QWidget,
    name: str,
    *,
    before: str,
    on_save: Call,
    on_discard: Call,
) -> QMessageBox:
    """Ask what becomes of unsaved changes.

    Parameters
    ----------
    name
        Of the session; empty if it has none yet.
    before
        What comes next: `beginning a new one`.
    """
    box = question(
        parent,
        "Save the session?",
        f"Save the changes to '{name}' before {before}?"
        if name
        else f"Save what you collected and changed as a session before {before}?",
    )
    box.setInformativeText("Without saving, changes since the last save are lost.")
    save = _button(box, SAVE, QMessageBox.ButtonRole.AcceptRole, on_save)
    _button(box, DISCARD, QMessageBox.ButtonRole.DestructiveRole, on_discard)
    _cancel(box)
    box.setDefaultButton(save)
    box.open()
    return box


def ask_held(
    parent: QWidget, name: str, owner: Owner, *, on_copy: Call, on_take: Call
) -> QMessageBox:
    """Say who has a session open, and offer a copy of it."""
    box = question(parent, "The session is open elsewhere", "")
    if owner.is_here:
        box.setText(f"'{name}' is open in another window (process {owner.pid}).")
        box.setInformativeText(
            "Two windows that save to one file overwrite each other. A copy can be saved under "
            "another name."
        )
    else:
        box.setText(f"'{name}' seems to be open on another computer, '{owner.host}'.")
        box.setInformativeText(
            "Whether it is still in use there cannot be told from here. If it is, the two would "
            "overwrite each other; a copy can be saved under another name."
        )
    copy = _button(box, "Open a copy", QMessageBox.ButtonRole.AcceptRole, on_copy)
    if not owner.is_here:
        _button(box, "Open it all the same", QMessageBox.ButtonRole.DestructiveRole, on_take)
    _cancel(box)
    box.setDefaultButton(copy)
    box.open()
    return box


def question(parent: QWidget, title: str, text: str) -> QMessageBox:
    """A message box that asks; file names in it are shown as they are."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(title)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(text)
    return box


def _button(box: QMessageBox, text: str, role: QMessageBox.ButtonRole, call: Call) -> QPushButton:
    button = box.addButton(text, role)
    button.clicked.connect(lambda: call())
    return button


def _cancel(box: QMessageBox) -> None:
    cancel = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setEscapeButton(cancel)
