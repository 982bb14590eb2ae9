"""The cards of the shelf: a card list that takes what is dropped on it and can be put in order."""

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
)

from interp_gui.core.edit import EDITS_MIME_TYPE
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.gui.widgets.card_canvas import SPACING_PX
from interp_gui.gui.widgets.cards import CardList

CARD_PX, SMALLEST_PX, LARGEST_PX = 96, 64, 256
_CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
_OWN_KEYS = (Qt.Key.Key_F2, Qt.Key.Key_Delete)


class ShelfCards(CardList):
    """Cards in order, each of them an item of the shelf.

    Signals
    -------
    dropped
        Features, their pictures (null where there is none), and before which of the shown cards.
    edits_dropped
        An `EditStack`: edits are kept as such, not as the features that they are of.
    moved
        The selected cards were dragged before this one of the shown cards.
    refused
        `InterpError` that says why what was dropped cannot be kept.
    shift_requested
        The selected cards are to go this many places on.
    rename_requested, remove_requested
        F2 and Delete.
    """

    dropped = Signal(tuple, tuple, int)
    edits_dropped = Signal(object)
    moved = Signal(int)
    refused = Signal(object)
    shift_requested = Signal(int)
    rename_requested = Signal()
    remove_requested = Signal()

    def __init__(self, *, hint: str) -> None:
        super().__init__("Shelf", hint=hint)
        self.set_card_width(CARD_PX)
        self.setAcceptDrops(True)
        self._place: int | None = None
        self.is_dragging = False
        """Whether what is dragged over the list comes from it."""
        self.zoom_requested.connect(self._zoom)

    def select(self, keys: tuple[str, ...]) -> None:
        """Select cards and go to the first of them."""
        found = [index for index, card in enumerate(self.cards) if card.key in keys]
        if found:
            self._selection.reset(found, found[0])
            self.scroll_to(found[0])
            self._selection_done()

    def _zoom(self, by: int) -> None:
        self.set_card_width(min(LARGEST_PX, max(SMALLEST_PX, self.card_width + 16 * by)))

    def _fill_row(self) -> int:
        """At first no wider than lets a whole row be seen where the shelf is low."""
        width = super()._fill_row()
        if self.card_width != CARD_PX:
            return width  # as zoomed by hand
        style = self.style_of_cards
        room = self.viewport().height() - 2 * SPACING_PX - (style.height - style.width)
        return max(SMALLEST_PX, min(width, room))

    # --- dropping ------------------------------------------------------------------------------

    def place_at(self, position: QPoint) -> int:
        """Before which card something lands that is dropped there."""
        if not self.cards:
            return 0
        y = position.y() + self.verticalScrollBar().value()
        row = next((r for r in self._layout.rows if y < r.top + r.height), self._layout.rows[-1])
        width = self._layout.card[0] + self._layout.spacing
        column = round((position.x() - self._layout.left) / width)
        return row.first + min(row.count, max(0, column))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.dragMoveEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasFormat(EDITS_MIME_TYPE):
            event.acceptProposedAction()
        elif event.mimeData().hasFormat(MIME_TYPE):
            self._mark(self.place_at(event.position().toPoint()))
            event.acceptProposedAction()
        else:
            event.ignore()  # the window takes files

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark(None)

    def dropEvent(self, event: QDropEvent) -> None:
        self._mark(None)
        if event.mimeData().hasFormat(EDITS_MIME_TYPE):
            self._take_edits(event)
            return
        if not event.mimeData().hasFormat(MIME_TYPE):
            event.ignore()
            return
        place = self.place_at(event.position().toPoint())
        event.acceptProposedAction()
        if event.source() is self:
            self.moved.emit(place)
            return
        from interp_gui.gui.dragging.drag import features_from_mime

        try:
            features = features_from_mime(event.mimeData())
        except InterpError as problem:
            self.refused.emit(problem)
            return
        self.dropped.emit(features, _pictures(event, features), place)

    def _take_edits(self, event: QDropEvent) -> None:
        from interp_gui.gui.dragging.edits import edits_from_mime

        event.acceptProposedAction()
        try:
            stack = edits_from_mime(event.mimeData())
        except InterpError as problem:
            self.refused.emit(problem)
            return
        if stack is not None:
            self.edits_dropped.emit(stack)

    def _mark(self, place: int | None) -> None:
        if place != self._place:
            self._place = place
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._place is None or not self.cards:
            return
        painter = QPainter(self.viewport())
        painter.fillRect(self._mark_rect(self._place), self.palette().color(_HIGHLIGHT))
        painter.end()

    def _mark_rect(self, place: int) -> QRect:
        """A bar before a card, or behind the last one."""
        behind = place >= len(self.cards)
        card = self._rect(len(self.cards) - 1 if behind else place)
        left = card.right() + 3 if behind else card.left() - 5
        return QRect(left, card.top(), 3, card.height())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.is_dragging = True
        super().mouseMoveEvent(event)  # returns when what it began to drag was dropped
        self.is_dragging = False

    # --- keyboard ------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Take keys that mean something else in the rest of the window."""
        asks = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride
        if isinstance(event, QKeyEvent) and asks and _is_own(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Home: -len(self.cards),
            Qt.Key.Key_End: len(self.cards),
        }
        if event.modifiers() == _CTRL_SHIFT and key in steps:
            self.shift_requested.emit(steps[key])
        elif key == Qt.Key.Key_F2:
            self.rename_requested.emit()
        elif key == Qt.Key.Key_Delete:
            self.remove_requested.emit()
        else:
            super().keyPressEvent(event)


def _is_own(event: QKeyEvent) -> bool:
    return event.key() in _OWN_KEYS and not event.modifiers()


_HIGHLIGHT = QPalette.ColorRole.Highlight


def _pictures(event: QDropEvent, features: tuple[Feature, ...]) -> tuple[QImage, ...]:
    """What the cards show: asked of the view that they come from, or brought along."""
    return pictures_of(event.source(), features, _brought(event, features))


def _brought(event: QDropEvent, features: tuple[Feature, ...]) -> QImage:
    mime = event.mimeData()
    # of several features the one picture is that under the cursor, whichever that was
    if len(features) != 1 or not mime.hasImage():
        return QImage()
    image = mime.imageData()
    return image if isinstance(image, QImage) else QImage(image)


def pictures_of(source: object, features: tuple[Feature, ...], first: QImage) -> tuple[QImage, ...]:
    """Pictures of features as the view that they come from shows them.

    Parameters
    ----------
    source
        A view in this window, if any; asked if it has `picture_of`, as lists of cards have.
    first
        Picture of the first feature, where the view knows none.
    """
    ask = getattr(source, "picture_of", None)
    found = [ask(feature) if ask is not None else QImage() for feature in features]
    if found and found[0].isNull():
        found[0] = first
    return tuple(found)
