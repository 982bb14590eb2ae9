"""The log: what the engine and the window say, with their time and level."""

import time

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QWidget

from interp_gui.engine.messages import LogLine
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState, Level, Notification

MOST_LINES = 5000
FLUSH_MS = 100


class LogPanel(QWidget):
    """Newest line last; lines are added ten times a second at most, however many come."""

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__()
        self._waiting: list[tuple[Level, str]] = []
        self.text = QPlainTextEdit(readOnly=True, maximumBlockCount=MOST_LINES)
        self.text.setAccessibleName("Log")
        self.text.setPlaceholderText("Messages of the window and its engine are listed here.")
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._flushing = QTimer(self, singleShot=True, interval=FLUSH_MS)
        self._flushing.timeout.connect(self.flush)
        column = parts.column(self, spacing=0)
        column.addLayout(self._buttons())
        column.addWidget(self.text)
        state.notified.connect(self._on_note)
        bridge.log.connect(self._on_line)

    def _buttons(self) -> QHBoxLayout:
        row = parts.row(theme.SPACE_S)
        row.addWidget(parts.icon_button("copy", "Copy the log", self.copy))
        row.addWidget(parts.icon_button("clear", "Clear the log", self.text.clear))
        row.addStretch(1)
        return row

    def copy(self) -> None:
        """Put the whole log on the clipboard."""
        self.flush()
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def add(self, level: Level, text: str) -> None:
        """Add a line."""
        self._waiting.append((level, f"{time.strftime('%H:%M:%S')}  {level:<7}  {text}"))
        del self._waiting[:-MOST_LINES]
        if not self._flushing.isActive():
            self._flushing.start()

    def flush(self) -> None:
        """Show what is waiting."""
        self._flushing.stop()
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        for level, line in self._waiting:
            style = QTextCharFormat()
            if level in ("warning", "error"):
                dark = theme.is_dark(self.palette())
                style.setForeground(QColor(theme.level_colour(level, dark=dark)))
            if not self.text.document().isEmpty():
                cursor.insertBlock()
            cursor.insertText(line, style)
        self._waiting.clear()
        if at_end:
            bar.setValue(bar.maximum())

    def _on_note(self, note: Notification) -> None:
        parts = (note.message, note.hint, note.details and f"\n{note.details}")
        self.add(note.level, " ".join(part for part in parts if part))

    def _on_line(self, line: LogLine) -> None:
        levels: dict[str, Level] = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
        self.add(levels.get(line.level.upper(), "info"), f"{line.logger}: {line.text}")
