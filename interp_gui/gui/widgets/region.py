"""An image on which a place can be clicked or brushed, and over which a heat map can lie."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
)

from interp_gui.core.colormaps import resize_values
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import MIME_TYPE
from interp_gui.core.result import Pixels
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.widgets.heatmap import HeatmapView
from interp_gui.gui.widgets.pixels import to_image

GRID = 56
"""Cells a side: a multiple of 7, 14 and 28, the grids of most networks' deep layers."""
Tool = Literal["new", "add", "erase"]


class RegionMask:
    """Weights in 0..1 on a square grid over the network's input."""

    def __init__(self, side: int = GRID) -> None:
        self.weights: NDArray[np.float32] = np.zeros((side, side), np.float32)

    @property
    def empty(self) -> bool:
        """Whether nothing is brushed."""
        return not bool(self.weights.any())

    def stamp(self, y: float, x: float, radius: float, *, erase: bool = False) -> None:
        """Brush a disc with a soft edge; all lengths as shares of the image's side."""
        side = self.weights.shape[0]
        centres = (np.arange(side) + 0.5) / side
        distance = np.hypot(centres[:, None] - y, centres[None, :] - x)
        disc = np.clip((radius - distance) * side + 0.5, 0.0, 1.0).astype(np.float32)
        if not disc.any() and 0 <= y < 1 and 0 <= x < 1:
            disc[int(y * side), int(x * side)] = 1.0  # the finest brush still marks a cell
        if erase:
            self.weights = np.minimum(self.weights, 1.0 - disc)
        else:
            self.weights = np.maximum(self.weights, disc)

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        radius: float,
        *,
        erase: bool = False,
    ) -> None:
        """Brush along a line, so that a fast stroke has no gaps."""
        length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
        count = max(1, int(np.ceil(length / max(radius / 2, 0.5 / self.weights.shape[0]))))
        for share in np.linspace(0, 1, count + 1):
            y = start[0] + (end[0] - start[0]) * share
            x = start[1] + (end[1] - start[1]) * share
            self.stamp(float(y), float(x), radius, erase=erase)

    def clear(self) -> None:
        """Brush nothing."""
        self.weights[:] = 0

    def rows(self) -> tuple[tuple[float, ...], ...]:
        """The grid as `Inputs.region` takes it; empty if nothing is brushed."""
        if self.empty:
            return ()
        return tuple(tuple(round(float(v), 3) for v in row) for row in self.weights)


def _veil(weights: NDArray[np.float32], scale: int = 6) -> NDArray[np.uint8]:
    """Darkness over what lies outside the place, and a bright line around it; RGBA."""
    height, width = weights.shape
    fine = resize_values(weights, height * scale, width * scale)
    inside = fine > 0.5
    shrunk = inside.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            shrunk &= np.roll(inside, step, axis)
    veil = np.zeros((*fine.shape, 4), np.uint8)
    veil[..., 3] = np.round((1.0 - fine) * 80)
    veil[inside & ~shrunk] = 255
    return veil


class RegionCanvas(HeatmapView):
    """The current image as the network sees it.

    Signals
    -------
    region_changed
        A stroke has ended, or the place is another.
    brushed
        Weights before and after a stroke, or a clearing, by hand.
    feature_dropped
        A feature was dropped on the image.
    drop_refused
        `InterpError` that says why.
    """

    region_changed = Signal()
    brushed = Signal(object, object)
    feature_dropped = Signal(object)
    drop_refused = Signal(object)

    def __init__(self, hint: str = "") -> None:
        super().__init__(hint)
        self.setAccessibleName("Image")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.region = RegionMask()
        self.tool: Tool = "new"
        self.radius = 0.06
        self._base = QImage()
        self._mask_image = QImage()
        self._before = self.region.weights.copy()
        self._last: tuple[float, float] | None = None
        self._cursor: tuple[float, float] | None = None
        self._keyboard = False

    # --- what is shown -----------------------------------------------------------------------

    def set_pixels(self, pixels: Pixels | None) -> None:
        """Show another image, without a place and without a map."""
        self._base = QImage() if pixels is None else to_image(pixels)
        self.clear_map()
        self.region.clear()
        self._mask_changed()

    def set_base(self, pixels: Pixels) -> None:
        """Show the same image with other pixels; the place and the map stay."""
        self._base = to_image(pixels)
        if not self.has_map:
            self.set_image(self._base)

    def clear_map(self) -> None:
        """Show the bare image."""
        self._result = self._recipe = None
        self._texts = ()
        self.set_image(self._base)

    @property
    def has_map(self) -> bool:
        """Whether a heat map lies over the image."""
        return self._result is not None

    def clear_region(self) -> None:
        """Brush nothing."""
        if not self.region.empty:
            self._before = self.region.weights.copy()
            self.region.clear()
            self._mask_changed()
            self._tell_brushed()

    def set_weights(self, weights: NDArray[np.float32]) -> None:
        """Brush exactly this."""
        if not np.array_equal(weights, self.region.weights):
            self.region.weights = weights.copy()
            self._mask_changed()
            self.region_changed.emit()

    def _tell_brushed(self) -> None:
        if not np.array_equal(self._before, self.region.weights):
            self.brushed.emit(self._before, self.region.weights.copy())
        self.region_changed.emit()

    def _mask_changed(self) -> None:
        if self.region.empty:
            self._mask_image = QImage()
            self.setAccessibleDescription("No place is brushed")
        else:
            self._mask_image = to_image(_veil(self.region.weights))
            share = float(self.region.weights.mean())
            self.setAccessibleDescription(f"{share:.0%} of the image is brushed")
        self.update()

    def paint_over(self, painter: QPainter, shown: QRect) -> None:
        """Dim what lies outside the place; draw the brush."""
        super().paint_over(painter, shown)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if not self._mask_image.isNull():
            painter.drawImage(shown, self._mask_image)
        if self._cursor is None or not (self.underMouse() or self._keyboard):
            return
        centre = QPointF(
            shown.left() + self._cursor[1] * shown.width(),
            shown.top() + self._cursor[0] * shown.height(),
        )
        reach = max(3.0, self.radius * shown.width())
        painter.setClipRect(shown)
        # light on dark, so that it shows on any picture
        for colour, width in ((QColor(0, 0, 0, 160), 3.0), (QColor(255, 255, 255), 1.2)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(centre, reach, reach)

    # --- brushing ----------------------------------------------------------------------------

    def _brush(self, where: tuple[float, float], *, first: bool, tool: Tool) -> None:
        erase = tool == "erase"
        if first:
            self._before = self.region.weights.copy()
        if first and tool == "new":
            self.region.clear()
        start = where if first or self._last is None else self._last
        self.region.line(start, where, self.radius, erase=erase)
        self._last = where
        self._mask_changed()

    def _tool_for(self, event: QMouseEvent) -> Tool:
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return "add"
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return "erase"
        return self.tool

    def mousePressEvent(self, event: QMouseEvent) -> None:
        where = self.to_fraction(event.position())
        if event.button() != Qt.MouseButton.LeftButton or where is None:
            return
        self._brush(where, first=True, tool=self._tool_for(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        where = self.to_fraction(event.position())
        self._cursor, self._keyboard = where, False
        if self._last is not None and event.buttons() & Qt.MouseButton.LeftButton:
            if where is not None:
                tool = self._tool_for(event)
                self._brush(where, first=False, tool="add" if tool == "new" else tool)
        else:
            super().mouseMoveEvent(event)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._last is not None:
            self._last = None
            self._tell_brushed()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (0.0, -0.02),
            Qt.Key.Key_Right: (0.0, 0.02),
            Qt.Key.Key_Up: (-0.02, 0.0),
            Qt.Key.Key_Down: (0.02, 0.0),
        }
        key = Qt.Key(event.key())
        y, x = self._cursor or (0.5, 0.5)
        if key in moves:
            dy, dx = moves[key]
            self._cursor = (min(0.999, max(0.0, y + dy)), min(0.999, max(0.0, x + dx)))
            self._keyboard = True
            self.update()
        elif key == Qt.Key.Key_Space and not self._base.isNull():
            shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._brush((y, x), first=True, tool="add" if shift else self.tool)
            self._last = None
            self._tell_brushed()
        elif key in (Qt.Key.Key_Escape, Qt.Key.Key_Delete):
            self.clear_region()
        else:
            super().keyPressEvent(event)

    # --- dropping ----------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(MIME_TYPE):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        try:
            features = features_from_mime(event.mimeData())
        except InterpError as problem:
            self.drop_refused.emit(problem)
            return
        if features:
            event.acceptProposedAction()
            self.feature_dropped.emit(features[0])
