"""The layer wall: every unit of the current layer as a card."""

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QMimeData, QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QSlider, QWidget

from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import Grid, Picture, Table
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.dragging.drag import copy_to_clipboard
from interp_gui.gui.dragging.sentences import of_features
from interp_gui.gui.export_ui import Exportable, ask_and_export
from interp_gui.gui.features.drop import FeatureDrop
from interp_gui.gui.parts import as_filter, column, label, row
from interp_gui.gui.shared import names_of, order_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import SHORTEST_PX, LayerBox, current_layer, unit_feature
from interp_gui.gui.tabs.pass_strip import PassStrip
from interp_gui.gui.tabs.wall_cards import WallCards, hint
from interp_gui.gui.tabs.wall_menu import chosen_cards, popup_card_menu, popup_export_menu
from interp_gui.gui.tabs.wall_order import adopt_similarity, adopt_summary, ordered, ranges
from interp_gui.gui.tabs.wall_similarity import Similarity
from interp_gui.gui.tabs.wall_sort import SIMILARITY, SortBox
from interp_gui.gui.tabs.wall_work import WallWork
from interp_gui.gui.views.pass_leave import leave_of
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.flow import FlowRow

PICTURES = "feature-visualization"
OPTIMISE_TIP = "Make the picture that drives each unit in view most; real examples stay beside it"
SORTED_BY_SUMMARY = ("response", "peak", "selective", "dead")


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
        self._names, self._order, self._leave = names_of(state), order_of(state), leave_of(state)
        self._stale = True
        self.contents = WallCards()
        self.work = WallWork(state, bridge, self)
        self.similarity = Similarity(state, bridge, self)
        self.ask = PassStrip(state, bridge)
        self._make_controls()
        self._arrange()
        self._connect(bridge)
        self._reset()

    # --- controls ----------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.layers = LayerBox(self._state)
        self.sort = SortBox()
        self.filter = QLineEdit()
        self.filter.setAccessibleName("Filter units")
        self.filter.setPlaceholderText("Filter units")
        self.filter.setMinimumWidth(SHORTEST_PX)
        self.filter.setToolTip("Indices (3,10-20), dead, alive, named, or a part of a name")
        as_filter(self.filter)
        self.zoom = QSlider(Qt.Orientation.Horizontal)
        self.zoom.setRange(84, 320)
        self.zoom.setValue(132)
        self.zoom.setFixedWidth(110)
        self.zoom.setAccessibleName("Size of cards")
        self.zoom.setToolTip("Size of cards (Ctrl + wheel)")
        self.optimise = QPushButton("Optimise visible")
        self.optimise.setCheckable(True)
        self.optimise.setToolTip(OPTIMISE_TIP)
        self.export = QPushButton("Export…")
        self.export.setToolTip("Export the selected cards as one sheet or as files")
        self.status = label(dim=True, wrap=False)
        self.list = CardList("Units of the layer", strip=True)
        self.list.set_card_width(self.zoom.value())
        self.list.prepare = self.contents.describe
        self.list.result_of = lambda card: self.contents.result(card.key)
        self.drop = FeatureDrop(self, self._drop_sentence)

    def _arrange(self) -> None:
        layout = column(self, margin=8)
        top = FlowRow()
        top.addWidget(self.layers)
        top.addWidget(self.sort)
        top.addWidget(self.filter)
        top.addWidget(self.optimise)
        top.addWidget(self.export)
        layout.addLayout(top)
        layout.addWidget(self.ask)
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
        self.drop.dropped.connect(lambda features: self.sort_by_similarity(features[0]))
        self.drop.problem.connect(state.notify_problem)
        self.similarity.came.connect(self._similarity_came)
        self.similarity.changed.connect(self._tell)
        self._leave.changed.connect(self._dataset_changed)
        self._names.changed.connect(self._renamed)
        self.sort.chosen.connect(self._sort_changed)
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
            self.similarity.stop()
            return
        model, layer = self._state.model, current_layer(self._state)
        features = []
        if model is not None and layer is not None:
            description = model.description
            features = [unit_feature(description, layer.name, u) for u in range(layer.units)]
        self.contents.begin(features, self._names.name)
        self._tell_empty()
        self.list.set_hint(hint(self._state, some=bool(self.contents.rows)))
        self.work.begin(features)
        self._compare()
        self._arrange_cards()
        self._feature_changed()

    def _tell_empty(self) -> None:
        self.contents.empty = "…" if self._leave.dataset_for(self._state) else "no images"

    def _arrange_cards(self) -> None:
        key = self.sort.key
        rows = ordered(self.contents.rows.values(), key, self.filter.text())
        self.list.set_cards(self.contents.cards[r.feature.text] for r in rows)
        self._order.set([r.feature for r in rows])
        self._visible_changed()
        self._tell()

    def _summary_came(self, table: Table) -> None:
        adopt_summary(self.contents.rows, table)
        if self.sort.key in SORTED_BY_SUMMARY or self.filter.text():
            self._arrange_cards()
        else:
            self.list.viewport().update()

    def _examples_came(self, key: str, grid: Grid, recipe: Recipe | None) -> None:
        self.contents.add_examples(key, grid, recipe)
        self.list.card_changed(key)
        for gone in self.contents.forget_old(set(self.list.visible_keys())):
            self.work.forget(gone)

    def _examples_failed(self, keys: Sequence[str], reason: str) -> None:
        for key in keys:
            if key in self.contents.cards:
                self.contents.fail(key, reason)
                self.list.card_changed(key)

    def _picture_came(self, key: str, picture: Picture, recipe: Recipe | None) -> None:
        self.contents.add_picture(key, picture, recipe)
        self.list.card_changed(key)

    def _renamed(self, text: str) -> None:
        rows = self.contents.rows
        changed = [text] if text in rows else [] if text else list(rows)
        for key in changed:
            rows[key].name = self._names.name(rows[key].feature)
        if not changed:
            return
        if self.sort.key == "name" or self.filter.text():
            self._arrange_cards()
        else:
            self.list.viewport().update()

    def adopt(self, recipe: Recipe, *, run: bool) -> None:
        """Show the units of a contact sheet, and make their pictures again if it held such."""
        held = [part for part in recipe.contents if part.features]
        units = [f for part in held for f in part.features if f.layer == self._state.layer]
        self.filter.setText(ranges(u for f in units for u in f.units))
        if run and any(part.analysis == PICTURES for part in held):
            self.work.want_pictures([f.text for f in units])

    # --- similarity --------------------------------------------------------------------------

    def sort_by_similarity(self, feature: Feature) -> None:
        """Sort by how alike units are to a feature, which may be of another layer."""
        self.similarity.feature = feature
        self.sort.choose_similarity(feature, self._names.name(feature) or feature.text)

    def _sort_changed(self) -> None:
        self._compare()
        self._arrange_cards()

    def _compare(self) -> None:
        """Ask how alike the units are, where that is what they are sorted by."""
        if self.sort.key == SIMILARITY and not self._stale:
            self.similarity.compare(self.similarity.feature)
            return
        self.similarity.stop()
        for unit in self.contents.rows.values():
            unit.similarity = None

    def _similarity_came(self, table: Table) -> None:
        adopt_similarity(self.contents.rows, table)
        self._arrange_cards()
        self.list.verticalScrollBar().setValue(0)

    def _drop_sentence(self, mime: QMimeData) -> str:
        if self.list.is_dragging or self._state.model is None:
            return ""
        return of_features(mime, lambda called: f"Sort the wall by similarity to {called}")

    # --- what changes around it --------------------------------------------------------------

    def _image_changed(self) -> None:
        if not self._stale:
            self.work.summarise()

    def _dataset_changed(self) -> None:
        if self._stale:
            return
        self._tell_empty()
        self.contents.forget_examples()
        self.list.viewport().update()
        self.work.forget_examples()
        self.work.summarise()
        self._compare()

    def _feature_changed(self) -> None:
        feature = self._state.feature
        if feature is not None and feature.text in self.contents.cards:
            self.list.set_current(feature.text)

    def _visible_changed(self) -> None:
        if not self._stale:
            self.work.look_at(self.list.visible_keys(), ahead=self.list.keys_ahead())

    def _tell(self) -> None:
        count, chosen = len(self.list.cards), len(self.list.selected_keys())
        total = len(self.contents.rows)
        parts = [f"{count} units" if count == total else f"{count} of {total} units"]
        if chosen:
            parts.append(f"{chosen} selected")
        if self.contents.dead:
            parts.append(f"{self.contents.dead} dead")
        parts += [text for text in (self.similarity.text, self.work.progress_text) if text]
        self.status.setText("  ·  ".join(parts) if total else "")
        problem = self._state.gradient_problem
        self.optimise.setEnabled(total > 0 and not problem)
        self.optimise.setToolTip(f"It needs gradients: {problem}" if problem else OPTIMISE_TIP)
        self.export.setEnabled(total > 0)
        if self.optimise.isChecked() != self.work.follow:
            blocker = QSignalBlocker(self.optimise)
            self.optimise.setChecked(self.work.follow)
            blocker.unblock()

    # --- what can be done --------------------------------------------------------------------

    def _open(self, key: str) -> None:
        self._state.open_feature(self.contents.rows[key].feature)

    def copy_current(self) -> None:
        """Copy the selected cards: their features, and the current one's picture."""
        card = self.list.card(self.list.current_key)
        if card is None:
            return
        features = self.list.selected_features() or tuple(filter(None, (card.feature,)))
        text = "\n".join([*(f.text for f in features), card.caption]).strip()
        copy_to_clipboard(features, image=card.main, text=text)
        self._state.notify("success", f"Copied {features[0].title}.")

    def exportables(self, keys: Sequence[str]) -> list[Exportable]:
        """What there is to export of some cards: optimised pictures before real examples."""
        return self.contents.exportables(keys)

    def export_selected(self, *, as_sheet: bool) -> None:
        """Export the selected cards, or those in view if none is."""
        ask_and_export(self, self._state, chosen_cards(self, self._state, as_sheet=as_sheet))

    def keepables(self) -> list[Exportable]:
        """What is kept for the report from here: the cards on one sheet."""
        return chosen_cards(self, self._state, as_sheet=True)

    def _show_export_menu(self) -> None:
        where = self.export.mapToGlobal(self.export.rect().bottomLeft())
        popup_export_menu(self, self._state, where)

    def _show_menu(self, key: str, where: QPoint) -> None:
        popup_card_menu(self, self._state, key, where)

    # --- for sessions and copies ---------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """How it is sorted, filtered and sized, as JSON can hold it."""
        found: dict[str, Any] = {"sort": self.sort.key, "filter": self.filter.text()}
        found["size"] = self.zoom.value()
        if self.similarity.feature is not None and self.sort.key == SIMILARITY:
            found["similar"] = msgspec.to_builtins(self.similarity.feature)
        return found

    def restore(self, found: dict[str, Any]) -> None:
        """Take over what `snapshot` gave; what makes no sense is left out."""
        if isinstance(found.get("filter"), str):
            self.filter.setText(found["filter"][:200])
        if type(found.get("size")) is int:
            self.zoom.setValue(max(self.zoom.minimum(), min(found["size"], self.zoom.maximum())))
        if found.get("sort") == SIMILARITY:
            try:
                self.sort_by_similarity(msgspec.convert(found.get("similar"), Feature))
            except (msgspec.ValidationError, InterpError):
                return
        else:
            self.sort.choose(str(found.get("sort")))
