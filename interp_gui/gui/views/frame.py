"""A view with the strip over it that says what it is pinned to."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.views.bridge import ViewBridge
from interp_gui.gui.views.pins import pin_text
from interp_gui.gui.views.state import ViewState


class ViewFrame(QWidget):
    """One view of the centre, with a state and a bridge of its own.

    Parameters
    ----------
    key
        Unlike that of any other view: `unit`, `unit#2`.
    kind
        Which view it is: `image`, `wall`, `unit`, `analysis:ID`.
    make
        Makes the view from its state and bridge.

    Signals
    -------
    named
        Its title or icon is another.
    reopen_asked
        The model to which it is pinned is to be opened again.
    """

    named = Signal()
    reopen_asked = Signal()

    def __init__(
        self,
        key: str,
        kind: str,
        title: str,
        icon: str,
        *,
        state: ViewState,
        bridge: ViewBridge,
        make: Callable[[ViewState, ViewBridge], QWidget],
    ) -> None:
        super().__init__()
        self.key, self.kind = key, kind
        self._title, self._icon = title, icon
        self.state, self.bridge = state, bridge
        state.setParent(self)
        self.strip = PinStrip()
        self.strip.follow.clicked.connect(state.unpin)
        self.strip.reopen.clicked.connect(self.reopen_asked)
        self.content = make(state, bridge)
        self.content.setObjectName(kind)
        self.setObjectName(key)
        self.setFocusProxy(self.content)
        # Fusion fills tabs with a lighter colour of its own, on which text is harder to read.
        self.setBackgroundRole(QPalette.ColorRole.Window)
        self.setAutoFillBackground(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.strip)
        layout.addWidget(self.content, 1)
        state.pins_changed.connect(self._on_pins)
        state.image_changed.connect(self._on_pins)
        state.feature_changed.connect(self._on_pins)
        state.layer_changed.connect(self._on_pins)
        self._on_pins()

    @property
    def title(self) -> str:
        """What its tab says."""
        number = self.key.partition("#")[2]
        return f"{self._title} {number}" if number else self._title

    @property
    def icon_name(self) -> str:
        """What its tab shows."""
        return "pin" if self.state.pinned else self._icon

    @property
    def pin_text(self) -> str:
        """What it is pinned to; empty if it follows."""
        return pin_text(self.state, self.state.pins)

    def _on_pins(self) -> None:
        state = self.state
        self.strip.setVisible(state.pinned)
        self.strip.show_pins(self.pin_text, closed=state.is_closed)
        self.content.setEnabled(not state.is_closed)
        if state.is_closed:
            self.bridge.drop_all()
        self.named.emit()

    def snapshot(self) -> dict[str, Any]:
        """Kind, pins and settings, as JSON can hold them."""
        found: dict[str, Any] = {"kind": self.kind, "key": self.key}
        if self.state.pinned:
            found["pins"] = self.state.snapshot()
        settings = getattr(self.content, "snapshot", None)
        if settings is not None:
            found["settings"] = settings()
        return found

    def restore_settings(self, found: object) -> None:
        """Give the view settings that `snapshot` gave; it leaves out what makes no sense."""
        restore = getattr(self.content, "restore", None)
        if restore is not None and isinstance(found, dict):
            restore(found)

    def end(self) -> None:
        """Cancel what the view asked for, and delete it."""
        self.bridge.drop_all()
        self.state.blockSignals(True)
        self.hide()
        self.setParent(None)
        self.deleteLater()


class PinStrip(QFrame):
    """Says what a view is pinned to, and lets it follow again."""

    def __init__(self) -> None:
        super().__init__()
        self.setVisible(False)
        self.setAutoFillBackground(True)
        self.sign = QLabel()
        self.text = ElidedLabel()
        self.reopen = QPushButton("Open it again")
        self.reopen.setToolTip("Open the model to which this view is pinned")
        self.follow = QPushButton("Follow")
        self.follow.setToolTip("Let this view follow what is current (Ctrl+Shift+P)")
        row = parts.row(spacing=theme.SPACE_S)
        row.setContentsMargins(theme.SPACE_M, theme.SPACE_XS, theme.SPACE_M, theme.SPACE_XS)
        self.setLayout(row)
        row.addWidget(self.sign)
        row.addWidget(self.text, 1)
        row.addWidget(self.reopen)
        row.addWidget(self.follow)
        self._draw()

    def show_pins(self, text: str, *, closed: bool) -> None:
        """Set the words."""
        words = f"Pinned: {text}" if text else "Pinned"
        if closed:
            words = f"Its model was closed. {words}"
        self.text.setText(words)
        self.text.setToolTip(words)
        self.setAccessibleName(words)
        self.reopen.setVisible(closed)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        ratio = self.devicePixelRatioF()
        picture = icons.draw("pin", QSize(14, 14) * ratio, self.palette().windowText().color())
        picture.setDevicePixelRatio(ratio)
        self.sign.setPixmap(picture)
        self.sign.setAlignment(Qt.AlignmentFlag.AlignCenter)


class ElidedLabel(QLabel):
    """One line that is cut in the middle where there is too little room."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = Qt.TextElideMode.ElideMiddle
        text = self.fontMetrics().elidedText(self.text(), middle, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()
