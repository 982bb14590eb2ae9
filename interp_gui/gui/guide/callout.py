"""What the guided start shows: a callout with an arrow, and an outline around a real widget."""

from typing import Literal

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from interp_gui.gui import parts, theme

Side = Literal["left", "right", "top", "bottom", ""]
WIDTH_PX = 360
ARROW_PX = 12
"""Length of the arrow, and room kept for it on every side."""
_GAP_PX = 4
_RADIUS = 8


class Callout(QFrame):
    """A few words beside a widget, with buttons to go on, back, and to leave. Blocks nothing.

    Signals
    -------
    next_asked, back_asked, skip_asked, act_asked
        A button was pressed.
    """

    next_asked = Signal()
    back_asked = Signal()
    skip_asked = Signal()
    act_asked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH_PX)
        self._side: Side = ""
        self._tip = QPointF()
        self.count = parts.label(dim=True)
        self.count.setFont(theme.small_font(self.font()))
        self.title = parts.label()
        self.title.setFont(theme.heading_font(self.font()))
        self.text = parts.label()
        self.act = QPushButton()
        self.skip = QPushButton("Leave")
        self.skip.setToolTip("End the guided start (Esc)")
        self.back = QPushButton("Back")
        self.next = QPushButton("Next")
        for button, asked in (
            (self.act, self.act_asked), (self.skip, self.skip_asked),
            (self.back, self.back_asked), (self.next, self.next_asked),
        ):  # fmt: skip
            button.clicked.connect(asked)
            button.setAutoDefault(True)
        self.skip.setFlat(True)
        column = parts.column(self, margin=ARROW_PX + theme.SPACE_L, spacing=theme.SPACE_M)
        for widget in (self.count, self.title, self.text):
            column.addWidget(widget)
        wish = parts.row()
        wish.addWidget(self.act)
        wish.addStretch(1)
        column.addLayout(wish)
        row = parts.row(spacing=theme.SPACE_M)
        row.addWidget(self.skip)
        row.addStretch(1)
        row.addWidget(self.back)
        row.addWidget(self.next)
        column.addLayout(row)
        QWidget.setTabOrder(self.act, self.back)
        QWidget.setTabOrder(self.back, self.next)
        QWidget.setTabOrder(self.next, self.skip)

    def say(self, number: int, count: int, title: str, text: str) -> None:
        """Show the words of a step, and have them read out."""
        self.count.setText(f"Step {number} of {count}")
        self.title.setText(title)
        self.back.setEnabled(number > 1)
        self.next.setText("Finish" if number == count else "Next")
        self.setAccessibleName(f"Guided start, step {number} of {count}: {title}")
        self.explain(text)
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def explain(self, text: str) -> None:
        """Show other words below the same title."""
        if self.text.text() != text:
            self.text.setText(text)
            self.setAccessibleDescription(text)

    def offer(self, words: str) -> None:
        """Show a button that does something for the user; empty for none."""
        self.act.setText(words)
        self.act.setVisible(bool(words))

    def place(self, target: QRect | None) -> None:
        """Stand beside a place of the parent, with the arrow at it; in a corner without one."""
        parent = self.parentWidget()
        if parent is None:
            return
        layout = self.layout()
        height = layout.totalHeightForWidth(WIDTH_PX) if layout is not None else 200
        size = QSize(WIDTH_PX, max(height, self.minimumSizeHint().height()))
        room = parent.rect()
        side, corner = _beside(target, size, room)
        self._side = side
        moved = self.geometry() != QRect(corner, size)
        if moved:
            self.setGeometry(QRect(corner, size))
            self.raise_()
        if target is not None and side:
            middle = target.center()
            tip = QPointF(middle.x() - corner.x(), middle.y() - corner.y())
            low = float(ARROW_PX + _RADIUS + ARROW_PX)
            self._tip = QPointF(
                min(max(tip.x(), low), size.width() - low),
                min(max(tip.y(), low), size.height() - low),
            )
        if moved:
            self.update()

    @property
    def side(self) -> Side:
        """Where the arrow is; empty if there is none."""
        return self._side

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(ARROW_PX, ARROW_PX, -ARROW_PX, -ARROW_PX)
        path = QPainterPath()
        path.addRoundedRect(box, _RADIUS, _RADIUS)
        if self._side:
            path = path.united(self._arrow(box))
        palette = self.palette()
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 1.5))
        painter.setBrush(palette.color(QPalette.ColorRole.Base))
        painter.drawPath(path)
        painter.end()

    def _arrow(self, box: QRectF) -> QPainterPath:
        x, y, a = self._tip.x(), self._tip.y(), ARROW_PX
        points = {
            "left": (QPointF(1, y), QPointF(box.left() + 1, y - a), QPointF(box.left() + 1, y + a)),
            "right": (QPointF(self.width() - 1, y), QPointF(box.right() - 1, y - a),
                      QPointF(box.right() - 1, y + a)),
            "top": (QPointF(x, 1), QPointF(x - a, box.top() + 1), QPointF(x + a, box.top() + 1)),
            "bottom": (QPointF(x, self.height() - 1), QPointF(x - a, box.bottom() - 1),
                       QPointF(x + a, box.bottom() - 1)),
        }[self._side]  # fmt: skip
        path = QPainterPath()
        path.moveTo(points[0])
        path.lineTo(points[1])
        path.lineTo(points[2])
        path.closeSubpath()
        return path


class Outline(QWidget):
    """A frame around a widget that lets everything through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Outline of what the guided start speaks of")

    def surround(self, place: QRect) -> None:
        """Stand around a place of the window."""
        parent = self.parentWidget()
        room = parent.rect() if parent is not None else place
        wanted = place.adjusted(-_GAP_PX, -_GAP_PX, _GAP_PX, _GAP_PX).intersected(room)
        if wanted != self.geometry() or self.isHidden():
            self.setGeometry(wanted)
            self.show()
            self.raise_()  # not at every look: messages come to lie over it

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 3))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 6, 6)
        painter.end()


def _beside(target: QRect | None, size: QSize, room: QRect) -> tuple[Side, QPoint]:
    """Side of the callout that has the arrow, and where its upper left corner goes."""
    width, height = size.width(), size.height()
    far = QPoint(room.right() - width - theme.SPACE_L, room.bottom() - height - theme.SPACE_L)
    if target is None:
        return "", far
    across = min(max(target.center().x() - width // 2, 0), room.width() - width)
    along = min(max(target.center().y() - height // 2, 0), room.height() - height)
    found: tuple[tuple[Side, QPoint], ...] = (
        ("left", QPoint(target.right() + _GAP_PX, along)),
        ("right", QPoint(target.left() - width - _GAP_PX, along)),
        ("top", QPoint(across, target.bottom() + _GAP_PX)),
        ("bottom", QPoint(across, target.top() - height - _GAP_PX)),
    )
    for side, corner in found:
        if room.contains(QRect(corner, size)):
            return side, corner
    return "", far  # it would cover what it speaks of, so it stands aside without an arrow
