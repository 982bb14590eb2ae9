"""Numbers of a result, one a line."""

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from interp_gui.core.export.numbers import readable
from interp_gui.core.result import Number
from interp_gui.gui import theme
from interp_gui.gui.widgets.view import number_label

SHORTEST_PX = 60


class NumbersList(QWidget):
    """Names and values; values change in place while the names stay."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._form = QGridLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(2)
        self._form.setHorizontalSpacing(16)
        self._form.setColumnStretch(1, 1)
        self._form.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._values: dict[str, QLabel] = {}

    def set_numbers(self, numbers: Mapping[str, Number]) -> None:
        """Show these numbers."""
        if list(numbers) != list(self._values):
            while (item := self._form.takeAt(0)) is not None:
                if (gone := item.widget()) is not None:
                    gone.hide()
                    gone.deleteLater()
            self._values = {name: self._add(row, name) for row, name in enumerate(numbers)}
        for name, value in numbers.items():
            label = self._values[name]
            label.setText(readable(value))
            label.setMinimumWidth(label.sizeHint().width())  # the name is cut, never the number
        spoken = (f"{number_label(n)} {readable(v)}" for n, v in numbers.items())
        self.setAccessibleDescription(", ".join(spoken))

    def keep_height(self) -> None:
        """Never be lower than now, so that what stands above does not move."""
        count = len(self._values)
        self.setMinimumHeight(count * (self.fontMetrics().height() + 2))

    def text(self, name: str) -> str:
        """What is shown for a number; empty if it is not there."""
        return self._values[name].text() if name in self._values else ""

    def _add(self, row: int, name: str) -> QLabel:
        words = _Name(number_label(name).capitalize())
        value = QLabel()
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        value.setTextFormat(Qt.TextFormat.PlainText)
        words.setBuddy(value)
        self._form.addWidget(words, row, 0)
        self._form.addWidget(value, row, 1)
        return value


class _Name(QLabel):
    """The name of a number, cut at its end where there is too little room."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(SHORTEST_PX, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(theme.dim_colour(self.palette()))
        end = Qt.TextElideMode.ElideRight
        text = self.fontMetrics().elidedText(self.text(), end, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()
