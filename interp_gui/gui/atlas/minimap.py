"""The whole map small in a corner, with the part that is seen."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPalette, QPen

from interp_gui.core.atlas.display import dots
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View
from interp_gui.gui.atlas.camera import Camera
from interp_gui.gui.atlas.painting import paint_points

SIDE_PX = 132
INSET_PX = 12
_LEAST_WINDOW_PX = 3 * SIDE_PX
"""In a smaller window the minimap would hide too much."""
_ROOM_PX = 4


class Minimap:
    """Paints itself into a corner of a window, and tells where on the map its pixels are."""

    def __init__(self) -> None:
        self._image: QImage | None = None
        self._drawn_for: tuple[Scene, float, int] | None = None

    def clear(self) -> None:
        """Draw the map anew when it is next seen."""
        self._image = self._drawn_for = None

    @staticmethod
    def area(camera: Camera) -> QRectF:
        """Where it is; empty while the whole map is seen anyway or there is no room."""
        small = min(camera.width, camera.height) < _LEAST_WINDOW_PX
        if small or camera.here.scale < camera.fit_scale * 1.05:
            return QRectF()
        return QRectF(
            camera.width - SIDE_PX - INSET_PX, camera.height - SIDE_PX - INSET_PX, SIDE_PX, SIDE_PX
        )

    def to_map(self, camera: Camera, x: float, y: float) -> tuple[float, float] | None:
        """The place of the map that a pixel of the window shows in the minimap; None beside it."""
        area = self.area(camera)
        if area.isEmpty() or not area.contains(QPointF(x, y)):
            return None
        return self.place(area, x, y)

    @staticmethod
    def place(area: QRectF, x: float, y: float) -> tuple[float, float]:
        """A pixel as a place of the map, also beside the minimap."""
        room = SIDE_PX - 2 * _ROOM_PX
        return (x - area.x() - _ROOM_PX) / room, (y - area.y() - _ROOM_PX) / room

    def paint(
        self, painter: QPainter, scene: Scene, camera: Camera, palette: QPalette, *, ratio: float
    ) -> None:
        """Paint it, if there is a place for it."""
        area = self.area(camera)
        if area.isEmpty():
            return
        painter.drawImage(area.topLeft(), self._map(scene, palette, ratio))
        room = SIDE_PX - 2 * _ROOM_PX
        view = camera.view()
        seen = QRectF(
            view.left * room, view.top * room, (view.right - view.left) * room,
            (view.bottom - view.top) * room,
        )  # fmt: skip
        seen.translate(area.x() + _ROOM_PX, area.y() + _ROOM_PX)
        seen = seen.intersected(area.adjusted(1, 1, -1, -1))
        if seen.width() < 5 or seen.height() < 5:
            seen = QRectF(seen.center() - QPointF(2.5, 2.5), seen.center() + QPointF(2.5, 2.5))
        highlight = palette.color(QPalette.ColorRole.Highlight)
        fill = QColor(highlight)
        fill.setAlpha(40)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(seen, fill)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(highlight, 1.6))
        painter.drawRect(seen)
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Mid), 1.0))
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _map(self, scene: Scene, palette: QPalette, ratio: float) -> QImage:
        background = palette.color(QPalette.ColorRole.Window)
        drawn = self._drawn_for
        same = drawn is not None and drawn[0] is scene and drawn[1:] == (ratio, background.rgb())
        if self._image is None or not same:
            self._drawn_for = (scene, ratio, background.rgb())
            self._image = _draw(scene, background, ratio)
        return self._image


def _draw(scene: Scene, background: QColor, ratio: float) -> QImage:
    side = round(SIDE_PX * ratio)
    image = QImage(side, side, QImage.Format.Format_RGB32)
    image.fill(background)
    view = View.fit(side, side, margin=_ROOM_PX * ratio, ratio=ratio)
    look = scene.look
    points = Look(
        draw="points", values=look.values, symmetric=look.symmetric, categories=look.categories,
        fade=look.fade, shown=look.shown,
    )  # fmt: skip
    paint_points(image, dots(scene.with_look(points), view, 0), background, ratio=ratio)
    image.setDevicePixelRatio(ratio)
    return image
