"""What will happen when something is dropped, said over the place where it would be dropped."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from interp_gui.gui import theme

_WIDEST_PX = 460
_LOW_PX = 280
"""Targets lower than this are half covered by the picture that hangs below the cursor."""


class Refusal(str):
    """A sentence that says why something cannot be dropped here."""

    __slots__ = ()


class DropHint(QObject):
    """Shows a sentence over a widget while something is dragged over it.

    Parameters
    ----------
    widget
        The drop target. It accepts drops from now on; what it does with them stays its own.
    describe
        Says what will happen to the dragged data: a sentence; a `Refusal`, which is shown too
        and keeps the data from the widget; or nothing for data that is none of the widget's
        business, which then goes on to the widgets around it.
    by_place
        Whether the sentence depends on `position`, so that it is asked for at every move.
    """

    def __init__(
        self, widget: QWidget, describe: Callable[[QMimeData], str], *, by_place: bool = False
    ) -> None:
        super().__init__(widget)
        self._describe, self._by_place = describe, by_place
        self.position = QPoint()
        """Where the cursor is, in the widget's coordinates."""
        self.text = ""
        """The sentence that is shown; empty if none is."""
        area = isinstance(widget, QAbstractScrollArea)
        self._watched = widget.viewport() if isinstance(widget, QAbstractScrollArea) else widget
        self._overlay = _Overlay(widget)
        widget.setAcceptDrops(True)
        if area:
            self._watched.setAcceptDrops(True)
        self._watched.installEventFilter(self)

    @property
    def watched(self) -> QWidget:
        """The widget that gets the events of a drag."""
        return self._watched

    @property
    def refused(self) -> bool:
        """Whether what is shown says why not."""
        return isinstance(self.text, Refusal)

    def show(self, text: str) -> None:
        """Show another sentence, known only now; nothing where the drag has gone."""
        if self.text:
            self._say(text)

    def pass_on(self, event: QEvent) -> None:
        """Take an event of a drag over something that stands for the target, as its tab."""
        # Not sent: Qt would believe from then on that the drag is over the receiver.
        if not self.eventFilter(self._watched, event):
            self._watched.event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Watch drags; only what is refused does not reach the widget."""
        kind = event.type()
        if kind == QEvent.Type.DragEnter and isinstance(event, QDragEnterEvent):
            self.position = event.position().toPoint()
            self._say(self._describe(event.mimeData()))
            return self._refuse(event)
        if kind == QEvent.Type.DragMove and isinstance(event, QDragMoveEvent):
            self.position = event.position().toPoint()
            if self._by_place:
                self._say(self._describe(event.mimeData()))
            return self._refuse(event)
        if kind == QEvent.Type.Drop and isinstance(event, QDropEvent):
            refused = self._refuse(event)
            self._say("")
            return refused
        if kind in (QEvent.Type.DragLeave, QEvent.Type.Hide):
            self._say("")
        return False

    def _refuse(self, event: QDropEvent) -> bool:
        if not self.refused:
            return False
        # Accepted with no action: the cursor says no, and we are told when the drag leaves.
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        return True

    def _say(self, text: str) -> None:
        if text != self.text or isinstance(text, Refusal) != self.refused:
            self.text = text
            self._overlay.say(text, refused=isinstance(text, Refusal))


def sentence_box(target: QRect, size: QSize) -> QRect:
    """Where a sentence of some size is written over a target.

    At the foot, so that the target can be seen; in a low one at the top, where the picture that is
    dragged along does not cover it.
    """
    box = QRect(QPoint(0, 0), size)
    box.moveCenter(target.center())
    if target.height() < _LOW_PX:
        box.moveTop(target.top() + max(0, min(theme.SPACE_S, target.height() - size.height())))
    else:
        box.moveBottom(target.bottom() + 1 - theme.SPACE_L)
    return box


class _Overlay(QWidget):
    """A frame around the target and the sentence in it; the target stays visible."""

    def __init__(self, target: QWidget) -> None:
        super().__init__(target)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Drop preview")
        self._text, self._refused = "", False
        self.hide()

    def say(self, text: str, *, refused: bool) -> None:
        self._text, self._refused = text, refused
        self.setAccessibleDescription(text)
        parent = self.parentWidget()
        if not text or parent is None:
            self.hide()
            return
        self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        colour = QColor(palette.color(QPalette.ColorRole.Highlight))
        if self._refused:
            colour = theme.level_colour("warning", dark=theme.is_dark(palette))
        style = Qt.PenStyle.DashLine if self._refused else Qt.PenStyle.SolidLine
        veil = QColor(colour)
        veil.setAlpha(28)
        painter.setPen(QPen(colour, 2, style))
        painter.setBrush(veil)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        self._paint_sentence(painter, colour)
        painter.end()

    def _paint_sentence(self, painter: QPainter, edge: QColor) -> None:
        metrics = QFontMetrics(self.font())
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        room = max(40, min(_WIDEST_PX, self.width() - 2 * theme.SPACE_L))
        text = metrics.boundingRect(QRect(0, 0, room, 10_000), flags, self._text)
        size = text.size() + QSize(2 * theme.SPACE_M + theme.SPACE_S, 2 * theme.SPACE_M)
        box = sentence_box(self.rect(), size)
        palette = self.palette()
        painter.setPen(QPen(edge, 1))
        painter.setBrush(palette.color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        painter.drawText(box, flags, self._text)
