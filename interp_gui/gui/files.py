"""Ways in: dialogs, drops and the sample."""

import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.errors import InterpError
from interp_gui.gui.background import Background
from interp_gui.gui.documents import MODEL_SUFFIXES, Documents, kind_of
from interp_gui.gui.reopen import LOOKED_INTO, Reopener
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState

PICTURE_SUFFIXES = (".png", ".svg", ".pdf", ".npz", ".json")
"""Files that may hold a recipe."""


class Files(QObject):
    """Asks for files, or takes those that are dropped, and hands them to `Documents`."""

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        documents: Documents,
        background: Background,
        settings: Settings,
        reopener: Reopener,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._documents = documents
        self._background = background
        self._settings = settings
        self._reopener = reopener

    # --- dialogs -------------------------------------------------------------------------------

    def ask_model(self) -> None:
        """Ask for a checkpoint."""
        dialog = self._dialog("Open model", QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_filter("Checkpoints", MODEL_SUFFIXES), "All files (*)"])
        dialog.fileSelected.connect(self._documents.open_model)
        dialog.open()

    def ask_images(self) -> None:
        """Ask for image files."""
        dialog = self._dialog("Open images", QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([_filter("Images", IMAGE_SUFFIXES), "All files (*)"])
        dialog.filesSelected.connect(self._documents.add_images)
        dialog.open()

    def ask_folder(self) -> None:
        """Ask for a folder of images."""
        dialog = self._dialog("Open folder of images", QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.filesSelected.connect(self._documents.add_images)
        dialog.open()

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self._window, title, self._settings.values.last_folder)
        dialog.setFileMode(mode)
        dialog.filesSelected.connect(self._remember_folder)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def _remember_folder(self, paths: list[str]) -> None:
        if paths:
            self._settings.change(last_folder=os.path.dirname(paths[0]))

    # --- drops ---------------------------------------------------------------------------------

    def accepts(self, data: QMimeData) -> bool:
        """Whether something dragged over the window can be opened."""
        return any(url.isLocalFile() for url in data.urls())

    def drop(self, data: QMimeData) -> None:
        """Open what was dropped."""
        self.open([url.toLocalFile() for url in data.urls() if url.isLocalFile()])

    def open(self, paths: Iterable[str]) -> None:
        """Open files and folders; exported pictures are offered to be reopened."""
        plain = [os.path.abspath(path) for path in paths]
        pictures = [p for p in plain if Path(p).suffix.lower() in PICTURE_SUFFIXES]
        pictures = [p for p in pictures if kind_of(p) != "missing"]
        if len(pictures) > LOOKED_INTO:
            pictures = []
        for path in pictures:
            self._reopener.look_into(path, partial(self._documents.open, (path,)))
        self._documents.open(path for path in plain if path not in pictures)

    # --- the sample ----------------------------------------------------------------------------

    def open_sample(self) -> None:
        """Open the sample model and photographs that are on this machine."""
        self._background.run(_photographs, self._documents.add_images)
        self._find_sample(download=False)

    def _find_sample(self, *, download: bool) -> None:
        self._background.run(
            lambda: _sample_model(download=download),
            self._documents.open_model,
            on_error=partial(self._no_sample, download),
        )

    def _no_sample(self, downloaded: bool, error: Exception) -> None:
        if not isinstance(error, InterpError):
            raise error
        if downloaded:
            self._state.notify_problem(error)
            return
        # A frozen program has no interpreter to download with.
        offer = "" if getattr(sys, "frozen", False) else "Download it (14 MB)"
        self._state.notify(
            "error", error.message, error.hint, action=offer,
            on_action=lambda: self._find_sample(download=True),
        )  # fmt: skip


def _sample_model(*, download: bool) -> str:
    from interp_gui.samples import mobilenet_path

    return str(mobilenet_path(download=download))


def _photographs() -> list[Any]:
    from interp_gui.samples import photographs

    return [str(path) for path in photographs()]


def _filter(name: str, suffixes: Iterable[str]) -> str:
    return f"{name} ({' '.join(f'*{suffix}' for suffix in sorted(suffixes))})"
