"""A ring around what has the focus, the same for every control and in both themes."""

import shiboken6
from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QApplication, QMenu, QMenuBar, QWidget

RING_PX = 2


class FocusRing(QWidget):
    """Lies over a control; takes no events.

    Notes
    -----
    Style sheet rules for `:focus` would make Qt draw each control anew, without what Fusion draws,
    and not reach canvases and lists of cards.
    """

    def __init__(self, target: QWidget) -> None:
        super().__init__(target)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Focus")
        self.setGeometry(target.rect())
        target.installEventFilter(self)
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Grow with the control."""
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        palette = self.palette()
        # The lighter line inside keeps the ring apart from what is itself in the highlight colour.
        for role, width, inset in (
            (QPalette.ColorRole.Base, 1.0, RING_PX - 0.5),
            (QPalette.ColorRole.Highlight, float(RING_PX), 0.0),
        ):
            painter.setPen(QPen(palette.color(role), width))
            painter.drawRoundedRect(area.adjusted(inset, inset, -inset, -inset), 4, 4)
        painter.end()


class KeyboardFocus(QObject):
    """Shows the ring where the keyboard goes, and not where the mouse clicks."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._ring: FocusRing | None = None
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._moved)

    @property
    def target(self) -> QWidget | None:
        """What the ring is around; None while there is none."""
        ring = self._ring
        return ring.parentWidget() if ring is not None and shiboken6.isValid(ring) else None

    def _moved(self, _old: QWidget | None, now: QWidget | None) -> None:
        if now is None or isinstance(now, (QMenu, QMenuBar)) or now is self.target:
            return  # while a menu or another program has it, what had the focus keeps its ring
        if self._ring is not None and shiboken6.isValid(self._ring):
            self._ring.hide()
            self._ring.deleteLater()
        # Set by Qt when Tab or a shortcut moved the focus, taken back by a click.
        by_keys = now.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
        self._ring = FocusRing(now) if by_keys else None
