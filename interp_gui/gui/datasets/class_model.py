"""Labels and the classes they stand for, as a table that can be edited."""

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication

from interp_gui.core.class_mapping import Proposal
from interp_gui.gui import icons, theme

Index = QModelIndex | QPersistentModelIndex
LABEL, CLASS, WHY, COUNT = range(4)
HEADERS = ("Label", "Class of the model", "Why", "Images")
NONE = "No class"
_BY_HAND = "Chosen by hand."


class ClassModel(QAbstractTableModel):
    """Proposals by row; the class can be chosen by its name or number."""

    def __init__(
        self,
        proposals: Sequence[Proposal],
        counts: Sequence[int],
        names: Sequence[str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.proposals = list(proposals)
        self._counts = list(counts)
        self.names = tuple(names)
        self._indices: dict[str, int] = {}
        for i, name in enumerate(self.names):
            self._indices.setdefault(name.casefold(), i)

    @property
    def classes(self) -> dict[str, int]:
        """The mapping as it stands: labels with a class."""
        return {p.label: p.index for p in self.proposals if p.index is not None}

    def find(self, text: str) -> int | None:
        """Index of a class by name, number, or `number: name`; None if there is none."""
        wanted = text.strip().casefold()
        if wanted in self._indices:
            return self._indices[wanted]
        number = wanted.partition(":")[0]
        if number.isascii() and number.isdigit() and int(number) < len(self.names):
            return int(number)
        return None

    def choose(self, row: int, index: int | None) -> None:
        """Say which class a label stands for."""
        before = self.proposals[row]
        if before.index == index and before.certain:
            return
        self.proposals[row] = msgspec.structs.replace(
            before, index=index, name="" if index is None else self.names[index], why=_BY_HAND,
            certain=True,
        )  # fmt: skip
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(HEADERS) - 1))

    def clear(self) -> None:
        """Let no label stand for a class."""
        for row in range(len(self.proposals)):
            self.choose(row, None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.proposals)

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(
        self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if way == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == CLASS else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        each, column = self.proposals[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return (each.label, self._class(each), each.why, f"{self._counts[index.row()]:,}")[
                column
            ]
        if role == Qt.ItemDataRole.ToolTipRole:
            unsure = self._is_unsure(each, CLASS)
            return f"Please look at this one. {each.why}" if unsure else each.why
        if role == Qt.ItemDataRole.AccessibleTextRole and column == CLASS:
            return self._class(each) + (", uncertain" if self._is_unsure(each, column) else "")
        if role == Qt.ItemDataRole.DecorationRole and self._is_unsure(each, column):
            return icons.icon("warning")
        if role == Qt.ItemDataRole.TextAlignmentRole and column == COUNT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and column == CLASS and each.index is None:
            return theme.dim_colour(QGuiApplication.palette())
        return None

    @staticmethod
    def _is_unsure(each: Proposal, column: int) -> bool:
        return column == CLASS and each.index is not None and not each.certain

    def _class(self, each: Proposal) -> str:
        return NONE if each.index is None else f"{each.index}: {self.names[each.index]}"

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or index.column() != CLASS:
            return False
        text = str(value).strip()
        found = self.find(text)
        if found is None and text and text.casefold() != NONE.casefold():
            return False
        self.choose(index.row(), found)
        return True
