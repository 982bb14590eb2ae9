"""The images that are shown, in their order, as Qt asks for them row by row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from interp_gui.core.dataset import ImageEntry
from interp_gui.gui.panels.images.table import ImageTable, Predictions, file_name
from interp_gui.gui.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
ENTRY = Qt.ItemDataRole.UserRole
PICTURE = Qt.ItemDataRole.UserRole + 1
PROBLEM = Qt.ItemDataRole.UserRole + 2
CAPTION = Qt.ItemDataRole.UserRole + 3
"""The line below the file name."""
VERDICT = Qt.ItemDataRole.UserRole + 4
"""`right`, `wrong`, or empty where that is not known."""


class ImagesModel(QAbstractListModel):
    """Rows of a table in some order; a row of the model is a place, one of the table an image."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._table = ImageTable()
        self._order: NDArray[np.int32] = np.zeros(0, np.int32)
        self._places: NDArray[np.int32] = np.zeros(0, np.int32)
        self._predictions: Predictions | None = None

    def show(
        self, table: ImageTable, order: NDArray[np.int32], predictions: Predictions | None
    ) -> None:
        """Show rows `order` of a table."""
        self.beginResetModel()
        self._table, self._order, self._predictions = table, order, predictions
        self._places = np.full(len(table), -1, np.int32)
        self._places[order] = np.arange(len(order), dtype=np.int32)
        self.endResetModel()

    @property
    def table(self) -> ImageTable:
        """All images, also those that the filter hides."""
        return self._table

    @property
    def order(self) -> NDArray[np.int32]:
        """Table rows of what is shown."""
        return self._order

    def entry(self, place: int) -> ImageEntry:
        """The image at a place."""
        return self._table.entries[int(self._order[place])]

    def place_of(self, path: str | None) -> int | None:
        """Where an image is shown; None if it is not."""
        row = self._table.rows.get(path) if path is not None else None
        if row is None or self._places[row] < 0:
            return None
        return int(self._places[row])

    def places_of(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Places of rows of the table, ascending, without those that are not shown."""
        places = self._places[rows]
        return np.sort(places[places >= 0])

    def problem(self, entry: ImageEntry) -> str:
        """Why an image cannot be used; empty if it can or is not yet known."""
        return entry.problem or self._thumbnails.problems.get(entry.path, "")

    def caption(self, place: int) -> str:
        """The label; with the predicted class unless that is the right one."""
        row = int(self._order[place])
        label = self._table.entries[row].label
        predicted = self._predicted(row)
        if not predicted:
            return label
        if self._verdict(row) == "right":
            return label
        return f"{label} → {predicted}".lstrip()

    def _predicted(self, row: int) -> str:
        predictions = self._predictions
        if predictions is None or predictions.classes[row] < 0:
            return ""
        column = predictions.column
        return column.values[int(column.codes[row])]

    def _verdict(self, row: int) -> str:
        predictions = self._predictions
        if predictions is None or predictions.classes[row] < 0 or predictions.wanted[row] < 0:
            return ""
        return "right" if predictions.classes[row] == predictions.wanted[row] else "wrong"

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._order)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        place = index.row()
        if not 0 <= place < len(self._order):
            return None
        row = int(self._order[place])
        entry = self._table.entries[row]
        if role == Qt.ItemDataRole.DisplayRole:
            return file_name(entry.path)
        if role == PICTURE:
            return self._thumbnails.get(entry.path)
        if role == PROBLEM:
            return self.problem(entry)
        if role == ENTRY:
            return entry
        if role == CAPTION:
            return self.caption(place)
        if role == VERDICT:
            return self._verdict(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join((file_name(entry.path), *self._facts(row)))
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join((entry.path, *self._facts(row)))
        return None

    def _facts(self, row: int) -> list[str]:
        entry = self._table.entries[row]
        facts = [f"Class: {entry.label}"] if entry.label else []
        facts += [f"Group: {entry.group}"] if entry.group else []
        facts += [f"{name}: {value}" for name, value in entry.metadata.items()]
        predictions, predicted = self._predictions, self._predicted(row)
        if predictions is not None and predicted:
            text = f"Predicted: {predicted}, {predictions.probability[row]:.0%}"
            facts.append(text + {"right": ", as labelled", "wrong": ", wrong", "": ""}[
                self._verdict(row)
            ])  # fmt: skip
        problem = self.problem(entry)
        return [*facts, f"Broken: {problem}"] if problem else facts

    def tell_changed(self, place: int) -> None:
        """Say that what is known of an image is another thing now."""
        if 0 <= place < len(self._order):
            self.dataChanged.emit(self.index(place), self.index(place))
