"""The images at hand as a list, and how one of them is painted."""

from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QFontMetrics, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.gui import icons, theme
from interp_gui.gui.thumbnails import SIDE_PX, Thumbnails

Index = QModelIndex | QPersistentModelIndex
ENTRY = Qt.ItemDataRole.UserRole
PICTURE = Qt.ItemDataRole.UserRole + 1
PROBLEM = Qt.ItemDataRole.UserRole + 2


class ImagesModel(QAbstractListModel):
    """Entries of a dataset; pictures are asked for only by rows that are painted."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._entries: tuple[ImageEntry, ...] = ()
        self._rows: dict[str, int] = {}
        thumbnails.arrived.connect(self._repaint)
        thumbnails.broken.connect(lambda path, _reason: self._repaint(path))
        thumbnails.reset.connect(self._repaint_all)

    def set_dataset(self, dataset: Dataset | None) -> None:
        """Show the images of a dataset."""
        self.beginResetModel()
        self._entries = dataset.images if dataset is not None else ()
        self._rows = {entry.path: i for i, entry in enumerate(self._entries)}
        self.endResetModel()

    @property
    def entries(self) -> tuple[ImageEntry, ...]:
        """What is listed, in order."""
        return self._entries

    def row_of(self, path: str | None) -> int | None:
        """Row of a path, None if it is not listed."""
        return self._rows.get(path) if path is not None else None

    def problem(self, entry: ImageEntry) -> str:
        """Why an image cannot be used; empty if it can or is not yet known."""
        return entry.problem or self._thumbnails.problems.get(entry.path, "")

    def first_good(self, start: int = 0) -> str | None:
        """Path of the first image from `start` on (then from the beginning) not known broken."""
        count = len(self._entries)
        for i in range(count):
            entry = self._entries[(start + i) % count]
            if not self.problem(entry):
                return entry.path
        return None

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self._entries):
            return None
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.name
        if role == PICTURE:
            return self._thumbnails.get(entry.path)
        if role == PROBLEM:
            return self.problem(entry)
        if role == ENTRY:
            return entry
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            parts = [entry.name if role == Qt.ItemDataRole.AccessibleTextRole else entry.path]
            parts += [f"Class: {entry.label}"] if entry.label else []
            parts += [f"Broken: {self.problem(entry)}"] if self.problem(entry) else []
            return "\n".join(parts)
        return None

    def _repaint(self, path: str) -> None:
        row = self._rows.get(path)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row))

    def _repaint_all(self) -> None:
        if self._entries:
            self.dataChanged.emit(self.index(0), self.index(len(self._entries) - 1))


class ImageDelegate(QStyledItemDelegate):
    """A picture, its file name and its class below it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.labelled = False
        """Whether there is a line for the class."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        line = QFontMetrics(theme.small_font(option.font)).height()
        lines = 2 if self.labelled else 1
        return QSize(SIDE_PX + 2 * theme.SPACE_M, SIDE_PX + lines * line + 3 * theme.SPACE_S)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        area: QRect = option.rect.adjusted(2, 2, -2, -2)
        palette: QPalette = option.palette
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.highlight())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawRoundedRect(area, 4, 4)
        elif option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(area, 4, 4)
        square = QRect(area.left(), area.top() + theme.SPACE_S, area.width(), SIDE_PX)
        self._paint_picture(painter, square, palette, index)
        entry: ImageEntry = index.data(ENTRY)
        font = theme.small_font(option.font)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        text = QRect(area.left() + 2, square.bottom() + 3, area.width() - 4, metrics.height())
        role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
        painter.setPen(palette.color(role))
        elided = metrics.elidedText(entry.name, Qt.TextElideMode.ElideMiddle, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignCenter, elided)
        if self.labelled:
            if not chosen:
                painter.setPen(theme.dim_colour(palette))
            text.translate(0, metrics.height())
            elided = metrics.elidedText(entry.label, Qt.TextElideMode.ElideRight, text.width())
            painter.drawText(text, Qt.AlignmentFlag.AlignCenter, elided)
        painter.restore()

    def _paint_picture(
        self, painter: QPainter, square: QRect, palette: QPalette, index: Index
    ) -> None:
        if index.data(PROBLEM):
            colour = theme.level_colour("error", dark=theme.is_dark(palette))
            picture = icons.draw("broken-image", QSize(36, 36), colour)
        else:
            found: QPixmap | None = index.data(PICTURE)
            if found is None:
                box = QRect(0, 0, SIDE_PX - 16, SIDE_PX - 16)
                box.moveCenter(square.center())
                painter.fillRect(box, palette.color(QPalette.ColorRole.AlternateBase))
                return
            picture = found
        size = picture.deviceIndependentSize().toSize()
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(square.center())
        painter.drawPixmap(place, picture)
