"""Closing the window while something is running."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

NAMED_JOBS = 5


def ask_to_close(
    parent: QWidget, titles: Sequence[str], on_close: Callable[[], object]
) -> QMessageBox:
    """Name the jobs that run, and close only if that is wanted."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Jobs are running")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText("Close although jobs are running?")
    more = len(titles) - NAMED_JOBS
    lines = [*titles[:NAMED_JOBS], *([f"and {more} more"] if more > 0 else [])]
    box.setInformativeText("\n".join(lines) + "\n\nWhat they have finished so far is kept.")
    close = box.addButton("Close", QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Keep running", QMessageBox.ButtonRole.RejectRole)
    close.clicked.connect(on_close)
    box.open()
    return box
