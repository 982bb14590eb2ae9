"""Says over the whole window what dropped files will become."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QWidget

from interp_gui.core.errors import InterpError
from interp_gui.core.recipe import Recipe
from interp_gui.gui.background import Background
from interp_gui.gui.dragging.drop_hint import DropHint
from interp_gui.gui.dragging.sentences import local_paths, of_files, of_recipe
from interp_gui.gui.opening.files import PICTURE_SUFFIXES


class WindowDrops(DropHint):
    """Names files at once by how they are called, and looks into a picture off the event loop.

    Parameters
    ----------
    read_recipe
        Reads the recipe of an exported picture, None if it has none; called in a worker.
    """

    def __init__(
        self,
        window: QWidget,
        background: Background,
        read_recipe: Callable[[str], Recipe | None] | None = None,
    ) -> None:
        super().__init__(window, self._sentence)
        self._background, self._read_recipe = background, read_recipe or recipe_in
        self._path = ""

    def _sentence(self, mime: QMimeData) -> str:
        paths = local_paths(mime)
        self._path = paths[0] if len(paths) == 1 else ""
        if Path(self._path).suffix.lower() in PICTURE_SUFFIXES:
            self._look_into(self._path)
        return of_files(paths)

    def _look_into(self, path: str) -> None:
        def found(recipe: Recipe | None) -> None:
            if recipe is not None and path == self._path:
                self.show(of_recipe(recipe))

        self._background.run(
            lambda: self._read_recipe(path), found, on_error=lambda _problem: None, key="drop-hint"
        )


def recipe_in(path: str) -> Recipe | None:
    """The recipe that a picture carries; None if it has none."""
    from interp_gui.core.export import read_recipe

    try:
        return read_recipe(path)
    except InterpError:
        return None
