"""The log: what the engine and the window say, with their time and level."""

import time
from collections import deque
from dataclasses import dataclass

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QWidget

from interp_gui.engine.messages import LogLine
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState, Level, Notification

MOST_LINES = 5000
FLUSH_MS = 100
_SHOWN: dict[str, tuple[Level, ...]] = {
    "All messages": ("info", "success", "warning", "error"),
    "Warnings and errors": ("warning", "error"),
    "Errors": ("error",),
}


@dataclass(frozen=True)
class Entry:
    """One message."""

    level: Level
    text: str
    """With its time and level, as it is shown."""


class LogPanel(QWidget):
    """Newest line last; lines are added ten times a second at most, however many come."""

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__()
        self._entries: deque[Entry] = deque(maxlen=MOST_LINES)
        self._waiting: deque[Entry] = deque(maxlen=MOST_LINES)
        self.text = QPlainTextEdit(readOnly=True, maximumBlockCount=MOST_LINES)
        self.text.setAccessibleName("Log")
        self.text.setAccessibleDescription("What the window and its engine said, newest last")
        self.text.setPlaceholderText("Messages of the window and its engine are listed here.")
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.level = QComboBox()
        self.level.setAccessibleName("Level of messages")
        self.level.setToolTip("Which messages are shown")
        self.level.addItems(list(_SHOWN))
        self.filter = QLineEdit()
        self.filter.setAccessibleName("Filter messages")
        self.filter.setPlaceholderText("Filter messages")
        parts.as_filter(self.filter)
        self.filter.setMaximumWidth(280)
        self._flushing = QTimer(self, singleShot=True, interval=FLUSH_MS)
        self._flushing.timeout.connect(self.flush)
        column = parts.column(self, spacing=0)
        column.addLayout(self._buttons())
        column.addWidget(self.text)
        self.level.currentIndexChanged.connect(self._show_again)
        self.filter.textChanged.connect(self._show_again)
        state.notified.connect(self._on_note)
        bridge.log.connect(self._on_line)

    def _buttons(self) -> QHBoxLayout:
        row = parts.row(theme.SPACE_S)
        row.addWidget(parts.icon_button("copy", "Copy what is shown", self.copy))
        row.addWidget(parts.icon_button("clear", "Clear the log", self.clear))
        row.addWidget(self.level)
        row.addWidget(self.filter, 1)
        row.addStretch(1)
        return row

    def copy(self) -> None:
        """Put what is shown on the clipboard."""
        self.flush()
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def clear(self) -> None:
        """Forget all messages."""
        self._entries.clear()
        self._waiting.clear()
        self.text.clear()

    def add(self, level: Level, text: str) -> None:
        """Add a message."""
        entry = Entry(level, f"{time.strftime('%H:%M:%S')}  {level:<7}  {text}")
        self._entries.append(entry)
        self._waiting.append(entry)
        if not self._flushing.isActive():
            self._flushing.start()

    def flush(self) -> None:
        """Show what is waiting."""
        self._flushing.stop()
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        dark = theme.is_dark(self.palette())
        cursor.beginEditBlock()
        for entry in self._waiting:
            if not self._passes(entry):
                continue
            style = QTextCharFormat()
            if entry.level in ("warning", "error"):
                style.setForeground(QColor(theme.level_colour(entry.level, dark=dark)))
            if not self.text.document().isEmpty():
                cursor.insertBlock()
            cursor.insertText(entry.text, style)
        cursor.endEditBlock()
        self._waiting.clear()
        if at_end:
            bar.setValue(bar.maximum())

    def _passes(self, entry: Entry) -> bool:
        wanted = self.filter.text().strip().lower()
        return entry.level in _SHOWN[self.level.currentText()] and wanted in entry.text.lower()

    def _show_again(self) -> None:
        self.text.clear()
        self._waiting = deque(self._entries, maxlen=MOST_LINES)
        self.flush()
        self.text.verticalScrollBar().setValue(self.text.verticalScrollBar().maximum())

    def _on_note(self, note: Notification) -> None:
        parts = (note.message, note.hint, note.details and f"\n{note.details}")
        self.add(note.level, " ".join(part for part in parts if part))

    def _on_line(self, line: LogLine) -> None:
        levels: dict[str, Level] = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
        self.add(levels.get(line.level.upper(), "info"), f"{line.logger}: {line.text}")
