"""The place to drop things on, which tells what would happen, and how far an opening is."""

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QPalette,
)
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QWidget

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.dragging.sentences import local_paths, of_files
from interp_gui.gui.welcome.surface import Surface

HEADING = "Drop a checkpoint here or press Ctrl+O"
TEXT = (
    "PyTorch, safetensors, ONNX or a Hugging Face folder. Then drop images to see what the "
    "network does with them."
)
_SIGN_PX = 40


class DropZone(Surface):
    """A large dashed place: drop on it, or press it to choose a model.

    Signals
    -------
    dropped
        What was dropped, a `QMimeData` with files of this machine.
    offer_taken
        The button that `tell` offered was pressed.
    cancelled
        What is being opened is no longer wanted.
    """

    dropped = Signal(object)
    offer_taken = Signal()
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, dashed=True)
        self.setAcceptDrops(True)
        self.setMinimumHeight(112)
        self._sign = QLabel()
        self.heading = parts.label()
        self.heading.setFont(theme.heading_font(self.font()))
        self.words = parts.label(dim=True)
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Opening")
        self.progress.setTextVisible(False)
        self.progress.setFixedSize(260, 6)
        self.progress.hide()
        self.offer = QPushButton()
        self.offer.setAccessibleName("What helps")
        self.offer.setToolTip("A new engine; what was open is opened anew")
        self.offer.clicked.connect(self.offer_taken)
        self.offer.hide()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Do not open it")
        self.cancel.setAccessibleName("Cancel opening")
        self.cancel.clicked.connect(self.cancelled)
        self.cancel.hide()
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        column.addStretch(1)
        for widget in (self._sign, self.heading, self.words):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            widget.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            column.addWidget(widget)
        column.addWidget(self.progress, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.offer, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self._said = (HEADING, TEXT)
        self.invite()

    def invite(self) -> None:
        """Say what can be done here."""
        self.progress.hide()
        self.offer.hide()
        self.cancel.hide()
        self._say(HEADING, TEXT)
        self.setEnabled(True)

    def tell(self, heading: str, text: str, *, offer: str = "", cancellable: bool = False) -> None:
        """Say what is being opened, or what is in the way, with a button that helps."""
        self.cancel.setVisible(cancellable)
        self.offer.setText(offer)
        self.offer.setAccessibleName(offer or "What helps")
        self.offer.setVisible(bool(offer))
        if offer:
            self.progress.hide()
        self._say(heading, text)

    def show_progress(self, done: int, total: int) -> None:
        """Show how far it is; nothing moves where that is not known."""
        self.progress.setVisible(total > 0)
        if total > 0:
            self.progress.setRange(0, total)
            self.progress.setValue(done)

    def redraw(self) -> None:
        """Draw the sign in the colours of the theme."""
        palette = self.palette()
        colour = palette.color(QPalette.ColorRole.Highlight)
        if not self.lit:
            colour = theme.dim_colour(palette)
        ratio = self.devicePixelRatioF()
        picture = icons.draw("open-model", QSize(_SIGN_PX, _SIGN_PX) * ratio, colour)
        picture.setDevicePixelRatio(ratio)
        self._sign.setPixmap(picture)
        self.update()

    def set_compact(self, compact: bool) -> None:
        """Do without the sign where there is little room."""
        self._sign.setVisible(not compact)

    def _say(self, heading: str, text: str) -> None:
        self._said = (heading, text)
        self._show(heading, text)

    def _show(self, heading: str, text: str) -> None:
        self.heading.setText(heading)
        self.words.setText(text)
        self.setAccessibleName(heading)
        self.setAccessibleDescription(text)
        self.redraw()

    # --- dragging ------------------------------------------------------------------------------

    def hold(self, data: QMimeData) -> bool:
        """Say what dropping something would do; False for what cannot be dropped."""
        sentence = of_files(local_paths(data))
        if not sentence:
            return False
        self.set_lit(True)
        self._show(sentence, "Let go to do so.")
        return True

    def release(self) -> None:
        """Nothing is held over it any longer."""
        if self.lit:
            self.set_lit(False)
            self._show(*self._said)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.hold(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if self.lit:
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.release()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.release()
        self.dropped.emit(event.mimeData())
