"""The hits of the palette as a list, and how one of them is painted."""

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
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPalette,
    QPixmap,
    QTextCharFormat,
    QTextLayout,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from interp_gui.gui import icons, theme
from interp_gui.gui.palette.search import Hit

Index = QModelIndex | QPersistentModelIndex
HIT = Qt.ItemDataRole.UserRole
ICON_PX = 16


class HitsModel(QAbstractListModel):
    """Hits, best first."""

    def __init__(self) -> None:
        super().__init__()
        self._hits: list[Hit] = []

    def set_hits(self, hits: list[Hit]) -> None:
        """Show other hits."""
        self.beginResetModel()
        self._hits = hits
        self.endResetModel()

    @property
    def hits(self) -> list[Hit]:
        """What is listed."""
        return self._hits

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._hits)

    def flags(self, index: Index) -> Qt.ItemFlag:
        # Also what cannot be chosen can be gone to: its reason is to be read.
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self._hits):
            return None
        hit = self._hits[index.row()]
        if role == HIT:
            return hit
        if role == Qt.ItemDataRole.DisplayRole:
            return hit.item.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return spoken(hit)
        return None


def spoken(hit: Hit) -> str:
    """What a screen reader says of a hit."""
    item = hit.item
    state = "on" if item.checked else ""
    return ", ".join(
        part for part in (item.title, item.kind, state, item.reason or item.detail, item.shortcut)
        if part
    )  # fmt: skip


class HitDelegate(QStyledItemDelegate):
    """Icon, title with the typed letters in bold, detail, and at the right shortcut and kind."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._drawn: dict[tuple[str, int, float], QPixmap] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, QFontMetrics(option.font).height() + 3 * theme.SPACE_S)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        hit: Hit = index.data(HIT)
        item, palette = hit.item, option.palette
        area: QRect = option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if chosen:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.highlight())
            painter.drawRoundedRect(area.adjusted(theme.SPACE_S, 0, -theme.SPACE_S, 0), 4, 4)
        strong, faint = _colours(palette, chosen=chosen, dead=bool(item.reason))
        inner = area.adjusted(theme.SPACE_M + theme.SPACE_S, 0, -theme.SPACE_M - theme.SPACE_S, 0)
        if item.icon:
            self._icon(painter, inner, item.icon, strong)
        inner.setLeft(inner.left() + ICON_PX + theme.SPACE_M)
        inner.setRight(self._right(painter, inner, hit, option.font, faint))
        width = self._title(painter, inner, hit, option.font, strong)
        inner.setLeft(inner.left() + width + theme.SPACE_M)
        if inner.width() > 40:
            small = theme.small_font(option.font)
            painter.setFont(small)
            painter.setPen(faint)
            metrics = QFontMetrics(small)
            text = item.reason or item.detail
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, inner.width())
            painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter), shown)
        painter.restore()

    def _icon(self, painter: QPainter, area: QRect, name: str, colour: QColor) -> None:
        ratio = painter.device().devicePixelRatioF()
        key = (name, colour.rgba(), ratio)
        picture = self._drawn.get(key)
        if picture is None:  # reading the drawing for each row and letter would take too long
            picture = icons.draw(name, QSize(ICON_PX, ICON_PX) * ratio, colour)
            picture.setDevicePixelRatio(ratio)
            self._drawn[key] = picture
        painter.setOpacity(colour.alphaF())
        painter.drawPixmap(area.left(), area.center().y() - ICON_PX // 2 + 1, picture)
        painter.setOpacity(1.0)

    def _right(self, painter: QPainter, area: QRect, hit: Hit, font: QFont, colour: QColor) -> int:
        """Kind and shortcut; the left edge of what they take."""
        small = theme.small_font(font)
        painter.setFont(small)
        painter.setPen(colour)
        text = "   ".join(
            part for part in (hit.item.shortcut, "on" if hit.item.checked else "", hit.item.kind)
            if part
        )  # fmt: skip
        flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.AlignmentFlag.AlignRight)
        painter.drawText(area, flags, text)
        return area.right() - QFontMetrics(small).horizontalAdvance(text) - theme.SPACE_M

    def _title(self, painter: QPainter, area: QRect, hit: Hit, font: QFont, colour: QColor) -> int:
        """The title in one line; the width that it takes."""
        metrics = QFontMetrics(font)
        text = hit.item.title
        room = max(20, area.width())
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        layout = QTextLayout(shown, font)
        if shown == text:
            layout.setFormats(_bold(hit.positions))
        layout.beginLayout()
        line = layout.createLine()
        line.setLineWidth(room + 40)
        layout.endLayout()
        painter.setPen(colour)
        top = area.center().y() - round(line.height() / 2) + 1
        layout.draw(painter, QRect(area.left(), top, 0, 0).topLeft())
        return min(room, round(line.naturalTextWidth()))


def _bold(positions: tuple[int, ...]) -> list[QTextLayout.FormatRange]:
    found = []
    for at in positions:
        bold = QTextLayout.FormatRange()
        bold.start, bold.length = at, 1
        style = QTextCharFormat()
        style.setFontWeight(QFont.Weight.Bold)
        bold.format = style
        found.append(bold)
    return found


def _colours(palette: QPalette, *, chosen: bool, dead: bool) -> tuple[QColor, QColor]:
    """Of the title and of all else."""
    role = QPalette.ColorRole
    if chosen:
        strong = palette.color(role.HighlightedText)
        return strong, strong
    if dead:
        return palette.color(role.PlaceholderText), palette.color(role.PlaceholderText)
    return palette.color(role.Text), theme.dim_colour(palette)
