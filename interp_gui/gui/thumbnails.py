"""Thumbnails of image files: decoded off the event loop, newest wish first, kept while they fit."""

import os
from collections import OrderedDict
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from interp_gui.core.errors import ImageProblem
from interp_gui.core.model import Preprocessing
from interp_gui.gui.background import Background
from interp_gui.gui.widgets.pixels import to_image

SIDE_PX = 88
KEPT_BYTES = 64 * 2**20
WAITING = 120
"""Wishes that are kept: about two screens. Older ones were scrolled past."""
AT_ONCE = 2

Stamp = tuple[int, int]
"""Size and modification time of a file, by which it is known again."""


@dataclass(frozen=True)
class _Picture:
    pixmap: QPixmap
    stamp: Stamp | None

    @property
    def size_bytes(self) -> int:
        return self.pixmap.width() * self.pixmap.height() * 4


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
        self._scale = scale
        self._pictures: OrderedDict[str, _Picture] = OrderedDict()
        self._bytes = 0
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._decoding: set[str] = set()
        self._preprocessing: Preprocessing | None = None
        self._generation = 0
        self.problems: dict[str, str] = {}

    @property
    def size_bytes(self) -> int:
        """Memory that the pictures take."""
        return self._bytes

    @property
    def waiting(self) -> tuple[str, ...]:
        """Wishes that nobody works on yet; the last one comes first."""
        return tuple(self._waiting)

    def get(self, path: str) -> QPixmap | None:
        """The picture if it is at hand; otherwise None, and it is put first in the queue."""
        picture = self._pictures.get(path)
        if picture is not None:
            self._pictures.move_to_end(path)
            return picture.pixmap
        if path not in self._decoding and path not in self.problems:
            self._waiting[path] = None
            self._waiting.move_to_end(path)
            while len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)
            self._next()
        return None

    def want_only(self, paths: Collection[str]) -> None:
        """Forget wishes for what is not in view any more."""
        for path in [path for path in self._waiting if path not in paths]:
            del self._waiting[path]

    def set_preprocessing(self, preprocessing: Preprocessing | None) -> None:
        """Show files as a network sees them, or as they are (None)."""
        if preprocessing != self._preprocessing:
            self._preprocessing = preprocessing
            self._start_anew()

    def set_scale(self, scale: float) -> None:
        """Follow the window to a screen with other pixels."""
        if scale != self._scale:
            self._scale = scale
            self._start_anew()

    def _start_anew(self) -> None:
        self._generation += 1
        self._pictures.clear()
        self._bytes = 0
        self._waiting.clear()
        self._decoding.clear()
        self.reset.emit()

    def forget(self, paths: Iterable[str]) -> None:
        """Drop what is known of files; what is asked for again is read again."""
        for path in paths:
            picture = self._pictures.pop(path, None)
            if picture is not None:
                self._bytes -= picture.size_bytes
            self._waiting.pop(path, None)
            self.problems.pop(path, None)

    def keep_only(self, paths: Container[str]) -> None:
        """Drop what is known of files that are not listed any more."""
        known = (*self._pictures, *self._waiting, *self.problems)
        self.forget(path for path in known if path not in paths)

    def note_problems(self, problems: dict[str, str]) -> None:
        """Take note of files that were found broken in another way; nothing is emitted."""
        self.problems.update(problems)

    def recheck(self, paths: Iterable[str]) -> None:
        """Read files again that were replaced on disk since, or that could not be read."""
        stamps = {p: self._pictures[p].stamp for p in paths if p in self._pictures}
        broken = [path for path in paths if path in self.problems]

        def look() -> list[str]:
            changed = [path for path, stamp in stamps.items() if stamp_of(path) != stamp]
            # what is still broken stays known as such: nobody reads it anew while it is out of view
            return [*changed, *(path for path in broken if _can_be_read(path))]

        def drop(again: list[str]) -> None:
            self.forget(again)
            for path in again:
                self.arrived.emit(path)  # whoever shows it asks for it again

        self._background.run(look, drop, key="thumbnails-recheck")

    # --- decoding ------------------------------------------------------------------------------

    def _next(self) -> None:
        while self._waiting and len(self._decoding) < AT_ONCE:
            path, _ = self._waiting.popitem(last=True)
            self._decoding.add(path)
            self._start(path, self._generation)

    def _start(self, path: str, generation: int) -> None:
        side, preprocessing = round(SIDE_PX * self._scale), self._preprocessing

        def done(decoded: tuple[QImage, Stamp | None]) -> None:
            if generation != self._generation:
                return
            picture = _Picture(QPixmap.fromImage(decoded[0]), decoded[1])
            picture.pixmap.setDevicePixelRatio(self._scale)
            self._pictures[path] = picture
            self._bytes += picture.size_bytes
            while self._bytes > KEPT_BYTES and len(self._pictures) > 1:
                self._bytes -= self._pictures.popitem(last=False)[1].size_bytes
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


def _can_be_read(path: str) -> bool:
    """Whether a file that was broken is an image now. Runs in a worker."""
    from interp_gui.core.errors import InterpError
    from interp_gui.core.images import read_image

    try:
        read_image(path)
    except (InterpError, OSError, MemoryError):
        return False
    return True


def decode(
    path: str, side: int, preprocessing: Preprocessing | None
) -> tuple[QImage, Stamp | None]:
    """Read, preprocess and shrink a file. Runs in a worker."""
    from interp_gui.core.images import read_image, thumbnail
    from interp_gui.core.preprocessing import as_seen, read_for

    stamp = stamp_of(path)
    if preprocessing is None:
        return to_image(thumbnail(read_image(path), side)), stamp
    try:
        pixels = as_seen(read_for(path, preprocessing), preprocessing)
    except ImageProblem:
        # a file of other planes than the network looks at is not broken: it is shown as it is
        pixels = read_image(path, window=preprocessing.window)
    except (ValueError, MemoryError) as problem:
        raise ImageProblem(f"It cannot be preprocessed: {problem}.") from problem
    return to_image(thumbnail(pixels, side)), stamp


def stamp_of(path: str) -> Stamp | None:
    """Size and time of a file; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
