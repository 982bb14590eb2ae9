"""Image files that cannot be read: found without the event loop, marked, told of once."""

import os
from collections import deque
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.core.dataset import ImageEntry
from interp_gui.gui.background import Background
from interp_gui.gui.opening.image_list import counted
from interp_gui.gui.panels.images.model import ImagesModel
from interp_gui.gui.panels.images.source import ImageSource, Shown
from interp_gui.gui.panels.images.table import file_name
from interp_gui.gui.state import AppState
from interp_gui.gui.thumbnails import Thumbnails

REPORT_AFTER_MS = 600
CHECKED_UNASKED = 20_000
"""Longer lists are checked only when that is asked for: it opens every file."""
CHUNK = 100
_NAMED = 200
_TRIED = 300


class BrokenFiles(QObject):
    """Watches the thumbnails, and reads the headers of all files where there are not too many.

    Signals
    -------
    changed
        More is known.
    """

    changed = Signal()

    def __init__(
        self,
        state: AppState,
        source: ImageSource,
        model: ImagesModel,
        thumbnails: Thumbnails,
        background: Background,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._source = source
        self._model = model
        self._thumbnails = thumbnails
        self._background = background
        self._told: set[str] = set()
        self._checking = False
        self._count: int | None = None
        self._left: deque[ImageEntry] = deque()
        self._tells_good = False
        self._report = QTimer(self, singleShot=True, interval=REPORT_AFTER_MS)
        self._report.timeout.connect(self.tell)
        thumbnails.broken.connect(self._on_broken)
        thumbnails.arrived.connect(self._on_sound)
        source.changed.connect(self._on_list)

    @property
    def count(self) -> int:
        """How many of the images are known to be broken."""
        if self._count is None:
            self._count = len(self.paths())
        return self._count

    def paths(self) -> set[str]:
        """Images that are known to be broken."""
        table = self._model.table
        return {path for path in self._thumbnails.problems if path in table.rows} | table.broken

    def first_good(self, start: int = 0, *, without: NDArray[np.bool_] | None = None) -> str | None:
        """Path of the first shown image from `start` on, then from the beginning, not broken."""
        count = self._model.rowCount()
        for i in range(count):
            place = (start + i) % count
            if without is not None and without[place]:
                continue
            entry = self._model.entry(place)
            if not self._model.problem(entry):
                return entry.path
        return None

    # --- looking into files --------------------------------------------------------------------

    def _on_list(self, before: Shown) -> None:
        shown = self._source.shown
        self._count = None
        if shown.table is before.table:
            return
        self._told.intersection_update(shown.table.rows)
        if 0 < len(shown.fresh) <= CHECKED_UNASKED:
            self._check(shown.fresh)

    def check_all(self) -> None:
        """Read the headers of all files, and tell also where all of them are sound."""
        self._told.clear()
        self._tells_good = True
        self._left.clear()
        self._check(self._model.table.entries)

    def _check(self, entries: Sequence[ImageEntry]) -> None:
        self._left.extend(entries)
        if not self._checking:
            self._go_on()

    def _go_on(self) -> None:
        chunk = [self._left.popleft() for _ in range(min(CHUNK, len(self._left)))]
        self._checking = bool(chunk)
        if chunk:
            self._background.run(partial(headers, chunk), self._took)
            return
        if self._tells_good and not self.count:
            self._state.notify(
                "success", f"All {counted(len(self._model.table))} begin as images do."
            )
        self._tells_good = False
        self.tell()

    def _took(self, problems: dict[str, str]) -> None:
        known = {path: text for path, text in problems.items() if path in self._model.table.rows}
        if known:
            self._thumbnails.note_problems(known)
            self._count = None
            for path in known:
                place = self._model.place_of(path)
                if place is not None:
                    self._model.tell_changed(place)
            self._move_on(set(known))
            self.changed.emit()
        self._go_on()

    def _on_broken(self, path: str, _reason: str) -> None:
        if path not in self._model.table.rows:
            return
        self._count = None
        self.changed.emit()
        self._report.start()
        self._move_on({path})

    def _on_sound(self, _path: str) -> None:
        self._count = None  # what was broken may have been replaced

    def _move_on(self, broken: set[str]) -> None:
        """A broken image is no current one: the next that has a header is."""
        image = self._state.image
        if image not in broken:
            return
        place = self._model.place_of(image) or 0
        places = range(place + 1, min(self._model.rowCount(), place + 1 + _TRIED))
        following = [self._model.entry(p) for p in places]
        following = [entry for entry in following if not self._model.problem(entry)]

        def chosen(path: str | None) -> None:
            if self._state.image == image:
                self._state.set_image(path if path is not None else self.first_good())

        self._background.run(partial(readable, following), chosen, key="next-image")

    # --- telling -------------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell of those that were not told of yet, all in one message."""
        if self._checking:  # the message comes when all files were looked at
            return
        fresh = self.paths() - self._told
        if fresh and not self._told:
            self._background.run(partial(lost_folder, sorted(fresh)[:_NAMED]), self._say)
        self._told |= fresh

    def _say(self, folder: str) -> None:
        paths = sorted(self.paths())
        if not paths:
            return
        problems = {p: self._thumbnails.problems.get(p, "It cannot be read.") for p in paths}
        if folder:
            message = f"The folder '{file_name(folder)}' is not there any more."
            hint = f"{counted(len(paths))} of it cannot be read until it is back."
        elif len(paths) == 1:
            message = problems[paths[0]]
            hint = "It is marked in the list, and the others are used."
        else:
            message = f"{len(paths):,} images cannot be read."
            hint = "They are marked in the list, and the others are used."
        lines = [f"{path}: {problems[path]}" for path in paths[:_NAMED]]
        if len(paths) > _NAMED:
            lines.append(f"… and {len(paths) - _NAMED:,} more")
        self._state.notify("warning", message, hint, "\n".join(lines))


def headers(entries: Sequence[ImageEntry]) -> dict[str, str]:
    """Why files are no images, judged by their headers. Runs in a worker."""
    import time

    from interp_gui.core.folders import check_entry
    from interp_gui.core.polite import politely

    found = {}
    for entry in politely(entries):
        problem = entry.problem or check_entry(entry).problem
        if problem:
            found[entry.path] = problem
        time.sleep(0)  # opening a file in Python holds the interpreter for long stretches
    return found


def readable(entries: Sequence[ImageEntry]) -> str | None:
    """Path of the first file with a sound header. Runs in a worker."""
    from interp_gui.core.folders import check_entry

    return next((entry.path for entry in entries if not check_entry(entry).problem), None)


def lost_folder(paths: Sequence[str]) -> str:
    """The folder that all of some files were in, if it is gone; empty if not. In a worker."""
    folders = {os.path.dirname(path) for path in paths}
    if any(os.path.isdir(folder) for folder in folders):
        return ""
    common = os.path.commonpath(folders)
    while not os.path.isdir(os.path.dirname(common)) and common != os.path.dirname(common):
        common = os.path.dirname(common)
    return common
