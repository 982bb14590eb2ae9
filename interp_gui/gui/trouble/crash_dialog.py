"""Telling of a crash at the next start."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QWidget

from interp_gui.gui import parts, theme
from interp_gui.gui.trouble.crash import CrashReport


class CrashDialog(QDialog):
    """The reports of runs that crashed, to read and to copy."""

    def __init__(self, reports: Sequence[CrashReport], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("interp-gui crashed")
        self.resize(680, 460)
        text = "\n\n".join(report.text for report in reports)
        times = ", ".join(report.when for report in reports)
        count = len(reports)
        heading = parts.label(
            f"The run that began at {times} ended by a crash."
            if count == 1
            else f"{count} runs ended by a crash. They began at {times}."
        )
        hint = parts.label(
            "A report of it is below. It stays on this machine; copy it if you want to tell the "
            "developers. It can name files of yours: read it before you pass it on.",
            dim=True,
        )
        view = QPlainTextEdit(text, readOnly=True)
        view.setAccessibleName("Crash report")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy = buttons.addButton("Copy report", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(text))
        buttons.rejected.connect(self.close)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        for widget in (heading, hint):
            column.addWidget(widget)
        column.addWidget(view, 1)
        column.addWidget(buttons)
