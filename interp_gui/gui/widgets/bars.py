"""Named values as bars, with their numbers in full."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip

from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars
from interp_gui.gui.accessible import SpokenItem
from interp_gui.gui.widgets.view import ResultView

POSITIVE = QColor("#3b7dd8")
NEGATIVE = QColor("#d0653a")
"""Data colours: the same in light and dark, told apart without red against green."""
EDGE_PX = 5
"""Room beside the words, for the frame of a row."""
STACKED_BAR_PX = 8
LEAST_BAR_PX = 24
MARK_PX = 5
"""Of the dot behind a name that stands out."""
LONG_CHARACTERS = 12
"""What of a long name has to be seen beside its bar; below that, the bar goes under it."""


def _widest(metrics: QFontMetrics, texts: Iterable[str]) -> int:
    return max((metrics.horizontalAdvance(text) for text in texts), default=0)


class BarsView(ResultView[Bars]):
    """View of a `bars` result."""

    accessible_role = "Chart"

    def __init__(self, hint: str = "") -> None:
        super().__init__()
        self.hint = hint
        self._stacked = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def result_changed(self) -> None:
        result = self._result
        if result is not None:
            marked = result.marked or (False,) * len(result.labels)
            each = zip(result.labels, result.values, marked, strict=True)
            spoken = ", ".join(
                f"{label} {self._number(value)}{' stands out' if mark else ''}"
                for label, value, mark in each
            )
            self.setAccessibleDescription(spoken)
        self._arrange()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        rows = len(self._result.labels) if self._result is not None else 3
        return QSize(240, max(1, rows) * self._row_height() + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._arrange()

    def _arrange(self) -> None:
        """Words over the bar where both beside each other would leave too little of the words."""
        result, stacked = self._result, False
        if result is not None and result.labels:
            metrics = QFontMetrics(self.font())
            numbers = (self._number(value) for value in result.values)
            used = _widest(metrics, numbers) + 8 + EDGE_PX
            enough = LONG_CHARACTERS * metrics.averageCharWidth()
            wanted = min(_widest(metrics, result.labels), enough)
            stacked = self.width() - used < wanted + 10 + EDGE_PX + LEAST_BAR_PX
        if stacked != self._stacked:
            self._stacked = stacked
            self.updateGeometry()
            self.update()

    def features_at(self, position: QPoint) -> tuple[Feature, ...]:
        row = self._row_at(position)
        if self._result is None or row is None or row >= len(self._result.features):
            return ()
        feature = self._result.features[row]
        return (feature,) if feature is not None else ()

    def _row_height(self) -> int:
        return QFontMetrics(self.font()).height() + 8 + (STACKED_BAR_PX if self._stacked else 0)

    def _row_at(self, position: QPoint) -> int | None:
        row = position.y() // self._row_height()
        inside = self._result is not None and 0 <= row < len(self._result.labels)
        return row if inside else None

    # --- what assistive technology is told -------------------------------------------------------

    def spoken_count(self) -> int:
        """How many bars there are."""
        return len(self._result.labels) if self._result is not None else 0

    def spoken_item(self, index: int) -> SpokenItem:
        """A bar: its label and its number."""
        assert self._result is not None
        height = self._row_height()
        return SpokenItem(
            f"{self._result.labels[index]}: {self._number(self._result.values[index])}",
            rect=QRect(0, index * height + 2, self.width(), height),
            focused=index == self.spoken_current(),
        )

    def spoken_at(self, x: int, y: int) -> int | None:
        """Index of the bar at a position."""
        return self._row_at(QPoint(x, y))

    def spoken_current(self) -> int | None:
        """Index of the bar that the keyboard is on."""
        return None

    def _number(self, value: float) -> str:
        unit = self._result.unit if self._result is not None else ""
        if unit == "probability":
            return f"{value:.1%}"
        return f"{readable(value)}{' ' if unit and unit != '%' else ''}{unit}"

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        result = self._result
        if result is None or not result.labels:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect(), flags, self.hint)
            painter.end()
            return
        metrics = QFontMetrics(self.font())
        numbers = [self._number(value) for value in result.values]
        number_width = _widest(metrics, numbers) + 8 + EDGE_PX
        longest = _widest(metrics, result.labels) + (MARK_PX + 4 if any(result.marked) else 0)
        long_enough = min(longest, LONG_CHARACTERS * metrics.averageCharWidth())
        label_width = max(60, (self.width() - number_width) * 11 // 20, long_enough + 10 + EDGE_PX)
        label_width = min(longest + 10 + EDGE_PX, label_width)
        room = max(10, self.width() - label_width - number_width)
        for row, (label, value) in enumerate(zip(result.labels, result.values, strict=True)):
            area = QRect(0, row * self._row_height() + 2, self.width(), self._row_height())
            place = QRect(label_width, area.top(), room, area.height())
            if self._stacked:
                label_width = self.width() - metrics.horizontalAdvance(numbers[row]) - EDGE_PX
                place = area.adjusted(EDGE_PX, area.height() - STACKED_BAR_PX - 9, -EDGE_PX, 1)
                area.setHeight(area.height() - STACKED_BAR_PX)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            middle = int(Qt.AlignmentFlag.AlignVCenter)
            shown = metrics.elidedText(
                label, Qt.TextElideMode.ElideRight, label_width - 8 - EDGE_PX
            )
            room_of_label = area.adjusted(EDGE_PX, 0, label_width - self.width(), 0)
            painter.drawText(room_of_label, middle, shown)
            if result.marked and result.marked[row]:
                self._paint_mark(painter, room_of_label, metrics.horizontalAdvance(shown))
            self._paint_bar(painter, place, value)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            right = middle | int(Qt.AlignmentFlag.AlignRight)
            painter.drawText(area.adjusted(0, 0, -EDGE_PX, 0), right, numbers[row])
        painter.end()

    def _paint_mark(self, painter: QPainter, area: QRect, width: int) -> None:
        """A dot behind the words of what stands out."""
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.WindowText))
        x = min(area.left() + width + MARK_PX + 2, area.right() - MARK_PX)
        painter.drawEllipse(QPointF(x, area.center().y() + 1.0), MARK_PX / 2, MARK_PX / 2)
        painter.restore()

    def _paint_bar(self, painter: QPainter, area: QRect, value: float) -> None:
        low, high = self._limits()
        scale = area.width() / (high - low)
        zero = area.left() + round(-low * scale)
        end = area.left() + round((max(low, min(high, value)) - low) * scale)
        track = QColor(self.palette().color(QPalette.ColorRole.Mid))
        track.setAlpha(50)
        inner = area.adjusted(0, 5, 0, -5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(track)
        painter.drawRoundedRect(inner, 2, 2)
        painter.setBrush(POSITIVE if value >= 0 else NEGATIVE)
        left, right = sorted((zero, end))
        painter.drawRoundedRect(
            QRect(left, inner.top(), max(1, right - left), inner.height()), 2, 2
        )

    def _limits(self) -> tuple[float, float]:
        assert self._result is not None
        values = [v for v in self._result.values if v == v]
        low = min([0.0, *values])
        high = max([0.0, *values]) if self._result.maximum is None else self._result.maximum
        return (low, high) if high > low else (low, low + 1.0)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self._row_at(event.pos())
            text = self._result.labels[row] if row is not None and self._result else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)
