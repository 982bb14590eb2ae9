"""The layer wall: every unit of the current layer as a card."""

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QMenu, QPushButton, QSlider, QWidget

from interp_gui.core.export.numbers import readable
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import Grid, Picture, Table
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.drag import copy_to_clipboard
from interp_gui.gui.export_ui import Exportable, ask_and_export, sheet
from interp_gui.gui.parts import column, label, row
from interp_gui.gui.shared import names_of, order_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import SHORTEST_PX, LayerBox, current_layer, unit_feature
from interp_gui.gui.tabs.wall_order import SORTS, UnitRow, adopt_summary, ordered
from interp_gui.gui.tabs.wall_work import WallWork
from interp_gui.gui.widgets.card import STRIP, Card
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.pixels import shrunk, to_image

KEPT_RESULTS = 800
"""Units whose results stay in memory; those that were seen longest ago are asked for again."""
_MAIN_PX, _STRIP_PX = 256, 72


class LayerWall(QWidget):
    """Units as cards: real examples first, optimised pictures on demand."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Layer wall")
        self._state = state
        self._names, self._order = names_of(state), order_of(state)
        self._rows: dict[str, UnitRow] = {}
        self._cards: dict[str, Card] = {}
        self._examples: OrderedDict[str, tuple[Grid, Recipe | None]] = OrderedDict()
        self._pictures: dict[str, tuple[Picture, Recipe | None]] = {}
        self._failed: dict[str, str] = {}
        self._stale = True
        self.work = WallWork(state, bridge, self)
        self._make_controls()
        self._arrange()
        self._connect(bridge)
        self._reset()

    # --- controls ----------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.layers = LayerBox(self._state)
        self.sort = QComboBox()
        self.sort.setAccessibleName("Sort by")
        for key, words in SORTS.items():
            self.sort.addItem(f"Sort by {words}", key)
        self.sort.setMinimumWidth(SHORTEST_PX)
        self.filter = QLineEdit()
        self.filter.setAccessibleName("Filter units")
        self.filter.setPlaceholderText("Filter units")
        self.filter.setMinimumWidth(SHORTEST_PX)
        self.filter.setToolTip("Indices (10-20), dead, alive, named, or a part of a name")
        self.filter.setClearButtonEnabled(True)
        self.zoom = QSlider(Qt.Orientation.Horizontal)
        self.zoom.setRange(84, 320)
        self.zoom.setValue(132)
        self.zoom.setFixedWidth(110)
        self.zoom.setAccessibleName("Size of cards")
        self.zoom.setToolTip("Size of cards (Ctrl + wheel)")
        self.optimise = QPushButton("Optimise visible")
        self.optimise.setCheckable(True)
        self.optimise.setToolTip(
            "Make the picture that drives each unit in view most; real examples stay beside it"
        )
        self.export = QPushButton("Export…")
        self.export.setToolTip("Export the selected cards as one sheet or as files")
        self.status = label(dim=True, wrap=False)
        self.list = CardList("Units of the layer", strip=True)
        self.list.set_card_width(self.zoom.value())
        self.list.prepare = self._describe

    def _arrange(self) -> None:
        layout = column(self, margin=8)
        top = row()
        top.addWidget(self.layers)
        top.addWidget(self.sort)
        top.addWidget(self.filter, 1)
        top.addWidget(self.optimise)
        top.addWidget(self.export)
        layout.addLayout(top)
        layout.addWidget(self.list, 1)
        bottom = row()
        bottom.addWidget(self.status, 1)
        bottom.addWidget(self.zoom)
        layout.addLayout(bottom)

    def _connect(self, bridge: EngineBridge) -> None:
        state, work = self._state, self.work
        state.model_changed.connect(self._reset)
        state.layer_changed.connect(self._reset)
        state.image_changed.connect(self._image_changed)
        state.dataset_changed.connect(self._dataset_changed)
        state.feature_changed.connect(self._feature_changed)
        bridge.ready.connect(self._reset)
        work.summary_came.connect(self._summary_came)
        work.examples_came.connect(self._examples_came)
        work.examples_failed.connect(self._examples_failed)
        work.picture_came.connect(self._picture_came)
        work.busy_changed.connect(self._tell)
        self._names.changed.connect(self._renamed)
        self.sort.currentIndexChanged.connect(self._arrange_cards)
        self.filter.textChanged.connect(self._arrange_cards)
        self.zoom.valueChanged.connect(self.list.set_card_width)
        self.list.zoom_requested.connect(lambda by: self.zoom.setValue(self.zoom.value() + 16 * by))
        self.list.visible_changed.connect(self._visible_changed)
        self.list.activated.connect(self._open)
        self.list.selection_changed.connect(self._tell)
        self.list.menu_requested.connect(self._show_menu)
        self.optimise.toggled.connect(work.set_follow)
        self.export.clicked.connect(self._show_export_menu)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.list)
        copy.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        copy.activated.connect(self.copy_current)

    # --- what is shown -----------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._reset()

    def _reset(self) -> None:
        """Show the units of the current layer, when the wall is in front."""
        self._stale = not self.isVisible()
        if self._stale:
            self.work.stop()
            return
        model, layer = self._state.model, current_layer(self._state)
        features = []
        if model is not None and layer is not None:
            description = model.description
            features = [unit_feature(description, layer.name, u) for u in range(layer.units)]
        self._rows = {f.text: UnitRow(f, name=self._names.name(f)) for f in features}
        self._cards = {f.text: Card(key=f.text, title="", feature=f) for f in features}
        self._examples.clear()
        self._pictures.clear()
        self._failed.clear()
        self.list.set_hint(self._hint())
        self.work.begin(features)
        self._arrange_cards()

    def _hint(self) -> str:
        if self._state.model is None:
            return "Open a model: drop a checkpoint on the window, or choose File ▸ Open model."
        if not self._state.layer:
            return "Choose a layer above or in the Model panel to see its units."
        if self._rows:
            return "No unit fits the filter."
        return "This layer has no units to look at. Choose another one above."

    def _arrange_cards(self) -> None:
        key = self.sort.currentData()
        rows = ordered(self._rows.values(), key, self.filter.text())
        self.list.set_cards(self._cards[r.feature.text] for r in rows)
        self._order.set([r.feature for r in rows])
        self._visible_changed()
        self._tell()

    def _describe(self, card: Card) -> None:
        """Title, numbers and tag of a card that is about to be shown."""
        key = card.key
        row = self._rows[key]
        card.title = f"{row.index}  {row.name}" if row.name else str(row.index)
        parts = []
        if row.response is not None:
            parts.append(f"here {readable(row.response)}")
        if row.peak is not None:
            parts.append(f"peak {readable(row.peak)}")
        card.caption = " · ".join(parts)
        card.dim = row.dead
        picture = self._pictures.get(key)
        card.tag = "dead" if row.dead else picture_tag(picture[0]) if picture else ""
        reason = self._failed.get(key, "")
        if card.main.isNull():
            if row.dead:
                placeholder = "dead"
            elif key in self._examples or reason:
                placeholder = "no examples"
            else:
                placeholder = "…" if self._state.dataset_handle else "no images"
            if placeholder != card.placeholder:
                card.placeholder = placeholder
                card.revision += 1
        card.tooltip = "\n".join(text for text in (key, card.caption, reason) if text)

    def _summary_came(self, table: Table) -> None:
        adopt_summary(self._rows, table)
        if self.sort.currentData() in ("response", "peak", "dead") or self.filter.text():
            self._arrange_cards()
        else:
            self.list.viewport().update()

    def _examples_came(self, key: str, grid: Grid, recipe: Recipe | None) -> None:
        self._examples[key] = (grid, recipe)
        self._examples.move_to_end(key)
        card, row = self._cards[key], self._rows[key]
        pictures = [to_image(item.pixels) for item in grid.items]
        has_optimised = key in self._pictures
        if pictures and not has_optimised:
            card.main = shrunk(pictures[0], _MAIN_PX)
        beneath = pictures if has_optimised else pictures[1:]
        card.strip = tuple(shrunk(picture, _STRIP_PX) for picture in beneath[:STRIP])
        if grid.numbers.get("dead") is True:
            row.dead = True
        self.list.card_changed(key)
        self._forget_old()

    def _forget_old(self) -> None:
        visible = set(self.list.visible_keys())
        for key in list(self._examples):
            if len(self._examples) <= KEPT_RESULTS:
                return
            if key not in visible and key not in self._pictures:
                del self._examples[key]
                card = self._cards[key]
                card.main, card.strip = Card(key="", title="").main, ()
                self.work.forget(key)

    def _examples_failed(self, keys: Sequence[str], reason: str) -> None:
        for key in keys:
            card = self._cards.get(key)
            if card is not None:
                self._failed[key] = reason
                self.list.card_changed(key)

    def _picture_came(self, key: str, picture: Picture, recipe: Recipe | None) -> None:
        first = key not in self._pictures
        self._pictures[key] = (picture, recipe)
        card = self._cards[key]
        if first and not card.main.isNull():
            # the strongest real example moves into the strip, never out of sight
            card.strip = (shrunk(card.main, _STRIP_PX), *card.strip)[:STRIP]
        card.main = shrunk(to_image(picture.pixels), _MAIN_PX)
        self.list.card_changed(key)

    def _renamed(self, text: str) -> None:
        row = self._rows.get(text)
        if row is None:
            return
        row.name = self._names.name(row.feature)
        if self.sort.currentData() == "name" or self.filter.text():
            self._arrange_cards()
        else:
            self.list.card_changed(text)

    # --- what changes around it --------------------------------------------------------------

    def _image_changed(self) -> None:
        if not self._stale:
            self.work.summarise()

    def _dataset_changed(self) -> None:
        if self._stale:
            return
        for key, card in self._cards.items():
            if key not in self._pictures:
                card.main = Card(key="", title="").main
            card.strip = ()
            card.revision += 1
        self.list.viewport().update()
        self._examples.clear()
        self._failed.clear()
        self.work.forget_examples()
        self.work.summarise()

    def _feature_changed(self) -> None:
        feature = self._state.feature
        if feature is not None and feature.text in self._cards:
            self.list.set_current(feature.text)

    def _visible_changed(self) -> None:
        if not self._stale:
            self.work.look_at(self.list.visible_keys(), ahead=self.list.keys_ahead())

    def _tell(self) -> None:
        count, chosen = len(self.list.cards), len(self.list.selected_keys())
        total = len(self._rows)
        parts = [f"{count} units" if count == total else f"{count} of {total} units"]
        if chosen:
            parts.append(f"{chosen} selected")
        dead = sum(row.dead for row in self._rows.values())
        if dead:
            parts.append(f"{dead} dead")
        if self.work.progress_text:
            parts.append(self.work.progress_text)
        self.status.setText("  ·  ".join(parts) if total else "")
        self.optimise.setEnabled(total > 0)
        self.export.setEnabled(total > 0)
        if self.optimise.isChecked() != self.work.follow:
            blocker = QSignalBlocker(self.optimise)
            self.optimise.setChecked(self.work.follow)
            blocker.unblock()

    # --- what can be done --------------------------------------------------------------------

    def _open(self, key: str) -> None:
        self._state.open_feature(self._rows[key].feature)

    def copy_current(self) -> None:
        """Copy the selected cards: their features, and the current one's picture."""
        card = self.list.card(self.list.current_key)
        if card is None:
            return
        features = self.list.selected_features() or tuple(filter(None, (card.feature,)))
        copy_to_clipboard(features, image=card.main)
        self._state.notify("success", f"Copied {features[0].title}.")

    def exportables(self, keys: Sequence[str]) -> list[Exportable]:
        """What there is to export of some cards: optimised pictures before real examples."""
        found: list[Exportable] = []
        for key in keys:
            if key in self._pictures:
                found.append(Exportable(*self._pictures[key]))
            elif key in self._examples:
                found.append(Exportable(*self._examples[key]))
        return found

    def export_selected(self, *, as_sheet: bool) -> None:
        """Export the selected cards, or those in view if none is."""
        keys = self.list.selected_keys() or list(self.list.visible_keys())
        found = self.exportables(keys)
        if as_sheet and found:
            title = f"{self._state.layer}, {len(found)} units"
            found = [sheet(title, found)]
        ask_and_export(self, self._state, found)

    def _show_export_menu(self) -> None:
        self._popup_export(self.export.mapToGlobal(self.export.rect().bottomLeft()))

    def _popup_export(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add_export(menu)
        menu.popup(where)

    def _add_export(self, menu: QMenu) -> None:
        what = "selected" if self.list.selected_keys() else "visible"
        menu.addAction(f"Export {what} as one sheet…", lambda: self.export_selected(as_sheet=True))
        menu.addAction(f"Export {what} as files…", lambda: self.export_selected(as_sheet=False))

    def _show_menu(self, key: str, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if key:
            keys = self.list.selected_keys() or [key]
            menu.addAction("Open unit page", lambda: self._open(key))
            menu.addAction("Optimise picture", lambda: self.work.want_pictures(keys))
            menu.addAction("Copy", self.copy_current)
            menu.addSeparator()
        menu.addAction("Select all", self.list.select_all)
        self._add_export(menu)
        menu.popup(where)


def picture_tag(picture: Picture) -> str:
    """What a card says of how far its picture is."""
    if picture.final:
        return ""
    steps = picture.numbers.get("steps", picture.numbers.get("step"))
    return f"{steps} steps" if isinstance(steps, int) else "optimising"
