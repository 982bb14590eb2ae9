"""Choosing a second image, from which values are taken and put into the current one."""

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QSignalBlocker, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QComboBox, QWidget

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.gui.dragging.drop_hint import DropHint
from interp_gui.gui.dragging.sentences import local_paths
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.wheel import calm_wheel

MOST_LISTED = 200
"""So many of the images at hand are listed; any other can be dropped here."""


class SourceImageBox(QComboBox):
    """Watched images, images at hand, and what was dropped; never the current image.

    Signals
    -------
    chosen
        `path` is another, by hand or because images came or went.
    """

    chosen = Signal()

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._dropped: tuple[str, ...] = ()
        self._current, self._before = state.image, state.image
        self.setAccessibleName("Source image")
        self.setAccessibleDescription("The image that values are taken from; drop one here")
        self.setToolTip("The image that values are taken from; drop one here")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setPlaceholderText("Drop an image here")
        calm_wheel(self)
        self._hint = DropHint(self, self._sentence)
        self._hint.watched.installEventFilter(self)
        self.activated.connect(lambda _row: self.chosen.emit())
        state.image_changed.connect(self._note_image)
        for signal in (state.watched_changed, state.dataset_changed, state.image_changed):
            signal.connect(self._refill)
        self._refill()

    @property
    def path(self) -> str:
        """The chosen image; empty if there is none."""
        return str(self.currentData() or "")

    def choose(self, path: str) -> None:
        """Choose an image, and list it if it is not.

        An image is made current by the press that begins to drag it. Dropped here it becomes the
        source, and the image that was current before is so again.
        """
        if path == self._state.image and self._before not in (None, path):
            self._state.set_image(self._before)
        if self.findData(path) < 0 and path != self._state.image:
            self._dropped = (path, *self._dropped)
            self._refill()
        row = self.findData(path)
        if row >= 0 and row != self.currentIndex():
            self.setCurrentIndex(row)
            self.chosen.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take an image that is dropped."""
        path = _image_of(event.mimeData()) if isinstance(event, QDropEvent) else ""
        if path and isinstance(event, QDropEvent):  # entering and moving are such events too
            event.acceptProposedAction()
            if event.type() == QEvent.Type.Drop:
                self.choose(path)
            return True
        return super().eventFilter(watched, event)

    def _sentence(self, mime: QMimeData) -> str:
        path = _image_of(mime)
        return f"Take values from {Path(path).name}" if path else ""

    def _note_image(self) -> None:
        self._current, self._before = self._state.image, self._current

    def _refill(self) -> None:
        before = self.path
        at_hand = self._state.dataset.paths[:MOST_LISTED] if self._state.dataset else ()
        listed = dict.fromkeys((*self._dropped, *self._state.watched, *at_hand))
        with QSignalBlocker(self):
            self.clear()
            for path in listed:
                if path != self._state.image:
                    self.addItem(Path(path).name, path)
            self.setCurrentIndex(max(0, self.findData(before)) if self.count() else -1)
        if self.path != before:
            self.chosen.emit()


def _image_of(mime: QMimeData) -> str:
    """The first image file that a drag carries; empty if it carries none."""
    found = (path for path in local_paths(mime) if Path(path).suffix.lower() in IMAGE_SUFFIXES)
    return next(found, "")
