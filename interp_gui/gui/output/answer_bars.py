"""The answers of a model as rows that can be gone to, explained, copied and looked for."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QMenu, QToolTip

from interp_gui.gui.widgets.bars import BarsView

_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class AnswerBars(BarsView):
    """Bars, one a class or number.

    Signals
    -------
    explain
        Class of the row that is to be the Target.
    compare
        Class whose logit the Target's is to be compared with.
    images
        Class whose images are to be listed.
    """

    explain = Signal(int)
    compare = Signal(int)
    images = Signal(int)

    def __init__(self, why_no_images: Callable[[int], str]) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._why_no_images = why_no_images
        self.row = 0
        self.target: int | None = None
        """Class of the Target: its row is framed."""
        self.is_difference = False
        """Whether the Target is compared with another class: the one alone is another Target."""
        self.comparable = False
        """Whether a difference of logits can be explained."""

    def index_of(self, row: int) -> int | None:
        """Class, or place among the numbers, of a row."""
        top: list[dict[str, Any]] = self._result.provenance.get("top", []) if self._result else []
        return int(top[row]["index"]) if 0 <= row < len(top) and "index" in top[row] else None

    def result_changed(self) -> None:
        count = len(self._result.labels) if self._result is not None else 0
        self.row = max(0, min(self.row, count - 1))
        super().result_changed()

    def set_target(self, index: int | None) -> None:
        """Frame the row of a class."""
        self.target = index
        self.update()

    def line(self, row: int) -> str:
        """A row in words."""
        result = self._result
        if result is None or not 0 <= row < len(result.labels):
            return ""
        return f"{result.labels[row]}\t{self._number(result.values[row])}"

    def spoken_current(self) -> int | None:
        return self.row if self.hasFocus() and self.spoken_count() else None

    # --- painting ------------------------------------------------------------------------------

    def _area(self, row: int) -> QRect:
        return QRect(0, row * self._row_height() + 2, self.width(), self._row_height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        high = self.palette().color(QPalette.ColorRole.Highlight)
        count = len(self._result.labels) if self._result is not None else 0
        for row in range(count):
            area = QRectF(self._area(row)).adjusted(0.5, 0.5, -0.5, -0.5)
            if row == self.row and self.hasFocus():
                ground = QColor(high)
                ground.setAlpha(46)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(ground)
                painter.drawRoundedRect(area, 3, 3)
            if self.target is not None and self.index_of(row) == self.target:
                painter.setPen(QPen(high, 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(area, 3, 3)
        painter.end()
        super().paintEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self._row_at(event.pos())
            text = self.line(row).replace("\t", ": ") if row is not None else ""
            if row is not None and self.target is not None and self.index_of(row) == self.target:
                text += "\nThis is the Target."
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    # --- mouse and keyboard ----------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().toPoint())
        if row is not None:
            self._go(row)
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().toPoint())
        if row is not None:
            self._explain(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _STEPS:
            self._go(self.row + _STEPS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._explain(self.row)
        elif key == Qt.Key.Key_C and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self._copy(self.row)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._go(self.row)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _go(self, row: int) -> None:
        count = len(self._result.labels) if self._result is not None else 0
        if count:
            self.row = max(0, min(count - 1, row))
            spoken = self.line(self.row).replace("\t", " ")
            self.setAccessibleDescription(f"{spoken}, {self.row + 1} of {count}")
            self.update()

    # --- what can be done ------------------------------------------------------------------------

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._result is None:
            return
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        row = self.row if by_key else self._row_at(event.pos())
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        if row is not None:
            self._go(row)
            self._fill_row(menu, row)
        self.fill_menu(menu)
        where = self._area(row).center() if by_key and row is not None else event.pos()
        menu.popup(self.mapToGlobal(where))

    def _fill_row(self, menu: QMenu, row: int) -> None:
        index = self.index_of(row)
        if index is not None:
            explain = menu.addAction(
                "&Explain this: make it the Target", lambda: self._explain(row)
            )
            explain.setEnabled(index != self.target or self.is_difference)
            if self.comparable and self.target is not None:
                compare = menu.addAction(
                    "Compare the &Target with it", lambda: self.compare.emit(index)
                )
                compare.setToolTip("Explain how much more the Target's class gets than this one")
                compare.setEnabled(index != self.target)
            images = menu.addAction("&Images of this class", lambda: self.images.emit(index))
            problem = self._why_no_images(index)
            images.setEnabled(not problem)
            images.setToolTip(problem or "List only these in the Images panel")
        menu.addAction("Copy this &row", lambda: self._copy(row))
        menu.addSeparator()

    def _explain(self, row: int) -> None:
        index = self.index_of(row)
        if index is not None:
            self.explain.emit(index)

    def _copy(self, row: int) -> None:
        QGuiApplication.clipboard().setText(self.line(row))

    def row_place(self, row: int) -> QPoint:
        """Middle of a row."""
        return self._area(row).center()
