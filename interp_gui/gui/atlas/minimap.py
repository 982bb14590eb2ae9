"""The whole map small in a corner, with the part that is seen."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPalette, QPen

from interp_gui.core.atlas.scene import Scene
from interp_gui.gui.atlas.camera import Camera
from interp_gui.gui.widgets.pixels import to_image

SIDE_PX = 104
INSET_PX = 12
_LEAST_WINDOW_PX = 3.5 * SIDE_PX
"""In a smaller window the minimap would hide too much."""
_ROOM_PX = 4
_FAINTEST = 0.3


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
        view = camera.view()
        whole = max(view.left, view.top) <= 0 and min(view.right, view.bottom) >= 1
        if small or whole or camera.here.scale < camera.fit_scale * 1.05:
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
        painter.drawImage(area.topLeft(), self.prepare(scene, palette, ratio))
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

    def prepare(self, scene: Scene, palette: QPalette, ratio: float) -> QImage:
        """The map without the part that is seen; drawn when it is first asked for."""
        background = palette.color(QPalette.ColorRole.Window)
        drawn = self._drawn_for
        same = drawn is not None and drawn[0] is scene and drawn[1:] == (ratio, background.rgb())
        if self._image is None or not same:
            self._drawn_for = (scene, ratio, background.rgb())
            self._image = _draw(scene, background, ratio)
        return self._image


def _draw(scene: Scene, background: QColor, ratio: float) -> QImage:
    """How many points are where, in the mean of their colours."""
    side = round(SIDE_PX * ratio)
    index, room = scene.index, SIDE_PX - 2 * _ROOM_PX
    x, y = (np.floor((_ROOM_PX + at * room) * ratio).astype(np.int64) for at in (index.x, index.y))
    place = np.minimum(y, side - 1) * side + np.minimum(x, side - 1)
    shades = scene.shades
    weight = shades.opacity[index.points]
    total = np.bincount(place, weight, minlength=side * side)
    colours = shades.rgb[index.points].astype(np.float64) * weight[:, None]
    sums = np.stack([np.bincount(place, c, minlength=side * side) for c in colours.T], axis=1)
    some = total > 0
    ranked = total[some]
    most = int(0.9 * len(ranked))
    usual = float(np.partition(ranked, most)[most]) if len(ranked) else 1.0
    cover = np.where(some, _FAINTEST + (1 - _FAINTEST) * np.sqrt(total / usual), 0)
    cover = np.clip(cover, 0, 1)[:, None]
    ground = np.array([background.red(), background.green(), background.blue()])
    mean = sums / np.maximum(total, 1e-9)[:, None]
    pixels = np.rint(mean * cover + ground * (1 - cover)).astype(np.uint8)
    image = to_image(pixels.reshape(side, side, 3))
    image.setDevicePixelRatio(ratio)
    return image
