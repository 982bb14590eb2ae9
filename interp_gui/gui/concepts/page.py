"""Boards of results one below the other in a page that scrolls, each as high as what it holds."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.results import ResultBoard


class WholeBoard(ResultBoard):
    """A board that never scrolls by itself."""

    def __init__(self, state: AppState, *, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(state, hint=hint, parent=parent)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the contents."""
        handled = super().eventFilter(watched, event)
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return handled

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = self._grid.totalSizeHint().height()
        if self._grid.hasHeightForWidth():
            height = self._grid.totalHeightForWidth(self.viewport().width())
        if height != self.minimumHeight():
            self.setFixedHeight(height)


class Page(QScrollArea):
    """Scrolls down, never sideways."""

    def __init__(self, name: str, body: QWidget) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(body)
