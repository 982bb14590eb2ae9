"""Real examples of the feature that a page is about: which ones, how far it is, and their cards."""

from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QProgressBar, QPushButton, QWidget

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.output.mark import EditsFollower, FollowEdits
from interp_gui.gui.parts import column, icon_button, label
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.examples_box import (
    ANALYSIS,
    STRONGEST,
    ExamplesBox,
    key_of,
    settings_of,
    wish_of,
)
from interp_gui.gui.tabs.pass_strip import PassStrip
from interp_gui.gui.tabs.picture_panel import heading
from interp_gui.gui.tabs.wall_work import MANY_IMAGES
from interp_gui.gui.views.pass_leave import leave_of
from interp_gui.gui.widgets.flow import FlowRow
from interp_gui.gui.widgets.grid import GridView
from interp_gui.gui.widgets.view import numbers_text

VIEW = "unit-examples"
SHOWN_AFTER_MS = 400
"""What is there sooner needs no bar."""
_BAR_PX = 120
_EMPTY = "The images that drive the unit most appear here."


class UnitExamples(QWidget):
    """The examples of one feature at a time.

    Strongest examples of single units come from `real-examples`, whose pass the layer wall shares;
    all others, and those of directions, from `top-examples`.

    Signals
    -------
    wanted_again
        Another kind was chosen, or what was stopped is to be looked for again.
    """

    wanted_again = Signal()

    def __init__(
        self, state: AppState, bridge: EngineBridge, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._bridge, self._leave = state, bridge, leave_of(state)
        self._wish = wish_of(state)
        self._feature: Feature | None = None
        self._job: int | None = None
        self.view = GridView(_EMPTY)
        self.box = ExamplesBox()
        self.caption = label(dim=True)
        self.ask = PassStrip(state, bridge)
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Images looked at")
        self.bar.setFixedWidth(_BAR_PX)
        self.bar.setTextVisible(False)
        self.stop = icon_button("cancel", "Stop looking through the images", self._stop)
        self.again = QPushButton("Look again")
        self.again.setToolTip("Go on looking through the images")
        self.again.clicked.connect(self.wanted_again)
        self._late = QTimer(self, singleShot=True, interval=SHOWN_AFTER_MS)
        self._late.timeout.connect(lambda: self._show_progress(True))
        head = FlowRow(spacing=8)
        head.addWidget(heading("Real examples"))
        head.addWidget(self.box)
        head.addWidget(FollowEdits(state, self))
        EditsFollower(state, self, self.wanted_again.emit)
        for widget in (self.bar, self.stop, self.again):
            head.addWidget(widget)
            widget.hide()
        layout = column(self)
        layout.addLayout(head)
        layout.addWidget(self.ask)
        layout.addWidget(self.caption)
        layout.addWidget(self.view, 1)
        self.box.offer(state.dataset)
        self.box.choose(self._wish.key)
        self._wish.changed.connect(lambda: self.box.choose(self._wish.key))
        self.box.chosen.connect(self.wanted_again)

    # --- what is asked -------------------------------------------------------------------------

    def show_feature(self, feature: Feature | None) -> None:
        """Be about another feature; its examples come when `load` is called."""
        self._bridge.drop(VIEW)
        self._feature = feature
        self._finish()
        self.view.clear()
        self.box.setEnabled(feature is not None)
        self._tell()

    def follow_dataset(self) -> None:
        """Offer what other images allow, and forget what those before gave."""
        self._bridge.drop(VIEW)
        self.box.blockSignals(True)
        self.box.offer(self._state.dataset)
        self.box.blockSignals(False)
        self._finish()
        self.view.clear()
        self._tell()

    def load(self) -> None:
        """Ask the engine for the examples that are chosen."""
        request = self._request()
        if request is None or self._feature is None:
            return
        self._finish()
        self._tell()
        self._late.start()
        self._job = self._bridge.run(
            request,
            title=self._title(self._feature),
            priority="interactive",
            view=VIEW,
            on_result=self._came,
            on_progress=self._progressed,
            on_end=self._ended,
        )

    def _request(self) -> Run | None:
        model, feature = self._state.model, self._feature
        dataset = self._leave.dataset_for(self._state)
        if model is None or feature is None or not dataset:
            return None
        shared = self.box.key == STRONGEST and len(feature.units) == 1
        analysis = "real-examples" if shared else ANALYSIS
        if analysis not in self._bridge.analyses:
            return None
        return Run(
            analysis=analysis,
            model=model.handle,
            inputs=Inputs(
                layer=feature.layer, features=(feature,), edits=self._state.edits_of_views
            ),
            dataset=dataset,
            parameters={} if shared else settings_of(self.box.key),
        )

    def _title(self, feature: Feature) -> str:
        """How Jobs calls the pass over the images; empty where it is too short to watch."""
        dataset = self._state.dataset
        count = len(dataset.images) if dataset is not None else 0
        if count <= MANY_IMAGES:
            return ""
        return f"Looking through {count:,} images for {feature.title}"

    def _tell(self) -> None:
        """Say what will stand here, or what has to be done first."""
        self.caption.clear()
        hints = self.view.list
        if self._feature is None:
            hints.set_hint(_EMPTY)
        elif self._state.dataset is None:
            what = "unit" if self._feature.units else "direction"
            hints.set_hint(
                f"Drop images or a folder of images on the window to see what this {what} "
                "responds to in reality."
            )
        elif not self._leave.given(self._state):
            hints.set_hint("Press Start above to look for real examples.")
        else:
            hints.set_hint("Looking through the images…")

    # --- what comes ----------------------------------------------------------------------------

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        if not isinstance(result, Grid):
            return
        self.view.set_result(result, recipe)
        if not result.final:
            return
        # only what says something: that nothing is dead or broken is the rule
        telling = {n: v for n, v in result.numbers.items() if v not in (False, 0, None)}
        self.caption.setText("\n".join([numbers_text(telling), *result.notes]).strip())
        if not result.items:
            self.view.list.set_hint("There is nothing to show: see above.")

    def _progressed(self, progress: Progress, left_s: float | None) -> None:
        self.bar.setRange(0, max(progress.total, 0))
        self.bar.setValue(progress.done)
        left = f", {left_s:.0f} s left" if left_s is not None and left_s >= 1 else ""
        far = f": {progress.done:,} of {progress.total:,}{left}" if progress.total else "…"
        self.bar.setToolTip(progress.text + far)
        self.bar.setAccessibleDescription(progress.text + far)
        if self.bar.isVisible():
            self.view.list.set_hint(progress.text + far)

    def _ended(self, ended: Ended) -> None:
        self._finish()
        if ended.outcome == "finished":
            return
        self.again.setVisible(ended.outcome == "cancelled")
        if ended.error is not None:
            words = " ".join(t for t in (ended.error.message, ended.error.hint) if t)
        else:
            words = "Stopped. What was looked at is kept."
        self.view.list.set_hint(words)

    def _finish(self) -> None:
        self._job = None
        self._late.stop()
        self._show_progress(False)
        self.again.hide()

    def _show_progress(self, running: bool) -> None:
        self.bar.setVisible(running)
        self.stop.setVisible(running)

    def _stop(self) -> None:
        if self._job is not None:
            self._bridge.cancel(self._job)

    # --- for sessions, copies and recipes ------------------------------------------------------

    def adopt(self, recipe: Recipe) -> None:
        """Choose what a recipe shows, where a choice gives that."""
        key = STRONGEST if recipe.analysis == "real-examples" else ""
        key = key or key_of(recipe, self._bridge.analyses)
        if key:
            self.box.choose(key)

    def snapshot(self) -> dict[str, Any]:
        """Which examples are chosen, as JSON can hold it."""
        return {"examples": self.box.key}

    def restore(self, found: dict[str, Any]) -> None:
        """Take over what `snapshot` gave; what makes no sense is left out."""
        key = found.get("examples")
        if isinstance(key, str):
            self.box.choose(key[:200])
