"""What a map takes: features to colour it by, and an image whose path is drawn."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.gui.dragging.sentences import local_paths, of_features
from interp_gui.gui.features.drop import FeatureDrop


class AtlasDrop(FeatureDrop):
    """Takes features and single images while there is a map.

    Parameters
    ----------
    ready
        Whether there is a map.
    own
        Whether what is dragged comes from this map.

    Signals
    -------
    image_dropped
        Path of an image file.
    """

    image_dropped = Signal(str)

    def __init__(
        self, widget: QWidget, *, ready: Callable[[], bool], own: Callable[[], bool]
    ) -> None:
        super().__init__(widget, self._sentence)
        self._is_ready, self._is_own = ready, own

    def _sentence(self, mime: QMimeData) -> str:
        if not self._is_ready() or self._is_own():
            return ""
        words = of_features(mime, "Colour the map by {}".format)
        if words:
            return words
        path = image_in(mime)
        return f"Show where {Path(path).name} lies on the map" if path else ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Read an image here; features are read by the drop that this one is."""
        is_drop = isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop
        moving = isinstance(event, QDragEnterEvent | QDragMoveEvent)
        path = image_in(event.mimeData()) if is_drop or moving else ""  # type: ignore[attr-defined]
        described = bool(self.text)
        taken = super().eventFilter(watched, event)
        if is_drop and path and described:
            self.image_dropped.emit(path)
        return taken


def image_in(mime: QMimeData) -> str:
    """The one image file that a drag carries; empty for features and anything else."""
    from interp_gui.core.feature import MIME_TYPE

    paths = [] if mime.hasFormat(MIME_TYPE) else local_paths(mime)
    if len(paths) != 1 or Path(paths[0]).suffix.lower() not in IMAGE_SUFFIXES:
        return ""
    return paths[0]
