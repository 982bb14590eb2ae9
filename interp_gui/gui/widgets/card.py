"""One card of a list: what it shows, and how it is painted."""

from dataclasses import dataclass, field

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPainterPath,
    QPalette,
    QPixmap,
)

from interp_gui.core.feature import Feature
from interp_gui.gui.widgets.pixels import covering

STRIP = 4
"""Small pictures beneath the large one."""
_MARGIN = 6
SMALLEST_TAG = 0.5
"""How far the words of a tag shrink, as a part of the text of cards, before they are cut."""
_GAP = 2


@dataclass
class Card:
    """A card; change it in place and tell the list by `CardList.card_changed`.

    Parameters
    ----------
    main
        Large picture; null while there is none.
    strip
        Small pictures beneath it (real examples), strongest first.
    caption
        Line beneath the title.
    tag
        Short word over the picture (`dead`, `128 steps`).
    dim
        Painted faintly.
    group
        Heading under which it stands; cards of a group are adjacent.
    """

    key: str
    title: str
    caption: str = ""
    tag: str = ""
    dim: bool = False
    feature: Feature | None = None
    group: str = ""
    main: QImage = field(default_factory=QImage)
    strip: tuple[QImage, ...] = ()
    placeholder: str = ""
    tooltip: str = ""
    revision: int = 0

    @property
    def spoken(self) -> str:
        """What a screen reader says."""
        return ", ".join(text for text in (self.title, self.tag, self.caption) if text)


@dataclass(frozen=True)
class CardStyle:
    """Sizes that follow from the zoom and the font; without `lines` there are only pictures."""

    width: int
    line: int
    strip: bool = True
    lines: int = 2

    @property
    def picture(self) -> int:
        """Side of the large picture."""
        return self.width - 2 * _MARGIN

    @property
    def small(self) -> int:
        """Side of a small picture."""
        return (self.picture - (STRIP - 1) * _GAP) // STRIP if self.strip else 0

    @property
    def picture_height(self) -> int:
        """Height of all pictures together."""
        return self.picture + (self.small + _GAP if self.strip else 0)

    @property
    def height(self) -> int:
        """Height of a card."""
        return _MARGIN + self.picture_height + 3 + self.lines * self.line + _MARGIN - 2


def render_pictures(card: Card, style: CardStyle, palette: QPalette, ratio: float) -> QPixmap:
    """Paint a card's pictures once; the list keeps them until they change."""
    size = QSize(style.picture, style.picture_height)
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    empty = QColor(palette.color(QPalette.ColorRole.Mid))
    empty.setAlpha(60)
    _picture(painter, QRect(0, 0, style.picture, style.picture), card.main, empty)
    if card.main.isNull() and card.placeholder:
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            QRect(6, 6, style.picture - 12, style.picture - 12),
            int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
            card.placeholder,
        )
    if style.strip:
        for slot in range(STRIP):
            left = slot * (style.small + _GAP)
            right = style.picture if slot == STRIP - 1 else left + style.small
            area = QRect(left, style.picture + _GAP, right - left, style.small)
            picture = card.strip[slot] if slot < len(card.strip) else QImage()
            _picture(painter, area, picture, empty)
    painter.end()
    return pixmap


def _picture(painter: QPainter, area: QRect, picture: QImage, empty: QColor) -> None:
    if picture.isNull():
        painter.fillRect(area, empty)
        return
    source = covering(picture.size(), area.size())
    target = area.size() * painter.device().devicePixelRatioF()
    # scaled in two steps, because drawImage alone samples too few pixels when it shrinks much
    piece = picture.copy(source).scaled(
        target, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    painter.drawImage(area, piece)


def paint_card(
    painter: QPainter,
    rect: QRect,
    card: Card,
    *,
    style: CardStyle,
    palette: QPalette,
    pictures: QPixmap,
    font: QFont,
    selected: bool,
    current: bool,
) -> None:
    """Paint a card at `rect`."""
    highlight = palette.color(QPalette.ColorRole.Highlight)
    ground = QColor(palette.color(QPalette.ColorRole.Base))
    if selected:
        ground = _mixed(ground, highlight, 0.28)
    edge = QColor(palette.color(QPalette.ColorRole.Mid))
    edge.setAlpha(90)
    painter.setPen(highlight if selected or current else edge)
    painter.setBrush(ground)
    painter.drawRoundedRect(rect.adjusted(0, 0, -1, -1), 5, 5)
    if current:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(1, 1, -2, -2), 4, 4)
    painter.setOpacity(0.45 if card.dim else 1.0)
    painter.drawPixmap(rect.left() + _MARGIN, rect.top() + _MARGIN, pictures)
    painter.setOpacity(1.0)
    if card.tag:
        _tag(painter, rect, card.tag, font)
    text = QRect(
        rect.left() + _MARGIN,
        rect.top() + _MARGIN + style.picture_height + 3,
        style.picture,
        style.line,
    )
    if style.lines:
        _line(painter, text, card.title, font, palette.color(QPalette.ColorRole.Text))
    if style.lines > 1 and card.caption:
        faint = _mixed(palette.color(QPalette.ColorRole.Text), ground, 0.35)
        _line(painter, text.translated(0, style.line), card.caption, smaller(font), faint)


def smaller(font: QFont) -> QFont:
    """The font one step down."""
    reduced = QFont(font)
    if font.pointSizeF() > 0:
        reduced.setPointSizeF(font.pointSizeF() * 0.88)
    return reduced


def _line(painter: QPainter, area: QRect, text: str, font: QFont, colour: QColor) -> None:
    painter.setFont(font)
    painter.setPen(colour)
    shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, area.width())
    painter.drawText(area, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)


def _tag(painter: QPainter, rect: QRect, text: str, font: QFont) -> None:
    # black on white at fixed colours: it lies on data, whose colours do not follow the theme
    small, room = smaller(font), rect.width() - 20
    wanted = QFontMetrics(small).horizontalAdvance(text) + 10
    if wanted > room and small.pointSizeF() > 0:  # large text on a small card
        small.setPointSizeF(small.pointSizeF() * max(SMALLEST_TAG, room / wanted * 0.97))
    metrics = QFontMetrics(small)
    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room - 6)
    width = min(room, metrics.horizontalAdvance(text) + 10)
    area = QRect(rect.left() + _MARGIN + 4, rect.top() + _MARGIN + 4, width, metrics.height() + 2)
    path = QPainterPath()
    path.addRoundedRect(QRectF(area), 4, 4)
    painter.fillPath(path, QColor(0, 0, 0, 170))
    painter.setFont(small)
    painter.setPen(QColor(255, 255, 255))
    painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), text)


def _mixed(first: QColor, second: QColor, share: float) -> QColor:
    def between(a: int, b: int) -> int:
        return round(a + (b - a) * share)

    return QColor(
        between(first.red(), second.red()),
        between(first.green(), second.green()),
        between(first.blue(), second.blue()),
    )
