"""How one image of the list is painted."""

from PySide6.QtCore import QObject, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from interp_gui.gui import icons, theme
from interp_gui.gui.panels.images.model import CAPTION, PICTURE, PROBLEM, VERDICT, Index
from interp_gui.gui.state import Level
from interp_gui.gui.thumbnails import SIDE_PX

_MARK_PX = 18


class ImageDelegate(QStyledItemDelegate):
    """A picture, its file name and its class below it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.captioned = False
        """Whether there is a line for the class."""
        self._signs: dict[tuple[str, int, str, float], QPixmap] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        line = QFontMetrics(theme.small_font(option.font)).height()
        lines = 2 if self.captioned else 1
        return QSize(SIDE_PX + 2 * theme.SPACE_M, SIDE_PX + lines * line + 3 * theme.SPACE_S)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        area: QRect = option.rect.adjusted(2, 2, -2, -2)
        palette: QPalette = option.palette
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.highlight())
            painter.drawRoundedRect(area, 4, 4)
        if focused:
            role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Highlight
            painter.setPen(palette.color(role))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 3, 3)
        square = QRect(area.left(), area.top() + theme.SPACE_S, area.width(), SIDE_PX)
        place = self._paint_picture(painter, square, palette, index)
        self._paint_verdict(painter, place, palette, index)
        font = theme.small_font(option.font)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        text = QRect(area.left() + 2, square.bottom() + 3, area.width() - 4, metrics.height())
        role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
        painter.setPen(palette.color(role))
        name = index.data(Qt.ItemDataRole.DisplayRole)
        elided = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignCenter, elided)
        if self.captioned:
            if not chosen:
                painter.setPen(theme.dim_colour(palette))
            text.translate(0, metrics.height())
            caption = index.data(CAPTION)
            elided = metrics.elidedText(caption, Qt.TextElideMode.ElideRight, text.width())
            painter.drawText(text, Qt.AlignmentFlag.AlignCenter, elided)
        painter.restore()

    def _paint_picture(
        self, painter: QPainter, square: QRect, palette: QPalette, index: Index
    ) -> QRect:
        if index.data(PROBLEM):
            colour = theme.level_colour("error", dark=theme.is_dark(palette))
            picture = self._sign(painter, "broken-image", 36, colour)
            size = picture.deviceIndependentSize().toSize()
        else:
            found: QPixmap | None = index.data(PICTURE)
            if found is None:
                box = QRect(0, 0, SIDE_PX - 16, SIDE_PX - 16)
                box.moveCenter(square.center())
                painter.fillRect(box, palette.color(QPalette.ColorRole.AlternateBase))
                return box
            picture = found
            # Pictures of fewer pixels than a cell are as large at every scaling of the screen.
            longest = max(picture.width(), picture.height(), 1)
            size = picture.size() * (min(SIDE_PX, longest) / longest)
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(square.center())
        painter.drawPixmap(place, picture)
        return place

    def _paint_verdict(
        self, painter: QPainter, place: QRect, palette: QPalette, index: Index
    ) -> None:
        """A sign in the corner of what was predicted: a cross if wrong, a tick if right."""
        verdict = index.data(VERDICT)
        if not verdict:
            return
        level: Level = "error" if verdict == "wrong" else "success"
        icon = "close" if verdict == "wrong" else "tick"
        corner = QRect(0, 0, _MARK_PX, _MARK_PX)
        corner.moveBottomRight(place.bottomRight())
        ground = palette.color(QPalette.ColorRole.Base)
        painter.setPen(ground)
        painter.setBrush(theme.level_colour(level, dark=theme.is_dark(palette)))
        painter.drawEllipse(corner)
        inner = corner.adjusted(2, 2, -2, -2)
        painter.drawPixmap(inner, self._sign(painter, icon, inner.width(), ground))

    def _sign(self, painter: QPainter, icon: str, side: int, colour: QColor) -> QPixmap:
        """An icon as pixels; drawn once, not for every cell of every frame."""
        ratio = painter.device().devicePixelRatio()
        key = (icon, side, colour.name(), ratio)
        if key not in self._signs:
            sign = icons.draw(icon, QSize(side, side) * ratio, colour)
            sign.setDevicePixelRatio(ratio)
            self._signs[key] = sign
        return self._signs[key]
