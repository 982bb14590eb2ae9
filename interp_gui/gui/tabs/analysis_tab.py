"""A tab for any analysis, made from its declaration alone."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QWidget,
)

from interp_gui.core.analysis import AnalysisInfo, Inputs, Need, Progress
from interp_gui.core.edit import EditStack
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.concepts.brushed import brushed_of
from interp_gui.gui.export_ui import ask_and_export
from interp_gui.gui.jobs.cost_label import CostLabel
from interp_gui.gui.output.mark import FollowEdits
from interp_gui.gui.parts import column, label, row, show_busy
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.fitting import RANK_ONE, maybe_linear, target_words, why_unfit
from interp_gui.gui.tabs.layers import LayerBox, current_layer
from interp_gui.gui.tabs.origin import Origin
from interp_gui.gui.tabs.other_model import OtherModelBox
from interp_gui.gui.tabs.source_image import SourceImageBox
from interp_gui.gui.undoing.settings_history import SettingsHistory
from interp_gui.gui.widgets.form import ParameterForm
from interp_gui.gui.widgets.results import ResultBoard

FOLLOW_MS = 250


class AnalysisTab(QWidget):
    """Form, what it works on, run and cancel, and the results by their kind.

    Parameters
    ----------
    info
        The declaration; nothing else is known of the analysis.
    """

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        actions: ActionRegistry,
        info: AnalysisInfo,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(info.title)
        self.info = info
        self._state, self._bridge = state, bridge
        self._job: int | None = None
        self._view = f"analysis:{info.id}"
        self.form = ParameterForm(info.parameters)
        self.history = SettingsHistory(
            self, state.undo, read=self.form.values, write=self.form.set_values,
            title_of=lambda name: next(p.title for p in info.parameters if p.name == name),
        )  # fmt: skip
        self.layers = LayerBox(state, parent=self)
        if info.id == RANK_ONE:
            self.layers = LayerBox(state, accepts=maybe_linear, every=True, parent=self)
        self.other = OtherModelBox(state, self)
        self.source = SourceImageBox(state, self)
        self.run_button = QPushButton("Run")
        self.run_button.setAccessibleName(f"Run {info.title}")
        self.run_button.setToolTip("Compute it with these settings")
        self.run_button.setDefault(True)
        self.pause_button = QPushButton("Pause")
        self.pause_button.setToolTip("Let other work go first; nothing is lost")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop it; what was computed stays")
        self.follow = QCheckBox("Run again when something changes")
        self.follow.setToolTip("Follow the current model, layer, image and target")
        self.export_button = QPushButton("Export all…")
        self.missing = label()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(f"Progress of {info.title}")
        self.status = label(dim=True)
        self.cost = CostLabel(bridge, view=self._view, parent=self)
        self.board = ResultBoard(state, hint=f"{info.summary}\n\nPress Run to start.")
        self.origin = label()
        self.origin.setAccessibleName("What the results are of")
        self.origin.setContentsMargins(12, 8, 8, 0)
        self.origin.hide()
        self._made: Origin | None = None
        self._values: dict[str, tuple[QLabel, Callable[[], str]]] = {}
        self._later = QTimer(self, singleShot=True, interval=FOLLOW_MS)
        self._later.timeout.connect(self._run_if_possible)
        self._arrange()
        self._connect()
        self._update()

    # --- arrangement -------------------------------------------------------------------------

    def _arrange(self) -> None:
        side = QWidget()
        layout = column(side, margin=8, spacing=8)
        title = label(self.info.title)
        font = title.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.2)
        title.setFont(font)
        layout.addWidget(title)
        layout.addWidget(label(self.info.summary, dim=True))
        layout.addLayout(self._subjects())
        layout.addWidget(self.form)
        layout.addWidget(self.missing)
        buttons = row()
        for widget in (self.run_button, self.pause_button, self.cancel_button):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addWidget(self.cost)
        layout.addWidget(self.follow)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        layout.addStretch(1)
        if self.info.plugin:
            layout.addWidget(label(f"From the plugin {self.info.plugin}.", dim=True))
        layout.addWidget(self.export_button)
        area = QScrollArea()
        area.setAccessibleName("Settings")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(side)
        area.setMinimumWidth(260)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(area)
        results = QWidget()
        below = column(results)
        below.addWidget(self.origin)
        below.addWidget(self.board, 1)
        split.addWidget(results)
        split.setStretchFactor(1, 1)
        split.setSizes([300, 700])
        outer = column(self)
        outer.addWidget(split)

    def _subjects(self) -> QFormLayout:
        """Rows that say what the analysis works on, as far as it needs it."""
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        needs = self.info.needs
        rows: list[tuple[Need | None, str, Callable[[], str]]] = [
            (None, "Model", self._model_text),
            ("image", "Image", self._image_text),
            ("region", "Place", self._place_text),
            ("dataset", "Images", self._dataset_text),
            ("features", "Feature", self._feature_text),
            ("target", "Target", self._target_text),
        ]
        for need, words, text in rows:
            used = need in ("features", "region") and need in self.info.uses
            if need is None or need in needs or used:
                value = label(text())
                value.setAccessibleName(words)
                form.addRow(label(words, dim=True, wrap=False), value)
                self._values[words] = (value, text)
        edits = label(self._edits_text())
        edits.setAccessibleName("Edits")
        form.addRow(label("Edits", dim=True, wrap=False), edits)
        self._values["Edits"] = (edits, self._edits_text)
        if "edits" not in needs and not self.info.unedited:
            form.addRow("", FollowEdits(self._state, self))
        if "layer" in needs:
            form.addRow(label("Layer", dim=True, wrap=False), self.layers)
        else:
            self.layers.hide()
        # Never shown from here: without a parent yet, they would be windows of their own.
        for need, words, chooser in (
            ("other", "Compare with", self.other), ("source", "Source", self.source),
        ):  # fmt: skip
            if need in needs:
                form.addRow(label(words, dim=True, wrap=False), chooser)
            else:
                chooser.hide()
        return form

    def _connect(self) -> None:
        state = self._state
        signals = (
            state.model_changed,
            state.image_changed,
            state.dataset_changed,
            state.target_changed,
            state.layer_changed,
            state.feature_changed,
        )
        for signal in signals:
            signal.connect(self._subject_changed)
        self._edits_later = QTimer(self, singleShot=True, interval=FOLLOW_MS)
        self._edits_later.timeout.connect(self._subject_changed)
        state.edits_changed.connect(self._edits_later.start)
        if "region" in self.info.uses:
            brushed_of(state).changed.connect(self._edits_later.start)
        self.other.chosen.connect(self._subject_changed)
        self.source.chosen.connect(self._subject_changed)
        self.form.changed.connect(self._settings_changed)
        self.form.changed.connect(self.history.note)
        self._bridge.ready.connect(self._update)
        self._bridge.lost.connect(self._update)
        self.run_button.clicked.connect(self.run)
        self.pause_button.clicked.connect(self._pause)
        self.cancel_button.clicked.connect(self._cancel)
        self.follow.toggled.connect(self._settings_changed)
        self.export_button.clicked.connect(
            lambda: ask_and_export(self, self._state, self.board.exportables())
        )

    # --- what it works on --------------------------------------------------------------------

    def _model_text(self) -> str:
        model = self._state.model
        return model.description.name if model is not None else "–"

    def _image_text(self) -> str:
        return Path(self._state.image).name if self._state.image else "–"

    def _place_text(self) -> str:
        brushed = brushed_of(self._state).region_on(self._state.image)
        return "What is brushed on the image" if brushed else "All of the image: nothing is brushed"

    def _dataset_text(self) -> str:
        data = self._state.dataset
        return f"{len(data.images)} images" if data is not None else "–"

    def _feature_text(self) -> str:
        feature = self._state.feature
        return feature.title if feature is not None else "–"

    def _target_text(self) -> str:
        model = self._state.model
        if model is None:
            return "–"
        own = target_words(self.info.id, self._state)
        return own or self._state.target.title(model.description)

    def _edits_text(self) -> str:
        """Which edits it is computed with, and why none where some are in force."""
        stack, asked = self._state.edits_in_force, self._edits()
        count = len(stack.edits) + len(stack.image_edits)
        if not count:
            return "–"
        if self.info.unedited:
            return "None: it is about the network as it is"
        words = "1 edit" if count == 1 else f"{count} edits"
        return f"With {words}" if asked == stack else f"None of the {count} in force"

    def what_is_missing(self) -> str:
        """Why it cannot run, and what to do; empty if it can."""
        state, needs = self._state, self.info.needs
        if state.model is None:
            return "Open a model first."
        layer = current_layer(state)
        reasons = {
            "image": ("Open an image and choose it.", not state.image),
            "dataset": ("Open a folder of images.", state.dataset is None),
            "layer": ("Choose a layer.", layer is None),
            "features": ("Open a unit on the layer wall.", state.feature is None),
            "classes": (state.no_classes, bool(state.no_classes)),
            "gradient": (
                f"It needs gradients: {state.model.description.gradient_problem}",
                bool(state.model.description.gradient_problem),
            ),
            "edits": (
                "Put an edit on the intervention panel.",
                not (state.edits_in_force.edits or state.edits_in_force.image_edits),
            ),
            "other": ("Open a second model to compare with.", self.other.opened is None),
            "source": ("Open a second image to take values from.", not self.source.path),
            "spatial": (
                "Choose a layer with positions in the image.",
                layer is not None and not layer.spatial,
            ),
        }
        for need in needs:
            text, lacking = reasons.get(need, ("", False))
            if lacking:
                return text
        if not self._bridge.is_ready:
            return "The engine is starting."
        return why_unfit(self.info.id, state, self.form.values())

    def _origin(self, request: Run | None = None) -> Origin | None:
        """What would be asked about now, or what a request asks about."""
        state, model = self._state, self._state.model
        if model is None:
            return None
        wanted = {*self.info.needs, *self.info.uses}
        inputs = request.inputs if request is not None else None
        images = inputs.images if inputs is not None else self._images()
        target = inputs.target if inputs is not None else state.target
        return Origin(
            model=request.model if request is not None else model.handle,
            name=model.description.name,
            edits=(inputs.edits if inputs is not None else self._edits()).in_force(),
            image=images[0] if images and "image" in wanted else "",
            layer=(inputs.layer if inputs is not None else state.layer)
            if "layer" in wanted
            else "",
            target=target if "target" in wanted else None,
            target_title=self._target_text(),
        )

    def closeEvent(self, event: QCloseEvent) -> None:
        self._bridge.drop(self._view)
        self._bridge.drop_estimate(self._view)
        super().closeEvent(event)

    # --- running -----------------------------------------------------------------------------

    def adopt(self, recipe: Recipe, *, run: bool) -> None:
        """Take over the settings of a recipe, and run with them if wanted and possible."""
        with self.history.one_step(f"take over the settings of {self.info.title}"):
            self.form.reset()
            self.form.set_values(recipe.parameters)
        if run:
            self.run()

    def adopt_request(self, request: Run, *, run: bool) -> None:
        """Take over the settings of an earlier run, and run just that again if wanted."""
        with self.history.one_step(f"take over the settings of {self.info.title}"):
            self.form.reset()
            self.form.set_values(request.parameters)
        if run:
            self.cost.start(request, partial(self._start, request))

    def run(self) -> None:
        """Run it with what is current, long runs after a question; an earlier run is cancelled."""
        request = self.request()
        if request is not None:
            self.cost.start(request, partial(self._start, request))

    def request(self) -> Run | None:
        """What would be run now; None if something is missing."""
        model = self._state.model
        if model is None or self.what_is_missing():
            return None
        state, needs = self._state, self.info.needs
        wanted = {*needs, *self.info.uses}
        inputs = Inputs(
            images=self._images(),
            layer=state.layer,
            region=brushed_of(state).region_on(state.image) if "region" in wanted else (),
            features=(state.feature,) if "features" in wanted and state.feature else (),
            target=state.target,
            edits=self._edits(),
        )
        return Run(
            analysis=self.info.id,
            model=model.handle,
            inputs=inputs,
            dataset=state.dataset_handle,
            other=self.other.handle if "other" in needs else "",
            parameters=self.form.values(),
        )

    def _edits(self) -> EditStack:
        """What it is asked with: always what it is about, else what views are to show."""
        if "edits" in self.info.needs:
            return self._state.edits_in_force
        return EditStack() if self.info.unedited else self._state.edits_of_views

    def _images(self) -> tuple[str, ...]:
        """The current image, and behind it the one that values are taken from."""
        current = (self._state.image,) if self._state.image else ()
        return (*current, self.source.path) if "source" in self.info.needs else current

    def _start(self, request: Run) -> None:
        self._made = self._origin(request)
        self.board.begin()
        show_busy(self.bar)
        self.status.setText("")
        self._job = self._bridge.run(
            request,
            title=self.info.title,
            view=self._view,
            on_result=self._came,
            on_progress=self._progressed,
            on_end=self._ended,
        )
        self._update()

    def _run_if_possible(self) -> None:
        request = self.request()
        if self.follow.isChecked() and request is not None and self.isVisible():
            self._start(request)  # whoever lets it follow has seen what it costs

    def _pause(self) -> None:
        row = self._bridge.jobs.get(self._job) if self._job is not None else None
        if self._job is None or row is None:
            return
        if row.state == "paused":
            self._bridge.resume(self._job)
        else:
            self._bridge.pause(self._job)
        self.pause_button.setText("Pause" if row.state == "paused" else "Resume")

    def _cancel(self) -> None:
        if self._job is not None:
            self._bridge.cancel(self._job)

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        self.board.add(result, recipe)
        self.export_button.setEnabled(True)

    def _progressed(self, progress: Progress, left_s: float | None) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        left = f", {left_s:.0f} s left" if left_s is not None and left_s >= 1 else ""
        self.status.setText(f"{progress.text}{left}")

    def _ended(self, ended: Ended) -> None:
        self._job = None
        self.cost.refresh()
        self.board.finish()
        words = {"finished": "", "cancelled": "Cancelled.", "failed": "Failed."}
        self.status.setText(words[ended.outcome])
        if ended.error is not None:
            self.status.setText(f"{ended.error.message} {ended.error.hint}".strip())
            error = ended.error
            self._state.notify("error", error.message, error.hint, error.details)
        self._update()

    # --- keeping up --------------------------------------------------------------------------

    def _subject_changed(self) -> None:
        self._settings_changed()

    def _settings_changed(self) -> None:
        self._update()
        if self.follow.isChecked():
            self._later.start()

    def _estimate(self) -> None:
        self.cost.set_request(self.request() if self._job is None else None)

    def _update(self) -> None:
        for value, text in self._values.values():
            value.setText(text())
        missing, active = self.what_is_missing(), self._job is not None
        told = self._made.differs(self._origin()) if self._made and self.board.views else ""
        self.origin.setText(told)
        self.origin.setVisible(bool(told))
        self.missing.setText(missing)
        self.missing.setVisible(bool(missing))
        self.run_button.setEnabled(not missing)
        self.run_button.setText("Run again" if active else "Run")
        self.pause_button.setVisible(active)
        self.pause_button.setText("Pause")
        self.cancel_button.setVisible(active)
        self.bar.setVisible(active)
        self._estimate()
        self.export_button.setEnabled(bool(self.board.exportables()))
