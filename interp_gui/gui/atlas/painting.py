"""How what a view shows is painted: pictures, dots and names."""

import math
import time
from collections import OrderedDict
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from interp_gui.core.atlas.display import dots, labels, placed, shown_side
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.atlas.labels import kept_inside, no_labels
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import EDGE, TINT, Dots, Labels, Placed, View, frame_px
from interp_gui.gui.atlas.splat import paint_dots, pixels_of

_EDGED_FROM_PX = 2.6
"""Dots of at least this radius have an edge."""
_KEPT_NAMES = 600
_ROOM_PX = 160
_HALO = ((2.4, 12, 0.28), (1.3, 8, 0.85))
"""Around a name: pixels away, copies, and how much each covers."""


def paint_tile(scene: Scene, view: View, background: QColor) -> QImage | None:
    """A view without names, opaque; None if there is nothing in it."""
    side = shown_side(scene.sides, view)
    pictures, points = placed(scene, view, side), dots(scene, view, side)
    if not len(pictures.cells) and not len(points.points):
        return None
    image = QImage(view.width, view.height, QImage.Format.Format_RGB32)
    image.fill(background)
    if len(pictures.cells):
        painter = QPainter(image)
        paint_pictures(painter, scene.atlas, pictures)
        painter.end()
    if len(points.points):
        paint_points(image, points, background, ratio=view.ratio)
    return image


def paint_pictures(painter: QPainter, atlas: Atlas, pictures: Placed) -> None:
    """Pictures of cells, with the colours of their values."""
    frames = frame_px(pictures.size)
    for i in range(len(pictures.cells)):
        pixels = atlas.pictures[pictures.sheet[i]].pixels[pictures.row[i]]
        size, x, y = int(pictures.size[i]), round(pictures.x[i]), round(pictures.y[i])
        pixels = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        borrowed = QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
        painter.setOpacity(pictures.opacity[i])
        painter.drawImage(
            x, y, borrowed.scaled(
                size, size, Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            ),
        )  # fmt: skip
        if pictures.coloured[i]:
            colour, frame = QColor(*pictures.rgb[i].tolist()), int(frames[i])
            painter.setOpacity(pictures.opacity[i] * TINT)
            painter.fillRect(x, y, size, size, colour)
            painter.setOpacity(pictures.opacity[i])
            fill_frame(painter, x, y, size, frame, colour)
    painter.setOpacity(1.0)


def fill_frame(painter: QPainter, x: int, y: int, size: int, width: int, colour: QColor) -> None:
    """A frame inside a square, of which no pixel is painted twice."""
    inner = size - 2 * width
    painter.fillRect(x, y, size, width, colour)
    painter.fillRect(x, y + size - width, size, width, colour)
    painter.fillRect(x, y + width, width, inner, colour)
    painter.fillRect(x + size - width, y + width, width, inner, colour)


def paint_points(image: QImage, points: Dots, background: QColor, *, ratio: float) -> None:
    """Points as dots; large ones have an edge, of the background's colour if of no other."""
    large = points.radius >= _EDGED_FROM_PX * ratio
    around = EDGE if points.edged else (background.red(), background.green(), background.blue())
    edge = around if large else None
    paint_dots(
        pixels_of(image), points.x, points.y, points.radius, points.rgb, points.opacity,
        edge=edge, edge_px=(0.7 if points.edged else 1.0) * ratio,
    )  # fmt: skip


class KeptLabels:
    """Where names are, computed for some more than the view, and used while one pans there."""

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._view: View | None = None
        self._labels = no_labels()

    def labels(self, scene: Scene, view: View) -> Labels:
        """Names of a view, none of which its edges cut."""
        kept = self._view
        if (
            kept is None or self._scene is not scene or kept.scale != view.scale
            or view.left < kept.left or view.top < kept.top or view.right > kept.right
            or view.bottom > kept.bottom
        ):  # fmt: skip
            room = _ROOM_PX / view.scale
            kept = self._view = replace(
                view, left=view.left - room, top=view.top - room,
                width=view.width + 2 * _ROOM_PX, height=view.height + 2 * _ROOM_PX,
            )  # fmt: skip
            self._scene = scene
            self._labels = labels(scene, kept, shown_side(scene.sides, kept))
        dx, dy = (kept.left - view.left) * view.scale, (kept.top - view.top) * view.scale
        moved = replace(self._labels, x=self._labels.x + dx, y=self._labels.y + dy)
        return kept_inside(moved, view.width, view.height)


class NamePainter:
    """Names with a halo, which make them legible on pictures; each is drawn once and kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], QImage] = OrderedDict()

    def clear(self) -> None:
        """Forget all: the font or the theme is another one."""
        self._kept.clear()

    def paint(
        self, painter: QPainter, names: Labels, *, font: QFont, text: QColor, halo: QColor,
        ratio: float, until_s: float = math.inf,
    ) -> bool:  # fmt: skip
        """Write names, given in logical pixels, on a screen of `ratio` pixels each.

        Returns
        -------
        Whether all were written: new ones are drawn until `until_s` of `time.perf_counter()`, and
        one however late it is.
        """
        drawn, done = 0, True
        for i, name in enumerate(names.text):
            size, width = float(names.size[i]), float(names.width[i])
            key = (name, size, round(width), text.rgba(), halo.rgba(), ratio)
            image = self._kept.get(key)
            if image is None:
                if drawn and time.perf_counter() > until_s:
                    done = False
                    continue
                drawn += 1
                image = self._kept[key] = draw_name(name, font, size, width, text, halo, ratio)
                while len(self._kept) > _KEPT_NAMES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            where = QPointF(
                names.x[i] - image.width() / ratio / 2, names.y[i] - image.height() / ratio / 2
            )
            painter.drawImage(_on_pixels(where, ratio), image)
        return done


def name_font(font: QFont, size_px: float) -> QFont:
    """The font of names of a size; large ones are heavier."""
    made = QFont(font)
    made.setPixelSize(max(1, round(size_px)))
    made.setWeight(QFont.Weight.DemiBold if size_px >= 13 else QFont.Weight.Medium)
    return made


def draw_name(
    name: str, font: QFont, size_px: float, width: float, text: QColor, halo: QColor, ratio: float
) -> QImage:
    """One name on nothing."""
    made = name_font(font, size_px)
    metrics = QFontMetricsF(made)
    short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, max(8.0, width))
    box = QRectF(0, 0, metrics.horizontalAdvance(short) + 6, metrics.height() + 4)
    image = QImage(
        max(1, round(box.width() * ratio)), max(1, round(box.height() * ratio)),
        QImage.Format.Format_ARGB32_Premultiplied,
    )  # fmt: skip
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setFont(made)
    # Many faint copies around it: several times faster than the outline of the letters.
    for radius, copies, strength in _HALO:
        painter.setOpacity(strength)
        painter.setPen(halo)
        for angle in np.arange(copies) * (2 * np.pi / copies):
            at = QPointF(radius * np.cos(angle), radius * np.sin(angle))
            painter.drawText(QPointF(3, 2 + metrics.ascent()) + at, short)
    painter.setOpacity(1.0)
    painter.setPen(text)
    painter.drawText(QPointF(3, 2 + metrics.ascent()), short)
    painter.end()
    return image


def _on_pixels(where: QPointF, ratio: float) -> QPointF:
    return QPointF(round(where.x() * ratio) / ratio, round(where.y() * ratio) / ratio)
