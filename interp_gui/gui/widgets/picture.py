"""A picture, as large as fits, sharp on every screen."""

from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from interp_gui.core.result import Picture
from interp_gui.gui.widgets.pixels import fitted, scaled_pixmap, to_image
from interp_gui.gui.widgets.view import R, ResultView


class ImageCanvas(ResultView[R]):
    """Paints one image with its proportions kept; other views draw over it.

    Parameters
    ----------
    hint
        What to do while there is nothing to show.
    """

    accessible_role = "Graphic"

    def __init__(self, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hint = hint
        self._image = QImage()
        self._scaled: QPixmap | None = None
        self._scaled_for: tuple[int, QSize, float] = (0, QSize(), 0.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def image(self) -> QImage:
        """What is painted; null if nothing."""
        return self._image

    def set_image(self, image: QImage) -> None:
        """Paint this image."""
        self._image = image
        self.update()

    def clear(self) -> None:
        """Show the hint again."""
        self._result = None
        self.set_image(QImage())

    def sizeHint(self) -> QSize:
        return QSize(260, 260)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, 64)

    def image_area(self) -> QRect:
        """Where images may be painted."""
        return self.rect()

    def image_rect(self) -> QRect:
        """Where the image is painted, in widget coordinates."""
        return fitted(self.image_area(), self._image.size())

    def to_fraction(self, position: QPoint | QPointF) -> tuple[float, float] | None:
        """Turn a widget position into (y, x) in 0..1 over the image, None outside it."""
        shown = self.image_rect()
        if shown.isEmpty():
            return None
        x = (position.x() - shown.left()) / shown.width()
        y = (position.y() - shown.top()) / shown.height()
        return (y, x) if 0 <= x < 1 and 0 <= y < 1 else None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image.isNull():
            self._paint_hint(painter)
        else:
            shown = self.image_rect()
            painter.drawPixmap(shown.topLeft(), self._pixmap(shown.size()))
            self.paint_over(painter, shown)
        painter.end()

    def paint_over(self, painter: QPainter, shown: QRect) -> None:
        """Draw over the image at `shown`."""

    def _pixmap(self, size: QSize) -> QPixmap:
        wanted = (self._image.cacheKey(), size, self.devicePixelRatioF())
        if self._scaled is None or self._scaled_for != wanted:
            self._scaled = scaled_pixmap(self._image, size, wanted[2])
            self._scaled_for = wanted
        return self._scaled

    def _paint_hint(self, painter: QPainter) -> None:
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            self.rect().adjusted(12, 12, -12, -12),
            int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
            self.hint,
        )


class PictureView(ImageCanvas[Picture]):
    """View of a `picture` result."""

    def result_changed(self) -> None:
        if self._result is not None:
            self.set_image(to_image(self._result.pixels))
