"""The Shelf panel: collected features as cards, found by words and tags, given to every view."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QMimeData, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QLineEdit, QMenu, QSplitter, QWidget

from interp_gui.core.edit import EDITS_MIME_TYPE, EditStack
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.result import Pixels
from interp_gui.core.session.document import ShelfItem
from interp_gui.gui import parts, theme
from interp_gui.gui.dragging.drop_hint import DropHint
from interp_gui.gui.dragging.sentences import of_features
from interp_gui.gui.features.commands import feature_commands_of
from interp_gui.gui.interventions.kept import KeptStacks
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.panels.shelf_cards import ShelfCards, pictures_of
from interp_gui.gui.panels.shelf_filter import matches, tag_counts
from interp_gui.gui.panels.shelf_inspector import ShelfInspector
from interp_gui.gui.panels.shelf_tags import TagChips
from interp_gui.gui.settings import Settings
from interp_gui.gui.shelf import shelf_of, title_of
from interp_gui.gui.state import AppState, OpenModelState
from interp_gui.gui.widgets.card import Card
from interp_gui.gui.widgets.pixels import to_image

EMPTY = (
    "Drop a card here to keep it, from the layer wall, a ranking or a unit's page; "
    "or choose one and press Ctrl+D."
)
NOT_FOUND = "Nothing on the shelf fits. Clear the search or the tags."


class ShelfPanel(QWidget):
    """Cards, a search, tags to filter by, and the fields of what is chosen.

    Signals
    -------
    show_requested
        The user wants to see the panel, which is hidden.
    """

    show_requested = Signal()

    def __init__(self, state: AppState, documents: Documents, settings: Settings) -> None:
        super().__init__()
        self.setAccessibleName("Shelf")
        self._state, self._documents, self._settings = state, documents, settings
        self.shelf = shelf_of(state)
        self._cards: dict[str, Card] = {}
        self._pictures: dict[str, Pixels | None] = {}
        self._items: dict[str, ShelfItem] = {}
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search names, notes, #tags")
        self.search.setAccessibleName("Search the shelf")
        parts.as_filter(self.search)
        self.search.setMinimumWidth(120)
        self.search.setMaximumWidth(260)
        self.chips = TagChips()
        self.status = parts.label(dim=True, wrap=False)
        self.copy = parts.icon_button("copy", "Copy the chosen features", self.copy_chosen)
        self.remove = parts.icon_button(
            "remove", "Remove the chosen features from the shelf", self.remove_chosen
        )
        self.list = ShelfCards(hint=EMPTY)
        self.list.prepare = self._describe
        self.kept = KeptStacks(state, caption="Kept edits")
        self.inspector = ShelfInspector(self.shelf)
        self._arrange()
        self._connect()
        self.refresh()

    def _arrange(self) -> None:
        bar = parts.row(theme.SPACE_S)
        bar.addWidget(self.search, 2)
        bar.addWidget(self.chips, 3)
        bar.addStretch(1)
        for widget in (self.status, self.copy, self.remove):
            bar.addWidget(widget)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(self.list)
        self.split.addWidget(self.inspector)
        self.split.setStretchFactor(0, 1)
        self.split.setSizes([600, 230])
        column = parts.column(self, spacing=0)
        column.addLayout(bar)
        column.addWidget(self.kept)
        column.addWidget(self.split, 1)

    def _connect(self) -> None:
        state, cards = self._state, self.list
        # Several signals of one action are one refresh.
        for signal in (
            self.shelf.changed, state.model_changed, state.models_changed, state.stacks_changed,
        ):  # fmt: skip
            signal.connect(self._later.start)
        self.shelf.collected.connect(self._on_collected)
        self.search.textChanged.connect(self.refresh)
        self.chips.changed.connect(self.refresh)
        cards.selection_changed.connect(self._show_chosen)
        cards.activated.connect(self.open)
        cards.menu_requested.connect(self._show_menu)
        cards.dropped.connect(self._on_dropped)
        cards.edits_dropped.connect(self._keep_edits)
        cards.moved.connect(self._on_moved)
        cards.refused.connect(state.notify_problem)
        cards.shift_requested.connect(self._shift)
        cards.rename_requested.connect(self.edit_name)
        cards.remove_requested.connect(self.remove_chosen)
        DropHint(cards, self._what_a_drop_does)
        self.inspector.done.connect(cards.setFocus)
        self.inspector.open_model_requested.connect(self._open_model_of_chosen)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), cards)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy_chosen)
        feature_commands_of(state).register(
            "keep", "Keep on the shelf", self.keep_features, any_model=True
        )

    # --- what is shown -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the items that fit the search and the tags."""
        self._later.stop()
        items, stacks = self.shelf.items, self._state.stacks
        self.kept.search(self.search.text())
        self.chips.set_tags(tag_counts(items))
        self.inspector.set_known_tags([tag for tag, _ in tag_counts(items)])
        wanted = self.chips.chosen
        shown = [item for item in items if matches(item, self.search.text(), wanted)]
        kept = self._items = {item.id: item for item in items}
        self._cards = {key: card for key, card in self._cards.items() if key in kept}
        self._pictures = {key: seen for key, seen in self._pictures.items() if key in kept}
        self.list.set_hint(NOT_FOUND if items else EMPTY)
        self.list.set_cards([self._card(item) for item in shown])
        count = f"{len(items):,} kept" if items else ""
        self.status.setText(count + (f" · {len(shown):,} shown" if len(shown) < len(items) else ""))
        for widget in (self.status, self.copy, self.remove, self.inspector):
            widget.setVisible(bool(items))
        self.search.setVisible(bool(items or stacks))
        self._show_chosen()

    def _card(self, item: ShelfItem) -> Card:
        card = self._cards.get(item.id)
        if card is None:
            card = self._cards[item.id] = Card(key=item.id, title="")
        if item.id not in self._pictures or self._pictures[item.id] is not item.picture:
            self._pictures[item.id] = item.picture
            card.main = QImage() if item.picture is None else to_image(item.picture)
            card.revision += 1
        card.feature = item.feature
        if card.placeholder != item.feature.text:
            card.placeholder = item.feature.text
            card.revision += 1
        return card

    def _describe(self, card: Card) -> None:
        """Words of a card that is about to be shown."""
        item = self._items[card.key]
        closed = self._model_of(item) is None
        metrics = QFontMetrics(self.list.font())
        room = self.list.style_of_cards.picture
        # the end of an address tells more than its middle
        card.title = metrics.elidedText(title_of(item), Qt.TextElideMode.ElideMiddle, room)
        lines = [item.feature.text] if item.name else []
        if not self._is_current(item) and item.model_name:
            lines.append(item.model_name)
        if not lines:
            lines = [" ".join(f"#{tag}" for tag in item.tags) or item.note.partition("\n")[0]]
        card.caption = " · ".join(reversed(lines))
        card.dim, card.tag = closed, "not open" if closed else ""
        card.tooltip = _tooltip(item, closed=closed)

    def _show_chosen(self) -> None:
        keys = tuple(self.list.selected_keys())
        if keys != self.inspector.shown_ids:
            self.inspector.keep()
        chosen = [item for item in self.shelf.items if item.id in set(keys)]
        closed, line = False, ""
        if len(chosen) == 1:
            closed = self._model_of(chosen[0]) is None
            line = chosen[0].model_name
        self.inspector.show_items(chosen, model=line, closed=closed)
        for button in (self.copy, self.remove):
            button.setEnabled(bool(chosen))

    def _model_of(self, item: ShelfItem) -> OpenModelState | None:
        """The open model that an item's feature belongs to; the current one if it says none."""
        current, wanted = self._state.model, item.feature.model
        if current is None or not wanted or current.description.weights_sha256 == wanted:
            return current
        models = self._state.models
        return next((m for m in models if m.description.weights_sha256 == wanted), None)

    def _is_current(self, item: ShelfItem) -> bool:
        return self._state.model is not None and self._model_of(item) is self._state.model

    # --- taking --------------------------------------------------------------------------------

    def keep_features(self, features: tuple[Feature, ...]) -> None:
        """Put features on the shelf; what "Keep on the shelf" does anywhere in the window."""
        context = feature_commands_of(self._state).context
        self.shelf.collect(features, pictures_of(context.source, features, context.image))

    def _what_a_drop_does(self, mime: QMimeData) -> str:
        if self.list.is_dragging:
            return ""  # the mark between the cards says it
        if mime.hasFormat(EDITS_MIME_TYPE):
            return "Keep these edits, to exchange and compare them"
        return of_features(mime, lambda what: f"Keep {what} on the shelf")

    def _on_dropped(
        self, features: tuple[Feature, ...], pictures: tuple[QImage, ...], place: int
    ) -> None:
        self.shelf.collect(features, pictures, place=self._place_in_shelf(place))

    def _keep_edits(self, stack: EditStack) -> None:
        interventions_of(self._state).keep_stack(stack=stack)

    def _on_moved(self, place: int) -> None:
        self.shelf.move(self.list.selected_keys(), self._place_in_shelf(place))

    def _place_in_shelf(self, place: int) -> int:
        """The place among all items of a place among those that are shown."""
        shown = [card.key for card in self.list.cards]
        ids = [item.id for item in self.shelf.items]
        if place < len(shown):
            return ids.index(shown[place])
        return ids.index(shown[-1]) + 1 if shown else 0

    def _shift(self, by: int) -> None:
        """Move the chosen cards among those that are shown."""
        shown, chosen = [card.key for card in self.list.cards], self.list.selected_keys()
        if not chosen:
            return
        first, last = shown.index(chosen[0]), shown.index(chosen[-1])
        place = max(0, first + by) if by < 0 else min(len(shown), last + 1 + by)
        self.shelf.move(chosen, self._place_in_shelf(place))

    def _on_collected(self, ids: tuple[str, ...]) -> None:
        self.refresh()
        if any(card.key in ids for card in self.list.cards):
            self.list.select(ids)
        # behind another panel it is visible for Qt, though nothing of it is seen
        if self.visibleRegion().isEmpty():
            first = self._items[ids[0]]
            one = len(ids) == 1
            what = f"{title_of(first)} is" if one else f"{len(ids)} features are"
            self._state.notify(
                "success", f"{what} on the shelf.",
                action="Show the shelf", on_action=self.show_requested.emit,
            )  # fmt: skip

    # --- doing ---------------------------------------------------------------------------------

    def open(self, item_id: str) -> None:
        """Show a feature on its page; its model becomes the current one."""
        item = self.shelf.item(item_id)
        if item is None:
            return
        model = self._model_of(item)
        if model is None:
            self._offer_model(item)
            return
        try:
            item.feature.check(model.description.layer(item.feature.layer))
        except InterpError as problem:
            self._state.notify_problem(problem)
            return
        self._state.set_model(model)
        self._state.open_feature(item.feature)

    def _offer_model(self, item: ShelfItem) -> None:
        """Say that a model is not open, and offer to open it where it lies."""
        path = self._settings.model_with(item.feature.model)
        name = item.model_name or "its model"
        self._state.notify(
            "info",
            f"{title_of(item)} belongs to a model that is not open.",
            "" if path else f"Open {name}, and it can be looked at again.",
            action=f"Open {name}" if path else "",
            on_action=partial(self._open_model, item.id, path) if path else None,
        )

    def _open_model(self, item_id: str, path: str) -> None:
        self._documents.open_model(path, then=partial(self.open, item_id))

    def _open_model_of_chosen(self) -> None:
        for item in self._chosen()[:1]:
            path = self._settings.model_with(item.feature.model)
            if path:
                self._open_model(item.id, path)
            else:
                self._offer_model(item)

    def edit_name(self) -> None:
        """Put the cursor into the name of the chosen item."""
        if self._chosen():
            field = self.inspector.name if self.inspector.name.isEnabled() else self.inspector.tags
            field.setFocus(Qt.FocusReason.ShortcutFocusReason)
            field.selectAll()

    def focus_search(self) -> None:
        """Put the cursor into the search."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def remove_chosen(self) -> None:
        """Take the chosen items off the shelf; the card behind them is chosen next."""
        chosen = self.list.selected_keys()
        if not chosen:
            return
        shown = [card.key for card in self.list.cards]
        after = [key for key in shown[shown.index(chosen[-1]) :] if key not in chosen]
        before = [key for key in shown if key not in chosen]
        self.shelf.remove(chosen)
        self.refresh()
        self.list.select(tuple(after[:1] or before[-1:]))

    def copy_chosen(self) -> None:
        """Copy the chosen features, their names and the first one's picture."""
        from interp_gui.gui.dragging.drag import copy_to_clipboard

        chosen = self._chosen()
        if chosen:
            text = "\n".join("\t".join(filter(None, (i.feature.text, i.name))) for i in chosen)
            features = [item.feature for item in chosen]
            copy_to_clipboard(features, image=self._cards[chosen[0].id].main, text=text)
            what = title_of(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} features"
            self._state.notify("success", f"Copied {what}.")

    def _chosen(self) -> Sequence[ShelfItem]:
        keys = set(self.list.selected_keys())
        return [item for item in self.shelf.items if item.id in keys]

    def _show_menu(self, key: str, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu, key)
        menu.popup(where)

    def fill_menu(self, menu: QMenu, key: str) -> None:
        """Add what can be done with the chosen items, the one of `key` first."""
        from interp_gui.gui.features.menu import build_feature_menu

        item = self.shelf.item(key)
        if item is not None:
            keys = set(self.list.selected_keys()) | {key}
            others = [i.feature for i in self.shelf.items if i.id in keys and i.id != key]
            image = self._cards[key].main
            build_feature_menu(
                menu, self._state, (item.feature, *others), source=self.list, image=image,
                leave_out=("keep",),
            )  # fmt: skip
            menu.addSeparator()
            if self._model_of(item) is None:
                menu.addAction("Open its model", self._open_model_of_chosen)
            menu.addAction("Note and tags", self.edit_note)
            menu.addAction("Move to the front", lambda: self.shelf.move(keys, 0))
            remove = menu.addAction("Remove from the shelf", self.remove_chosen)
            # Shown only: the key is the list's own, as it means something else elsewhere.
            remove.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
            remove.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            remove.setShortcutVisibleInContextMenu(True)
            menu.addSeparator()
        menu.addAction("Select all", self.list.select_all).setEnabled(bool(self.list.cards))

    def edit_note(self) -> None:
        """Put the cursor into the note of the chosen item, or the tags of several."""
        field = self.inspector.note if self.inspector.note.isEnabled() else self.inspector.tags
        field.setFocus(Qt.FocusReason.ShortcutFocusReason)


def _tooltip(item: ShelfItem, *, closed: bool) -> str:
    lines = [item.name, item.feature.text, item.model_name, " ".join(f"#{t}" for t in item.tags)]
    lines += [item.note, "Its model is not open." if closed else ""]
    return "\n".join(line for line in lines if line)
