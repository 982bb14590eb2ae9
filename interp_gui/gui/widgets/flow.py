"""A row of controls that wraps where it has no room, so that nothing is ever clipped."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QWidget, QWidgetItem

from interp_gui.gui.theme import SPACE_S


class FlowRow(QLayout):
    """Items side by side, in as many lines as they need.

    What a line has left over goes to those of its items that want to grow, or else stands between
    the items before and behind `add_gap`.
    """

    def __init__(self, parent: QWidget | None = None, *, spacing: int = SPACE_S) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap: int | None = None
        self.setSpacing(spacing)
        self.setContentsMargins(0, 0, 0, 0)

    def add_gap(self) -> None:
        """What is added from here on stands at the right end of its line."""
        self._gap = len(self._items)

    def addWidget(self, widget: QWidget) -> None:
        """Append a widget.

        Its item is made here: one that Qt makes is a mere reference, and such references are given
        up with every group of tabs that the view once stood in, though the item lives on.
        """
        self.addChildWidget(widget)
        self.addItem(QWidgetItem(widget))
        self.invalidate()

    # --- QLayout -------------------------------------------------------------------------------

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        margins = self.contentsMargins()
        lines = self._lines(width - margins.left() - margins.right())
        heights = [max(_height(item) for _, item in line) for line in lines]
        gaps = self.spacing() * max(0, len(lines) - 1)
        return sum(heights) + gaps + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        shown = self._shown()
        gaps = self.spacing() * max(0, len(shown) - 1)
        width = sum(item.sizeHint().width() for _, item in shown) + gaps
        return self._framed(width, max((_height(item) for _, item in shown), default=0))

    def minimumSize(self) -> QSize:
        shown = self._shown()
        width = max((_least(item) for _, item in shown), default=0)
        return self._framed(width, max((_height(item) for _, item in shown), default=0))

    def _framed(self, width: int, height: int) -> QSize:
        margins = self.contentsMargins()
        return QSize(
            width + margins.left() + margins.right(), height + margins.top() + margins.bottom()
        )

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        rect = rect.marginsRemoved(self.contentsMargins())
        top = rect.top()
        for line in self._lines(rect.width()):
            height = max(_height(item) for _, item in line)
            self._place(line, QRect(rect.left(), top, rect.width(), height))
            top += height + self.spacing()

    # --- lines ---------------------------------------------------------------------------------

    def _shown(self) -> list[tuple[int, QLayoutItem]]:
        return [(i, item) for i, item in enumerate(self._items) if not item.isEmpty()]

    def _lines(self, width: int) -> list[list[tuple[int, QLayoutItem]]]:
        lines: list[list[tuple[int, QLayoutItem]]] = []
        used = 0
        for index, item in self._shown():
            wanted = _wanted(item)
            if lines and used + self.spacing() + wanted <= width:
                lines[-1].append((index, item))
                used += self.spacing() + wanted
            else:
                lines.append([(index, item)])
                used = wanted
        return lines

    def _place(self, line: list[tuple[int, QLayoutItem]], area: QRect) -> None:
        widths = [min(_wanted(item), area.width()) for _, item in line]
        left_over = area.width() - sum(widths) - self.spacing() * (len(line) - 1)
        growing = [at for at, (_, item) in enumerate(line) if _grows(item)]
        for order, at in enumerate(growing):
            share = left_over // (len(growing) - order)
            most = line[at][1].maximumSize().width()
            share = max(0, min(share, most - widths[at]))
            widths[at] += share
            left_over -= share
        left = area.left()
        for at, (index, item) in enumerate(line):
            if self._gap is not None and index == self._first_behind_gap(line):
                left += max(0, left_over)
            height = min(_height(item), item.maximumSize().height())
            where = QPoint(left, area.top() + (area.height() - height) // 2)
            item.setGeometry(QRect(where, QSize(widths[at], height)))
            left += widths[at] + self.spacing()

    def _first_behind_gap(self, line: list[tuple[int, QLayoutItem]]) -> int:
        gap = self._gap or 0
        return next((index for index, _ in line if index >= gap), -1)


def _wanted(item: QLayoutItem) -> int:
    """What an item is given before anything is left over: those that grow begin small."""
    hint, least = item.sizeHint().width(), _least(item)
    return least if _grows(item) else max(hint, least)


def _least(item: QLayoutItem) -> int:
    widget = item.widget()
    own = widget.minimumWidth() if widget is not None else 0
    return max(own, item.minimumSize().width())


def _height(item: QLayoutItem) -> int:
    return max(item.sizeHint().height(), item.minimumSize().height())


def _grows(item: QLayoutItem) -> bool:
    widget = item.widget()
    policy = widget.sizePolicy().horizontalPolicy() if widget is not None else None
    return policy in (QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
