"""The page of one feature: its optimised picture, and beside it what it responds to in reality."""

from typing import Any

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QImage, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QFrame, QLineEdit, QScrollArea, QSplitter, QWidget

from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, GridItem
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.dragging.sentences import of_features
from interp_gui.gui.export_ui import Exportable, ask_and_export, connect_export, copy_result, sheet
from interp_gui.gui.features.commands import feature_commands_of
from interp_gui.gui.features.drop import FeatureDrop
from interp_gui.gui.parts import column, icon_button, label
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.feature_handle import FeatureHandle
from interp_gui.gui.tabs.layers import SHORTEST_PX
from interp_gui.gui.tabs.optimisation import ANALYSIS
from interp_gui.gui.tabs.picture_panel import PicturePanel
from interp_gui.gui.tabs.unit_examples import UnitExamples
from interp_gui.gui.views.pass_leave import leave_of
from interp_gui.gui.views.stepping import neighbour
from interp_gui.gui.widgets.flow import FlowRow

SETTLE_MS = 180
"""Stepping through units with a held arrow key starts nothing until it rests."""

MOST_LETTERS = 40
"""Of a name in the title: what is longer stands whole in its field."""

SIDEWAYS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class _Column(QScrollArea):
    """It scrolls up and down only, so it is as wide as what is in it, whatever the text's size."""

    def minimumSizeHint(self) -> QSize:
        hint, inside = super().minimumSizeHint(), self.widget()
        bar = self.verticalScrollBar().sizeHint().width()
        wanted = inside.minimumSizeHint().width() + bar if inside is not None else 0
        return QSize(max(hint.width(), wanted), hint.height())


class UnitPage(QWidget):
    """Follows the feature of its state."""

    accessible_role = "Pane"

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Unit page")
        self.setAccessibleDescription("Left and Right go to the units beside it on the wall")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._state, self._bridge = state, bridge
        self._names, self._leave = names_of(state), leave_of(state)
        self._feature: Feature | None = None
        self._due = self._examples_due = False
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._load)
        self.panel = PicturePanel(state, bridge)
        self.real = UnitExamples(state, bridge)
        self.examples = self.real.view
        self.title = FeatureHandle(state, self.panel.picture)
        self.address = label(dim=True, wrap=False)
        self.address.setAccessibleName("Address of the feature")
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the feature")
        self.name.setPlaceholderText("Name it")
        self.name.setMinimumWidth(SHORTEST_PX)
        self.name.setMaximumWidth(260)
        self.previous = icon_button("back", "Previous unit (Left)", lambda: self.step(-1))
        self.next = icon_button("forward", "Next unit (Right)", lambda: self.step(1))
        self.copy = icon_button("copy", "Copy the picture", self.copy_picture)
        self.export = icon_button("export", "Export picture and examples", self.export_page)
        self.export.setText("Export…")
        self.export.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._arrange()
        self.drop = FeatureDrop(
            self, lambda mime: of_features(mime, lambda called: f"Show {called} on this page")
        )
        self.drop.dropped.connect(self._dropped)
        self.drop.problem.connect(state.notify_problem)
        connect_export(self.examples, state)
        self.examples.feature_activated.disconnect()
        self.examples.list.installEventFilter(self)
        self.examples.item_activated.connect(self._item_activated)
        self.name.editingFinished.connect(self._rename)
        self._names.changed.connect(self._renamed)
        self.real.wanted_again.connect(self._reload_examples)
        self._leave.changed.connect(self._dataset_changed)
        state.feature_changed.connect(self._follow)
        state.model_changed.connect(self._model_changed)
        state.dataset_changed.connect(self._dataset_changed)
        bridge.ready.connect(self._reload)
        self._show(state.feature)

    def _arrange(self) -> None:
        layout = column(self, margin=8, spacing=8)
        head = FlowRow(spacing=8)
        head.addWidget(self.previous)
        head.addWidget(self.next)
        head.addWidget(self.title)
        head.addWidget(self.address)
        head.addWidget(self.name)
        head.add_gap()
        for widget in (self.copy, self.export):
            head.addWidget(widget)
        layout.addLayout(head)
        self.real.setContentsMargins(8, 0, 0, 0)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        left = _Column()
        left.setAccessibleName("Optimised picture and its numbers")
        left.setFrameShape(QFrame.Shape.NoFrame)
        left.setWidgetResizable(True)
        left.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        left.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        left.setWidget(self.panel)
        split.addWidget(left)
        split.addWidget(self.real)
        split.setSizes([420, 480])
        layout.addWidget(split, 1)

    @property
    def feature(self) -> Feature | None:
        """What the page is about."""
        return self._feature

    # --- following ---------------------------------------------------------------------------

    def selected_features(self) -> tuple[Feature, ...]:
        """What keys and commands are about."""
        return (self._feature,) if self._feature is not None else ()

    def picture_of(self, feature: Feature) -> QImage:
        """The picture that is shown of it."""
        return self.panel.picture.image if feature == self._feature else QImage()

    def _dropped(self, features: tuple[Feature, ...]) -> None:
        problem = feature_commands_of(self._state).why_foreign(features[:1])
        if problem:
            self._state.notify("info", problem)
        else:
            self._state.set_feature(features[0])

    def _follow(self) -> None:
        if self._state.feature != self._feature:
            self._show(self._state.feature)

    def _model_changed(self) -> None:
        self._show(self._state.feature)

    def adopt(self, recipe: Recipe, *, run: bool) -> None:
        """Make the picture again with the settings of a recipe, or show its real examples."""
        self.real.adopt(recipe)
        if run and recipe.analysis == ANALYSIS:
            self.panel.set_settings(recipe.parameters, recipe.seed)
            self._reload()

    def _reload(self) -> None:
        self._show(self._feature)

    def _show(self, feature: Feature | None) -> None:
        self._feature = feature
        self.panel.show_feature(feature)
        self.title.feature = feature
        self.real.show_feature(feature)
        for widget in (self.name, self.copy, self.export, self.previous, self.next):
            widget.setEnabled(feature is not None)
        if feature is None:
            self.title.setText("No unit is chosen")
            self.address.hide()
            self.name.clear()
            self.panel.picture.hint = "Open a unit: double-click a card on the layer wall."
            return
        self._show_name(feature)
        self._due = True
        self._settled.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self, self._take_focus)
        if self._due:
            self._settled.start()
        elif self._examples_due:
            self._reload_examples()

    def _take_focus(self) -> None:
        """Arrow keys step through units when the page comes up, whatever its parts would do."""
        if self.isVisible() and self.isAncestorOf(QApplication.focusWidget() or self):
            self.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Left and right step through units also over the examples, until one is chosen."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            by = SIDEWAYS.get(Qt.Key(event.key()))
            if by is not None and not self.examples.list.selected_keys():
                self.step(by)
                return True
        return super().eventFilter(watched, event)

    def _load(self) -> None:
        """Ask the engine, once the page is in front and has rested."""
        if not self._due or not self.isVisible() or self._feature is None:
            return
        self._due = self._examples_due = False
        self.real.load()
        self.panel.start()

    # --- real examples -----------------------------------------------------------------------

    def _dataset_changed(self) -> None:
        self.real.follow_dataset()
        self._reload_examples()

    def _reload_examples(self) -> None:
        if self._feature is not None and not self._due:
            self._examples_due = not self.isVisible()
            if not self._examples_due:
                self.real.load()

    def _item_activated(self, item: GridItem) -> None:
        if item.image:
            self._state.open_image(item.image)

    # --- what can be done --------------------------------------------------------------------

    def step(self, by: int) -> None:
        """Go to the unit `by` places on, in the wall's order."""
        there = neighbour(self._state, self._feature, by)
        if there is not None:
            self._state.set_feature(there)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {**SIDEWAYS, Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        by = steps.get(Qt.Key(event.key()))
        if by is None:
            super().keyPressEvent(event)
        else:
            self.step(by)

    def _rename(self) -> None:
        if self._feature is not None:
            self._names.set_name(self._feature, self.name.text())

    def _renamed(self, text: str) -> None:
        if self._feature is not None and text in ("", self._feature.text):
            self._show_name(self._feature)

    def _show_name(self, feature: Feature) -> None:
        """A feature that has a name is called by it, and its address stands small beside it."""
        name = self._names.name(feature)
        self.title.setText(name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…")
        if not name:
            self.title.setText(feature.text)
        self.title.setAccessibleName(f"Feature {name or feature.text}")
        self.address.setText(feature.text)
        self.address.setVisible(bool(name))
        self.name.setText(name)
        self.name.setCursorPosition(0)  # a long name is shown from its beginning

    def copy_picture(self) -> None:
        """Copy the optimised picture, or the examples where there is none."""
        result: AnyResult | None = self.panel.picture.result or self.examples.result
        if result is not None:
            copy_result(self._state, result)

    def export_page(self) -> None:
        """Export the optimised picture and the real examples."""
        views = (self.panel.picture, self.examples)
        found = [Exportable(v.result, v.recipe) for v in views if v.result is not None]
        ask_and_export(self, self._state, found)

    # --- for sessions and copies -------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Which real examples are shown, as JSON can hold it."""
        return self.real.snapshot()

    def restore(self, found: dict[str, Any]) -> None:
        """Take over what `snapshot` gave; what makes no sense is left out."""
        self.real.restore(found)

    def export_sheet(self) -> None:
        """Export picture and examples on one sheet."""
        views = (self.panel.picture, self.examples)
        found = [Exportable(v.result, v.recipe) for v in views if v.result is not None]
        if self._feature is not None and found:
            ask_and_export(self, self._state, [sheet(self._feature.title, found)])
