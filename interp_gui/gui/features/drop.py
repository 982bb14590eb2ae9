"""Lets a widget take features that are dropped on it, and says before what will happen."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QMimeData, QObject, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from interp_gui.core.errors import InterpError
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.dragging.drop_hint import DropHint


class FeatureDrop(DropHint):
    """Takes what `describe` has a sentence for.

    Signals
    -------
    dropped
        Tuple of features, one at least.
    problem
        `InterpError`: what was dropped is none.
    """

    dropped = Signal(object)
    problem = Signal(object)

    def __init__(self, widget: QWidget, describe: Callable[[QMimeData], str]) -> None:
        super().__init__(widget, describe)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept what is described, and read what is dropped."""
        described = bool(self.text)
        if super().eventFilter(watched, event):
            return True
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop and described:
            event.acceptProposedAction()
            self._read(event.mimeData())
            return True
        if isinstance(event, QDragEnterEvent | QDragMoveEvent) and self.text:
            event.acceptProposedAction()
            return True
        return False

    def _read(self, mime: QMimeData) -> None:
        try:
            features = features_from_mime(mime)
        except InterpError as problem:
            self.problem.emit(problem)
            return
        if features:
            self.dropped.emit(features)
