"""What is here and what is missing: the command `interp-gui doctor` as a dialog."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QWidget

from interp_gui.gui import parts, theme
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState

TIMEOUT_S = 120


class DoctorDialog(QDialog):
    """Runs the check in a process of its own, and shows what it found.

    Parameters
    ----------
    check
        Gives the report; by default our own program is run for it.
    """

    def __init__(
        self,
        state: AppState,
        parent: QWidget | None = None,
        *,
        check: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Check this installation")
        self.resize(680, 480)
        self._report = ""
        self.summary = parts.label("Looking at packages, devices, display and cache…")
        self.summary.setFont(_bold(self.font()))
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setAccessibleName("What was found")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy = buttons.addButton("Copy report", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.setEnabled(False)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._report))
        buttons.rejected.connect(self.close)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        column.addWidget(self.summary)
        column.addWidget(self.text, 1)
        column.addWidget(buttons)
        self._alive = True
        self.destroyed.connect(self._forget)
        background_of(state.shared).run(check or run_doctor, self._show, on_error=self._fail)

    def _forget(self) -> None:
        self._alive = False

    def _show(self, report: dict[str, Any]) -> None:
        if not self._alive:
            return
        problems = report["problems"]
        count = len(problems)
        self.summary.setText(
            "Nothing is missing." if not count
            else "One thing is worth knowing." if count == 1
            else f"{count} things are worth knowing."
        )  # fmt: skip
        cursor = QTextCursor(self.text.document())
        strong = QTextCharFormat()
        strong.setFontWeight(QFont.Weight.DemiBold)
        for problem in problems:
            cursor.insertText(f"{problem['what']}\n", strong)
            cursor.insertText(f"{problem['why']} {problem['hint']}\n\n", QTextCharFormat())
        cursor.insertText("\n".join(facts(report)), QTextCharFormat())
        self._report = self.text.toPlainText()
        self.copy.setEnabled(True)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)

    def _fail(self, problem: Exception) -> None:
        if self._alive:
            self.summary.setText("The check itself failed.")
            self.text.setPlainText(str(problem))


def run_doctor() -> dict[str, Any]:
    """The report of our own program, run apart: it loads torch, which the window never does."""
    start: Sequence[str] = (
        (sys.executable,) if getattr(sys, "frozen", False) else (sys.executable, "-m", "interp_gui")
    )
    done = subprocess.run(
        [*start, "doctor", "--json"], capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False, env={**os.environ},
    )  # fmt: skip
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(done.stderr.strip() or "It said nothing.") from None
    return report


def facts(report: dict[str, Any]) -> list[str]:
    """What was found, a line each."""
    lines = [f"interp-gui {report['version']}", f"Python {report['python']}, {report['platform']}"]
    lines += [f"{name} {version or 'missing'}" for name, version in report["versions"].items()]
    for device in report["devices"]:
        reason = f": {device['reason']}" if device["reason"] else ""
        lines.append(f"device {device['name']}{' (used)' if device['used'] else ''}{reason}")
    for plugin in report["plugins"]:
        lines.append(f"plugin {plugin['name']} {plugin['problem'] or plugin['version']}")
    lines.append(f"cache {report['cache']['folder'] or 'off'}")
    return lines


def _bold(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold
