"""Kept results as rows of a list: ticked, dragged into order, with a small picture each."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QPixmap
from shiboken6 import isValid

from interp_gui.core.report.content import section_title
from interp_gui.core.result import AnyResult, Grid, Picture, Pixels
from interp_gui.core.session.document import KeptResult
from interp_gui.gui.background import Background
from interp_gui.gui.report.kept import KeptResults
from interp_gui.gui.widgets.pixels import to_image

Index = QModelIndex | QPersistentModelIndex
MIME_TYPE = "application/x-interp-gui-report-rows"
THUMBNAIL_PX = 64
MOST_OBLONG = 1.4


class ReportModel(QAbstractListModel):
    """The list of a report; what is changed here can be undone."""

    def __init__(self, kept: KeptResults, background: Background) -> None:
        super().__init__()
        self._kept, self._background = kept, background
        self._items: tuple[KeptResult, ...] = ()
        self._pictures: dict[str, QPixmap] = {}
        kept.changed.connect(self._on_changed)
        self._on_changed()

    @property
    def items(self) -> tuple[KeptResult, ...]:
        """What is listed."""
        return self._items

    def _on_changed(self) -> None:
        before, after = self._items, self._kept.items
        if [item.id for item in before] != [item.id for item in after]:
            self.beginResetModel()
            self._items = after
            self.endResetModel()
        else:
            self._items = after
            for row, (old, new) in enumerate(zip(before, after, strict=True)):
                if old is not new:
                    self.dataChanged.emit(self.index(row), self.index(row))
        for item in after:
            if item.id not in self._pictures:
                self._pictures[item.id] = QPixmap()
                self._background.run(
                    partial(thumbnail_of, item.result), partial(self._on_picture, item.id)
                )

    def _on_picture(self, item_id: str, pixels: Pixels) -> None:
        if not isValid(self):  # the report was closed while it was drawn
            return
        self._pictures[item_id] = QPixmap.fromImage(to_image(pixels))
        for row, item in enumerate(self._items):
            if item.id == item_id:
                self.dataChanged.emit(self.index(row), self.index(row))

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self._items[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return f"{section_title(item)}\n{_second_line(item)}"
            case Qt.ItemDataRole.DecorationRole:
                return self._pictures.get(item.id)
            case Qt.ItemDataRole.CheckStateRole:
                checked = Qt.CheckState.Checked if item.included else Qt.CheckState.Unchecked
                return checked.value
            case Qt.ItemDataRole.SizeHintRole:
                return QSize(180, THUMBNAIL_PX + 8)
            case Qt.ItemDataRole.AccessibleTextRole:
                ticked = "in the report" if item.included else "left out"
                return f"{section_title(item)}, {_second_line(item)}, {ticked}"
            case Qt.ItemDataRole.ToolTipRole:
                return item.note or None
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        included = Qt.CheckState(value) == Qt.CheckState.Checked
        self._kept.update(self._items[index.row()].id, included=included)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsUserCheckable
            | Qt.ItemFlag.ItemIsDragEnabled
        )

    # --- dragged into order ----------------------------------------------------------------------

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [MIME_TYPE]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        data = QMimeData()
        ids = ",".join(self._items[index.row()].id for index in indexes)
        data.setData(MIME_TYPE, ids.encode())
        return data

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        if not data.hasFormat(MIME_TYPE):
            return False
        ids = bytes(data.data(MIME_TYPE).data()).decode().split(",")
        place = row if row >= 0 else parent.row() if parent.isValid() else len(self._items)
        self._kept.move(set(ids), place)
        # what moved is where it belongs; the view must not remove the rows that were dragged
        return False


def _second_line(item: KeptResult) -> str:
    parts = [item.result.kind]
    if item.companions:
        count = len(item.companions)
        parts.append(f"with {count} more" if count > 1 else "with one more")
    if item.note:
        parts.append("noted")
    return " · ".join(parts)


def thumbnail_of(result: AnyResult, size_px: int = THUMBNAIL_PX) -> Pixels:
    """A square picture of any result, (size, size, 3), by which it is known again."""
    from PIL import Image

    from interp_gui.core.export import result_image

    if isinstance(result, Picture):
        pixels = result.pixels
    elif isinstance(result, Grid) and result.items:
        pixels = result.items[0].pixels
    else:
        pixels = result_image(result)
    longest = math.ceil(MOST_OBLONG * min(pixels.shape[:2]))
    # of what is long only the beginning could be made out
    image = Image.fromarray(np.ascontiguousarray(pixels[:longest, :longest])).convert("RGB")
    image.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (size_px, size_px), (255, 255, 255))
    square.paste(image, ((size_px - image.width) // 2, (size_px - image.height) // 2))
    return np.asarray(square)
