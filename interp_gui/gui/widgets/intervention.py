"""An answer before and after edits: paired bars, the Target as a headline, the whole in figures."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip

from interp_gui.core.interventions import comparing
from interp_gui.core.interventions.comparing import Compared, Row
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.gui import theme
from interp_gui.gui.accessible import SpokenItem
from interp_gui.gui.widgets.bars import NEGATIVE, POSITIVE
from interp_gui.gui.widgets.view import ResultView

EDGE_PX = 5
BAR_PX = 6
GAP_PX = 2


@dataclass(frozen=True)
class _Heights:
    """Where things lie, in pixels from the top."""

    head: int
    row: int
    foot: int


class InterventionView(ResultView[Intervention]):
    """View of an `intervention` result.

    Signals
    -------
    explain
        Class, or place among the numbers, that is to be the Target.
    """

    accessible_role = "Chart"
    explain = Signal(int)

    def __init__(self, hint: str = "") -> None:
        super().__init__()
        self.hint = hint
        self.logits = False
        self.target: int | None = None
        """Class of the Target: its row is framed."""
        self.row = 0
        self.headline = ""
        """What became of the Target."""
        self.footer: tuple[str, ...] = ()
        """What is said of the whole answer, a line each."""
        self._shown = Compared((), "value")
        self._measured: tuple[int, _Heights] | None = None
        """Width, and the heights that it gave."""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def set_logits(self, on: bool) -> None:
        """Tell classes by their logits, or by their probabilities."""
        if on != self.logits:
            self.logits = on
            self.result_changed()

    def result_changed(self) -> None:
        result = self._result
        self._shown = Compared((), "value")
        if result is not None and not result.problem:
            self._shown = comparing.compared(result, logits=self.logits)
            self.target = comparing.target_class(result)
        self.headline = comparing.headline(result) if result is not None else ""
        self.footer = self._footer_of(result)
        self._measured = None
        self.row = max(0, min(self.row, len(self.rows) - 1))
        words = (self.headline, *(self.line(i) for i in range(len(self.rows))), *self.footer)
        self.setAccessibleDescription("; ".join(filter(None, words)))
        self.updateGeometry()
        self.update()

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is shown, in order."""
        return self._shown.rows

    def _footer_of(self, result: Intervention | None) -> tuple[str, ...]:
        if result is None or result.problem:
            return ()
        lines = []
        if self.target is not None:
            title = result.target_title
            lines.append(f"{title[:1].upper()}{title[1:]}: {comparing.target_words(result)}")
        return (*lines, *comparing.whole_words(result))

    def line(self, row: int) -> str:
        """A row in words."""
        if not 0 <= row < len(self.rows):
            return ""
        one, measure = self.rows[row], self._shown.measure
        numbers = " → ".join(comparing.number(v, measure) for v in (one.before, one.after))
        moved = f", rank {one.moved}" if one.moved else ""
        change = comparing.difference(one.change, measure)
        unit = " points" if measure == "probability" else ""
        return f"{one.label}: {numbers} ({change}{unit}){moved}"

    # --- sizes -----------------------------------------------------------------------------------

    def _fonts(self) -> tuple[QFont, QFont]:
        bold = QFont(self.font())
        bold.setBold(True)
        return bold, theme.small_font(self.font())

    def _heights(self) -> _Heights:
        if self._measured is not None and self._measured[0] == self.width():
            return self._measured[1]
        bold, small = self._fonts()
        line = QFontMetrics(self.font()).height()
        head = self._wrapped(bold, self.headline) + 6 if self.headline else 0
        foot = sum(self._wrapped(small, text) + 2 for text in self.footer)
        found = _Heights(head, line + 2 * BAR_PX + GAP_PX + 8, foot + 4 if foot else 0)
        self._measured = (self.width(), found)
        return found

    def _wrapped(self, font: QFont, text: str) -> int:
        room = QRect(0, 0, max(60, self.width() - 2 * EDGE_PX), 10_000)
        flags = int(Qt.TextFlag.TextWordWrap)
        return QFontMetrics(font).boundingRect(room, flags, text).height()

    def sizeHint(self) -> QSize:
        heights = self._heights()
        return QSize(240, heights.head + max(1, len(self.rows)) * heights.row + heights.foot + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()  # words wrap otherwise

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._measured = None
            self.updateGeometry()

    def area_of(self, row: int) -> QRect:
        """Where a row lies."""
        heights = self._heights()
        return QRect(0, heights.head + row * heights.row + 2, self.width(), heights.row)

    def _row_at(self, position: QPoint) -> int | None:
        return next((i for i in range(len(self.rows)) if self.area_of(i).contains(position)), None)

    # --- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._result is None:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect(), flags, self.hint)
            painter.end()
            return
        bold, small = self._fonts()
        heights = self._heights()
        if self.headline:
            painter.setFont(bold)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            room = QRect(EDGE_PX, 0, self.width() - 2 * EDGE_PX, heights.head)
            painter.drawText(room, int(Qt.TextFlag.TextWordWrap), self.headline)
        painter.setFont(self.font())
        for i in range(len(self.rows)):
            self._paint_row(painter, i)
        painter.setFont(small)
        painter.setPen(theme.dim_colour(self.palette()))
        y = heights.head + len(self.rows) * heights.row + 6
        for text in self.footer:
            height = self._wrapped(small, text)
            room = QRect(EDGE_PX, y, self.width() - 2 * EDGE_PX, height)
            painter.drawText(room, int(Qt.TextFlag.TextWordWrap), text)
            y += height + 2
        painter.end()

    def _paint_row(self, painter: QPainter, index: int) -> None:
        row, measure, area = self.rows[index], self._shown.measure, self.area_of(index)
        colours, metrics = self.palette(), QFontMetrics(self.font())
        high = colours.color(QPalette.ColorRole.Highlight)
        frame = QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5)
        if index == self.row and self.hasFocus():
            ground = QColor(high)
            ground.setAlpha(46)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(frame, 3, 3)
        if self.target is not None and row.index == self.target:
            painter.setPen(QPen(high, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(frame, 3, 3)
        line = QRect(EDGE_PX, area.top() + 2, area.width() - 2 * EDGE_PX, metrics.height())
        text, dim = colours.color(QPalette.ColorRole.WindowText), theme.dim_colour(colours)
        change = comparing.difference(row.change, measure)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        right = middle | int(Qt.AlignmentFlag.AlignRight)
        numbers = " → ".join(comparing.number(v, measure) for v in (row.before, row.after))
        used = metrics.horizontalAdvance(numbers) + 8
        painter.setPen(text)
        painter.drawText(line, right, numbers)
        moved = f"  {row.moved}" if row.moved else ""
        room = line.width() - used
        moved_width = metrics.horizontalAdvance(moved)
        if moved_width + 60 > room:
            moved, moved_width = "", 0
        label = metrics.elidedText(row.label, Qt.TextElideMode.ElideRight, room - moved_width)
        painter.drawText(line, middle, label)
        painter.setPen(dim)
        painter.drawText(line.adjusted(metrics.horizontalAdvance(label), 0, 0, 0), middle, moved)
        bars = QRect(line.left(), line.bottom() + 2, line.width(), 2 * BAR_PX + GAP_PX)
        width = metrics.horizontalAdvance("−100.0") + 6
        painter.drawText(bars.adjusted(0, -2, 0, 2), right, change)
        self._paint_bars(painter, bars.adjusted(0, 0, -width, 0), row)

    def _paint_bars(self, painter: QPainter, area: QRect, row: Row) -> None:
        low, high = self._shown.limits
        scale = area.width() / (high - low)
        zero = area.left() - low * scale
        for place, value in enumerate((row.before, row.after)):
            top = area.top() + place * (BAR_PX + GAP_PX)
            end = zero + max(low, min(high, value if value == value else 0.0)) * scale
            left, right = sorted((zero, end))
            colour = POSITIVE if value >= 0 else NEGATIVE
            bar = QRectF(left, top, max(1.5, right - left), BAR_PX)
            if place == 0:  # hollow: how it was
                painter.setPen(QPen(colour, 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(bar.adjusted(0.5, 0.5, -0.5, -0.5))
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                painter.drawRect(bar)

    # --- mouse and keyboard ----------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self._row_at(event.pos())
            text = "" if row is None else self.line(row)
            if row is not None and self.rows[row].index == self.target:
                text += "\nThis is the Target."
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().toPoint())
        if row is not None:
            self._go(row)
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().toPoint())
        if row is not None:
            self.explain.emit(self.rows[row].index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._go(self.row + (1 if key == Qt.Key.Key_Down else -1))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.rows:
            self.explain.emit(self.rows[self.row].index)
        elif key == Qt.Key.Key_C and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self.copy_rows()
        else:
            super().keyPressEvent(event)

    def _go(self, row: int) -> None:
        if self.rows:
            self.row = max(0, min(len(self.rows) - 1, row))
            place = f"{self.row + 1} of {len(self.rows)}"
            self.setAccessibleDescription(f"{self.line(self.row)}, {place}")
            self.update()

    def copy_rows(self) -> None:
        """Put all that is shown on the clipboard as text."""
        words = (self.headline, *(self.line(i) for i in range(len(self.rows))), *self.footer)
        QGuiApplication.clipboard().setText("\n".join(filter(None, words)))

    def fill_menu(self, menu: QMenu) -> None:
        if self._result is not None and comparing.has_classes(self._result):
            logits = menu.addAction("Show &logits")
            logits.setCheckable(True)
            logits.setChecked(self.logits)
            logits.toggled.connect(self.set_logits)
        menu.addAction("Copy as &text", self.copy_rows)
        super().fill_menu(menu)

    # --- what assistive technology is told -------------------------------------------------------

    def spoken_count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def spoken_item(self, index: int) -> SpokenItem:
        """A row: its name, its numbers and their difference."""
        focused = index == self.spoken_current()
        return SpokenItem(self.line(index), rect=self.area_of(index), focused=focused)

    def spoken_at(self, x: int, y: int) -> int | None:
        """Index of the row at a position."""
        return self._row_at(QPoint(x, y))

    def spoken_current(self) -> int | None:
        """Index of the row that the keyboard is on."""
        return self.row if self.hasFocus() and self.rows else None
