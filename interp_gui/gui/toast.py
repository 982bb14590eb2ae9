"""Toasts: short messages in a corner of the window that take no focus and block nothing."""

from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QEnterEvent,
    QGuiApplication,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.state import Level, Notification

HIDE_AFTER_MS: dict[Level, int] = {"success": 6000, "info": 6000, "warning": 20_000}
"""Warnings can be read in peace; errors stay."""
SHOWN_AT_ONCE = 4
WIDTH_PX = 380
GRAVITY = ("error", "warning", "info", "success")
"""Levels, the gravest first."""


class Toast(QFrame):
    """One message with its hint and buttons; errors and offers to mend something stay."""

    def __init__(self, note: Notification, parent: QWidget) -> None:
        super().__init__(parent)
        self.note = note
        self.count = 1
        self.setFixedWidth(WIDTH_PX)
        self.setAutoFillBackground(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(f"{note.level}: {note.message}")
        self.setAccessibleDescription(note.hint)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(HIDE_AFTER_MS.get(note.level, 0))
        self._timer.timeout.connect(self.dismiss)
        self._build()
        self._start_timer()

    def _start_timer(self) -> None:
        """Begin to count; an error, or what offers to mend something, stays until it is closed.

        A success goes, whatever it offers: menus offer the same.
        """
        if self.note.level == "success" or (self.note.level != "error" and not self.note.action):
            self._timer.start()

    def _build(self) -> None:
        note = self.note
        colour = theme.level_colour(note.level, dark=theme.is_dark(self.palette()))
        sign = QLabel()
        sign.setPixmap(icons.draw(note.level, QSize(20, 20), colour))
        self._message = parts.label(note.message)
        texts = parts.column(spacing=theme.SPACE_XS)
        texts.addWidget(self._message)
        if note.hint:
            texts.addWidget(parts.label(note.hint, dim=True))
        buttons = self._buttons()
        if buttons.count():  # an empty layout would leave the words no width
            texts.addLayout(buttons)
        close = parts.icon_button("close", "Dismiss message", self.dismiss, size_px=14)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, theme.SPACE_M, theme.SPACE_M, theme.SPACE_M)
        row.setSpacing(theme.SPACE_M)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(texts, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

    def _buttons(self) -> QHBoxLayout:
        row = parts.row()
        note = self.note
        if note.action and note.on_action is not None:
            act = QPushButton(note.action)
            act.clicked.connect(note.on_action)
            act.clicked.connect(self.dismiss)
            row.addWidget(act)
        if note.details:
            details = QPushButton("Details…")
            details.clicked.connect(self._show_details)
            row.addWidget(details)
        if row.count():
            row.addStretch(1)
        return row

    def _show_details(self) -> None:
        self._timer.stop()
        DetailsDialog(self.note.message, self.note.details, self.window()).open()

    def again(self) -> None:
        """The same message came once more: count it rather than stack it."""
        self.count += 1
        self._message.setText(f"{self.note.message}  (×{self.count})")
        self._start_timer()

    def dismiss(self) -> None:
        """Take the message away."""
        self._timer.stop()
        self.hide()
        self.setParent(None)
        self.deleteLater()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._start_timer()
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        note = self.__dict__.get("note")
        if note is None:  # a window that is being destroyed may paint once more
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.level_colour(note.level, dark=theme.is_dark(self.palette()))
        painter.setBrush(self.palette().button())
        painter.setPen(self.palette().mid().color())
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.fillRect(0, 0, 4, self.height(), QColor(colour))


class Toasts(QObject):
    """The stack of toasts in the lower right corner of a window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        window.installEventFilter(self)

    @property
    def shown(self) -> list[Toast]:
        """Toasts on the window, oldest first."""
        found = self._window.findChildren(Toast, options=Qt.FindChildOption.FindDirectChildrenOnly)
        return [toast for toast in found if not toast.isHidden()]

    def show(self, note: Notification) -> Toast:
        """Show a message; one that is shown already is counted instead.

        The same message at another level tells of the same event (an engine is lost, and with it
        a job): the graver one stays, with the hints of both.
        """
        for toast in self.shown:
            if toast.note.message != note.message:
                continue
            if toast.note.level == note.level and not note.action:
                toast.again()
                return toast
            toast.dismiss()
            if toast.note.level != note.level:
                note = merged(toast.note, note)
            break  # of two equal offers the newer one holds
        for old in self.shown[: max(0, len(self.shown) - SHOWN_AT_ONCE + 1)]:
            old.dismiss()
        toast = Toast(note, self._window)
        toast.show()
        self._place()
        toast.destroyed.connect(self._place)
        QAccessible.updateAccessibility(QAccessibleEvent(toast, QAccessible.Event.Alert))
        return toast

    def withdraw(self, key: str) -> None:
        """Take those away that are about something that is over."""
        for toast in self.shown:
            if key and toast.note.key == key:
                toast.dismiss()

    def clear(self) -> None:
        """Take all of them away."""
        for toast in self.shown:
            toast.dismiss()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._window:
            self._place()
        return False

    def _place(self) -> None:
        corner = QPoint(self._window.width() - theme.SPACE_L, self._window.height() - theme.SPACE_L)
        for toast in reversed(self.shown):
            toast.adjustSize()
            height = max(toast.sizeHint().height(), toast.heightForWidth(WIDTH_PX))
            toast.resize(WIDTH_PX, height)
            corner.setY(corner.y() - height)
            toast.move(corner.x() - WIDTH_PX, corner.y())
            toast.raise_()
            corner.setY(corner.y() - theme.SPACE_M)


def merged(one: Notification, other: Notification) -> Notification:
    """Two notes of one message as one: the graver level, all hints and details."""
    graver, lesser = sorted((one, other), key=lambda note: GRAVITY.index(note.level))
    return replace(
        graver,
        hint=_both(one.hint, other.hint, " "),
        details=_both(one.details, other.details, "\n\n"),
        action=graver.action or lesser.action,
        on_action=graver.on_action or lesser.on_action,
    )


def _both(one: str, other: str, between: str) -> str:
    return between.join(dict.fromkeys(text for text in (one, other) if text))


class DetailsDialog(QDialog):
    """Details of a message, to read and to copy."""

    def __init__(self, title: str, details: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Details")
        self.resize(640, 360)
        text = QPlainTextEdit(details)
        text.setReadOnly(True)
        text.setAccessibleName("Details")
        text.setAccessibleDescription(title)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(f"{title}\n\n{details}"))
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.addWidget(parts.label(title))
        column.addWidget(text, 1)
        column.addWidget(buttons)
