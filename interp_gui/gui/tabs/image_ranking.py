"""The units that speak for the answer, as cards beside the image."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QMenu, QWidget

from interp_gui.core.analysis import Inputs
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, Picture, Pixels, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.export_ui import Exportable, ask_and_export
from interp_gui.gui.features.menu import build_feature_menu
from interp_gui.gui.parts import column, icon_button, label, row
from interp_gui.gui.report.keeping import keep_all
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import SHORTEST_PX, LayerBox, current_layer
from interp_gui.gui.tabs.ranking import NO_UNITS, ORDERS, Order, RankedUnit, Ranking
from interp_gui.gui.widgets.card import Card
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.pixels import to_image

ANALYSIS, VIEW = "unit-ranking", "image-ranking"
SETTLE_MS = 150
CARD_PX, SMALL_CARD_PX = 124, 96
TIGHT_PX = (300, 360)
"""Width and height below which cards are small and notes short."""
OWN_SCALE = "Each small map has its own scale: yellow is the most of that unit here."
Region = tuple[tuple[float, ...], ...]


class ImageRanking(QWidget):
    """Asks which units make the answer at a place, and shows them.

    Parameters
    ----------
    shown
        What is looked at: compared, never read; None if there is no image to ask about.
    region
        The brushed place, as `Inputs.region` takes it.

    Signals
    -------
    chosen
        The `Feature` of the card that the keyboard is on.
    asking
        Another layer or image is asked about.
    """

    chosen = Signal(object)
    asking = Signal()

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        *,
        shown: Callable[[], object],
        region: Callable[[], Region],
    ) -> None:
        super().__init__()
        self._state, self._bridge, self._names = state, bridge, names_of(state)
        self._shown, self._region = shown, region
        self._ranking = Ranking()
        self._results: dict[str, Exportable] = {}
        self._thumbnails: dict[str, Pixels] = {}
        self._asked: tuple[object, ...] | None = None
        self._why = ""
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._rank)
        self.layers = LayerBox(state)
        self.order = QComboBox()
        self.order.setAccessibleName("Order of units")
        for key, words in ORDERS.items():
            self.order.addItem(f"By {words}", key)
        self.order.setMinimumWidth(SHORTEST_PX)
        self.order.setToolTip("Whether a unit is active here, or moves the Target")
        self.export = icon_button("export", "Export the ranking", self.export_all)
        self.heading = label()
        self.notes = label(dim=True)
        self.list = CardList("Units for this answer")
        self.list.set_card_width(CARD_PX)
        self.list.result_of = self._result_of
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        answers = column(self, margin=8)
        # Two rows, because both boxes side by side are cut off in a narrow window.
        top = row()
        top.addWidget(self.layers, 1)
        top.addWidget(self.export)
        answers.addLayout(top)
        answers.addWidget(self.order)
        answers.addWidget(self.heading)
        answers.addWidget(self.list, 1)
        answers.addWidget(self.notes)

    def _connect(self) -> None:
        state = self._state
        state.model_changed.connect(self._offer_orders)
        self._offer_orders()
        for signal in (state.layer_changed, state.target_changed, state.dataset_changed):
            signal.connect(self.ask_later)
        self._bridge.ready.connect(self.ask_later)
        self.order.currentIndexChanged.connect(self._order_changed)
        self.list.current_changed.connect(self._card_chosen)
        self.list.activated.connect(self._open)
        self.list.menu_requested.connect(self._show_menu)
        self._names.changed.connect(self._fill)

    # --- asking ------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.ask_later()

    def ask_later(self) -> None:
        """Ask again, if anything has changed, when things have settled."""
        self._settled.start()

    def forget(self, why: str = "") -> None:
        """There is no image to ask about; `why` says what is wrong with the one that is chosen."""
        self._bridge.drop(VIEW)
        self._why = why
        self._set_ranking(Ranking())

    def _subject(self) -> tuple[object, ...]:
        model = self._state.model
        return (
            model.handle if model is not None else None,
            self._shown(),
            self._state.layer,
            self._state.target,
            self._state.dataset_handle,
            self._region(),
            self.order.currentData() == "activation",
            self._state.edits_of_views,
        )

    def _rank(self) -> None:
        """Ask for the units, when they are in front and something has changed."""
        layer = current_layer(self._state)
        if layer is not None and not layer.units and self._ranking.units:
            self.forget()  # those of the layer before would stand for this one
        self.list.set_hint(self._hint())
        model, path = self._state.model, self._state.image
        if not self.isVisible() or self._hint_blocks() or model is None or path is None:
            return
        if self._subject() == self._asked:
            return
        self._asked = self._subject()
        gradients = not model.description.gradient_problem
        by_activation = self.order.currentData() == "activation" or not gradients
        order = "activation" if by_activation else "attribution"
        request = Run(
            analysis=ANALYSIS,
            model=model.handle,
            inputs=Inputs(
                images=(path,),
                layer=self._state.layer,
                target=self._state.target,
                region=self._region(),
                edits=self._state.edits_of_views,
            ),
            dataset=self._state.dataset_handle,
            parameters={"order": order},
        )
        self.heading.setText("Ranking units…")
        self._bridge.run(
            request,
            title=f"Units of {self._state.layer} for {Path(path).name}",
            view=VIEW,
            on_result=self._came,
            on_end=self._ended,
        )
        self.asking.emit()

    def _hint_blocks(self) -> bool:
        ready = self._bridge.is_ready and ANALYSIS in self._bridge.analyses
        layer = current_layer(self._state)
        return self._shown() is None or layer is None or not layer.units or not ready

    def _hint(self) -> str:
        if self._state.model is None:
            return "Open a model to see which of its units make the answer."
        if self._state.image is None:
            return "Choose an image in the Images panel."
        if self._shown() is None and self._why:
            return self._why
        if not self._bridge.is_ready:
            return "The engine is starting…"
        if current_layer(self._state) is None:
            return "Choose a layer above: its units are ranked for the brushed place."
        layer = current_layer(self._state)
        if layer is not None and not layer.units:
            return NO_UNITS
        return "Looking for the units…"

    # --- what comes --------------------------------------------------------------------------

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        self._results[result.key] = Exportable(result, recipe)
        if isinstance(result, Table):
            self._ranking.adopt_table(result)
        elif isinstance(result, Grid):
            self._ranking.adopt_grid(result)
            self._thumbnails = {
                item.feature.text: item.pixels for item in result.items if item.feature is not None
            }
        self._fill()

    def _ended(self, ended: Ended) -> None:
        if ended.outcome == "failed" and ended.error is not None:
            self._set_ranking(Ranking())
            self.heading.setText(ended.error.message)
            self.notes.setText(ended.error.hint)
            self.list.set_hint("")  # nothing is looked for any more
        elif ended.outcome == "cancelled":
            self.heading.setText("Cancelled.")
            self.list.set_hint("")

    def _set_ranking(self, ranking: Ranking) -> None:
        self._ranking = ranking
        self._results.clear()
        self._thumbnails.clear()
        self._asked = None
        self._fill()
        self.list.set_hint(self._hint())

    def _fill(self) -> None:
        ranking = self._ranking
        units = ranking.ordered(self.order.currentData())
        self.list.set_cards(self._card(unit) for unit in units)
        place = ", in the brushed place" if self._region() else ""
        self.heading.setText(f"{ranking.title}{place}" if units else "")
        self._tell_notes()
        self.export.setEnabled(bool(self._results))

    def _tell_notes(self) -> None:
        """What the effects are compared to; how they were made stands behind where it is tight."""
        lines = [t for t in (self._ranking.summary, *self._ranking.notes) if t]
        self.notes.setText("\n".join(lines[:1] if self._is_tight else lines))
        self.notes.setToolTip("\n".join((*lines, OWN_SCALE)))
        self.notes.setVisible(bool(lines))

    @property
    def _is_tight(self) -> bool:
        return self.width() < TIGHT_PX[0] or self.height() < TIGHT_PX[1]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.list.set_card_width(CARD_PX if self.width() >= TIGHT_PX[0] else SMALL_CARD_PX)
        if self._ranking.units:
            self._tell_notes()

    def _card(self, unit: RankedUnit) -> Card:
        key = unit.feature.text
        old = self.list.card(key)
        pixels = self._thumbnails.get(key)
        name = self._names.name(unit.feature)
        index = ",".join(str(u) for u in unit.feature.units)
        card = Card(
            key=key,
            title=f"{index}  {name}" if name else f"unit {index}",
            caption=unit.caption,
            tag=unit.verdict,
            feature=unit.feature,
            tooltip=f"{unit.spoken}\n{OWN_SCALE}",
            placeholder="…",
        )
        if pixels is not None:
            card.main = to_image(pixels)
        card.revision = old.revision + 1 if old is not None else 0
        return card

    # --- what can be done --------------------------------------------------------------------

    def set_order(self, order: object) -> None:
        """Choose an order, without asking anew by itself; an unknown one is left out."""
        at = self.order.findData(order)
        if at >= 0:
            blocker = QSignalBlocker(self.order)
            self.order.setCurrentIndex(at)
            blocker.unblock()

    def _offer_orders(self) -> None:
        """Grey out what needs gradients where the model gives none, with the reason."""
        model = self._state.model
        problem = model.description.gradient_problem if model is not None else ""
        items = self.order.model()
        row = self.order.findData("attribution")
        if isinstance(items, QStandardItemModel) and (item := items.item(row)) is not None:
            item.setEnabled(not problem)
            item.setToolTip(f"It needs gradients: {problem}" if problem else "")
        if problem and self.order.currentIndex() == row:
            self.set_order("activation")

    def _order_changed(self) -> None:
        self._fill()
        order: Order = self.order.currentData()
        if order != "effect":  # other units may be among the first, so others are confirmed
            self.ask_later()

    def _card_chosen(self, key: str) -> None:
        card = self.list.card(key)
        if card is not None and card.feature is not None:
            self.chosen.emit(card.feature)

    def _open(self, key: str) -> None:
        card = self.list.card(key)
        if card is not None and card.feature is not None:
            self._state.open_feature(card.feature)

    def _result_of(self, card: Card) -> tuple[AnyResult, Recipe | None] | None:
        """What a dragged card becomes a file of: its picture, with the ranking's recipe."""
        pixels = self._thumbnails.get(card.key)
        if pixels is None or card.feature is None:
            return None
        recipe = next((e.recipe for e in self._results.values() if e.recipe is not None), None)
        title = f"{card.feature.title}: {card.caption}" if card.caption else card.feature.title
        return Picture(key=card.key, title=title, pixels=pixels, feature=card.feature), recipe

    def _show_menu(self, key: str, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        card = self.list.card(key)
        if card is not None and card.feature is not None:
            chosen = self.list.selected_features()
            features = chosen if card.feature in chosen else (card.feature,)
            build_feature_menu(
                menu,
                self._state,
                features,
                source=self.list,
                image=card.main,
                text=card.tooltip.removesuffix(OWN_SCALE).strip(),
            )
            menu.addSeparator()
        menu.addAction("Select all", self.list.select_all)
        menu.addAction("Export ranking…", self.export_all)
        menu.addAction(
            "Keep ranking for the report", lambda: keep_all(self._state, self.keepables())
        )
        menu.popup(where)

    def export_all(self) -> None:
        """Export the numbers and pictures of the ranking."""
        ask_and_export(self, self._state, self.keepables())

    def keepables(self) -> list[Exportable]:
        """What is kept for the report from here, and exported."""
        return list(self._results.values())
