"""View of a `table` result: sortable by value, rows with features can be dragged."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature
from interp_gui.core.result import Number, Table
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.widgets.view import ResultView, number_label

_Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
TITLE_MARGIN_PX = 6
LONGEST_TITLE = 8
"""Letters of a column's title on one line."""


class ResultTableModel(QAbstractTableModel):
    """Cells of a table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table: Table | None = None

    def set_table(self, table: Table) -> None:
        """Show another table, or a later version; only a changed shape resets the view."""
        old = self._table
        same = (
            old is not None and old.columns == table.columns and len(old.cells) == len(table.cells)
        )
        if same:
            self._table = table
            last = self.index(self.rowCount() - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._table = table
        self.endResetModel()

    def feature(self, row: int) -> Feature | None:
        """The feature of a row."""
        features = self._table.features if self._table is not None else ()
        return features[row] if 0 <= row < len(features) else None

    def rowCount(self, parent: _Index | None = None) -> int:
        nested = parent is not None and parent.isValid()
        return 0 if self._table is None or nested else len(self._table.cells)

    def columnCount(self, parent: _Index | None = None) -> int:
        nested = parent is not None and parent.isValid()
        return 0 if self._table is None or nested else len(self._table.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._table is None or not index.isValid():
            return None
        value = self._table.cells[index.row()][index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return readable(value)
        if role == SORT_ROLE:
            return _sortable(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(value)
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole or self._table is None:
            return None
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1)
        return _on_two_lines(number_label(self._table.columns[section]))

    def flags(self, index: _Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if self.feature(index.row()) is not None:
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        return flags

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        rows = dict.fromkeys(index.row() for index in indexes)
        features = [f for f in map(self.feature, rows) if f is not None]
        return mime_for(features) if features else QMimeData()


def _on_two_lines(text: str) -> str:
    """A long title broken where its halves are most alike, so that figures set the width."""
    breaks = [i for i, letter in enumerate(text) if letter == " "]
    if len(text) <= LONGEST_TITLE or not breaks:
        return text
    at = min(breaks, key=lambda i: max(i, len(text) - i - 1))
    return f"{text[:at]}\n{text[at + 1 :]}"


def _sortable(value: Number) -> Any:
    """None and not-a-number come last in ascending order."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return float("inf")
    return float(value)


class TableView(ResultView[Table]):
    """A table that can be sorted by any column."""

    def __init__(self) -> None:
        super().__init__()
        self.model = ResultTableModel(self)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setSortRole(SORT_ROLE)
        self.table = QTableView()
        self.table.setModel(self._proxy)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setDragEnabled(True)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.activated.connect(self._activated)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        self.setFocusProxy(self.table)

    def result_changed(self) -> None:
        if self._result is not None:
            self.table.setAccessibleName(self._result.title)
            self.model.set_table(self._result)
            if len(self._result.cells) <= 2000:  # measuring all of more rows takes noticeable time
                self.table.resizeColumnsToContents()
                self._tighten()

    def _tighten(self) -> None:
        """Where columns are too wide together, leave no room for the mark of sorting."""
        header = self.table.horizontalHeader()
        if header.length() <= self.table.viewport().width():
            return
        metrics = header.fontMetrics()
        for column in range(self.model.columnCount()):
            title = str(self.model.headerData(column, Qt.Orientation.Horizontal) or "")
            needed = metrics.size(0, title).width() + 2 * TITLE_MARGIN_PX
            header.resizeSection(column, max(needed, self.table.sizeHintForColumn(column)))

    def features_at(self, position: QPoint) -> tuple[Feature, ...]:
        index = self.table.indexAt(self.table.viewport().mapFrom(self, position))
        feature = self.model.feature(self._proxy.mapToSource(index).row())
        return (feature,) if feature is not None else ()

    def _activated(self, index: QModelIndex) -> None:
        feature = self.model.feature(self._proxy.mapToSource(index).row())
        if feature is not None:
            self.feature_activated.emit(feature)
