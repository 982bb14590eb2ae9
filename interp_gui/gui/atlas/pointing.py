"""A map under the hand: zooming, panning, hovering, choosing and dragging out."""

import time
from typing import Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import (
    QInputDevice,
    QMouseEvent,
    QNativeGestureEvent,
    QTouchEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.gui.atlas.camera import STEPS_AN_OCTAVE
from interp_gui.gui.atlas.fingers import Fingers
from interp_gui.gui.atlas.lasso import Lasso, points_within
from interp_gui.gui.atlas.map_widget import MapWidget
from interp_gui.gui.atlas.marks import Points
from interp_gui.gui.atlas.picking import Hit, pick

Tool = Literal["pan", "lasso"]
_NOTCH = 120.0
"""What a wheel turns by."""
_PREVIEW_S = 1 / 30
_HOLD_MS = 400


class PointedMap(MapWidget):
    """What mouse and fingers do; the signals are those of `AtlasCanvas`.

    A drag pans. One that begins on what is selected, with Ctrl held, or after holding still for
    0.4 s takes it out of the map instead; one with Shift draws a line around points.
    """

    hovered = Signal(object)
    clicked = Signal(object)
    activated = Signal(object)
    selected = Signal(object)
    drag_wanted = Signal(object)

    def __init__(self, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(hint, parent)
        self.hit: Hit | None = None
        """What the mouse is over."""
        self.lasso: Lasso | None = None
        """The line that is being drawn."""
        self.tool: Tool = "pan"
        self._pressed: QPointF | None = None
        self._pressed_hit: Hit | None = None
        self._doing: Literal["", "press", "pan", "lasso", "minimap", "held"] = ""
        self._last = QPointF()
        self._previewed_s = 0.0
        self._combine: Literal["set", "add", "remove"] = "set"
        self._fingers = Fingers()
        self._hold = self._timer(_HOLD_MS, self._held)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)
        self.view_changed.connect(self._look_again)

    def set_atlas(self, atlas: Atlas | None) -> None:
        self._stop_doing()
        self._hover(None)
        super().set_atlas(atlas)

    def set_tool(self, tool: Tool) -> None:
        """What a drag does without Shift: pan, or draw a line around points."""
        self.tool = tool
        self._stop_doing()

    # --- what is where ----------------------------------------------------------------------

    def hit_at(self, position: QPointF) -> Hit | None:
        """What is at a position of the window; the minimap hides what is beneath it."""
        x, y = position.x(), position.y()
        if self.scene is None or self.minimap.to_map(self.camera, x, y) is not None:
            return None
        return pick(self.scene, self.camera.view(), x, y)

    def points_of(self, hit: Hit) -> Points:
        """The point, or those of the cell that count."""
        if self.scene is None:
            return np.zeros(0, np.int64)
        if hit.point >= 0:
            return np.array([hit.point], np.int64)
        index = self.scene.index.points
        return np.sort(index[self.scene.grid(hit.side).cell[index] == hit.cell])

    def is_selected(self, hit: Hit) -> bool:
        """Whether all that is there is chosen."""
        points = self.points_of(hit) if len(self._selection) else self._selection
        return bool(len(points)) and bool(np.isin(points, self._selection).all())

    def _hover(self, hit: Hit | None) -> None:
        if hit != self.hit:
            self.hit = hit
            self.hovered.emit(hit)
            self.update()

    def _look_again(self) -> None:
        """The map moved beneath the mouse."""
        if self.hit is not None and not self._doing:
            self._hover(self.hit_at(self._last) if self.underMouse() else None)

    def looked_at(self) -> tuple[float, float] | None:
        return (self._last.x(), self._last.y()) if self.underMouse() else None

    # --- choosing ---------------------------------------------------------------------------

    def toggle(self, hit: Hit) -> None:
        """Choose what is there, or take it out of the choice."""
        points = self.points_of(hit)
        if self.is_selected(hit):
            self._choose(np.setdiff1d(self._selection, points))
        else:
            self._choose(np.union1d(self._selection, points))

    def give_up(self) -> bool:
        """End what the hand is doing, or else give up the choice; whether there was either."""
        if self._doing or self.lasso is not None:
            self._stop_doing()
            return True
        if len(self._selection):
            self._choose(np.zeros(0, np.int64))
            return True
        return False

    def _choose(self, points: Points) -> None:
        self.set_selection(points)
        self.selected.emit(self._selection)

    def _enclosed(self) -> Points:
        """The choice with what is within the line."""
        if self.scene is None or self.lasso is None:
            return self._selection
        points = points_within(self.scene.index, self.lasso.corners)
        if self._combine == "add":
            return np.union1d(self._selection, points)
        if self._combine == "remove":
            return np.setdiff1d(self._selection, points)
        return points

    # --- mouse ------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.scene is None:
            super().mousePressEvent(event)
            return
        position, modifiers = event.position(), event.modifiers()
        self._last = position
        if event.button() == Qt.MouseButton.MiddleButton:
            self._start_panning()
        elif event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
        elif self.minimap.to_map(self.camera, position.x(), position.y()) is not None:
            self._doing = "minimap"
            self._go_in_minimap(position)
        else:
            self._pressed, self._pressed_hit = position, self.hit_at(position)
            shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
            if shift or self.tool == "lasso":
                self._doing = "lasso"
                control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
                alt = bool(modifiers & Qt.KeyboardModifier.AltModifier)
                self._combine = "add" if control else "remove" if alt else "set"
                return
            self._doing = "press"
            hit = self._pressed_hit
            if hit is not None:
                takes = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
                if takes or self.is_selected(hit):
                    self._doing = "held"
                else:
                    self._hold.start()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        moved, self._last = position - self._last, position
        if self._doing == "":
            self._hover(self.hit_at(position))
        elif self._doing == "minimap":
            self._go_in_minimap(position)
        elif self._doing == "pan":
            self.camera.pan(moved.x(), moved.y())
            self._moved()
        elif self._is_far(position):
            if self._doing == "lasso":
                self._draw_on(position)
            elif self._doing == "held":
                self._drag_out()
            else:
                self._start_panning()
                start = self._pressed or position
                self.camera.pan(position.x() - start.x(), position.y() - start.y())
                self._moved()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        doing, lasso, hit = self._doing, self.lasso, self._pressed_hit
        chosen = self._enclosed() if lasso is not None else None
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._stop_doing()
        if chosen is not None:
            self._choose(chosen)
        elif doing in ("press", "held", "lasso") and event.button() == Qt.MouseButton.LeftButton:
            if hit is None:
                if len(self._selection):
                    self._choose(np.zeros(0, np.int64))
            elif shift:
                self.toggle(hit)
            else:
                self.clicked.emit(hit)
        self._hover(self.hit_at(event.position()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self.scene is None:
            return
        hit = self.hit_at(event.position())
        if hit is not None and not event.modifiers():
            self.activated.emit(hit)
        elif hit is not None:
            self.mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def _is_far(self, position: QPointF) -> bool:
        if self.lasso is not None or self._pressed is None:
            return True
        far = (position - self._pressed).manhattanLength()
        return far >= QApplication.startDragDistance()

    def _start_panning(self) -> None:
        self._hold.stop()
        self._doing = "pan"
        self._hover(None)
        self.camera.goal = self.camera.here
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def _held(self) -> None:
        """What was pressed long enough is taken hold of."""
        if self._doing == "press" and self._pressed_hit is not None:
            self._doing = "held"
            self.setCursor(Qt.CursorShape.DragCopyCursor)

    def _drag_out(self) -> None:
        hit = self._pressed_hit
        whole = hit is not None and self.is_selected(hit)
        self._stop_doing()
        self._hover(None)
        self.drag_wanted.emit(self._selection if whole else hit)

    def _draw_on(self, position: QPointF) -> None:
        at = self.camera.to_map(position.x(), position.y())
        if self.lasso is None:
            start = self._pressed or position
            self.lasso = Lasso(*self.camera.to_map(start.x(), start.y()))
            self._hover(None)
        self.lasso.add(*at, self.camera.here.scale)
        now = time.perf_counter()
        if now - self._previewed_s >= _PREVIEW_S:
            self._previewed_s = now
            self._mark(self._enclosed())
        self.update()

    def _go_in_minimap(self, position: QPointF) -> None:
        area = self.minimap.area(self.camera)
        if area.isEmpty():
            return
        x, y = self.minimap.place(area, position.x(), position.y())
        middle = self.camera.to_pixel(x, y)
        self.camera.pan(self.width() / 2 - middle[0], self.height() / 2 - middle[1])
        self._moved()

    def _stop_doing(self) -> None:
        self._hold.stop()
        self._doing = ""
        self._pressed = self._pressed_hit = None
        if self.lasso is not None:
            self.lasso = None
            self._mark()
        self.unsetCursor()
        self.update()

    # --- wheel and fingers ------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.scene is None:
            event.ignore()
            return
        event.accept()
        self._last = event.position()
        x, y = event.position().x(), event.position().y()
        turned = event.angleDelta().y()
        fingers = event.device().type() == QInputDevice.DeviceType.TouchPad
        if fingers and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            pixels = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
            self.camera.pan(pixels.x(), pixels.y())
            self._moved()
        elif turned % _NOTCH == 0 and not fingers:
            notches = turned / _NOTCH
            self.camera.zoom(2.0 ** (notches / STEPS_AN_OCTAVE), x, y, snap=True)
            self._set_out()
        else:
            self._follow(2.0 ** (turned / _NOTCH / STEPS_AN_OCTAVE), x, y)

    def event(self, event: QEvent) -> bool:
        """Zoom by two fingers, on a touchpad or on the screen."""
        if self.scene is None:
            return super().event(event)
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                where = event.position()
                self._follow(max(0.2, 1 + event.value()), where.x(), where.y())
                return True
        elif isinstance(event, QTouchEvent):
            self._fingers.handle(event, self, self)
            return True
        return super().event(event)

    def pinch(self, factor: float, at: QPointF, was: QPointF) -> None:
        """Keep what is beneath two fingers there."""
        self._stop_doing()  # the first finger began a drag
        self.camera.pan(at.x() - was.x(), at.y() - was.y())
        self._follow(factor, at.x(), at.y())

    def _follow(self, factor: float, x: float, y: float) -> None:
        """Zoom with the fingers: at once, and sharp when they rest."""
        self.camera.goal = self.camera.here
        self.camera.zoom(factor, x, y)
        self.camera.arrive()
        self._settling.start()
        self._moved()
