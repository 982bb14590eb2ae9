"""A display that goes while windows are on it: they come to one that is there."""

from PySide6.QtCore import QObject, QRect, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

SETTLE_MS = 500
"""Systems tell of several changes at once, and may move the windows themselves."""
GRASP_PX = (100, 60)
"""So much of a window must be seen for it to be taken hold of."""
_STAYING = (Qt.WindowType.Window, Qt.WindowType.Dialog, Qt.WindowType.Tool)


class ScreenWatch(QObject):
    """Brings all windows, torn-off views and dialogs too, back from a display that is gone."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._timer = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._timer.timeout.connect(self.bring_back)
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.screenRemoved.connect(self._on_change)
            app.primaryScreenChanged.connect(self._on_change)

    def _on_change(self, *_: object) -> None:
        self._timer.start()

    def bring_back(self) -> None:
        """Move what cannot be seen to the primary screen, as large as fits there."""
        for window in QApplication.topLevelWidgets():
            if not window.isVisible() or window.windowType() not in _STAYING:
                continue
            if not is_in_reach(window.frameGeometry()):
                room = QGuiApplication.primaryScreen().availableGeometry()
                window.resize(window.size().boundedTo(room.size()))
                window.move(room.topLeft())


def is_in_reach(frame: QRect) -> bool:
    """Whether enough of a window is on some screen to take hold of it."""
    return any(
        (seen := screen.availableGeometry().intersected(frame)).width() >= GRASP_PX[0]
        and seen.height() >= GRASP_PX[1]
        for screen in QGuiApplication.screens()
    )
