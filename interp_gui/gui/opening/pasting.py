"""Images from the clipboard: pictures are saved where they survive, files and paths are opened."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import unquote, urlparse

from PySide6.QtCore import QMimeData, QObject
from PySide6.QtGui import QImage

from interp_gui.core.errors import OutputProblem
from interp_gui.core.places import data_folder
from interp_gui.gui.background import Background
from interp_gui.gui.state import AppState

_MOST_TEXT = 1_000_000
_MOST_PATHS = 10_000


class Pasting(QObject):
    """Takes what the clipboard holds into the list of images.

    Parameters
    ----------
    open_paths
        Opens files and folders as a drop does.
    """

    def __init__(
        self,
        state: AppState,
        background: Background,
        open_paths: Callable[[Iterable[str]], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._background = background
        self._open = open_paths

    def paste(self, data: QMimeData) -> None:
        """Open what was copied: files, paths in a text, or a picture."""
        files = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        if files:
            self._open(files)
        elif data.hasImage() and isinstance(image := data.imageData(), QImage):
            self._background.run(lambda: keep(image), lambda path: self._open([path]))
        elif data.hasText():
            text = data.text()[:_MOST_TEXT]
            self._background.run(lambda: paths_in(text), self._take)
        else:
            self._refuse()

    def _take(self, paths: list[str]) -> None:
        if paths:
            self._open(paths)
        else:
            self._refuse()

    def _refuse(self) -> None:
        self._state.notify(
            "info",
            "The clipboard holds no image.",
            "Copy a picture, image files, or the paths of images, and paste again.",
        )


def keep(image: QImage, folder: Path | None = None) -> str:
    """Save a picture under a name made of its pixels, and return its path. Runs in a worker.

    Raises
    ------
    OutputProblem
        The folder cannot be written.
    """
    plain = image.convertToFormat(QImage.Format.Format_RGBA8888)
    digest = hashlib.sha256(f"{plain.width()}x{plain.height()}".encode())
    digest.update(plain.constBits())
    target = (folder or data_folder() / "pasted") / f"pasted-{digest.hexdigest()[:12]}.png"
    if target.is_file():
        return str(target)
    part = target.with_suffix(".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not image.save(str(part), "PNG"):  # type: ignore[call-overload]
            raise OSError("the picture could not be written")
        os.replace(part, target)
    except OSError as problem:
        raise OutputProblem(
            f"The picture from the clipboard cannot be kept: {problem.strerror or problem}.",
            hint=f"Make room in {target.parent}, or save it yourself and open the file.",
        ) from None
    return str(target)


def paths_in(text: str) -> list[str]:
    """Files and folders that a text names, one a line; none if a line names none."""
    found = []
    for line in text.splitlines()[:_MOST_PATHS]:
        path = line.strip().strip("\"'")
        if not path:
            continue
        if path.startswith("file:"):
            path = unquote(urlparse(path).path)
        path = os.path.expanduser(path)
        if not os.path.isabs(path) or "\0" in path or not os.path.exists(path):
            return []
        found.append(path)
    return found
