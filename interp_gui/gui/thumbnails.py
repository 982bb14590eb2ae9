"""Thumbnails of image files: decoded off the event loop, newest wish first, kept while they fit."""

from collections import OrderedDict
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPixmap

from interp_gui.core.errors import ImageProblem
from interp_gui.core.model import Preprocessing
from interp_gui.gui.background import Background
from interp_gui.gui.widgets.pixels import to_image

SIDE_PX = 88
KEPT = 1500
WAITING = 120
"""Wishes that are kept: about two screens. Older ones were scrolled past."""
AT_ONCE = 2


class Thumbnails(QObject):
    """Pictures by path, on request.

    Parameters
    ----------
    background
        Where files are decoded.
    scale
        Device pixels a logical pixel.
    """

    arrived = Signal(str)
    """Path of a picture that can be painted now."""
    broken = Signal(str, str)
    """Path of a file that cannot be decoded, and why."""
    reset = Signal()
    """All pictures are out of date."""

    def __init__(self, background: Background, scale: float, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._side = round(SIDE_PX * scale)
        self._scale = scale
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._decoding: set[str] = set()
        self._preprocessing: Preprocessing | None = None
        self._generation = 0
        self.problems: dict[str, str] = {}

    def get(self, path: str) -> QPixmap | None:
        """The picture if it is at hand; otherwise None, and it is put first in the queue."""
        picture = self._pictures.get(path)
        if picture is not None:
            self._pictures.move_to_end(path)
            return picture
        if path not in self._decoding and path not in self.problems:
            self._waiting[path] = None
            self._waiting.move_to_end(path)
            while len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)
            self._next()
        return None

    def set_preprocessing(self, preprocessing: Preprocessing | None) -> None:
        """Show files as a network sees them, or as they are (None)."""
        if preprocessing != self._preprocessing:
            self._preprocessing = preprocessing
            self._generation += 1
            self._pictures.clear()
            self._waiting.clear()
            self._decoding.clear()
            self.reset.emit()

    def forget(self, paths: set[str]) -> None:
        """Drop what is known of files that are no longer listed."""
        for path in paths:
            self._pictures.pop(path, None)
            self._waiting.pop(path, None)
            self.problems.pop(path, None)

    def _next(self) -> None:
        while self._waiting and len(self._decoding) < AT_ONCE:
            path, _ = self._waiting.popitem(last=True)
            self._decoding.add(path)
            self._start(path, self._generation)

    def _start(self, path: str, generation: int) -> None:
        side, preprocessing = self._side, self._preprocessing

        def done(pixels: Any) -> None:
            if generation == self._generation:
                picture = QPixmap.fromImage(to_image(pixels))
                picture.setDevicePixelRatio(self._scale)
                self._pictures[path] = picture
                while len(self._pictures) > KEPT:
                    self._pictures.popitem(last=False)
                self._decoding.discard(path)
                self.arrived.emit(path)
                self._next()

        def failed(error: Exception) -> None:
            if generation == self._generation:
                self._decoding.discard(path)
                self.problems[path] = str(error)
                self.broken.emit(path, str(error))
                self._next()

        self._background.run(lambda: decode(path, side, preprocessing), done, on_error=failed)


def decode(path: str, side: int, preprocessing: Preprocessing | None) -> Any:
    """Read, preprocess and shrink a file to (h, w, 3) uint8. Runs in a worker."""
    from interp_gui.core.images import read_image, thumbnail
    from interp_gui.core.preprocessing import as_seen

    pixels = read_image(path)
    if preprocessing is not None:
        try:
            pixels = as_seen(pixels, preprocessing)
        except (ValueError, MemoryError) as problem:
            raise ImageProblem(f"It cannot be preprocessed: {problem}.") from problem
    return thumbnail(pixels, side)
