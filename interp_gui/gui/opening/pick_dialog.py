"""Picking one of several checkpoints in a folder."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from interp_gui.core.errors import plain_line
from interp_gui.core.natural import natural_order
from interp_gui.core.opening import OpenQuestion
from interp_gui.gui import parts, theme
from interp_gui.gui.opening.file_dialog import size_text

_NAME = Qt.ItemDataRole.UserRole
_MOST_ROWS = 12
_COLUMNS_PX = (360, 100)


class PickDialog(QDialog):
    """Names, sizes and dates of the checkpoints in a folder; one of them is opened.

    Signals
    -------
    picked
        Path of the one to open.
    refused
        None of them.
    """

    picked = Signal(str)
    refused = Signal()

    def __init__(self, question: OpenQuestion, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._folder, self._is_answered = question.path, False
        self.setWindowTitle(f"Open {plain_line(question.file)}")
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        count = len(question.files)
        several = f"{count} checkpoints" if count > 1 else "a checkpoint in a folder below"
        self.heading = parts.label(f"'{plain_line(question.file)}' holds {several}")
        self.heading.setFont(theme.heading_font(self.font()))
        column.addWidget(self.heading)
        column.addWidget(parts.label("Which one do you want to open?", dim=True))
        self.files = self._table(question.files)
        column.addWidget(self.files, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.open_button = QPushButton("Open")
        self.open_button.setDefault(True)
        self.open_button.clicked.connect(self._open)
        buttons.addButton(self.open_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.setAccessibleName(self.heading.text())
        self.resize(700, self.sizeHint().height())
        self.files.setFocus()

    def _table(self, names: Sequence[str]) -> QTreeWidget:
        table = QTreeWidget()
        table.setHeaderLabels(["Checkpoint", "Size", "Changed"])
        table.setRootIsDecorated(False)
        table.setAlternatingRowColors(True)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setAccessibleName("Checkpoints in the folder")
        table.setAccessibleDescription("Choose the one to open; Enter opens it")
        for at in natural_order(names):
            name = names[int(at)]
            size, changed = _facts(os.path.join(self._folder, name))
            row = QTreeWidgetItem([plain_line(name), size, changed])
            row.setData(0, _NAME, name)
            row.setToolTip(0, plain_line(name))
            row.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.addTopLevelItem(row)
        header = table.header()
        header.setStretchLastSection(True)
        for at, width in enumerate(_COLUMNS_PX):
            table.setColumnWidth(at, width)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        first = table.topLevelItem(0)
        if first is not None:
            table.setCurrentItem(first)
            rows = min(max(len(names), 4), _MOST_ROWS)
            table.setMinimumHeight(rows * table.sizeHintForRow(0) + header.sizeHint().height() + 8)
        table.itemActivated.connect(lambda *_: self._open())
        return table

    @property
    def chosen(self) -> str:
        """Path of the row that is chosen; empty if none is."""
        row = self.files.currentItem()
        return "" if row is None else os.path.join(self._folder, str(row.data(0, _NAME)))

    def _open(self) -> None:
        if not self._is_answered and self.chosen:
            self._is_answered = True
            self.picked.emit(self.chosen)
            self.close()

    def done(self, result: int) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.refused.emit()
        super().done(result)


def _facts(path: str) -> tuple[str, str]:
    """Size and date of a file, in words; empty where it cannot be asked."""
    try:
        found = Path(path).stat()
        changed = datetime.fromtimestamp(found.st_mtime)
    except (OSError, ValueError, OverflowError):
        return "", ""
    return size_text(found.st_size), changed.strftime("%Y-%m-%d %H:%M")
