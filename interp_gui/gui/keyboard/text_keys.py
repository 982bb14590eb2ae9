"""Which keys a text field keeps to itself, and which ones go to the window in spite of it."""

from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

_CTRL = Qt.KeyboardModifier.ControlModifier
TO_THE_WINDOW = (QKeyCombination(_CTRL, Qt.Key.Key_K),)
"""On X11 Ctrl+K deletes to the end of the line; here it opens the palette, everywhere."""
REDO = (QKeyCombination(_CTRL, Qt.Key.Key_Y),)
"""Redo on every platform, also where the field itself knows only Ctrl+Shift+Z."""

TextField = QLineEdit | QPlainTextEdit | QTextEdit


class TextKeys(QObject):
    """Watches the text field that has the focus.

    Undo and redo in a field are those of what is typed there: fields claim Ctrl+Z themselves, and
    this adds Ctrl+Y.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._moved)

    def _moved(self, old: QWidget | None, now: QWidget | None) -> None:
        if isinstance(now, TextField):
            now.removeEventFilter(self)
            now.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Decide before the field does."""
        if not isinstance(event, QKeyEvent) or not isinstance(watched, TextField):
            return False
        keys = event.keyCombination()
        if event.type() == QEvent.Type.ShortcutOverride:
            if keys in TO_THE_WINDOW:
                event.ignore()
                return True
            if keys in REDO and not watched.isReadOnly():
                event.accept()
                return True
        if event.type() == QEvent.Type.KeyPress and keys in REDO and not watched.isReadOnly():
            watched.redo()
            return True
        return False
