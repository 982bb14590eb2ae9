"""The map of an atlas under mouse, fingers and keys."""

from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QPainter,
)
from PySide6.QtWidgets import QWidget

from interp_gui.core.atlas.display import dot_radius
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View
from interp_gui.gui.accessible import SpokenItem
from interp_gui.gui.atlas.marks import Points, paint_lasso, paint_outline, paint_ring
from interp_gui.gui.atlas.picking import Hit, cell_at, nearest_cell, neighbour
from interp_gui.gui.atlas.pointing import PointedMap
from interp_gui.gui.atlas.spoken import cell_details, cell_name

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_ZOOMS = {
    Qt.Key.Key_Plus: 2**0.5,
    Qt.Key.Key_Equal: 2**0.5,
    Qt.Key.Key_Minus: 2**-0.5,
}
_OWN = (*_ARROWS, *_ZOOMS, Qt.Key.Key_Home, Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
_PAN = 0.2
"""Part of the window by which Shift and an arrow pan."""


class AtlasCanvas(PointedMap):
    """An activation atlas that one looks about in, chooses from and drags out of.

    Wheel, pinch, + and − zoom; drag, or Shift and an arrow pan; arrows go from cell to cell; Shift
    and drag draw a line around points.

    Signals
    -------
    hovered
        `Hit`, or None.
    clicked, activated
        `Hit`; activated by double click or Enter.
    selected
        (n,) int64 points that were chosen by hand; empty when the choice was given up.
    drag_wanted
        `Hit`, or (n,) int64 points, that are being dragged out.
    menu_requested
        `Hit` or None, and global position.
    stepped
        `Hit` that the keyboard went to.
    """

    accessible_role = "List"
    menu_requested = Signal(object, QPoint)
    stepped = Signal(object)

    def __init__(
        self, name: str = "Activation atlas", *, hint: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(hint, parent)
        self._cursor: tuple[float, float] | None = None
        self._alone = -1
        """The point that the cursor was put on, where it is not a cell."""
        self._stepping = False
        """Whether the keyboard was used last: its cell is what the panel beside tells of."""
        self.setAccessibleName(name)
        self.setAccessibleDescription("Arrow keys go from cell to cell, Enter opens one")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.clicked.connect(self._put_cursor)
        for signal in (self.hovered, self.clicked):
            signal.connect(self._stop_stepping)

    def set_atlas(self, atlas: Atlas | None) -> None:
        self._cursor, self._alone, self._stepping = None, -1, False
        super().set_atlas(atlas)

    # --- the keyboard's cell ----------------------------------------------------------------

    def current(self) -> Hit | None:
        """The cell that the keyboard is on, on the level that is seen."""
        side = self.side
        if self.scene is None or self._cursor is None or not side:
            return None
        cell = cell_at(self.scene, side, *self._cursor)
        cell = nearest_cell(self.scene, side, *self._cursor) if cell < 0 else cell
        return Hit(cell, side) if cell >= 0 else None

    def _put_cursor(self, hit: Hit) -> None:
        if self.scene is None or hit.cell < 0:
            return
        level = self.scene.grid(hit.side).level
        self._alone = hit.point
        self._cursor = (
            (int(level.x[hit.cell]) + 0.5) / hit.side,
            (int(level.y[hit.cell]) + 0.5) / hit.side,
        )
        self._tell(hit)
        self.update()

    def _step(self, dx: int, dy: int) -> None:
        if self.scene is None or not self.side:
            return
        here = self.current()
        if here is None:
            middle = self.camera.to_map(self.width() / 2, self.height() / 2)
            cell = nearest_cell(self.scene, self.side, *middle)
        else:
            cell = neighbour(self.scene, here.side, here.cell, dx, dy)
        if cell >= 0:
            hit = Hit(cell, self.side)
            self._hover(None)  # the hand is on the keys: what is beneath a resting mouse waits
            self._put_cursor(hit)
            self._show(self.cell_area(cell, self.side))
            self._stepping = True
            self.stepped.emit(hit)

    def _stop_stepping(self) -> None:
        self._stepping = False

    def _show(self, area: QRectF) -> None:
        """Pan so far that an area of the window is seen with its neighbours."""
        goal, here = self.camera.goal, self.camera.here
        # where it will be once the camera has arrived
        x = (here.left + area.center().x() / here.scale - goal.left) * goal.scale
        y = (here.top + area.center().y() / here.scale - goal.top) * goal.scale
        room = min(1.5 * area.width(), self.width() / 3, self.height() / 3)
        dx = max(0.0, room - x) - max(0.0, x - (self.width() - room))
        dy = max(0.0, room - y) - max(0.0, y - (self.height() - room))
        if dx or dy:
            self.camera.glide(dx, dy)
            self._set_out()

    def _tell(self, hit: Hit) -> None:
        """Say what the keyboard is on."""
        if self.scene is None:
            return
        name = cell_name(self.scene, hit.side, hit.cell)
        self.setAccessibleDescription(f"{name}, {cell_details(self.scene, hit.side, hit.cell)}")
        index = self.spoken_current()
        if self.hasFocus() and QAccessible.isActive() and index is not None:
            event = QAccessibleEvent(self, QAccessible.Event.Focus)
            event.setChild(index)
            QAccessible.updateAccessibility(event)

    # --- what assistive technology is told --------------------------------------------------

    def _spoken_cells(self) -> Points:
        if self.scene is None or not self.side:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.scene.cells(self.side).count > 0)

    def spoken_count(self) -> int:
        """How many cells the level has that is seen."""
        return len(self._spoken_cells())

    def spoken_item(self, index: int) -> SpokenItem:
        """Label, details and state of a cell."""
        cells, side = self._spoken_cells(), self.side
        if self.scene is None or index >= len(cells):
            return SpokenItem("")
        cell, current = int(cells[index]), self.current()
        return SpokenItem(
            cell_name(self.scene, side, cell), cell_details(self.scene, side, cell),
            self.cell_area(cell, side).toAlignedRect(),
            selected=self.is_selected(Hit(cell, side)),
            focused=self.hasFocus() and current is not None and current.cell == cell,
        )  # fmt: skip

    def spoken_at(self, x: int, y: int) -> int | None:
        """The cell at a position."""
        if self.scene is None:
            return None
        return self._spoken_index(cell_at(self.scene, self.side, *self.camera.to_map(x, y)))

    def spoken_current(self) -> int | None:
        """The cell that the keyboard is on."""
        here = self.current()
        return None if here is None else self._spoken_index(here.cell)

    def _spoken_index(self, cell: int) -> int | None:
        cells = self._spoken_cells()
        index = int(np.searchsorted(cells, cell))
        return index if index < len(cells) and cells[index] == cell else None

    # --- keys -------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keep the canvas's keys from the window's shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            others = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
            if Qt.Key(event.key()) in _OWN and not event.modifiers() & others:
                event.accept()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        others = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        if self.scene is None or event.modifiers() & others or not self._act_on(key, event):
            super().keyPressEvent(event)

    def _act_on(self, key: Qt.Key, event: QKeyEvent) -> bool:
        here = self.current()
        if key in _ARROWS:
            dx, dy = _ARROWS[key]
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.camera.glide(-dx * _PAN * self.width(), -dy * _PAN * self.height())
                self._set_out()
            else:
                self._step(dx, dy)
        elif key in _ZOOMS:
            area = self.cell_area(here.cell, here.side) if here is not None else QRectF()
            seen = not area.isEmpty() and QRectF(self.rect()).contains(area.center())
            about = area.center() if seen else QRectF(self.rect()).center()
            self.camera.zoom(_ZOOMS[key], about.x(), about.y(), snap=True)
            self._set_out()
        elif key == Qt.Key.Key_Home:
            self.go_home()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and here is not None:
            self.activated.emit(here)
        elif key == Qt.Key.Key_Space and here is not None:
            self.toggle(here)
        elif key == Qt.Key.Key_Escape:
            return self.give_up()
        else:
            return False
        return True

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() != QContextMenuEvent.Reason.Keyboard:
            self.menu_requested.emit(self.hit_at(event.pos().toPointF()), event.globalPos())
            return
        here = self.current()
        if here is not None:
            where = self.cell_area(here.cell, here.side).center().toPoint()
            self.menu_requested.emit(here, self.mapToGlobal(where))

    def inputMethodQuery(self, query: Qt.InputMethodQuery) -> Any:
        """Where the keyboard is, for whatever is to appear there."""
        here = self.current()
        if query == Qt.InputMethodQuery.ImCursorRectangle and here is not None:
            area: QRect = self.cell_area(here.cell, here.side).toAlignedRect()
            return area
        return super().inputMethodQuery(query)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    # --- painting ---------------------------------------------------------------------------

    def paint_marks(self, painter: QPainter, scene: Scene, view: View) -> None:
        palette = self.palette()
        hit, here = self.hit, self.current()
        if hit is not None and hit.point >= 0:
            x, y = view.to_pixels(scene.atlas.xy[hit.point]).tolist()
            paint_ring(painter, x, y, dot_radius(scene, view, self.side) + 3, palette)
        elif hit is not None and hit.side == self.side:
            paint_outline(painter, self.cell_area(hit.cell, hit.side), palette)
        if here is not None and self._alone >= 0:
            x, y = view.to_pixels(scene.atlas.xy[self._alone]).tolist()
            paint_ring(painter, x, y, dot_radius(scene, view, self.side) + 3, palette)
        elif here is not None and (self.hasFocus() or self._stepping):
            paint_outline(painter, self.cell_area(here.cell, here.side), palette, keyboard=True)
        if self.lasso is not None:
            paint_lasso(painter, view.to_pixels(self.lasso.corners), palette)
