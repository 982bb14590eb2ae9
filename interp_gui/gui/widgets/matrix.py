"""View of a `matrix` result: cells in colours, of which each can be an edit that is dragged."""

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QApplication, QMenu, QSizePolicy, QToolTip

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.export.matrices import (
    cell_colours,
    dot_colour,
    is_confirmed,
    legend_colours,
    limits,
    short_names,
)
from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature
from interp_gui.core.result import Matrix
from interp_gui.gui.accessible import SpokenItem
from interp_gui.gui.widgets.pixels import to_image
from interp_gui.gui.widgets.view import ResultView

GAP_PX = 8
LEGEND_PX = 12
LEAST_CELL_PX, LARGEST_CELL_PX = 6, 34
LEAST_WIDTH_PX = 300
"""However many columns there are: cells get narrow before a view is cut."""
LABEL_SHARE = 0.34
"""At most so much of the width is given to names of rows."""

Cell = tuple[int, int]


class MatrixView(ResultView[Matrix]):
    """Cells of a matrix, with a cursor that arrow keys move.

    Signals
    -------
    edits_wanted
        An `EditStack` that is to be put on the intervention panel.
    current_changed
        The cell that the cursor is on, as (row, column).
    """

    accessible_role = "Table"
    edits_wanted = Signal(object)
    current_changed = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._current: Cell = (0, 0)
        self._image, self._legend = QImage(), QImage()

    def result_changed(self) -> None:
        result = self._result
        if result is None:
            return
        rows, columns = result.values.shape
        self._current = min(self._current[0], rows - 1), min(self._current[1], columns - 1)
        self._image = to_image(cell_colours(result))
        self._legend = to_image(legend_colours(result, 128))
        self._describe()
        self.updateGeometry()
        self.update()

    # --- where things are ------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        rows, columns = self._shape()
        return QSize(240 + columns * 16, 2 * self._line() + max(120, rows * 20))

    def minimumSizeHint(self) -> QSize:
        rows, columns = self._shape()
        height = 2 * self._line() + rows * (LEAST_CELL_PX + 4)
        return QSize(min(LEAST_WIDTH_PX, 160 + columns * LEAST_CELL_PX), height)

    def _shape(self) -> Cell:
        return self._result.values.shape if self._result is not None else (0, 0)

    def _line(self) -> int:
        return QFontMetrics(self.font()).height() + 2

    def cells_rect(self) -> QRect:
        """Where the cells are painted."""
        result = self._result
        if result is None:
            return QRect()
        metrics = QFontMetrics(self.font())
        rows, columns = self._shape()
        widest = max((metrics.horizontalAdvance(t) for t in self._row_names()), default=0)
        left = min(widest, round(self.width() * LABEL_SHARE)) + GAP_PX
        top = (2 if result.column_title else 1) * self._line() + 2
        room = self.width() - left - self._legend_width() - 1
        below = self.height() - top - 1
        wide = max(1, min(LARGEST_CELL_PX, room // max(1, columns)))
        high = max(1, min(LARGEST_CELL_PX, below // max(1, rows)))
        return QRect(left, top, wide * columns, high * rows)

    def _row_names(self) -> tuple[str, ...]:
        """Names of rows; where they are too long, without the parts that all of them share."""
        assert self._result is not None
        metrics, names = QFontMetrics(self.font()), self._result.row_labels
        widest = max((metrics.horizontalAdvance(name) for name in names), default=0)
        return short_names(names) if widest > self.width() * LABEL_SHARE else names

    def cell_rect(self, row: int, column: int) -> QRect:
        """Where one cell is painted."""
        area = self.cells_rect()
        rows, columns = self._shape()
        wide, high = area.width() // columns, area.height() // rows
        return QRect(area.left() + column * wide, area.top() + row * high, wide, high)

    def cell_at(self, position: QPoint) -> Cell | None:
        """The cell at a position; None beside them."""
        area = self.cells_rect()
        rows, columns = self._shape()
        if not rows or not columns or not area.contains(position):
            return None
        column = (position.x() - area.left()) * columns // area.width()
        return (position.y() - area.top()) * rows // area.height(), column

    def _legend_width(self) -> int:
        if self._result is None:
            return 0
        metrics = QFontMetrics(self.font())
        texts = [readable(value) for value in self._marks()]
        return GAP_PX * 2 + LEGEND_PX + 4 + max(metrics.horizontalAdvance(t) for t in texts)

    def _marks(self) -> tuple[float, float, float]:
        assert self._result is not None
        low, high = limits(self._result)
        return high, (low + high) / 2, low

    # --- what a cell is --------------------------------------------------------------------------

    @property
    def current(self) -> Cell:
        """The cell that the cursor is on."""
        return self._current

    def set_current(self, row: int, column: int) -> None:
        """Put the cursor on a cell, or on the nearest one there is."""
        rows, columns = self._shape()
        cell = max(0, min(rows - 1, row)), max(0, min(columns - 1, column))
        if cell != self._current and rows and columns:
            self._current = cell
            self._describe()
            self.update()
            self.current_changed.emit(*cell)

    def edit_at(self, cell: Cell | None) -> Edit | None:
        """The edit that a cell stands for; None where it stands for none."""
        if self._result is None or cell is None:
            return None
        return self._result.edit(*cell)

    def text_of(self, cell: Cell) -> str:
        """A cell in words: where it is, its number, and whether that is exact."""
        result = self._result
        assert result is not None
        row, column = cell
        where = f"{result.row_labels[row]}, {result.column_labels[column]}"
        value = float(result.best[row, column])
        if value != value:
            return f"{where}: no number"
        told = f"{where}: {readable(value)}"
        if result.exact is None:
            return told
        if not is_confirmed(result)[row, column]:
            return f"{told}, an estimate"
        return f"{told}, confirmed; estimated {readable(float(result.values[row, column]))}"

    def features_at(self, position: QPoint) -> tuple[Feature, ...]:
        edit = self.edit_at(self.cell_at(position))
        return (edit.feature,) if edit is not None and not edit.feature.whole_layer else ()

    def _describe(self) -> None:
        if self._result is not None:
            self.setAccessibleDescription(self.text_of(self._current))

    # --- keys, mouse and menu --------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, column = self._current
        rows, columns = self._shape()
        ends = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        moves = {
            Qt.Key.Key_Left: (row, column - 1), Qt.Key.Key_Right: (row, column + 1),
            Qt.Key.Key_Up: (row - 1, column), Qt.Key.Key_Down: (row + 1, column),
            Qt.Key.Key_Home: (0 if ends else row, 0),
            Qt.Key.Key_End: (rows if ends else row, columns),
            Qt.Key.Key_PageUp: (0, column), Qt.Key.Key_PageDown: (rows, column),
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in moves:
            self.set_current(*moves[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._put(self._current)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        cell = self.cell_at(event.position().toPoint())
        if cell is not None:
            self.set_current(*cell)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        cell = self.cell_at(self._pressed)
        edit = self.edit_at(cell)
        if edit is None or cell is None or moved < QApplication.startDragDistance():
            return
        self._pressed = None
        from interp_gui.gui.dragging.edits import start_edit_drag

        start_edit_drag(self, EditStack(edits=(edit,)), title=self._title(cell))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position().toPoint())
        if cell is not None:
            self._put(cell)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._result is None:
            return
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        position = self.cell_rect(*self._current).center() if by_key else event.pos()
        menu = self.menu_at(position)
        menu.popup(self.mapToGlobal(position))

    def menu_at(self, position: QPoint) -> QMenu:
        """What can be done with the cell at a position, and with the whole result."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        cell = self.cell_at(position)
        if cell is not None and self.edit_at(cell) is not None:
            menu.addAction("Put on the panel", lambda: self._put(cell))
            menu.addSeparator()
        self.fill_feature_menu(menu, self.features_at(position))
        self.fill_menu(menu)
        return menu

    def _put(self, cell: Cell) -> None:
        edit = self.edit_at(cell)
        if edit is not None:
            self.edits_wanted.emit(EditStack(edits=(edit,), name=self._title(cell)))

    def _title(self, cell: Cell) -> str:
        assert self._result is not None
        return f"{self._result.row_labels[cell[0]]}, {self._result.column_labels[cell[1]]}"

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            cell = self.cell_at(event.pos())
            text = self.text_of(cell) if cell is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    # --- what assistive technology is told -------------------------------------------------------

    def spoken_count(self) -> int:
        """How many cells there are."""
        rows, columns = self._shape()
        return rows * columns

    def spoken_item(self, index: int) -> SpokenItem:
        """A cell: where it is and its number."""
        cell = divmod(index, self._shape()[1])
        return SpokenItem(
            self.text_of(cell), rect=self.cell_rect(*cell), focused=cell == self._current
        )

    def spoken_at(self, x: int, y: int) -> int | None:
        """Index of the cell at a position."""
        cell = self.cell_at(QPoint(x, y))
        return None if cell is None else cell[0] * self._shape()[1] + cell[1]

    def spoken_current(self) -> int | None:
        """Index of the cell that the cursor is on."""
        return self._current[0] * self._shape()[1] + self._current[1]

    # --- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        result = self._result
        if result is None:
            return
        painter = QPainter(self)
        area = self.cells_rect()
        painter.drawImage(area, self._image)
        self._paint_grid(painter, area)
        self._paint_labels(painter, area)
        self._paint_dots(painter)
        self._paint_legend(painter, area)
        self._paint_cursor(painter)
        painter.end()

    def _paint_grid(self, painter: QPainter, area: QRect) -> None:
        rows, columns = self._shape()
        wide, high = area.width() // columns, area.height() // rows
        painter.setPen(self.palette().color(QPalette.ColorRole.Window))
        if min(wide, high) < 5:
            return
        for row in range(rows + 1):
            y = area.top() + row * high
            painter.drawLine(area.left(), y, area.left() + area.width(), y)
        for column in range(columns + 1):
            x = area.left() + column * wide
            painter.drawLine(x, area.top(), x, area.top() + area.height())

    def _paint_labels(self, painter: QPainter, area: QRect) -> None:
        result = self._result
        assert result is not None
        metrics = QFontMetrics(self.font())
        rows, columns = self._shape()
        wide, high = area.width() // columns, area.height() // rows
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        every = max(1, -(-metrics.height() // max(1, high)))
        names = self._row_names()
        for row in range(0, rows, every):
            text = metrics.elidedText(
                names[row], Qt.TextElideMode.ElideMiddle, area.left() - GAP_PX // 2
            )
            y = area.top() + row * high + (high + metrics.ascent() - metrics.descent()) // 2
            painter.drawText(area.left() - GAP_PX // 2 - metrics.horizontalAdvance(text), y, text)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        widest = max((metrics.horizontalAdvance(t) for t in result.column_labels), default=0) + 6
        every = max(1, -(-widest // max(1, wide)))
        base = area.top() - metrics.descent() - 2
        for column in range(0, columns, every):
            text = result.column_labels[column]
            middle = area.left() + column * wide + wide // 2
            painter.drawText(middle - metrics.horizontalAdvance(text) // 2, base, text)
        if result.column_title:
            room = self.width() - area.left()
            title = metrics.elidedText(result.column_title, Qt.TextElideMode.ElideRight, room)
            painter.drawText(area.left(), base - self._line(), title)

    def _paint_dots(self, painter: QPainter) -> None:
        result = self._result
        assert result is not None
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        colours = cell_colours(result)
        for row, column in zip(*is_confirmed(result).nonzero(), strict=True):
            box = self.cell_rect(int(row), int(column))
            radius = max(1.2, min(box.width(), box.height()) * 0.12)
            painter.setBrush(QColor(*dot_colour(colours[row, column])))
            painter.drawEllipse(box.center(), radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_legend(self, painter: QPainter, area: QRect) -> None:
        metrics = QFontMetrics(self.font())
        height = max(area.height(), min(96, self.height() - area.top() - 1))
        bar = QRect(area.right() + GAP_PX + 3, area.top(), LEGEND_PX, height)
        painter.drawImage(bar, self._legend)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        middle = bar.center().y() + metrics.ascent() // 2
        heights = (bar.top() + metrics.ascent(), middle, bar.bottom() - metrics.descent() + 1)
        for value, y in zip(self._marks(), heights, strict=True):
            painter.drawText(bar.right() + 5, y, readable(value))

    def _paint_cursor(self, painter: QPainter) -> None:
        box = self.cell_rect(*self._current)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        inner = self.palette().color(QPalette.ColorRole.Base)
        outer = self.palette().color(
            QPalette.ColorRole.Highlight if self.hasFocus() else QPalette.ColorRole.Text
        )
        painter.setPen(QPen(inner, 1))
        painter.drawRect(box.adjusted(1, 1, -1, -1))
        painter.setPen(QPen(outer, 2 if self.hasFocus() else 1))
        painter.drawRect(box)
