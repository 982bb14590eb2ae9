"""The image tab: from a place in the image to the units that made the answer."""

from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QMenu,
    QPushButton,
    QSlider,
    QSplitter,
    QToolButton,
    QWidget,
)

from interp_gui.core.analysis import Inputs
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.images import read_image
from interp_gui.core.model import Preprocessing
from interp_gui.core.preprocessing import as_seen
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, Heatmap, Pixels, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.export_ui import Exportable, ask_and_export, connect_export
from interp_gui.gui.parts import column, icon_button, label, row
from interp_gui.gui.shared import background_of, names_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.brushed import BrushedPlaces
from interp_gui.gui.tabs.layers import SHORTEST_PX, LayerBox, current_layer
from interp_gui.gui.tabs.ranking import ORDERS, Order, RankedUnit, Ranking
from interp_gui.gui.widgets.card import Card
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.pixels import to_image
from interp_gui.gui.widgets.region import RegionCanvas

SETTLE_MS = 150
_TOOLS = {
    "new": ("Pick", "Click or brush a place; a new one replaces it"),
    "add": ("Add", "Brush more (or hold Shift)"),
    "erase": ("Erase", "Take away (or hold Ctrl)"),
}


class ImageTab(QWidget):
    """The current image, a place on it, and the units ranked for it."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Image")
        self._state, self._bridge = state, bridge
        self._names = names_of(state)
        self._ranking = Ranking()
        self._results: dict[str, Exportable] = {}
        self._thumbnails: dict[str, Pixels] = {}
        self._mapped: Feature | None = None
        self._wanted: Feature | None = None
        self._shown: tuple[str, Preprocessing | None] | None = None
        self._asked: tuple[object, ...] | None = None
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._rank)
        self._make_controls()
        self._arrange()
        self._connect()
        self._places = BrushedPlaces(
            self.canvas, state.undo, shown=lambda: self._shown, show=state.set_image
        )
        self._show_image()

    # --- controls ----------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.canvas = RegionCanvas("Open an image: drop a file or a folder on the window.")
        self.tools = QButtonGroup(self)
        self.tool_buttons: dict[str, QToolButton] = {}
        for name, (words, tip) in _TOOLS.items():
            button = QToolButton()
            button.setText(words)
            button.setToolTip(tip)
            button.setAccessibleName(f"{words}: {tip}")
            button.setCheckable(True)
            button.setChecked(name == "new")
            self.tools.addButton(button)
            self.tool_buttons[name] = button
        self.brush = QSlider(Qt.Orientation.Horizontal)
        self.brush.setRange(1, 30)
        self.brush.setValue(6)
        self.brush.setFixedWidth(52)
        self.brush.setAccessibleName("Brush size")
        self.brush.setToolTip("Brush size")
        self.clear = QPushButton("Whole image")
        self.clear.setToolTip("Forget the brushed place (Esc)")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(round(self.canvas.opacity * 100))
        self.opacity.setFixedWidth(80)
        self.opacity.setAccessibleName("Opacity of the heat map")
        self.opacity.setToolTip("Opacity of the heat map")
        self.hide_map = icon_button("close", "Take the heat map away", self._clear_map)
        self.map_title = label(dim=True)
        self.layers = LayerBox(self._state)
        self.order = QComboBox()
        self.order.setAccessibleName("Order of units")
        for key, words in ORDERS.items():
            self.order.addItem(f"By {words}", key)
        self.order.setMinimumWidth(SHORTEST_PX)
        self.order.setToolTip("Whether a unit is active here, or moves the Target")
        self.export = icon_button("export", "Export the ranking", self._export)
        self.heading = label()
        self.notes = label(dim=True)
        self.list = CardList("Units for this answer")
        self.list.set_card_width(124)

    def _arrange(self) -> None:
        left = QWidget()
        side = column(left, margin=8)
        bar = row()
        for button in self.tool_buttons.values():
            bar.addWidget(button)
        bar.addSpacing(8)
        bar.addWidget(self.brush)
        bar.addWidget(self.clear)
        bar.addStretch(1)
        side.addLayout(bar)
        side.addWidget(self.canvas, 1)
        below = row()
        below.addWidget(self.map_title, 1)
        below.addWidget(self.opacity)
        below.addWidget(self.hide_map)
        side.addLayout(below)
        right = QWidget()
        answers = column(right, margin=8)
        top = row()
        top.addWidget(self.layers, 1)
        top.addWidget(self.order)
        top.addWidget(self.export)
        answers.addLayout(top)
        answers.addWidget(self.heading)
        answers.addWidget(self.list, 1)
        answers.addWidget(self.notes)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([460, 440])
        outer = column(self)
        outer.addWidget(split)

    def _connect(self) -> None:
        state = self._state
        for signal in (state.image_changed, state.model_changed):
            signal.connect(self._show_image)
        for signal in (state.layer_changed, state.target_changed, state.dataset_changed):
            signal.connect(self._ask_later)
        self._bridge.ready.connect(self._ask_later)
        self.canvas.region_changed.connect(self._ask_later)
        self.canvas.feature_dropped.connect(self.show_map)
        self.canvas.drop_refused.connect(state.notify_problem)
        connect_export(self.canvas, state)
        for name, button in self.tool_buttons.items():
            button.clicked.connect(lambda _=False, tool=name: setattr(self.canvas, "tool", tool))
        self.brush.valueChanged.connect(self._brush_changed)
        self.clear.clicked.connect(self.canvas.clear_region)
        self.opacity.valueChanged.connect(lambda v: self.canvas.set_opacity(v / 100))
        self.order.currentIndexChanged.connect(self._order_changed)
        self.list.current_changed.connect(self._card_chosen)
        self.list.activated.connect(self._open)
        self.list.menu_requested.connect(self._show_menu)
        self._names.changed.connect(self._fill)
        self._clear_map()

    def _brush_changed(self, value: int) -> None:
        self.canvas.radius = value / 100
        self.canvas.update()

    # --- the image ---------------------------------------------------------------------------

    def _show_image(self) -> None:
        """Show the image as the network sees it, read off the event loop."""
        path, model = self._state.image, self._state.model
        if path is None:
            self._shown = None
            self._bridge.drop("image-ranking")
            self.canvas.set_pixels(None)
            self.canvas.hint = "Open an image: drop a file or a folder on the window."
            self._set_ranking(Ranking())
            return
        preprocessing = model.description.preprocessing if model is not None else None
        if self._shown == (path, preprocessing):
            self._ask_later()
            return

        def read() -> Pixels:
            pixels = read_image(path)
            return pixels if preprocessing is None else as_seen(pixels, preprocessing)

        def done(pixels: Pixels) -> None:
            self._shown = (path, preprocessing)
            self._clear_map()
            self.canvas.set_pixels(pixels)
            self._places.recall()
            self._ask_later()
            if self._wanted is not None:
                self.show_map(self._wanted)

        def failed(problem: Exception) -> None:
            self._shown = None
            self.canvas.set_pixels(None)
            self.canvas.hint = problem.message if isinstance(problem, InterpError) else str(problem)
            self._set_ranking(Ranking())

        background_of(self._state).run(read, done, on_error=failed, key="image-tab")

    # --- the ranking -------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_later()

    def _ask_later(self) -> None:
        self._settled.start()

    def _subject(self) -> tuple[object, ...]:
        model = self._state.model
        return (
            model.handle if model is not None else None,
            self._shown,
            self._state.layer,
            self._state.target,
            self._state.dataset_handle,
            self.canvas.region.rows(),
            self.order.currentData() == "activation",
        )

    def _rank(self) -> None:
        """Ask for the units, when the tab is in front and something has changed."""
        self.list.set_hint(self._hint())
        model, path = self._state.model, self._state.image
        if not self.isVisible() or self._hint_blocks() or model is None or path is None:
            return
        if self._subject() == self._asked:
            return
        self._asked = self._subject()
        order = "activation" if self.order.currentData() == "activation" else "attribution"
        request = Run(
            analysis="unit-ranking",
            model=model.handle,
            inputs=Inputs(
                images=(path,),
                layer=self._state.layer,
                target=self._state.target,
                region=self.canvas.region.rows(),
            ),
            dataset=self._state.dataset_handle,
            parameters={"order": order},
        )
        self.heading.setText("Ranking units…")
        self._bridge.run(
            request,
            title=f"Units of {self._state.layer} for {Path(path).name}",
            view="image-ranking",
            on_result=self._ranking_came,
            on_end=self._ranking_ended,
        )
        if self._mapped is not None and self._mapped.layer != self._state.layer:
            self._clear_map()

    def _hint_blocks(self) -> bool:
        ready = self._bridge.is_ready and "unit-ranking" in self._bridge.analyses
        layer = current_layer(self._state)
        return self._shown is None or layer is None or not layer.units or not ready

    def _hint(self) -> str:
        if self._state.model is None:
            return "Open a model to see which of its units make the answer."
        if self._state.image is None:
            return "Choose an image in the Images panel."
        if not self._bridge.is_ready:
            return "The engine is starting…"
        if current_layer(self._state) is None:
            return "Choose a layer above: its units are ranked for the brushed place."
        return "Looking for the units…"

    def _ranking_came(self, result: AnyResult, recipe: Recipe | None) -> None:
        self._results[result.key] = Exportable(result, recipe)
        if isinstance(result, Table):
            self._ranking.adopt_table(result)
        elif isinstance(result, Grid):
            self._ranking.adopt_grid(result)
            self._thumbnails = {
                item.feature.text: item.pixels for item in result.items if item.feature is not None
            }
        self._fill()

    def _ranking_ended(self, ended: Ended) -> None:
        if ended.outcome == "failed" and ended.error is not None:
            self._set_ranking(Ranking())
            self.heading.setText(ended.error.message)
            self.notes.setText(ended.error.hint)
        elif ended.outcome == "cancelled":
            self.heading.setText("Cancelled.")

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
        place = "" if self.canvas.region.empty else ", in the brushed place"
        self.heading.setText(f"{ranking.title}{place}" if units else "")
        self.notes.setText("\n".join(t for t in (ranking.summary, *ranking.notes) if t))
        self.notes.setVisible(bool(self.notes.text()))
        self.export.setEnabled(bool(self._results))

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
            tooltip=unit.spoken,
            placeholder="…",
        )
        if pixels is not None:
            card.main = to_image(pixels)
        card.revision = old.revision + 1 if old is not None else 0
        return card

    def _order_changed(self) -> None:
        self._fill()
        order: Order = self.order.currentData()
        if order != "effect":  # other units may be among the first, so others are confirmed
            self._ask_later()

    # --- heat maps ---------------------------------------------------------------------------

    def _card_chosen(self, key: str) -> None:
        card = self.list.card(key)
        if card is not None and card.feature is not None and card.feature != self._mapped:
            self.show_map(card.feature)

    def adopt(self, recipe: Recipe, *, run: bool) -> None:
        """Show the map of a recipe's feature as soon as the image is there."""
        if not run or not recipe.features:
            return
        if self._shown is not None and self._shown[0] == self._state.image:
            self.show_map(recipe.features[0])
        else:
            self._wanted = recipe.features[0]

    def show_map(self, feature: Feature) -> None:
        """Lay the activation of a feature over the image."""
        model, path = self._state.model, self._state.image
        if model is None or path is None:
            self._state.notify("info", "Open a model and an image first.")
            return
        self._mapped, self._wanted = feature, None
        self.map_title.setText(f"Activation of {feature.title}…")
        request = Run(
            analysis="activation-maps",
            model=model.handle,
            inputs=Inputs(
                images=(path,),
                layer=feature.layer,
                features=(feature,),
                target=self._state.target,
            ),
            dataset=self._state.dataset_handle,
        )
        self._bridge.run(
            request, view="image-map", on_result=self._map_came, on_end=self._map_ended
        )

    def _map_came(self, result: AnyResult, recipe: Recipe | None) -> None:
        if not isinstance(result, Heatmap):
            return
        self.canvas.set_result(result, recipe)
        self.map_title.setText(result.title)
        self.opacity.setEnabled(True)
        self.hide_map.setEnabled(True)

    def _map_ended(self, ended: Ended) -> None:
        if ended.error is not None:
            self._clear_map()
            self.map_title.setText(ended.error.message)

    def _clear_map(self) -> None:
        self._bridge.drop("image-map")
        self._mapped = None
        self.canvas.clear_map()
        self.map_title.setText("Choose a unit, or drop one here, to see where it responds.")
        self.opacity.setEnabled(False)
        self.hide_map.setEnabled(False)

    # --- what can be done --------------------------------------------------------------------

    def _open(self, key: str) -> None:
        card = self.list.card(key)
        if card is not None and card.feature is not None:
            self._state.open_feature(card.feature)

    def _show_menu(self, key: str, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if key:
            menu.addAction("Open unit page", lambda: self._open(key))
        menu.addAction("Select all", self.list.select_all)
        menu.addAction("Export ranking…", self._export)
        menu.popup(where)

    def _export(self) -> None:
        ask_and_export(self, self._state, list(self._results.values()))
