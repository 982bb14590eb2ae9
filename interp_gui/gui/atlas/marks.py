"""Marks laid over a map: chosen points, points linked from elsewhere, the path of an image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPalette, QPen, QPolygonF

from interp_gui.core.atlas.display import dots, placed, shown_side
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import Placed, View
from interp_gui.gui.atlas.painting import fill_frame
from interp_gui.gui.atlas.splat import paint_dots, pixels_of
from interp_gui.gui.theme import is_dark

LINKED = QColor(255, 140, 0)
PATH = QColor(233, 30, 140)
Points = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Mark:
    """Points marked in a colour: N booleans, and how many of each cell's points by level."""

    points: NDArray[np.bool_]
    colour: QColor

    def shares(self, scene: Scene, side: int) -> NDArray[np.float64]:
        """(M,) share of each cell's points that count."""
        count = scene.cells(side).count
        cell = scene.grid(side).cell[scene.index.points]
        cell = cell[(cell >= 0) & self.points[scene.index.points]]
        found: NDArray[np.float64] = np.bincount(cell, minlength=len(count)) / np.maximum(count, 1)
        return found


def mark_of(points: Points, count: int, colour: QColor) -> Mark | None:
    """A mark of points of an atlas of `count` points; None if there are none."""
    chosen = np.zeros(count, bool)
    chosen[points[(points >= 0) & (points < count)]] = True
    return Mark(chosen, colour) if chosen.any() else None


class MarkPainter:
    """Paints tiles of marks; keeps the shares of cells until the marks are others."""

    def __init__(self) -> None:
        self._marks: tuple[Mark, ...] = ()
        self._shares: dict[tuple[int, int], NDArray[np.float64]] = {}

    @property
    def any(self) -> bool:
        """Whether there is anything to paint."""
        return bool(self._marks)

    def set_marks(self, *marks: Mark | None) -> None:
        """Paint these, later ones over earlier ones."""
        self._marks = tuple(mark for mark in marks if mark is not None)
        self._shares = {}

    def scene_changed(self) -> None:
        """Other points count now."""
        self._shares = {}

    def paint_tile(self, scene: Scene, view: View) -> QImage | None:
        """A view of all marks, on nothing; None if there are none in it."""
        image: QImage | None = None
        side = shown_side(scene.sides, view)
        pictures, points = placed(scene, view, side), dots(scene, view, side)
        for number, mark in enumerate(self._marks):
            chosen = mark.points[points.points]
            shares = self._share(scene, side, number)[pictures.cells] if side else np.zeros(0)
            if not chosen.any() and not shares.any():
                continue
            if image is None:
                image = QImage(view.width, view.height, QImage.Format.Format_ARGB32_Premultiplied)
                image.fill(Qt.GlobalColor.transparent)
            if shares.any():
                painter = QPainter(image)
                _frame_cells(painter, pictures, shares, mark.colour, view.ratio)
                painter.end()
            if chosen.any():
                rgb = (mark.colour.red(), mark.colour.green(), mark.colour.blue())
                colour = np.array(rgb, np.uint8)
                paint_dots(
                    pixels_of(image), points.x[chosen], points.y[chosen],
                    points.radius + view.ratio, np.broadcast_to(colour, (int(chosen.sum()), 3)),
                    np.ones(int(chosen.sum())), edge_px=2 * view.ratio,
                    hollow=points.radius >= 3 * view.ratio,
                )  # fmt: skip
        return image

    def _share(self, scene: Scene, side: int, number: int) -> NDArray[np.float64]:
        key = (side, number)
        if key not in self._shares:
            self._shares[key] = self._marks[number].shares(scene, side)
        return self._shares[key]


def _frame_cells(
    painter: QPainter, pictures: Placed, shares: NDArray[np.float64], colour: QColor, ratio: float
) -> None:
    """Frames around pictures, stronger the more of a cell is marked.

    A white line inside keeps them apart from pictures of their own colour.
    """
    width, line = max(2, round(2.5 * ratio)), max(1, round(ratio))
    white = QColor(255, 255, 255)
    for i in np.flatnonzero(shares):
        area = (round(pictures.x[i]), round(pictures.y[i]), int(pictures.size[i]))
        painter.setOpacity(0.14 * shares[i])
        painter.fillRect(area[0], area[1], area[2], area[2], colour)
        painter.setOpacity(0.4 + 0.6 * shares[i])
        fill_frame(painter, *area, width, colour)
        inner = (area[0] + width, area[1] + width, area[2] - 2 * width)
        fill_frame(painter, *inner, line, white)
    painter.setOpacity(1.0)


def paint_path(painter: QPainter, xy: NDArray[np.float64], palette: QPalette) -> None:
    """A line through places in pixels, with a mark where it starts and one where it ends."""
    if not len(xy):
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    casing = QColor(20, 20, 24) if is_dark(palette) else QColor(255, 255, 255)
    stops = [QPointF(x, y) for x, y in xy.tolist()]
    joined = Qt.PenJoinStyle.RoundJoin
    for colour, width in ((casing, 3.6), (PATH, 1.6)):
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, joined))
        painter.drawPolyline(QPolygonF(stops))
    painter.setPen(QPen(casing, 1.0))
    painter.setBrush(PATH)
    for point in stops[1:]:
        painter.drawEllipse(point, 2.6, 2.6)
    painter.setPen(QPen(casing, 2.0))
    painter.drawEllipse(stops[0], 6.5, 6.5)
    painter.setBrush(casing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(stops[0], 2.4, 2.4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_outline(
    painter: QPainter, area: QRectF, palette: QPalette, *, keyboard: bool = False
) -> None:
    """A frame around a cell that is seen on any picture.

    The keyboard's is dashed and stands off, so that it is told from a chosen cell's, which may
    have both.
    """
    roles = QPalette.ColorRole
    painter.setBrush(Qt.BrushStyle.NoBrush)
    area = area.adjusted(-2, -2, 2, 2) if keyboard else area
    for role, width in ((roles.Base, 4.0), (roles.WindowText, 2.0)):
        pen = QPen(palette.color(role), width)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        if keyboard and role == roles.WindowText:
            pen.setDashPattern([2.0, 1.6])
        painter.setPen(pen)
        painter.drawRect(area)


def paint_ring(painter: QPainter, x: float, y: float, radius: float, palette: QPalette) -> None:
    """A ring around a point."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for role, width in ((QPalette.ColorRole.Base, 4.0), (QPalette.ColorRole.WindowText, 2.0)):
        painter.setPen(QPen(palette.color(role), width))
        painter.drawEllipse(QPointF(x, y), radius, radius)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_lasso(painter: QPainter, xy: NDArray[np.float64], palette: QPalette) -> None:
    """The line that is being drawn, in pixels, closed by a dashed one."""
    highlight = palette.color(QPalette.ColorRole.Highlight)
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in xy.tolist()]))
    fill = QColor(highlight)
    fill.setAlpha(36)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillPath(path, fill)
    painter.strokePath(path, QPen(palette.color(QPalette.ColorRole.Base), 4.0))
    painter.strokePath(path, QPen(highlight, 2.0))
    if len(xy) > 2:
        painter.setPen(QPen(highlight, 1.0, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(*xy[-1].tolist()), QPointF(*xy[0].tolist()))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
