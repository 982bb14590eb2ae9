"""Closing the window while something runs or is not saved: asked once, in one dialog."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

NAMED_JOBS = 5


def ask_to_close(
    parent: QWidget,
    jobs: Sequence[str],
    *,
    on_close: Callable[[], object],
    unsaved: str | None = None,
    on_save: Callable[[], object] | None = None,
    on_discard: Callable[[], object] | None = None,
) -> QMessageBox:
    """Name what would be lost, and close only if that is wanted.

    Parameters
    ----------
    jobs
        Titles of the jobs that are not over.
    on_close
        Called where no session is to be saved and the jobs are to end.
    unsaved
        Name of the session that has changes; None if it has none.
    on_save, on_discard
        Called instead of `on_close` where a session has changes: to save it and then close, and
        to close without.
    """
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setTextFormat(Qt.TextFormat.PlainText)
    accept, reject = QMessageBox.ButtonRole.AcceptRole, QMessageBox.ButtonRole.RejectRole
    more: list[str] = []
    if unsaved is not None:
        box.setWindowTitle("Save the session")
        box.setText(f"Save the changes of '{unsaved}' before closing?")
        save = _button(box, "Save and close", accept, on_save)
        destructive = QMessageBox.ButtonRole.DestructiveRole
        _button(box, "Close without saving", destructive, on_discard or on_close)
        stay = "Cancel"
        if jobs:
            more = ["These jobs end with the window:", *_named(jobs)]
    else:
        box.setWindowTitle("Jobs are running")
        box.setText("Close although jobs are running?")
        _button(box, "Close", accept, on_close)
        save = None
        stay = "Keep running"
        more = _named(jobs)
    if jobs:
        more += ["", "What they have finished so far is kept."]
    box.setInformativeText("\n".join(more))
    back = _button(box, stay, reject, None)
    box.setEscapeButton(back)
    # Enter pressed without reading must lose nothing.
    box.setDefaultButton(save or back)
    box.open()
    return box


def _button(
    box: QMessageBox,
    title: str,
    role: QMessageBox.ButtonRole,
    on_click: Callable[[], object] | None,
) -> QPushButton:
    button = box.addButton(title, role)
    if on_click is not None:
        button.clicked.connect(lambda: on_click())
    return button


def _named(jobs: Sequence[str]) -> list[str]:
    more = len(jobs) - NAMED_JOBS
    return [*jobs[:NAMED_JOBS], *([f"and {more} more"] if more > 0 else [])]
