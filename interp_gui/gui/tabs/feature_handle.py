"""The title of a page, by which its feature can be dragged."""

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel

from interp_gui.core.feature import Feature
from interp_gui.gui.dragging.drag import start_drag
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.picture import PictureView


class FeatureHandle(QLabel):
    """Says which feature a page is about; what is dragged from it is what `picture` shows."""

    def __init__(self, state: AppState, picture: PictureView) -> None:
        super().__init__()
        self._state, self._picture = state, picture
        self._pressed: QPoint | None = None
        self.feature: Feature | None = None
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip("Drag this feature to the shelf, another view, or the desktop")
        self._enlarge()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationFontChange:
            self._enlarge()

    def _enlarge(self) -> None:
        font = QApplication.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        font.setBold(True)
        self.setFont(font)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        self._pressed = event.position().toPoint() if left else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or self.feature is None:
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        if moved >= QApplication.startDragDistance():
            self._pressed = None
            view = self._picture
            start_drag(
                self, (self.feature,), image=view.image, result=view.result, recipe=view.recipe
            )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.feature is not None:
            from interp_gui.gui.features.menu import popup_feature_menu

            popup_feature_menu(
                self._state, (self.feature,), event.globalPos(), source=self,
                image=self._picture.image,
            )  # fmt: skip
