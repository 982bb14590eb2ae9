"""Single-colour icons, drawn in the palette's colours at the moment they are shown."""

from functools import lru_cache

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from interp_gui.resources import resource_path


@lru_cache(maxsize=128)
def _drawing(name: str) -> bytes:
    return resource_path(f"icons/{name}.svg").read_bytes()


class _Engine(QIconEngine):
    """Draws `currentColor` of an SVG in the text colour of the application's palette."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        pixels = self.scaledPixmap(rect.size(), mode, state, painter.device().devicePixelRatio())
        painter.drawPixmap(rect, pixels)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return draw(self._name, size, _colour(mode))

    def scaledPixmap(
        self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float
    ) -> QPixmap:
        pixels = draw(self._name, size * scale, _colour(mode))
        pixels.setDevicePixelRatio(scale)
        return pixels

    def clone(self) -> QIconEngine:
        return _Engine(self._name)


def icon(name: str) -> QIcon:
    """A shipped icon by name, e.g. ``icon("open-model")``; it follows the theme."""
    return QIcon(_Engine(name))


def draw(name: str, size: QSize, colour: QColor) -> QPixmap:
    """A shipped icon as a picture of one colour."""
    svg = _drawing(name).replace(b"currentColor", colour.name().encode())
    pixels = QPixmap(size)
    pixels.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixels)
    QSvgRenderer(svg).render(painter, QRectF(QPoint(), size))
    painter.end()
    return pixels


def _colour(mode: QIcon.Mode) -> QColor:
    palette = QGuiApplication.palette()
    if mode == QIcon.Mode.Selected:
        return palette.color(QPalette.ColorRole.HighlightedText)
    if mode == QIcon.Mode.Disabled:
        return palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Mid)
    return palette.color(QPalette.ColorRole.ButtonText)
