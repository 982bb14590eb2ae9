"""Cards in rows, of which only those in view are painted; thousands cost no more."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetrics,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from interp_gui.gui.widgets.card import Card, CardStyle, paint_card, render_pictures
from interp_gui.gui.widgets.card_layout import CardLayout
from interp_gui.gui.widgets.selection import Selection

_KEPT_PIXMAPS = 320
SPACING_PX = 8


class CardCanvas(QAbstractScrollArea):
    """Lays cards out, paints them, and knows which are in view.

    Parameters
    ----------
    name
        Accessible name.
    hint
        What to do while the list is empty.
    strip
        Whether cards have small pictures beneath the large one.

    Signals
    -------
    visible_changed
        Other cards came into view.
    """

    visible_changed = Signal()

    def __init__(
        self, name: str, *, hint: str = "", parent: QWidget | None = None, strip: bool = False
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.hint = hint
        self.columns = 0
        self.prepare: Callable[[Card], None] | None = None
        """Called before a card is shown or read out, so that texts of cards that are never in
        view need not be made."""
        self.painted_cards = 0
        """Cards painted since the list was made; for tests."""
        self._strip = strip
        self._card_width = self._fitted_width = 132
        self._cards: list[Card] = []
        self._index: dict[str, int] = {}
        self._selection = Selection()
        self._pixmaps: OrderedDict[tuple[object, ...], QPixmap] = OrderedDict()
        self._layout = CardLayout([], width=1, card=(10, 10))
        self._seen: tuple[str, ...] = ()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        self.verticalScrollBar().valueChanged.connect(self._tell_visible)

    # --- contents ---------------------------------------------------------------------------

    @property
    def cards(self) -> Sequence[Card]:
        """All cards, in order."""
        return self._cards

    def _lay_out(self, cards: Iterable[Card]) -> None:
        self._cards = list(cards)
        self._index = {card.key: i for i, card in enumerate(self._cards)}

    def card(self, key: str) -> Card | None:
        """The card of a key."""
        index = self._index.get(key)
        return None if index is None else self._cards[index]

    def card_changed(self, key: str) -> None:
        """Paint a card again after it was changed in place."""
        index = self._index.get(key)
        if index is None:
            return
        self._cards[index].revision += 1
        self.viewport().update(self._rect(index))

    def set_card_width(self, width: int) -> None:
        """Zoom: width of a card in pixels."""
        if width == self._card_width:
            return
        anchor = self._index.get(next(iter(self.visible_keys()), ""))
        self._card_width = width
        self._relayout()
        if anchor is not None:
            self.verticalScrollBar().setValue(self._layout.position(anchor)[1] - 8)

    @property
    def card_width(self) -> int:
        """Width of a card in pixels."""
        return self._card_width

    # --- geometry ---------------------------------------------------------------------------

    @property
    def style_of_cards(self) -> CardStyle:
        """Sizes at the present zoom."""
        line = QFontMetrics(self.font()).height() + 1
        return CardStyle(width=self._fitted_width, line=line, strip=self._strip)

    def _fill_row(self) -> int:
        """A little wider than asked for, so that a full row leaves no empty edge."""
        room = self.viewport().width() - SPACING_PX
        count = max(1, room // (self._card_width + SPACING_PX))
        if self.columns:
            count = min(count, self.columns)
        if len(self._cards) <= count:
            return self._card_width
        return max(self._card_width, min(self._card_width * 3 // 2, room // count - SPACING_PX))

    def visible_keys(self) -> tuple[str, ...]:
        """Keys of the cards in view, in order."""
        top = self.verticalScrollBar().value()
        visible = self._layout.indices_in(top, top + self.viewport().height())
        return tuple(self._cards[i].key for i in visible)

    def keys_ahead(self) -> tuple[str, ...]:
        """Keys of the next screenful."""
        visible = self.visible_keys()
        if not visible:
            return ()
        first = self._index[visible[-1]] + 1
        return tuple(card.key for card in self._cards[first : first + len(visible)])

    def scroll_to(self, index: int) -> None:
        """Bring a card into view."""
        bar, top = self.verticalScrollBar(), self._layout.position(index)[1]
        height, room = self._layout.card[1], self.viewport().height()
        if top - 8 < bar.value():
            bar.setValue(top - 8)
        elif top + height + 8 > bar.value() + room:
            bar.setValue(top + height + 8 - room)

    def content_height(self) -> int:
        """Height of everything."""
        return self._layout.height

    def sizeHint(self) -> QSize:
        return QSize(4 * (self._card_width + 8) + 24, 2 * self.style_of_cards.height + 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._card_width + 24, 80)

    def _relayout(self) -> None:
        self._fitted_width = self._fill_row()
        style = self.style_of_cards
        self._layout = CardLayout(
            [card.group for card in self._cards],
            width=self.viewport().width(),
            card=(style.width, style.height),
            heading=style.line + 8,
            columns=self.columns,
            spacing=SPACING_PX,
        )
        room = self.viewport().height()
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, self._layout.height - room))
        bar.setPageStep(room)
        bar.setSingleStep(max(16, style.height // 3))
        self.viewport().update()
        self._tell_visible()

    def _rect(self, index: int) -> QRect:
        left, top = self._layout.position(index)
        return QRect(QPoint(left, top - self.verticalScrollBar().value()), self._card_size())

    def _card_size(self) -> QSize:
        return QSize(*self._layout.card)

    def _tell_visible(self) -> None:
        keys = self.visible_keys()
        if keys != self._seen:
            self._seen = keys
            self.visible_changed.emit()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._relayout()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kinds = (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange)
        if event.type() in kinds:
            self._pixmaps.clear()
            self._relayout()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            return self.show_tooltip_at(event.pos())
        return super().viewportEvent(event)

    # --- painting ---------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        if not self._cards:
            self._paint_hint(painter)
        style, offset = self.style_of_cards, self.verticalScrollBar().value()
        dirty = event.rect()
        for row in self._layout.rows_in(offset + dirty.top(), offset + dirty.bottom() + 1):
            if row.heading:
                self._paint_heading(painter, row.heading, row.top - offset, row.height)
            for index in range(row.first, row.first + row.count):
                rect = self._rect(index)
                if rect.intersects(dirty):
                    self._paint_card(painter, index, rect, style)
        painter.end()

    def _paint_card(self, painter: QPainter, index: int, rect: QRect, style: CardStyle) -> None:
        self.painted_cards += 1
        card = self._prepared(index)
        paint_card(
            painter,
            rect,
            card,
            style=style,
            palette=self.palette(),
            pictures=self._pictures(card, style),
            font=self.font(),
            selected=index in self._selection.chosen,
            current=index == self._selection.current and self.hasFocus(),
        )

    def _prepared(self, index: int) -> Card:
        card = self._cards[index]
        if self.prepare is not None:
            self.prepare(card)
        return card

    def _pictures(self, card: Card, style: CardStyle) -> QPixmap:
        ratio = self.devicePixelRatioF()
        # By what is in the pictures: the card of another model's unit has the same key, and begins
        # to count its revisions anew.
        drawn = (card.main.cacheKey(), *(picture.cacheKey() for picture in card.strip))
        key = (card.key, card.revision, drawn, card.placeholder, style.width, ratio)
        found = self._pixmaps.get(key)
        if found is None:
            found = self._pixmaps[key] = render_pictures(card, style, self.palette(), ratio)
            while len(self._pixmaps) > _KEPT_PIXMAPS:
                self._pixmaps.popitem(last=False)
        self._pixmaps.move_to_end(key)
        return found

    def _paint_heading(self, painter: QPainter, text: str, top: int, height: int) -> None:
        font = self.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        area = QRect(self._layout.left, top, self.viewport().width() - 16, height)
        painter.drawText(
            area, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text
        )
        painter.setFont(self.font())

    def _paint_hint(self, painter: QPainter) -> None:
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            self.viewport().rect().adjusted(24, 16, -24, -16),
            int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
            self.hint,
        )

    def set_hint(self, hint: str) -> None:
        """Say what to do while the list is empty."""
        self.hint = hint
        self.viewport().update()

    def index_at(self, position: QPoint) -> int | None:
        """Index of the card at a position of the viewport."""
        return self._layout.index_at(position.x(), position.y() + self.verticalScrollBar().value())

    def show_tooltip_at(self, position: QPoint) -> bool:
        """Show the tooltip of the card there."""
        index = self.index_at(position)
        text = self._prepared(index).tooltip if index is not None else ""
        QToolTip.showText(self.viewport().mapToGlobal(position), text, self.viewport())
        return bool(text)
