"""Fingers on a screen: one does what a mouse does, two take hold of what is beneath them."""

import math
import time
from typing import Protocol

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEventPoint, QMouseEvent, QTouchEvent
from PySide6.QtWidgets import QApplication, QWidget

_LEAST_APART_PX = 8.0
_TAP_PX = 24.0


class Touched(Protocol):
    """What fingers are on."""

    def pinch(self, factor: float, at: QPointF, was: QPointF) -> None:
        """Two fingers moved: so much farther apart, their middle from one place to another."""
        ...

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """As of a mouse."""
        ...

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """As of a mouse."""
        ...

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """As of a mouse."""
        ...

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """As of a mouse."""
        ...


class Fingers:
    """Follows the fingers on a widget that accepts touch events.

    Qt makes a mouse of one finger only where the touch is refused, and then never tells of a
    second one. Its own pinch gesture hears some events twice, and zooms twice as far.
    """

    def __init__(self) -> None:
        self._alone = False
        self._tapped_s = 0.0
        self._tapped_at = QPointF()

    def handle(self, event: QTouchEvent, target: Touched, widget: QWidget) -> None:
        """Do what the fingers do."""
        event.accept()
        points = event.points()
        if len(points) == 2:
            self._alone = False
            self._two(points[0], points[1], target)
        elif len(points) == 1:
            self._one(event.type(), points[0].position(), target, widget)

    def _two(self, one: QEventPoint, other: QEventPoint, target: Touched) -> None:
        here, before = one.position(), one.lastPosition()
        there, then = other.position(), other.lastPosition()
        if QEventPoint.State.Pressed in (one.state(), other.state()):
            before, then = here, there  # where a new finger was last is of no account
        apart, once = _length(here - there), _length(before - then)
        factor = apart / once if min(apart, once) >= _LEAST_APART_PX else 1.0
        target.pinch(factor, (here + there) / 2, (before + then) / 2)

    def _one(self, kind: QEvent.Type, at: QPointF, target: Touched, widget: QWidget) -> None:
        kinds = QEvent.Type
        if kind == kinds.TouchBegin:
            self._alone = True
            target.mousePressEvent(_mouse(kinds.MouseButtonPress, at, widget))
        elif not self._alone:
            return  # the last of two to be lifted
        elif kind == kinds.TouchUpdate:
            target.mouseMoveEvent(_mouse(kinds.MouseMove, at, widget))
        else:
            self._alone = False
            target.mouseReleaseEvent(_mouse(kinds.MouseButtonRelease, at, widget))
            self._tap(at, target, widget)

    def _tap(self, at: QPointF, target: Touched, widget: QWidget) -> None:
        now = time.perf_counter()
        soon = now - self._tapped_s < QApplication.doubleClickInterval() / 1000
        if soon and _length(at - self._tapped_at) < _TAP_PX:
            target.mouseDoubleClickEvent(_mouse(QEvent.Type.MouseButtonDblClick, at, widget))
        self._tapped_s, self._tapped_at = now, at


def _length(way: QPointF) -> float:
    return math.hypot(way.x(), way.y())


def _mouse(kind: QEvent.Type, at: QPointF, widget: QWidget) -> QMouseEvent:
    left = Qt.MouseButton.LeftButton
    released = kind == QEvent.Type.MouseButtonRelease
    return QMouseEvent(
        kind, at, widget.mapToGlobal(at), left, Qt.MouseButton.NoButton if released else left,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
