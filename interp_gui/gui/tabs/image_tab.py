"""The image tab: from a place in the image to the units that made the answer."""

from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QMenu,
    QSlider,
    QSplitter,
    QToolButton,
    QWidget,
)

from interp_gui.core.analysis import Inputs
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InterpError, InvalidValue
from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Heatmap, Pixels
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.concepts.brushed import box_of, follow_brush
from interp_gui.gui.concepts.menus import add_entries
from interp_gui.gui.dragging.drop_hint import DropHint
from interp_gui.gui.dragging.sentences import of_features
from interp_gui.gui.export_ui import Exportable, connect_export
from interp_gui.gui.features.commands import why_no_map
from interp_gui.gui.output.mark import EditsFollower, FollowEdits
from interp_gui.gui.parts import column, icon_button, label, row
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.brushed import BrushedPlaces
from interp_gui.gui.tabs.image_changes import ImageChanges, pixels_of
from interp_gui.gui.tabs.image_ranking import ImageRanking
from interp_gui.gui.widgets.flow import FlowRow
from interp_gui.gui.widgets.region import GRID, RegionCanvas

NARROW_PX = 440
"""Below it picture and cards side by side would both be too small to be seen."""
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
        self._mapped: Feature | None = None
        self._wanted: Recipe | None = None
        self._changed_by: tuple[ImageEdit, ...] = ()
        self._shown: tuple[str, Preprocessing | None] | None = None
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
        self.clear = icon_button("clear", "Whole image: forget the brushed place (Esc)")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(round(self.canvas.opacity * 100))
        self.opacity.setFixedWidth(80)
        self.opacity.setAccessibleName("Opacity of the heat map")
        self.opacity.setToolTip("Opacity of the heat map")
        self.hide_map = icon_button("close", "Take the heat map away", self._clear_map)
        self.map_title = label(dim=True)
        self.follow = FollowEdits(self._state, self)
        self.ranking = ImageRanking(
            self._state, self._bridge,
            shown=lambda: self._shown, region=lambda: self.canvas.region.rows(),
        )  # fmt: skip
        self.changes = ImageChanges(
            self._state, region=lambda: self.canvas.region.rows(),
            shown=lambda: self._shown[0] if self._shown else "",
        )  # fmt: skip
        self.layers, self.order, self.list = (
            self.ranking.layers, self.ranking.order, self.ranking.list,
        )  # fmt: skip

    def _arrange(self) -> None:
        left = QWidget()
        side = column(left, margin=8)
        bar = FlowRow()
        for button in self.tool_buttons.values():
            bar.addWidget(button)
        bar.addWidget(self.brush)
        bar.addWidget(self.clear)
        side.addLayout(bar)
        side.addWidget(self.canvas, 1)
        side.addWidget(self.changes)
        below = row()
        below.addWidget(self.map_title, 1)
        below.addWidget(self.follow)
        below.addWidget(self.opacity)
        below.addWidget(self.hide_map)
        side.addLayout(below)
        self.split = split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(self.ranking)
        split.setSizes([460, 440])
        outer = column(self)
        outer.addWidget(split)

    def _connect(self) -> None:
        state = self._state
        for signal in (state.image_changed, state.model_changed):
            signal.connect(self._show_image)
        # closing a view does not stop the reading of its picture
        background, key = background_of(state), f"image-tab:{id(self)}"
        self.destroyed.connect(lambda: background.forget(key))
        self.canvas.region_changed.connect(self.ranking.ask_later)
        self.canvas.region_changed.connect(self._region_changed)
        follow_brush(self.canvas, state, lambda: self._shown[0] if self._shown else "")
        DropHint(self.canvas, self._drop_sentence)
        self.canvas.feature_dropped.connect(self.show_map)
        self.canvas.drop_refused.connect(state.notify_problem)
        connect_export(self.canvas, state)
        for name, button in self.tool_buttons.items():
            button.clicked.connect(lambda _=False, tool=name: setattr(self.canvas, "tool", tool))
        self.brush.valueChanged.connect(self._brush_changed)
        self.clear.clicked.connect(self.canvas.clear_region)
        self.opacity.valueChanged.connect(lambda v: self.canvas.set_opacity(v / 100))
        EditsFollower(state, self, self._edits_changed)
        state.edits_changed.connect(self._changes_changed)
        self.changes.original_wanted.connect(self._show_original)
        self.ranking.chosen.connect(self._unit_chosen)
        self.ranking.asking.connect(self._drop_foreign_map)
        self.canvas.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.canvas.customContextMenuRequested.connect(self._show_canvas_menu)
        self._region_changed()
        self._clear_map()

    def _drop_sentence(self, mime: QMimeData) -> str:
        return of_features(
            mime, "Show where {} responds".format, why_not=partial(why_no_map, self._state)
        )

    def _brush_changed(self, value: int) -> None:
        self.canvas.radius = value / 100
        self.canvas.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room, else one above the other."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX and self.height() > self.width()
        way = Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal
        if way != self.split.orientation():
            self.split.setOrientation(way)

    # --- the image ---------------------------------------------------------------------------

    def _show_image(self) -> None:
        """Show the image as the network sees it, read off the event loop."""
        path, model = self._state.image, self._state.model
        if path is None:
            self._shown = None
            self.canvas.set_pixels(None)
            self.changes.tell(())
            self.canvas.hint = "Open an image: drop a file or a folder on the window."
            self.ranking.forget()
            return
        preprocessing = model.description.preprocessing if model is not None else None
        if self._shown == (path, preprocessing):
            self._drop_foreign_map()
            self.ranking.ask_later()
            return

        stack, at_hand = self._image_stack(), self._at_hand()

        def read() -> tuple[Pixels, tuple[ImageEdit, ...]]:
            try:
                return pixels_of(path, preprocessing, stack, at_hand)
            except InvalidValue:  # the other image of a swap is gone, which answers tell of
                return pixels_of(path, preprocessing, EditStack(), ())

        def done(seen: tuple[Pixels, tuple[ImageEdit, ...]]) -> None:
            pixels, changes = seen
            self._shown, self._changed_by = (path, preprocessing), stack.image_edits
            self._clear_map()
            self.canvas.set_pixels(pixels)
            self._places.recall()
            self.changes.tell(changes)
            self.ranking.ask_later()
            self._take_over()

        def failed(problem: Exception) -> None:
            self._shown = None
            self.canvas.set_pixels(None)
            self.changes.tell(())
            why = problem.message if isinstance(problem, InterpError) else str(problem)
            self.canvas.hint = why
            hint = problem.hint if isinstance(problem, InterpError) else ""
            self.ranking.forget(hint or why)

        # every view of images has a key of its own: the newest answer of a key is delivered
        background_of(self._state).run(read, done, on_error=failed, key=f"image-tab:{id(self)}")

    def _region_changed(self) -> None:
        self.clear.setEnabled(not self.canvas.region.empty)
        self.changes.refresh()

    # --- changes of the image ------------------------------------------------------------------

    def _image_stack(self) -> EditStack:
        """The changes of images in force, and nothing else."""
        return EditStack(image_edits=self._state.edits_in_force.image_edits)

    def _at_hand(self) -> tuple[str, ...]:
        dataset = self._state.dataset
        return (*self._state.watched, *(dataset.paths if dataset is not None else ()))

    def _changes_changed(self) -> None:
        """Show the image as it is changed now; the place on it and its map stay."""
        if self._shown is None or self._image_stack().image_edits == self._changed_by:
            return
        self._repaint(self._image_stack())

    def _show_original(self, on: bool) -> None:
        self._repaint(EditStack() if on else self._image_stack(), keep=on)

    def _repaint(self, stack: EditStack, *, keep: bool = False) -> None:
        """Read the image again under other changes; `keep`: only for a look."""
        shown = self._shown
        if shown is None:
            return
        path, preprocessing = shown
        at_hand = self._at_hand()

        def done(seen: tuple[Pixels, tuple[ImageEdit, ...]]) -> None:
            if self._shown != shown:
                return
            self.canvas.set_base(seen[0])
            if not keep:
                self._changed_by = stack.image_edits
                self.changes.tell(seen[1])

        background_of(self._state).run(
            partial(pixels_of, path, preprocessing, stack, at_hand), done,
            on_error=self._not_changed, key=f"image-tab:{id(self)}",
        )  # fmt: skip

    def _not_changed(self, problem: Exception) -> None:
        if not isinstance(problem, InterpError):
            raise problem
        self._changed_by = self._image_stack().image_edits
        self._state.notify_problem(problem)

    # --- heat maps ---------------------------------------------------------------------------

    def selected_features(self) -> tuple[Feature, ...]:
        """What keys and commands are about, while the image has the focus."""
        return (self._mapped,) if self._mapped is not None else ()

    def _unit_chosen(self, feature: Feature) -> None:
        if feature != self._mapped:
            self.show_map(feature)

    def adopt(self, recipe: Recipe, *, run: bool) -> None:
        """Show the place and map of a recipe as soon as its image is there."""
        if run:
            self._wanted = recipe
            if self._shown is not None and self._shown[0] == self._state.image:
                self._take_over()

    def _take_over(self) -> None:
        recipe, self._wanted = self._wanted, None
        if recipe is None:
            return
        region = np.asarray(recipe.region, np.float32)
        if region.shape == (GRID, GRID):
            self.canvas.set_weights(region)
        elif not region.size:
            self.canvas.clear_region()
        if recipe.analysis == "unit-ranking":
            self.ranking.set_order(recipe.parameters.get("order"))
            self.ranking.ask_later()
        elif recipe.features:
            self.show_map(recipe.features[0])

    def _drop_foreign_map(self) -> None:
        """Take the map away where it is of another layer or model."""
        model, mapped = self._state.model, self._mapped
        weights = model.description.weights_sha256 if model is not None else ""
        foreign = mapped is not None and mapped.model not in ("", weights)
        if mapped is not None and (foreign or mapped.layer != self._state.layer):
            self._clear_map()

    def show_map(self, feature: Feature) -> None:
        """Lay the activation of a feature over the image."""
        model, path = self._state.model, self._state.image
        if model is None or path is None:
            self._state.notify("info", "Open a model and an image first.")
            return
        self._mapped = feature
        self.map_title.setText(f"Activation of {feature.title}…")
        request = Run(
            analysis="activation-maps",
            model=model.handle,
            inputs=Inputs(
                images=(path,),
                layer=feature.layer,
                features=(feature,),
                target=self._state.target,
                edits=self._state.edits_of_views,
            ),
            dataset=self._state.dataset_handle,
        )
        self._bridge.run(
            request, view="image-map", on_result=self._map_came, on_end=self._map_ended
        )

    def _edits_changed(self) -> None:
        """The map is of other edits than those in force: make it again."""
        if self._mapped is not None:
            self.show_map(self._mapped)
        self.ranking.ask_later()

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

    def _show_canvas_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._mapped is not None:
            from interp_gui.gui.features.menu import build_feature_menu

            build_feature_menu(
                menu, self._state, (self._mapped,), source=self.canvas, image=self.canvas.image,
                leave_out=("map", "save-picture"),
            )  # fmt: skip
            menu.addSeparator()
        if self.canvas.has_map:
            self.canvas.fill_menu(menu)
            menu.addSeparator()
            menu.addAction("Take the heat map away", self._clear_map)
        whole = menu.addAction("Whole image", self.canvas.clear_region)
        whole.setEnabled(not self.canvas.region.empty)
        menu.addSeparator()
        self.changes.add_entries(menu)
        menu.addSeparator()
        menu.addAction("Export ranking…", self.ranking.export_all)
        if self._shown is not None:
            box = box_of(self.canvas.region.weights)
            add_entries(menu, self._state, (Example(self._shown[0], box),))
        menu.popup(self.canvas.mapToGlobal(where))

    def keepables(self) -> list[Exportable]:
        """What is kept for the report from here, where no map is shown: the ranking."""
        return self.ranking.keepables()

    # --- for sessions and copies ---------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Order and brush, as JSON can hold them."""
        return {"order": self.order.currentData(), "brush": self.brush.value()}

    def restore(self, found: dict[str, Any]) -> None:
        """Take over what `snapshot` gave; what makes no sense is left out."""
        self.ranking.set_order(found.get("order"))
        if type(found.get("brush")) is int:
            self.brush.setValue(max(1, min(found["brush"], self.brush.maximum())))
