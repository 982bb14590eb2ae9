"""The Atlas tab: from a layer and a folder of images to a map that can be looked at."""

from functools import partial
from typing import Any

import msgspec
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QImage, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.messages import Run
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.atlas.arrangement import arrange
from interp_gui.gui.atlas.canvas import AtlasCanvas
from interp_gui.gui.atlas.cost import AtlasCost
from interp_gui.gui.atlas.drops import AtlasDrop
from interp_gui.gui.atlas.empty import KEPT, EmptyPage, invitation, what_is_missing
from interp_gui.gui.atlas.form import SEED, AtlasForm
from interp_gui.gui.atlas.keeping import (
    chosen_of,
    look_of,
    put_look,
    settings_of,
    to_chosen,
)
from interp_gui.gui.atlas.leaving import Leaving
from interp_gui.gui.atlas.looking import Looking
from interp_gui.gui.atlas.shown import told_of
from interp_gui.gui.atlas.sidebar import Sidebar
from interp_gui.gui.atlas.tools import MapTools
from interp_gui.gui.atlas.work import ANALYSIS, AtlasWork
from interp_gui.gui.bridge import EngineBridge, JobRow
from interp_gui.gui.export_ui import Exportable
from interp_gui.gui.parts import label, show_busy
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import LayerBox
from interp_gui.gui.undoing.settings_history import SettingsHistory
from interp_gui.gui.views.frame import ElidedLabel

NARROW_PX = 620
PATIENCE_MS = 20_000
"""So long a map that a session showed may take to come back unasked: from the cache it does.
Otherwise it is stopped, and waits for a person to let it go on."""


class AtlasTab(QWidget):
    """Form, map and sidebar; follows the layer, the model and the images of its state."""

    accessible_role = "Pane"
    keeps_itself = True
    """What is kept for the report from here is the map, not a part of its sidebar."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Atlas")
        self._state, self._bridge, self._actions = state, bridge, actions
        self._stale = True
        self._wanted: dict[str, Any] | None = None
        self._brought = self._waits = False
        self.patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self.work = AtlasWork(state, bridge, self)
        self.layers = LayerBox(state, parent=self)
        self.form = AtlasForm()
        self.make = QPushButton("Make atlas")
        self.make.setToolTip("Record the layer over all images, and lay out a map of it")
        self.make.setDefault(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop it; what was computed is kept")
        self.cancel.setAccessibleDescription(self.cancel.toolTip())
        self.settings = QToolButton()
        self.settings.setText("Settings")
        self.settings.setAccessibleName("Settings of the map")
        self.settings.setToolTip("Show how the next map is made: layout, class, labels, seed")
        self.settings.setAccessibleDescription(self.settings.toolTip())
        self.settings.setCheckable(True)
        self.cost = AtlasCost(bridge, view="atlas", parent=self)
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the map")
        self.status = label(dim=True)
        self.tools = MapTools()
        self.about, self.note = ElidedLabel(), ElidedLabel()
        self.about.setAccessibleName("What the map shows")
        self.canvas = AtlasCanvas()
        self.empty = EmptyPage()
        self.sidebar = Sidebar(state)
        self.looking = Looking(
            state, bridge, self.work, self.canvas, self.sidebar, self.tools, self
        )
        self.leaving = Leaving(state, self.looking, self)
        self.drop = AtlasDrop(
            self.canvas, ready=lambda: self.looking.kept is not None,
            own=lambda: self.leaving.is_dragging,
        )  # fmt: skip
        self.history = SettingsHistory(
            self, state.undo, read=self.form.everything, write=self.form.set_values,
            title_of=self.form.title_of,
        )  # fmt: skip
        self.progress, self.stack = QWidget(), QStackedWidget()
        self.split = QSplitter(Qt.Orientation.Horizontal)
        arrange(self)
        self._connect()
        self._subject_changed()

    def _connect(self) -> None:
        state = self._state
        for signal in (state.model_changed, state.layer_changed, state.dataset_changed):
            signal.connect(self._subject_changed)
        self._bridge.ready.connect(self._subject_changed)
        self._bridge.lost.connect(self._show_state)
        self._bridge.job_changed.connect(self._job_changed)
        self.form.changed.connect(self._settings_changed)
        self.form.changed.connect(self.history.note)
        self.make.clicked.connect(self.run)
        self.cancel.clicked.connect(self.work.cancel)
        self.settings.toggled.connect(self._show_state)
        self.empty.pressed.connect(self._invited)
        self.work.changed.connect(self._show_state)
        self.work.came.connect(self._came)
        self.patience.timeout.connect(self._stop_bringing)
        self.looking.told.connect(self._show_note)
        self.looking.chosen_changed.connect(self._actions.refresh_later)
        self.tools.export_wanted.connect(self.leaving.export)
        self.tools.beside_wanted.connect(lambda: self._trigger("view.copy_beside"))
        self.drop.dropped.connect(lambda features: self.colour_by(features[0]))
        self.drop.image_dropped.connect(self.looking.show_path_of)
        self.drop.problem.connect(state.notify_problem)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room, else one above the other."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX and self.height() > self.width()
        way = Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal
        if way != self.split.orientation():
            self.split.setOrientation(way)
            whole = self.split.height() if narrow else self.split.width()
            part = whole * 3 // 8 if narrow else min(250, whole // 2)
            self.split.setSizes([whole - part, part])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._subject_changed()
        self.looking.pictures.wake(True)
        self.work.wake(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.looking.pictures.wake(False)
        self.work.wake(False)

    # --- what it is about ------------------------------------------------------------------------

    def request(self) -> Run | None:
        """What would be run now; None if something is missing."""
        if what_is_missing(self._state, self._bridge) is not None:
            return None
        return self.work.request(self.form.values(), seed=self.form.seed.value())

    def _subject_changed(self) -> None:
        """Another model, layer or folder: its map if it is kept, else an invitation."""
        self._stale = not self.isVisible()
        model = self._state.model
        names: tuple[str, ...] = ()
        if model is not None and model.description.class_count:
            names = tuple(map(model.description.class_name, range(model.description.class_count)))
        self.form.offer(names, self._state.dataset)
        self.form.declare(self._bridge.analyses.get(ANALYSIS))
        if self._wanted is not None and "settings" in self._wanted:
            self.form.put(self._wanted["settings"])
        self.history.settle()  # what was declared or restored is no change by hand
        self.work.follow(self._wanted_request(), exact=self._wanted is not None)
        self._bring_back()
        self._show_state()

    def _settings_changed(self) -> None:
        if self._wanted is not None:
            self._wanted["settings"] = self.form.everything()
        self.cost.set_request(self.request() if not self.work.is_running else None)
        self._show_state()

    def _bring_back(self) -> None:
        """Make a map again that a session showed; the cache has it, or it is stopped soon."""
        wanted, request = self._wanted, self._wanted_request()
        if wanted is None or request is None or self.work.is_running or self._stale:
            return
        if self.work.shows(request):
            self._came()
        elif wanted.get("made") is True and not self._brought:
            self._brought = True  # once: what was stopped waits for a word
            self.work.make(request)
            self.patience.start()

    def _wanted_request(self) -> Run | None:
        """What makes the map that a session showed, which its form may no longer tell."""
        shown = self._wanted.get("shown") if self._wanted is not None else None
        request = self.request()
        if request is None or not isinstance(shown, dict):
            return request
        values = self.form.with_values(shown)
        return self.work.request(values, seed=values.pop(SEED))

    def _stop_bringing(self) -> None:
        if self.work.is_running and self._wanted is not None:
            self.work.cancel()

    # --- running ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Make the map of what is current; a long run is asked about first."""
        request = self.request()
        if request is None:
            return
        self.patience.stop()
        if self._wanted is not None:
            self._wanted.pop("shown", None)  # another map is wanted now
        if self.work.can_go_on and self.work.asked(request):
            self.work.go_on()
        else:
            self.cost.start(request, lambda: self.work.make(request))

    def adopt(self, recipe: Recipe, *, run: bool) -> None:
        """Take over the settings of a recipe, and make its map if wanted."""
        with self.history.one_step("take over the settings of an atlas"):
            self.form.set_values({**recipe.parameters, "seed": recipe.seed})
        if run:
            self.run()

    def show_result(self, result: AnyResult, recipe: Recipe | None) -> None:
        """Show a map that was made elsewhere."""
        if isinstance(result, Atlas):
            self.work.show(result, recipe)

    def colour_by(self, feature: Feature) -> None:
        """Colour the map by a feature, once there is one."""
        self.sidebar.colours.choose_feature(feature)

    def _invited(self, command: str) -> None:
        if command:
            self._trigger(command)
        elif self.work.can_go_on and not self.work.is_behind:
            self.work.go_on()  # as it says, whatever the settings are by now
        else:
            self.run()

    def _trigger(self, command: str) -> None:
        if command in self._actions:
            self._actions[command].trigger()

    def _came(self) -> None:
        self._show_state()
        kept, wanted = self.looking.kept, self._wanted
        if kept is None or wanted is None or self.work.is_preview:
            return
        request = self._wanted_request()
        if "shown" in wanted and request is not None and not self.work.shows(request):
            return  # another one of the layer, until that of the session is back
        self._wanted = None
        if wanted.get("layer", kept.request.inputs.layer) != kept.request.inputs.layer:
            return  # another layer was mapped meanwhile
        if isinstance(wanted.get("look"), dict):
            put_look(self.looking, wanted["look"])
        if isinstance(wanted.get("map"), dict):
            self.canvas.restore(wanted["map"])
            # once more when the canvas has its size, by which places are held within limits
            QTimer.singleShot(0, self, partial(self.canvas.restore, wanted["map"]))
        chosen = to_chosen(kept.atlas, wanted.get("chosen"))
        self.looking.choose(chosen, by_hand=False)

    # --- showing ---------------------------------------------------------------------------------

    def _show_state(self) -> None:
        work, request = self.work, self.request()
        running = work.is_running
        shown = work.kept is not None
        self.stack.setCurrentWidget(self.canvas if shown else self.empty)
        self.tools.setVisible(shown)
        self.about.setVisible(shown)
        self.settings.setVisible(shown)
        self.form.setVisible(not shown or self.settings.isChecked())
        self.sidebar.setVisible(shown)
        self.empty.show_invitation(invitation(self._state, self._bridge, work), enabled=not running)
        self.tools.why_no_export(work.unfinished)
        current = request is not None and work.shows(request)
        made = current and not work.is_preview
        if work.kept is not None:
            self.about.setText(told_of(work.kept, current=current or request is None))
            self.about.setToolTip(self.about.text())
        goes_on = work.can_go_on and request is not None and work.asked(request)
        self.make.setText("Go on" if goes_on else "Make again" if made else "Make atlas")
        self.make.setEnabled(request is not None and not running)
        self.make.setVisible(shown or not self.empty.makes)
        self.cancel.setVisible(running)
        stopped = work.outcome in ("failed", "cancelled") and not work.is_behind
        self.progress.setVisible(running or stopped)
        self.bar.setVisible(running and not work.waits_for)
        self.status.setWordWrap(not running)
        if running:
            self._show_progress()
        elif work.outcome == "cancelled":
            self.status.setText("Cancelled; what was computed is kept.")
        elif work.error is not None and work.can_go_on:
            self.status.setText(f"{work.error.message} {KEPT}")
        elif work.outcome == "failed" and work.error is not None:
            self.status.setText(f"{work.error.message} {work.error.hint}".strip())
        self._show_note()
        self.cost.set_request(request if not running and not made else None)
        self._actions.refresh_later()

    def _show_progress(self) -> None:
        progress, left_s, before = self.work.progress, self.work.left_s, self.work.waits_for
        self._waits = bool(before)
        self.bar.setVisible(not before)
        if before:
            self.status.setText(f"Waiting for: {before}…")
            return
        if progress.total:
            self.bar.setRange(0, progress.total)
            self.bar.setValue(progress.done)
        else:
            show_busy(self.bar)
        left = f", {left_s:.0f} s left" if left_s is not None and left_s >= 1 else ""
        of = f"{self.work.layer}: " if self.work.is_behind else ""
        self.status.setText(f"{of}{progress.text}{left}")

    def _job_changed(self, _row: JobRow) -> None:
        """Some job began or ended: the map's, or what that waits for."""
        if self.work.is_running and (self._waits or self.work.waits_for):
            self._show_progress()

    def _show_note(self) -> None:
        pictures = self.looking.pictures
        parts = [self.looking.note, pictures.text, pictures.problem]
        text = "  ·  ".join(part for part in parts if part)
        self.note.setText(text)
        self.note.setToolTip(text)
        self.note.setVisible(bool(text))

    # --- what can be done ------------------------------------------------------------------------

    def selected_features(self) -> tuple[Feature, ...]:
        """What keys and commands are about: what is chosen on the map."""
        return self.leaving.selected_features()

    def picture_of(self, _feature: Feature) -> QImage:
        """What the map shows of what is chosen."""
        return self.leaving.picture_of(self.looking.chosen)

    def exportables(self) -> list[Exportable]:
        """The map, as it is looked at."""
        return self.leaving.exportables()

    def keepables(self) -> list[Exportable]:
        """What is kept for the report from here."""
        return self.leaving.exportables()

    def why_no_keepables(self) -> str:
        """Why nothing is kept from here now; empty where there is no reason but that."""
        return self.work.unfinished

    # --- for sessions and copies -----------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Settings, view, look and selection, as JSON can hold them."""
        if self._wanted is not None:
            return self._wanted  # restored, and not shown yet
        found: dict[str, Any] = {
            "settings": self.form.everything(), "look": look_of(self.looking),
            "made": self.looking.kept is not None,
        }  # fmt: skip
        if self.looking.kept is not None:
            found["layer"] = self.looking.kept.request.inputs.layer
            found["shown"] = settings_of(self.looking.kept)
            found["map"] = msgspec.to_builtins(self.canvas.snapshot())
            # a cell of a first look is none of the map's
            if not (self.looking.kept.is_first_look and self.looking.chosen.is_cell):
                found["chosen"] = chosen_of(self.looking.chosen)
        return found

    def restore(self, found: dict[str, Any]) -> None:
        """Take over what `snapshot` gave; the map comes back if the cache has it."""
        self._brought = False
        self._wanted = {name: value for name, value in found.items() if isinstance(name, str)}
        for name in ("settings", "shown"):
            if not isinstance(self._wanted.get(name), dict):
                self._wanted.pop(name, None)
        if isinstance(found.get("look"), dict):
            put_look(self.looking, found["look"])
        self._subject_changed()
