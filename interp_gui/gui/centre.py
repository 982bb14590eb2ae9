"""The centre of the window: an invitation, or the views that show the current model."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from interp_gui.core.recipe import Recipe
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.state import AppState
from interp_gui.gui.views.bridge import ViewBridge
from interp_gui.gui.views.desk import Desk
from interp_gui.gui.views.frame import ViewFrame
from interp_gui.gui.views.menu import popup_view_menu
from interp_gui.gui.views.pins import Pin
from interp_gui.gui.views.split_area import Side
from interp_gui.gui.views.state import ViewState
from interp_gui.gui.views.tab_group import TabGroup
from interp_gui.gui.welcome import Welcome

ANALYSIS = "analysis:"
UNIT_PAGE = frozenset(("feature-visualization", "real-examples"))
"""Analyses whose results are parts of a unit's page."""
MOST_VIEWS = 60
"""Views that are restored; more could only come from a file that was tampered with."""
ATLAS = "activation-atlas"
CONCEPT = "concept"
_OWN_VIEWS = {ATLAS: "atlas", CONCEPT: "concepts"}
"""Analyses whose results are shown in a view of their own."""
_HEAVY = (
    "core.export", "gui.widgets.view", "gui.export_ui", "gui.tabs.image_tab", "gui.tabs.wall",
    "gui.atlas.canvas", "gui.atlas.tab",
)  # fmt: skip
_TABS = {
    "image": ("Image", "tabs.image_tab", "ImageTab"),
    "wall": ("Layer wall", "tabs.wall", "LayerWall"),
    "unit": ("Unit", "tabs.unit_page", "UnitPage"),
    "atlas": ("Atlas", "atlas.tab", "AtlasTab"),
    "concepts": ("Concepts", "concepts.tab", "ConceptsTab"),
}


class Centre(QStackedWidget):
    """Views are made after the window was painted, one at a time, and shown with a model."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        documents: Documents,
        actions: ActionRegistry,
    ) -> None:
        super().__init__()
        self._state = state
        self._bridge = bridge
        self._documents = documents
        self._actions = actions
        self._is_following = False
        self.welcome = Welcome(documents, actions)
        self.desk = Desk(self.window, actions, self)
        self.desk.menu_asked.connect(partial(popup_view_menu, self))
        self.desk.activated.connect(self._on_activated)
        self.setMinimumSize(self.minimumSizeHint())
        # Not imported above: the first paint of the window must not wait for them.
        self._steps: list[Callable[[], object]] = [
            *(partial(import_module, f"interp_gui.{name}") for name in _HEAVY),
            *(partial(self._make_first, kind) for kind in _TABS),
            self._offer_commands,
        ]
        self.addWidget(self.welcome)
        self.addWidget(self.desk.area)
        state.model_changed.connect(self._on_model)
        state.tab_asked.connect(self._follow)

    def sizeHint(self) -> QSize:
        # Whatever the views would like, the panels beside them keep their widths.
        return QSize(760, 560)

    def minimumSizeHint(self) -> QSize:
        return QSize(545, 240)  # what the rows of buttons over the views need

    def _on_model(self) -> None:
        model = self._state.model
        if model is not None and self._steps:
            self._make_rest()
        self._follow()
        self.welcome.refresh()
        self.setCurrentWidget(self.welcome if model is None else self.desk.area)

    # --- making views ----------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the views in short steps, so that no event waits for all of them."""
        if self._steps:
            self._steps.pop(0)()
            QTimer.singleShot(0, self, self.prepare)

    def _make_rest(self) -> None:
        while self._steps:
            self._steps.pop(0)()

    def _make_first(self, kind: str) -> None:
        frame = self._make(kind, kind)
        if frame is not None:
            self.desk.area.groups[0].add(frame, front=kind == (self._state.tab or "image"))

    def _make(self, kind: str, key: str) -> ViewFrame | None:
        """A view of a kind; None if there is no such kind."""
        found = self._maker(kind)
        if found is None:
            return None
        title, icon, make = found
        frame = ViewFrame(
            key, kind, title, icon,
            state=ViewState(self._state),
            bridge=ViewBridge(self._bridge, "" if key == kind else key),
            make=make,
        )  # fmt: skip
        frame.reopen_asked.connect(partial(self._reopen_model, frame.state))
        frame.state.pins_changed.connect(self._actions.refresh_later)
        return frame

    def _maker(
        self, kind: str
    ) -> tuple[str, str, Callable[[ViewState, ViewBridge], QWidget]] | None:
        actions = self._actions
        if kind in _TABS:
            title, module, name = _TABS[kind]
            make = getattr(import_module(f"interp_gui.gui.{module}"), name)
            return title, kind, lambda state, bridge: make(state, bridge, actions)
        info = self._bridge.analyses.get(kind.removeprefix(ANALYSIS))
        if info is None or not kind.startswith(ANALYSIS):
            return None
        from interp_gui.gui.tabs.analysis_tab import AnalysisTab

        return (
            info.title,
            "analysis",
            lambda state, bridge: AnalysisTab(state, bridge, actions, info),
        )

    def open(self, kind: str, *, group: TabGroup | None = None) -> ViewFrame | None:
        """Open one more view of a kind and work with it; None if there is no such kind."""
        frame = self._make(kind, self.desk.free_key(kind))
        if frame is not None:
            self.desk.put(frame, group or self.desk.active_group)
        return frame

    def open_beside(
        self, kind: str, *, pinned: Mapping[Pin, Any] | None = None
    ) -> ViewFrame | None:
        """Open one more view beside the one that is worked with, pinned to values if given."""
        active = self.desk.active
        frame = self._make(kind, self.desk.free_key(kind))
        if frame is not None:
            if pinned:
                frame.state.hold(pinned)
            self.desk.put(frame, self.desk.beside(active))
        return frame

    def open_wall_beside(self, layer: str) -> None:
        """A wall of another layer, beside what is there."""
        self.open_beside("wall", pinned={"model": self._state.model, "layer": layer})

    def open_atlas(self, layer: str) -> None:
        """The atlas of a layer."""
        self._state.set_layer(layer)
        self._state.set_tab("atlas")

    def copy_beside(self, frame: ViewFrame) -> None:
        """A second view of what a view shows now, held fast, while that one goes on."""
        copy = self._make(frame.kind, self.desk.free_key(frame.kind))
        if copy is None:
            return
        copy.restore_settings(frame.snapshot().get("settings"))
        state = frame.state
        if state.pinned:
            copy.state.restore(state.snapshot())
        else:
            copy.state.pin_all()
        self.desk.put(copy, self.desk.beside(frame))

    def split(self, frame: ViewFrame, side: Side) -> None:
        """Move a view to a new side; one that stands alone is left, and a copy goes there."""
        group = self.desk.group_of(frame)
        if group is not None and group.count() > 1:
            self.desk.put(frame, self.desk.split(frame, side))
        else:
            copy = self._make(frame.kind, self.desk.free_key(frame.kind))
            if copy is not None:
                copy.restore_settings(frame.snapshot().get("settings"))
                copy.state.pin_all()
                self.desk.put(copy, self.desk.split(frame, side))

    def _reopen_model(self, state: ViewState) -> None:
        model = state.model
        if model is not None:
            self._documents.reopen_for(state, model)

    # --- analyses and recipes --------------------------------------------------------------------

    def show_analysis(self, analysis_id: str) -> None:
        """Bring the view of an analysis to the front; make it if there is none."""
        if analysis_id not in self._bridge.analyses:
            self._state.notify(
                "warning",
                f"The analysis '{analysis_id}' is not at hand.",
                "The plugin that brings it is missing or disabled.",
            )
            return
        if self._state.model is None:
            self._state.notify("info", "Open a model first.")
            return
        self._state.set_tab(_OWN_VIEWS.get(analysis_id, ANALYSIS + analysis_id))

    def show_recipe(self, recipe: Recipe, *, run: bool) -> None:
        """Show what a recipe makes where its results are seen, with the recipe's settings."""
        if recipe.contents and recipe.analysis in UNIT_PAGE:
            kind = "wall"  # a sheet of several units
        elif recipe.features and (recipe.analysis in UNIT_PAGE or self._on_unit_page(recipe)):
            kind = "unit"
        elif recipe.analysis == ATLAS:
            kind = "atlas"
        elif recipe.analysis == CONCEPT:
            kind = "concepts"
        elif recipe.analysis in ("activation-maps", "unit-ranking") and recipe.images:
            kind = "image"
        else:
            self.show_analysis(recipe.analysis)
            kind = ANALYSIS + recipe.analysis
        if kind in _TABS:
            self._state.set_tab(kind)
        adopt = getattr(self.tab(kind), "adopt", None)
        if adopt is not None:
            adopt(recipe, run=run)

    def _on_unit_page(self, recipe: Recipe) -> bool:
        from interp_gui.gui.tabs.examples_box import key_of

        return not recipe.contents and bool(key_of(recipe, self._bridge.analyses))

    def _offer_commands(self) -> None:
        from interp_gui.gui.views.feature_targets import register_targets

        register_targets(self, self._state, self._bridge)

    # --- following -------------------------------------------------------------------------------

    @property
    def active(self) -> QWidget | None:
        """The view that is worked with, pinned or not, wherever it is."""
        frame = self.desk.active
        return frame.content if frame is not None else None

    def tab(self, kind: str) -> QWidget | None:
        """The view of a kind that follows, or any; the one that was worked with last."""
        frame = self._best(kind) or next((f for f in self.desk.recent if f.kind == kind), None)
        return frame.content if frame is not None else None

    def _best(self, kind: str) -> ViewFrame | None:
        found = (f for f in self.desk.recent if f.kind == kind and not f.state.pinned)
        return next(found, None)

    def _follow(self) -> None:
        """Bring a view of the tab that is asked for to the front; open one if there is none."""
        kind = self._state.tab
        if self._is_following or self._steps or not kind:
            return
        frame = self._best(kind)
        self._is_following = True
        if frame is not None:
            self.desk.activate(frame)
        else:
            self.open(kind)
        self._is_following = False

    def _on_activated(self, frame: ViewFrame | None, came: bool) -> None:
        self._actions.refresh_later()
        if frame is not None and not self._is_following:
            self._is_following = True
            # To work now on this side and now on that is no way to go back along.
            self._state.set_tab(frame.kind, visit=came)
            self._is_following = False

    def reveal_job(self, view: str) -> bool:
        """Bring the view that asked for a job to the front; False if it is gone."""
        frame = next((f for f in self.desk.frames if f.bridge.owns(view)), None)
        if frame is not None:
            self.desk.activate(frame)
        return frame is not None

    # --- layout ----------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Which views are open, where, and pinned to what, as JSON can hold it."""
        return self.desk.snapshot() if not self._steps else {}

    def restore(self, found: object) -> None:
        """Open the views of a snapshot in place of those that are; left out is what is unknown."""
        self._make_rest()
        saved = found if isinstance(found, dict) else {}
        views = saved.get("views")
        frames: dict[str, ViewFrame] = {}
        entries: dict[str, dict[str, Any]] = {}
        for entry in views[:MOST_VIEWS] if isinstance(views, list) else []:
            if not isinstance(entry, dict):
                continue
            kind, key = str(entry.get("kind")), str(entry.get("key"))
            known = _is_key(key, kind) and key not in frames
            frame = self._make(kind, key) if known else None
            if frame is not None:
                frames[key], entries[key] = frame, entry
        if not frames:
            self.reset()
            return
        self._is_following = True
        self.desk.clear()
        self.desk.arrange(saved, frames)
        for key, frame in frames.items():
            frame.restore_settings(entries[key].get("settings"))
            frame.state.restore(entries[key].get("pins"))
        self._is_following = False
        self._on_activated(self.desk.active, came=False)

    def reset(self) -> None:
        """Bring the standard views back, unsplit and following; close all others."""
        self._make_rest()
        self._is_following = True
        self.desk.clear()
        for kind in _TABS:
            frame = self._make(kind, kind)
            if frame is not None:
                self.desk.area.groups[0].add(frame, front=False)
        self._is_following = False
        self._state.set_tab("image")

    def close_windows(self) -> None:
        """Close what was torn off, with the main window."""
        for window in list(self.desk.windows):
            self.desk.windows.remove(window)
            window.end()


def _is_key(key: str, kind: str) -> bool:
    number = key.removeprefix(kind)
    return key == kind or (number.startswith("#") and number[1:].isdigit() and len(number) < 8)
