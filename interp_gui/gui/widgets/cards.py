"""A list of cards that can be chosen, opened and dragged, by mouse and by keyboard."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QContextMenuEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.gui.accessible import SpokenItem
from interp_gui.gui.widgets.card import Card
from interp_gui.gui.widgets.card_canvas import CardCanvas

_MOVES = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class CardList(CardCanvas):
    """Cards in rows with selection by mouse and keyboard.

    Signals
    -------
    activated
        Key of a card that was opened (double click, Enter).
    current_changed
        Key of the card that the keyboard is on; empty if none.
    selection_changed
        The set of selected cards is another one.
    menu_requested
        Key (empty beside cards) and global position.
    zoom_requested
        +1 or −1 by Ctrl + wheel.
    """

    accessible_role = "List"
    activated = Signal(str)
    current_changed = Signal(str)
    selection_changed = Signal()
    menu_requested = Signal(str, QPoint)
    zoom_requested = Signal(int)

    def __init__(
        self, name: str, *, hint: str = "", parent: QWidget | None = None, strip: bool = False
    ) -> None:
        super().__init__(name, hint=hint, parent=parent, strip=strip)
        self.result_of: Callable[[Card], tuple[AnyResult, Recipe | None] | None] | None = None
        """Gives what a card that is dragged to the desktop becomes a file of."""
        self.examples_of: Callable[[], tuple[Example, ...]] | None = None
        """Gives the images, or parts of them, that the selected cards stand for."""
        self.is_dragging = False
        """Whether cards of this list are being dragged."""
        self._pressed: tuple[int, QPoint] | None = None
        self._collapse_on_release: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleDescription("Arrow keys go from card to card, Enter opens one")

    def set_cards(self, cards: Iterable[Card]) -> None:
        """Show other cards or another order; selection and current card stay where they can."""
        selected, current = set(self.selected_keys()), self.current_key
        self._lay_out(cards)
        kept = {self._index[key] for key in selected if key in self._index}
        self._selection.reset(kept, self._index.get(current))
        self._relayout()
        if len(kept) != len(selected):
            self.selection_changed.emit()

    # --- selection --------------------------------------------------------------------------

    @property
    def current_key(self) -> str:
        """Key of the card that the keyboard is on."""
        current = self._selection.current
        return self._cards[current].key if current is not None else ""

    def selected_keys(self) -> list[str]:
        """Keys of the selected cards, in order."""
        return [self._cards[i].key for i in sorted(self._selection.chosen)]

    def selected_features(self) -> tuple[Feature, ...]:
        """Features of the selected cards: the current one first, the others in order."""
        current = self._selection.current
        chosen = sorted(self._selection.chosen, key=lambda i: (i != current, i))
        cards = (self._cards[i] for i in chosen)
        return tuple(card.feature for card in cards if card.feature is not None)

    def picture_of(self, feature: Feature) -> QImage:
        """The picture on the card of a feature; null if there is none."""
        cards = (card for card in self._cards if card.feature == feature)
        return next((card.main for card in cards), QImage())

    def select_all(self) -> None:
        """Select every card."""
        self._selection.all(len(self._cards))
        self._selection_done()

    def set_current(self, key: str, *, select: bool = True) -> None:
        """Move to a card and scroll to it."""
        index = self._index.get(key)
        if index is None or index == self._selection.current:
            return
        self._move_to(index, Qt.KeyboardModifier.NoModifier, select=select)

    def _move_to(self, index: int, modifiers: Qt.KeyboardModifier, *, select: bool = True) -> None:
        if select:
            self._selection.go(
                index,
                extend=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
                toggle=False,
                keep=bool(modifiers & Qt.KeyboardModifier.ControlModifier),
            )
        else:
            self._selection.current = index
        self.scroll_to(index)
        self._selection_done()

    def _selection_done(self) -> None:
        self.viewport().update()
        key = self.current_key
        if key:
            card = self._prepared(self._index[key])
            place = f"{self._index[key] + 1} of {len(self._cards)}"
            self.setAccessibleDescription(f"{card.spoken}, {place}")
            if self.hasFocus() and QAccessible.isActive():
                event = QAccessibleEvent(self, QAccessible.Event.Focus)
                event.setChild(self._index[key])
                QAccessible.updateAccessibility(event)
        self.current_changed.emit(key)
        self.selection_changed.emit()

    # --- what assistive technology is told -----------------------------------------------------

    def spoken_count(self) -> int:
        """How many cards there are."""
        return len(self._cards)

    def spoken_item(self, index: int) -> SpokenItem:
        """Name, place and state of a card."""
        card = self._prepared(index)
        return SpokenItem(
            card.title,
            ", ".join(text for text in (card.tag, card.caption) if text),
            self._rect(index).translated(self.viewport().pos()),
            selected=index in self._selection.chosen,
            focused=index == self._selection.current and self.hasFocus(),
        )

    def spoken_at(self, x: int, y: int) -> int | None:
        """The card at a position on the list."""
        return self.index_at(QPoint(x, y) - self.viewport().pos())

    def spoken_current(self) -> int | None:
        """The card that the keyboard is on."""
        return self._selection.current

    # --- mouse and keyboard -----------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        position = event.position().toPoint()
        index = self.index_at(position)
        if index is None:
            if event.button() == Qt.MouseButton.LeftButton:
                self._selection.clear()
                self._selection_done()
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = (index, position)
        modifiers = event.modifiers()
        plain = modifiers == Qt.KeyboardModifier.NoModifier
        if plain and index in self._selection.chosen:
            # pressed to drag all that is selected, perhaps: decided when released
            self._collapse_on_release = index
            self._selection.current = index
            self.viewport().update()
            return
        self._selection.go(
            index,
            extend=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
            toggle=bool(modifiers & Qt.KeyboardModifier.ControlModifier),
        )
        self._selection_done()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        index, start = self._pressed
        far = (event.position().toPoint() - start).manhattanLength()
        if far < QApplication.startDragDistance():
            return
        self._pressed = self._collapse_on_release = None
        features = self.selected_features()
        examples = self.examples_of() if self.examples_of is not None else ()
        if (features or examples) and index < len(self._cards):
            from interp_gui.gui.dragging.drag import start_drag

            card = self._cards[index]
            shown = self.result_of(card) if self.result_of is not None else None
            result, recipe = shown or (None, None)
            self.is_dragging = True
            try:
                start_drag(
                    self, features, image=card.main, result=result, recipe=recipe,
                    examples=examples,
                )  # fmt: skip
            finally:
                self.is_dragging = False

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None
        if self._collapse_on_release is not None:
            self._selection.go(self._collapse_on_release)
            self._collapse_on_release = None
            self._selection_done()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self._collapse_on_release = None
            self.activated.emit(self._cards[index].key)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_requested.emit(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            current = self._selection.current
            if current is not None:
                where = self.viewport().mapToGlobal(self._rect(current).center())
                self.menu_requested.emit(self._cards[current].key, where)
            return
        index = self.index_at(event.pos())
        key = self._cards[index].key if index is not None else ""
        self.menu_requested.emit(key, event.globalPos())

    def event(self, event: QEvent) -> bool:
        """Keep Ctrl + arrow, which moves without selecting, from the window's shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
            if control and Qt.Key(event.key()) in _MOVES:
                event.accept()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self._selection.current
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_A and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.select_all()
            return
        if not self._cards:
            super().keyPressEvent(event)
            return
        here = 0 if current is None else current
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self.activated.emit(self._cards[here].key)
        elif key == Qt.Key.Key_Space and current is not None:
            self._selection.go(here, toggle=True)
            self._selection_done()
        elif (target := self._target(key, here, fresh=current is None)) is not None:
            self._move_to(target, event.modifiers())
        else:
            super().keyPressEvent(event)

    def _target(self, key: Qt.Key, here: int, *, fresh: bool) -> int | None:
        last = len(self._cards) - 1
        page = max(1, self.viewport().height() // (self._layout.card[1] + 8))
        if key == Qt.Key.Key_Home:
            return 0
        if key == Qt.Key.Key_End:
            return last
        if key == Qt.Key.Key_PageDown:
            return self._layout.moved(here, rows=page)
        if key == Qt.Key.Key_PageUp:
            return self._layout.moved(here, rows=-page)
        if key not in _MOVES:
            return None
        if fresh:
            return 0
        rows, columns = _MOVES[key]
        return self._layout.moved(here, rows=rows, columns=columns)
