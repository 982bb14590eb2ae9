"""Ways in: dialogs, drops and samples."""

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from interp_gui.core.csv_text import TABLE_SUFFIXES, is_table
from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.model_places import MODEL_SUFFIXES
from interp_gui.core.recipe import Recipe
from interp_gui.gui.background import Background
from interp_gui.gui.opening.documents import Documents, kind_of
from interp_gui.gui.opening.reopen import LOOKED_INTO, Reopener
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState
from interp_gui.gui.welcome.opening import USUAL, SampleOpener

PICTURE_SUFFIXES = (".png", ".svg", ".pdf", ".npz", ".json")
"""Files that may hold a recipe."""
SESSION_SUFFIX = ".interp"


class Files(QObject):
    """Asks for files, or takes those that are dropped, and hands them to `Documents`.

    Signals
    -------
    session_wanted
        Path of a session file that is to be opened.
    table_wanted
        Path of a table of images that is to be imported.
    """

    session_wanted = Signal(str)
    table_wanted = Signal(str)

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
        self.samples = SampleOpener(state, documents, background, self)

    def open_sample(self, sample_id: str = USUAL) -> None:
        """Open the network and pictures of a sample."""
        self.samples.open(sample_id)

    def reopen(self, recipe: Recipe) -> None:
        """Show again what a recipe made: of a picture, or of a kept result of a session."""
        self._reopener.reopen(recipe)

    # --- dialogs -------------------------------------------------------------------------------

    def ask_model(self) -> None:
        """Ask for a checkpoint."""
        dialog = self._dialog("Open model", QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_filter("Checkpoints", MODEL_SUFFIXES), "All files (*)"])
        dialog.fileSelected.connect(self._documents.open_model)
        dialog.open()

    def ask_model_folder(self) -> None:
        """Ask for a folder that holds a model and its config."""
        dialog = self._dialog("Open model folder", QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self._documents.open_model)
        dialog.open()

    def ask_to_look(self, look: Callable[[str], object]) -> None:
        """Ask for a checkpoint that is only to be looked at."""
        dialog = self._dialog("Look at a model file", QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_filter("Checkpoints", MODEL_SUFFIXES), "All files (*)"])
        dialog.fileSelected.connect(look)
        dialog.open()

    def ask_images(self) -> None:
        """Ask for image files, or tables of images."""
        dialog = self._dialog("Open images", QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([
            _filter("Images and tables", IMAGE_SUFFIXES | TABLE_SUFFIXES),
            _filter("Images", IMAGE_SUFFIXES),
            _filter("Tables of images", TABLE_SUFFIXES),
            "All files (*)",
        ])  # fmt: skip
        dialog.filesSelected.connect(self._take_images)
        dialog.open()

    def ask_folder(self) -> None:
        """Ask for a folder of images."""
        dialog = self._dialog("Open folder of images", QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.filesSelected.connect(self._documents.add_images)
        dialog.open()

    def _take_images(self, paths: list[str]) -> None:
        self._documents.add_images(self._import_tables(paths))

    def _import_tables(self, paths: list[str]) -> list[str]:
        """Hand tables to who asks about their columns; the other paths are returned."""
        tables = [path for path in paths if is_table(path) and os.path.isfile(path)]
        for table in tables:
            self.table_wanted.emit(table)
        return [path for path in paths if path not in tables]

    def ask_table(self) -> None:
        """Ask for a table of images."""
        dialog = self._dialog("Import a table of images", QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_filter("Tables", TABLE_SUFFIXES), "All files (*)"])
        dialog.fileSelected.connect(self.table_wanted)
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
        sessions = [p for p in plain if Path(p).suffix.lower() == SESSION_SUFFIX]
        if sessions:
            self.session_wanted.emit(sessions[0])
        plain = self._import_tables([path for path in plain if path not in sessions])
        pictures = [p for p in plain if Path(p).suffix.lower() in PICTURE_SUFFIXES]
        pictures = [p for p in pictures if kind_of(p) != "missing"]
        if len(pictures) > LOOKED_INTO:
            pictures = []
        for path in pictures:
            self._reopener.look_into(path, partial(self._documents.open, (path,)))
        self._documents.open(path for path in plain if path not in pictures)


def _filter(name: str, suffixes: Iterable[str]) -> str:
    return f"{name} ({' '.join(f'*{suffix}' for suffix in sorted(suffixes))})"
