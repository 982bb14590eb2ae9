"""Any number of results of any kind on one board; later versions replace earlier ones in place."""

from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, GridItem
from interp_gui.gui.export_ui import Exportable, connect_export
from interp_gui.gui.parts import label
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.grid import GridView
from interp_gui.gui.widgets.view import ResultView, numbers_text
from interp_gui.gui.widgets.views import view_for

TILE_PX = 300
_WIDE = ("table", "grid", "curve", "matrix")
MOST_TILES = 200
"""A board of more widgets than this would be slow; the rest is in the export."""


class _Tile(QFrame):
    """A result with its title, numbers and notes."""

    def __init__(self, result: AnyResult, recipe: Recipe | None, state: AppState) -> None:
        super().__init__()
        self.view: ResultView[Any] = view_for(result, recipe)
        self._kind = result.kind
        connect_export(self.view, state)
        if isinstance(self.view, GridView):
            self.view.item_activated.connect(partial(_open_image, state))
        self._title = QLabel()
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._title.setWordWrap(True)
        self._numbers = label(dim=True)
        self.view.setMinimumHeight({"bars": 60, "table": 320, "grid": 360}.get(result.kind, 240))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 8)
        layout.addWidget(self._title)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._numbers)
        self._describe(result)

    @property
    def kind(self) -> str:
        """Kind of the result."""
        return self._kind

    def update_result(self, result: AnyResult, recipe: Recipe | None) -> None:
        """Show a later version."""
        self.view.set_result(result, recipe)
        self._describe(result)

    def _describe(self, result: AnyResult) -> None:
        self._title.setText(result.title)
        parts = (numbers_text(result.numbers), *result.notes)
        text = "\n".join(part for part in parts if part)
        self._numbers.setText(text)
        self._numbers.setVisible(bool(text))


def _open_image(state: AppState, item: GridItem) -> None:
    """A card that is about an image alone opens it."""
    if item.image and item.feature is None:
        state.open_image(item.image)


class ResultBoard(QScrollArea):
    """Results side by side; tables, grids and curves take a whole row.

    Parameters
    ----------
    hint
        What to do while there is no result.
    """

    def __init__(self, state: AppState, *, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Results")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._state = state
        self._tiles: dict[str, _Tile] = {}
        self._results: dict[str, Exportable] = {}
        self._stale: set[str] = set()
        self._columns = 0
        self._hint = label(hint, dim=True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        body = QWidget()
        self._grid = QGridLayout(body)
        self._grid.setContentsMargins(8, 8, 8, 8)
        self._grid.setSpacing(8)
        self._grid.addWidget(self._hint, 0, 0)
        self.setWidget(body)

    def begin(self) -> None:
        """A new run begins: what it does not replace goes when it is finished."""
        self._stale = set(self._tiles)
        self._results.clear()

    def finish(self) -> None:
        """The run is over: results of the run before that were not replaced are taken away."""
        for key in self._stale & set(self._tiles):
            if self._results:
                tile = self._tiles.pop(key)
                self._grid.removeWidget(tile)
                tile.deleteLater()
        self._stale.clear()
        self._arrange()

    def add(self, result: AnyResult, recipe: Recipe | None = None) -> None:
        """Show a result, or a later version of the one of the same key."""
        self._results[result.key] = Exportable(result, recipe)
        self._stale.discard(result.key)
        tile = self._tiles.get(result.key)
        if tile is not None and tile.kind == result.kind:
            tile.update_result(result, recipe)
            return
        if tile is not None:
            self._grid.removeWidget(tile)
            tile.deleteLater()
        elif len(self._tiles) >= MOST_TILES:
            return
        self._tiles[result.key] = _Tile(result, recipe, self._state)
        self._arrange()

    def exportables(self) -> list[Exportable]:
        """All results, in the order in which they came."""
        return list(self._results.values())

    @property
    def views(self) -> list[ResultView[Any]]:
        """The views, in order."""
        return [tile.view for tile in self._tiles.values()]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitting() != self._columns:
            self._arrange()

    def _fitting(self) -> int:
        return max(1, self.viewport().width() // TILE_PX)

    def _arrange(self) -> None:
        self._columns = self._fitting()
        self._hint.setVisible(not self._tiles)
        place_row = place_column = 0
        for tile in self._tiles.values():
            wide = tile.kind in _WIDE or self._columns == 1
            if wide and place_column:
                place_row, place_column = place_row + 1, 0
            span = self._columns if wide else 1
            self._grid.addWidget(tile, place_row, place_column, 1, span)
            place_column += span
            if place_column >= self._columns:
                place_row, place_column = place_row + 1, 0
