"""The Concepts tab: examples with and without something, and the direction between them."""

from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QFrame,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from interp_gui.core.analysis import Inputs
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, Table
from interp_gui.engine.messages import Run
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.concepts.collected import WITH, WITHOUT, Sides, concept_examples_of
from interp_gui.gui.concepts.direction import DirectionCard
from interp_gui.gui.concepts.page import Page, WholeBoard
from interp_gui.gui.concepts.running import Asked
from interp_gui.gui.concepts.side import ExampleSide
from interp_gui.gui.concepts.taking_over import matched, paths_at_hand
from interp_gui.gui.export_ui import Exportable
from interp_gui.gui.jobs.cost_label import CostLabel
from interp_gui.gui.parts import column, label, row, show_busy
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import LayerBox, current_layer
from interp_gui.gui.theme import SPACE_L
from interp_gui.gui.undoing.settings_history import SettingsHistory
from interp_gui.gui.widgets.form import ParameterForm

CONCEPT, SENSITIVITY = "concept", "concept-sensitivity"
_INTRODUCTION = (
    "Collect images with something, and others without it. The direction that tells them apart "
    "in a layer is a feature like any other: look at it, find its examples, switch it off."
)
_HINT = (
    "How well a layer tells the two sides apart stands here, on examples that were held out, "
    "beside what random labels give."
)
_SIDE_PX = 290
_FIND, _AGAIN = "Find direction", "Find it again"


class ConceptsTab(QWidget):
    """With and Without, settings, and what was found."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        actions: ActionRegistry,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Concepts")
        self._state, self._bridge = state, bridge
        self.examples = concept_examples_of(state)
        self.sides = {side: ExampleSide(state, side) for side in (WITH, WITHOUT)}
        self.swap = QPushButton("Swap the sides")
        self.swap.setToolTip("What is with becomes without; the direction points the other way")
        self.layers = LayerBox(state, parent=self)
        self.form: ParameterForm | None = None
        self.history: SettingsHistory | None = None
        self._wanted: dict[str, Any] = {}
        self.run_button = QPushButton(_FIND)
        self.run_button.setToolTip("Find the direction that tells the two sides apart")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop it; what was computed stays")
        words = self.run_button.fontMetrics().horizontalAdvance
        wider = words(_AGAIN) - words(self.run_button.text())
        self.run_button.setMinimumWidth(self.run_button.sizeHint().width() + max(0, wider))
        self.missing, self.status = label(), label(dim=True)
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the concept")
        self.cost = CostLabel(bridge, view="concepts", parent=self)
        self.direction = DirectionCard(state)
        self.board = WholeBoard(state, hint=_HINT)
        self.dependence = WholeBoard(state)
        self.dependence.setAccessibleName("Whether the answer depends on it")
        self.verdict = label()
        self._said = ""
        self.found = Asked(state, bridge, "concepts", self)
        self.asked = Asked(state, bridge, "concepts:dependence", self)
        self._key = f"concept-recipe:{id(self)}"
        background, key = background_of(state), self._key
        self.destroyed.connect(lambda: background.forget(key))
        self._arrange()
        self._connect()
        self._make_form()
        self._update()

    # --- arrangement -----------------------------------------------------------------------------

    def _arrange(self) -> None:
        top = QSplitter(Qt.Orientation.Horizontal)
        top.setChildrenCollapsible(False)
        top.setHandleWidth(SPACE_L)
        for side in self.sides.values():
            top.addWidget(side)
        top.setSizes([1000, 1000])
        self._answer = QWidget()
        answer = column(self._answer, spacing=4)
        answer.addWidget(self.verdict)
        answer.addWidget(self.dependence)
        self._answer.hide()
        results = QWidget()
        stack = column(results, spacing=4)
        for widget in (self.direction, self._answer, self.board):
            stack.addWidget(widget)
        stack.addStretch(1)
        self.page = Page("Results of the concept", results)
        right = QSplitter(Qt.Orientation.Vertical)
        right.setChildrenCollapsible(False)
        right.addWidget(top)
        right.addWidget(self.page)
        right.setStretchFactor(1, 1)
        right.setSizes([180, 420])
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self._settings())
        self.split.addWidget(right)
        self.split.setStretchFactor(1, 1)
        self.split.setSizes([_SIDE_PX, 700])
        column(self, margin=8).addWidget(self.split)

    def _settings(self) -> QWidget:
        side = QWidget()
        for widget in (self.missing, self.cancel_button, self.bar):  # nothing jumps as they go
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
        layout = column(side, spacing=8)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.addWidget(label(_INTRODUCTION, dim=True))
        self._form_place = QVBoxLayout()
        layout.addLayout(self._form_place)
        line = row()
        line.addWidget(label("Layer", wrap=False))
        line.addWidget(self.layers, 1)
        layout.addLayout(line)
        layout.addWidget(self.missing)
        buttons = row()
        buttons.addWidget(self.run_button)
        buttons.addWidget(self.cancel_button)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addWidget(self.cost)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        layout.addWidget(self.swap, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)
        area = QScrollArea()
        area.setAccessibleName("Settings")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(side)
        area.setMinimumWidth(240)
        return area

    def _connect(self) -> None:
        state = self._state
        for signal in (
            state.model_changed, state.layer_changed, state.dataset_changed, state.target_changed,
            state.edits_changed, self.examples.changed,
        ):  # fmt: skip
            signal.connect(self._update)
        self._bridge.ready.connect(self._on_ready)
        self._bridge.lost.connect(self._update)
        self.swap.clicked.connect(self.examples.swap)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.found.cancel)
        self.direction.dependence_asked.connect(self.ask_dependence)
        self.found.came.connect(self._came)
        self.found.told.connect(self._told)
        self.found.ended.connect(self._ended)
        self.asked.came.connect(self._dependence_came)
        self.asked.told.connect(self._dependence_told)
        self.asked.ended.connect(self._dependence_ended)

    def _on_ready(self) -> None:
        self._make_form()
        self._update()

    def _make_form(self) -> None:
        """The settings, as soon as the engine has said what they are."""
        info = self._bridge.analyses.get(CONCEPT)
        if info is None or self.form is not None:
            return
        self.form = form = ParameterForm(info.parameters)
        titles = {parameter.name: parameter.title for parameter in info.parameters}
        form.set_values(self._wanted)
        self.history = SettingsHistory(
            self, self._state.undo, read=form.values, write=form.set_values,
            title_of=lambda name: titles.get(name, name),
        )  # fmt: skip
        form.changed.connect(self.history.note)
        form.changed.connect(self._update)
        self._form_place.addWidget(form)

    # --- asking ----------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Any]:
        """The settings; what a session said of them before the engine was there."""
        return self.form.values() if self.form is not None else self._wanted

    def what_is_missing(self) -> str:
        """Why no direction can be looked for, and what to do; empty if one can."""
        if self._state.model is None:
            return "Open a model first."
        for side, words in ((WITH, "with it to With"), (WITHOUT, "without it to Without")):
            if not self.examples.side(side):
                return f"Add images {words}."
        if self.values.get("layers") != "all" and current_layer(self._state) is None:
            return "Choose a layer, or all layers."
        if not self._bridge.is_ready:
            return "The engine is starting."
        if CONCEPT not in self._bridge.analyses:
            return "The analysis that finds directions is missing. Log says why."
        return ""

    def request(self) -> Run | None:
        """What would be run now; None if something is missing."""
        state, model = self._state, self._state.model
        if model is None or self.what_is_missing():
            return None
        one = self.values.get("layers") != "all"
        inputs = Inputs(
            examples=self.examples.sides, layer=state.layer if one else "",
            edits=state.edits_of_views,
        )  # fmt: skip
        return Run(analysis=CONCEPT, model=model.handle, inputs=inputs, parameters=self.values)

    def run(self) -> None:
        """Look for the direction; a long run after a question."""
        request = self.request()
        if request is not None:
            self.cost.start(request, lambda: self._start(request))

    def _start(self, request: Run) -> None:
        self.board.begin()
        show_busy(self.bar)
        self.status.clear()
        name = str(request.parameters.get("name") or "").strip()
        self.found.start(request, f"Concept {name}".strip())
        self._update()

    def why_no_dependence(self) -> str:
        """Why it cannot be asked whether the answer depends on it; empty if it can."""
        if SENSITIVITY not in self._bridge.analyses:
            return "The engine is starting."
        if self._state.dataset is None:
            return "Open a folder of images first: it is asked for images of the Target's class."
        feature, model = self.direction.handle.feature, self._state.model
        if feature is None or model is None:
            return "Find a direction first."
        if feature.model not in ("", model.description.weights_sha256):
            return "The direction is of another model."
        return ""

    def ask_dependence(self) -> None:
        """Ask whether the answer depends on the direction that is shown."""
        state, feature, model = self._state, self.direction.handle.feature, self._state.model
        problem = self.why_no_dependence()
        if problem or feature is None or model is None:
            state.notify("info", problem)
            return
        inputs = Inputs(
            images=(state.image,) if state.image else (), features=(feature,), layer=feature.layer,
            target=state.target, edits=state.edits_of_views, examples=self.examples.sides,
        )  # fmt: skip
        request = Run(
            analysis=SENSITIVITY, model=model.handle, inputs=inputs, dataset=state.dataset_handle
        )
        self.cost.start(request, lambda: self._start_dependence(request, feature.title))

    def _start_dependence(self, request: Run, title: str) -> None:
        self.dependence.begin()
        self._said = ""
        self._answer.show()
        self.verdict.setText("Asking…")
        self.page.verticalScrollBar().setValue(0)
        self.asked.start(request, f"Does the answer depend on {title}?")
        self.cost.set_request(self.request())

    # --- what comes ------------------------------------------------------------------------------

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        if not (isinstance(result, Table) and len(result.cells) == 1):  # the bars say it all
            self.board.add(result, recipe)
        if isinstance(result, Grid) and result.feature is not None:
            self.direction.show_direction(result, recipe)
            self._update()

    def _told(self, done: int, total: int, words: str) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.status.setText(words)

    def _ended(self, words: str) -> None:
        self.board.finish()
        self.status.setText(words)
        self.cost.refresh()
        self._update()

    def _dependence_came(self, result: AnyResult, recipe: Recipe | None) -> None:
        self.dependence.add(result, recipe)
        if isinstance(result, Table) and result.key == "sensitivity" and result.notes:
            self._said = result.notes[0]
            self.verdict.setText(self._said)

    def _dependence_told(self, _done: int, _total: int, words: str) -> None:
        if not self._said:
            self.verdict.setText(f"{words}…")

    def _dependence_ended(self, words: str) -> None:
        self.dependence.finish()
        self.verdict.setText(words or self._said)

    def _update(self) -> None:
        missing, active = self.what_is_missing(), self.found.running
        self.missing.setText(missing)
        self.missing.setVisible(bool(missing))
        self.run_button.setEnabled(not missing)
        self.run_button.setText(_AGAIN if active else _FIND)
        self.cancel_button.setVisible(active)
        self.bar.setVisible(active)
        self.swap.setEnabled(not self.examples.empty)
        self.layers.setEnabled(self.layers.count() > 0 and self.values.get("layers") != "all")
        self.direction.set_dependence(self.why_no_dependence())
        self.cost.set_request(self.request() if not active else None)

    def keepables(self) -> list[Exportable]:
        """What is kept for the report from here."""
        return [*self.board.exportables(), *self.dependence.exportables()]

    def closeEvent(self, event: QCloseEvent) -> None:
        self.found.drop()
        self.asked.drop()
        self._bridge.drop_estimate("concepts")
        super().closeEvent(event)

    # --- for sessions, copies and recipes --------------------------------------------------------

    def adopt(self, recipe: Recipe, *, run: bool) -> None:
        """Take over the settings of a recipe, and its examples where their files are at hand."""
        if self.form is not None and self.history is not None:
            with self.history.one_step("take over the settings of a concept"):
                self.form.reset()
                self.form.set_values(recipe.parameters)
        if not recipe.examples:
            if run:
                self.run()
            return
        paths = paths_at_hand(self._state, self.examples)
        background_of(self._state).run(
            partial(matched, recipe.examples, paths), partial(self._examples_found, run=run),
            key=self._key,
        )  # fmt: skip

    def _examples_found(self, found: tuple[Sides, int], *, run: bool) -> None:
        """Put the examples of a recipe on their sides, and say what is missing."""
        sides, missing = found
        if any(sides.values()):
            self.examples.take_over(sides)
        if missing:
            which = "None" if not any(sides.values()) else f"{missing:,}"
            verb = "is" if which in ("None", "1") else "are"
            self._state.notify(
                "info", f"{which} of the recipe's examples {verb} at hand."
                if which == "None" else f"{which} of the recipe's examples {verb} not at hand.",
                "Open the folder that holds their images, and take over the settings again.",
            )  # fmt: skip
        elif run:
            self.run()

    def snapshot(self) -> dict[str, Any]:
        """Examples and settings, as JSON can hold them."""
        return {"examples": self.examples.snapshot(), "settings": dict(self.values)}

    def restore(self, found: dict[str, Any]) -> None:
        """Take over what `snapshot` gave; what makes no sense is left out."""
        if "examples" in found:
            self.examples.restore(found["examples"])
        settings = found.get("settings")
        if isinstance(settings, dict):
            self._wanted = {str(name): value for name, value in settings.items()}
            if self.form is not None and self.history is not None:
                self.form.set_values(self._wanted)
                self.history.settle()
        self._update()
