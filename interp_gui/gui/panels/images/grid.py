"""A list view whose layout is arithmetic: a hundred thousand cells cost what a screenful does.

QListView walks over every row to lay them out, to find what of a selection is in view and to
look for typed text, each time through Python. All cells being of one size, none of that is needed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QListView,
    QStyle,
    QStyleOptionViewItem,
)

Index = QModelIndex | QPersistentModelIndex
_WHEEL_CELLS = 0.5
MOST_STRETCHES = 1500
"""Stretches of neighbouring cells that can be selected together."""


class ImageGrid(QListView):
    """Equal cells in rows.

    Signals
    -------
    drag_wanted
        What is selected is being dragged.
    typed
        Text that was typed while the list has the focus.
    """

    drag_wanted = Signal()
    typed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._cell = QSize(100, 120)
        self._grasped: QPoint | None = None
        self._dragged = False
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there: its coming and going would change the number of columns.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover, on=False)

    # --- geometry ------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of cells."""
        model = self.model()
        return model.rowCount() if model is not None else 0

    @property
    def columns(self) -> int:
        """Cells in a row."""
        return max(1, self.viewport().width() // self._cell.width())

    def set_cell(self, size: QSize) -> None:
        """Give all cells another size."""
        if size != self._cell:
            self._cell = size
            self.updateGeometries()
            self.viewport().update()

    @property
    def visible(self) -> range:
        """Places of the cells of which some part is in view."""
        top, height = self.verticalOffset(), self._cell.height()
        first = max(0, top // height) * self.columns
        last = (max(0, top + self.viewport().height() - 1) // height + 1) * self.columns
        return range(min(first, self.count), min(last, self.count))

    def place_rect(self, place: int) -> QRect:
        """Where a cell is, on the viewport."""
        line, column = divmod(place, self.columns)
        spare = self.viewport().width() - self.columns * self._cell.width()
        left = column * self._cell.width() + max(0, spare) // 2
        return QRect(QPoint(left, line * self._cell.height() - self.verticalOffset()), self._cell)

    def place_at(self, point: QPoint) -> int:
        """The cell that is nearest to a point of the viewport; the last one below them all."""
        spare = max(0, self.viewport().width() - self.columns * self._cell.width())
        column = (point.x() - spare // 2) // self._cell.width()
        line = max(0, (point.y() + self.verticalOffset()) // self._cell.height())
        place = line * self.columns + min(max(0, column), self.columns - 1)
        return max(0, min(place, self.count - 1))

    def doItemsLayout(self) -> None:
        QAbstractItemView.doItemsLayout(self)

    def updateGeometries(self) -> None:
        lines = -(-self.count // self.columns)
        bar = self.verticalScrollBar()
        bar.setSingleStep(round(self._cell.height() * _WHEEL_CELLS))
        bar.setPageStep(self.viewport().height())
        bar.setRange(0, max(0, lines * self._cell.height() - self.viewport().height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        seen = self.visible
        QAbstractItemView.resizeEvent(self, event)
        if seen and event.oldSize().width() != event.size().width() and event.oldSize().width() > 0:
            # What was in view stays in view although the number of columns changed.
            current = self.currentIndex().row()
            self._scroll_to(current if current in seen else seen[0], top=current not in seen)

    def visualRect(self, index: Index) -> QRect:
        return self.place_rect(index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:
        if not self.count:
            return QModelIndex()
        place = self.place_at(point)
        if not self.place_rect(place).contains(point):
            return QModelIndex()
        return self.model().index(place, 0)

    def scrollTo(
        self, index: Index,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:  # fmt: skip
        if index.isValid():
            self._scroll_to(
                index.row(),
                top=hint == QAbstractItemView.ScrollHint.PositionAtTop,
                centre=hint == QAbstractItemView.ScrollHint.PositionAtCenter,
            )

    def _scroll_to(self, place: int, *, top: bool = False, centre: bool = False) -> None:
        rect, bar, room = self.place_rect(place), self.verticalScrollBar(), self.viewport().height()
        if centre:
            bar.setValue(bar.value() + rect.center().y() - room // 2)
        elif top or rect.top() < 0:
            bar.setValue(bar.value() + rect.top())
        elif rect.bottom() >= room:
            bar.setValue(bar.value() + rect.bottom() - room + 1)

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        self.viewport().update()

    def isIndexHidden(self, _index: Index) -> bool:
        return False

    # --- selection and keyboard ----------------------------------------------------------------

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, _modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        if not self.count:
            return QModelIndex()
        moves, columns = QAbstractItemView.CursorAction, self.columns
        page = max(1, self.viewport().height() // self._cell.height()) * columns
        steps = {
            moves.MoveLeft: -1, moves.MovePrevious: -1, moves.MoveRight: 1, moves.MoveNext: 1,
            moves.MoveUp: -columns, moves.MoveDown: columns, moves.MovePageUp: -page,
            moves.MovePageDown: page, moves.MoveHome: -self.count, moves.MoveEnd: self.count,
        }  # fmt: skip
        current = self.currentIndex().row()
        place = 0 if current < 0 else current + steps[action]
        if action in (moves.MoveUp, moves.MoveDown) and not 0 <= place < self.count:
            below = place >= self.count and current // columns < (self.count - 1) // columns
            place = self.count - 1 if below else current
        return self.model().index(min(max(0, place), self.count - 1), 0)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Select what lies between two corners: by a drawn rectangle the cells it touches,
        otherwise (Shift) all from one to the other.
        """
        chosen = QItemSelection()
        if self.count:
            dragged = self.state() == QAbstractItemView.State.DragSelectingState
            for first, last in self._drawn(rect) if dragged else self._between(rect):
                chosen.append(self.range_of(first, last))
        self.selectionModel().select(chosen, command)

    def _between(self, rect: QRect) -> list[tuple[int, int]]:
        ends = (self.place_at(rect.topLeft()), self.place_at(rect.bottomRight()))
        return [(min(ends), max(ends))]

    def _drawn(self, rect: QRect) -> list[tuple[int, int]]:
        area = rect.normalized()
        first, last = self.place_at(area.topLeft()), self.place_at(area.bottomRight())
        left, right = sorted((first % self.columns, last % self.columns))
        lines = range(first // self.columns, last // self.columns + 1)
        found = [(n * self.columns + left, n * self.columns + right) for n in lines]
        return [(a, min(b, self.count - 1)) for a, b in found if a < self.count]

    def range_of(self, first: int, last: int) -> QItemSelectionRange:
        """Cells from one to another as a selection."""
        return QItemSelectionRange(self.model().index(first, 0), self.model().index(last, 0))

    def selectAll(self) -> None:
        # Qt's own asks the model about every row.
        self.select_places(np.arange(self.count))

    def select_places(self, places: NDArray[np.integer[Any]]) -> bool:
        """Select exactly some cells; `places` are ascending.

        Returns
        -------
        False if they were too scattered: Qt compares every stretch with every other one, which
        takes seconds for tens of thousands. Nothing is selected then.
        """
        stretches = runs(places)
        fits = len(stretches) <= MOST_STRETCHES
        chosen = QItemSelection()
        for first, last in stretches if fits else []:
            chosen.append(self.range_of(first, last))
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        return fits

    def selected_ranges(self) -> list[QItemSelectionRange]:
        """Stretches of cells that are selected."""
        selection = self.selectionModel().selection()
        return [selection.at(i) for i in range(selection.size())]

    def selected_places(self) -> NDArray[np.int64]:
        """Cells that are selected, ascending."""
        ranges = sorted((r.top(), r.bottom()) for r in self.selected_ranges())
        if not ranges:
            return np.zeros(0, np.int64)
        return np.concatenate([np.arange(first, last + 1) for first, last in ranges])

    def visualRegionForSelection(self, _selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    def keyboardSearch(self, search: str) -> None:
        self.typed.emit(search)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()

    # --- dragging ------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        point = event.position().toPoint()
        index = self.indexAt(point)
        grasped = event.button() == Qt.MouseButton.LeftButton and index.isValid()
        chosen = grasped and self.selectionModel().isSelected(index)
        self._grasped, self._dragged = point if chosen else None, False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grasped is None:
            super().mouseMoveEvent(event)
            return
        # Qt's own would list every selected row before a drag begins.
        moved = (event.position().toPoint() - self._grasped).manhattanLength()
        if moved >= QApplication.startDragDistance() and not self._dragged:
            self._dragged = True
            self.drag_wanted.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grasped = None
        super().mouseReleaseEvent(event)

    # --- painting ------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setClipRegion(event.region())
        delegate, model, selection = self.itemDelegate(), self.model(), self.selectionModel()
        current = self.currentIndex().row()
        for place in self.visible:
            rect = self.place_rect(place)
            if not event.region().intersects(rect):
                continue
            option = QStyleOptionViewItem()
            self.initViewItemOption(option)
            option.rect = rect
            index = model.index(place, 0)
            state = QStyle.StateFlag.State_Enabled
            if selection.isSelected(index):
                state |= QStyle.StateFlag.State_Selected
            if place == current and self.hasFocus():
                state |= QStyle.StateFlag.State_HasFocus
            option.state = state
            delegate.paint(painter, option, index)
        if not self.count:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect().adjusted(12, 0, -12, 0), flags, self.hint)
        painter.end()

    hint = "No image matches the filter."

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and not self.count:
            return True
        return super().viewportEvent(event)


def runs(places: NDArray[np.integer[Any]]) -> list[tuple[int, int]]:
    """Ascending numbers as stretches without gaps: first and last of each."""
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) != 1)
    firsts = places[np.concatenate(([0], breaks + 1))]
    lasts = places[np.concatenate((breaks, [len(places) - 1]))]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
