"""The optimised picture of a feature with its controls, its settings and its numbers."""

from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from interp_gui.core.analysis import Progress
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import Picture
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.export_ui import connect_export
from interp_gui.gui.icons import icon
from interp_gui.gui.parts import column, icon_button, label, row, show_busy
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.optimisation import ANALYSIS, Optimisation, Settings
from interp_gui.gui.undoing.settings_history import SettingsHistory
from interp_gui.gui.widgets.flow import FlowRow
from interp_gui.gui.widgets.form import ParameterForm
from interp_gui.gui.widgets.numbers import NumbersList
from interp_gui.gui.widgets.picture import PictureView

MORE_STEPS = 256
HINT = "The optimised picture appears here while it is being made."
RUN_TIP = "Make the picture from the beginning, with the settings below"
NO_GRADIENTS = "No picture can be optimised without gradients:"
LOWEST_PX = 120


def heading(text: str) -> QLabel:
    """A bold line over a part of the page."""
    words = label(text, wrap=False)
    font = words.font()
    font.setBold(True)
    words.setFont(font)
    return words


class _Picture(PictureView):
    """It takes what the numbers leave, and where that is too little, the page scrolls."""

    def sizeHint(self) -> QSize:
        return QSize(LOWEST_PX, LOWEST_PX)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class PicturePanel(QWidget):
    """Shows a picture as it is optimised.

    Signals
    -------
    picture_changed
        Another picture, or a later version, is shown.
    """

    picture_changed = Signal()

    def __init__(
        self, state: AppState, bridge: EngineBridge, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._bridge, self._undo = state, bridge, state.undo
        self._feature: Feature | None = None
        self.form: ParameterForm | None = None
        self.optimisation = Optimisation(state, bridge, "unit-picture", self)
        self.picture = _Picture(HINT)
        self.picture.setAccessibleName("Optimised picture")
        connect_export(self.picture, state)
        self.run = QPushButton("Optimise")
        self.hold = icon_button("pause", "Pause", self._hold)
        self.cancel = icon_button("cancel", "Cancel", self.optimisation.cancel)
        self.more = QPushButton(f"{MORE_STEPS} more steps")
        self.more.setToolTip("Go on with this picture where it stopped")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Steps")
        self.bar.setTextVisible(True)
        self.numbers = NumbersList("Numbers of the optimised picture")
        self.notes = label(dim=True)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("The same seed and settings give the same picture")
        self._arrange()
        self.run.clicked.connect(self.start)
        self.more.clicked.connect(self._more)
        self.optimisation.picture_came.connect(self._came)
        self.optimisation.progressed.connect(self._progressed)
        self.optimisation.phase_changed.connect(self._phase)
        bridge.ready.connect(self._make_form)
        self._make_form()
        self._phase()

    def _arrange(self) -> None:
        layout = column(self)
        layout.addWidget(heading("Optimised picture"))
        layout.addWidget(self.picture, 1)
        buttons = FlowRow()
        for widget in (self.run, self.more, self.hold, self.cancel, self.bar):
            buttons.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.numbers)
        layout.addWidget(self.notes)
        self.settings_button = QToolButton()
        self.settings_button.setText("Settings")
        self.settings_button.setAccessibleName("Settings of the picture")
        self.settings_button.setToolTip("Size, steps, objective and more")
        self.settings_button.setCheckable(True)
        self.settings_button.setAutoRaise(True)
        self.settings_button.setArrowType(Qt.ArrowType.RightArrow)
        self.settings_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        layout.addWidget(self.settings_button)
        self._settings_area = QScrollArea()
        self._settings_area.setAccessibleName("Settings")
        self._settings_area.setFrameShape(QFrame.Shape.NoFrame)
        self._settings_area.setWidgetResizable(True)
        self._settings_area.setMinimumHeight(140)
        self._settings_area.setVisible(False)
        body = QWidget()
        self._settings_body = QVBoxLayout(body)
        self._settings_body.setContentsMargins(0, 0, 8, 0)
        seed = row()
        words = label("Seed", wrap=False)
        words.setBuddy(self.seed)
        seed.addWidget(words)
        seed.addWidget(self.seed, 1)
        self._settings_body.addLayout(seed)
        self._settings_body.addStretch(1)
        self._settings_area.setWidget(body)
        self.settings_button.toggled.connect(self._unfold)
        layout.addWidget(self._settings_area)

    def _unfold(self, is_open: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self.settings_button.setArrowType(arrow)
        self._settings_area.setVisible(is_open)
        if is_open:
            self.numbers.setMinimumHeight(0)  # what they would keep free, the picture needs now

    def _make_form(self) -> None:
        info = self._bridge.analyses.get(ANALYSIS)
        if info is None or self.form is not None:
            return
        self.form = ParameterForm(info.parameters)
        self._settings_body.insertWidget(0, self.form)
        titles = {p.name: p.title for p in info.parameters}
        self._history = SettingsHistory(
            self, self._undo, read=self._values, write=self._set_values,
            title_of=lambda name: titles.get(name, name),
        )  # fmt: skip
        self.form.changed.connect(self._history.note)
        self.seed.valueChanged.connect(self._history.note)

    # --- what it is asked --------------------------------------------------------------------

    def show_feature(self, feature: Feature | None) -> None:
        """Show another feature's picture; it begins when `start` is called."""
        self.optimisation.forget()
        self._feature = feature
        self.picture.clear()
        self.numbers.set_numbers({})
        problem = self._state.gradient_problem
        self.notes.clear()
        self.picture.hint = f"{NO_GRADIENTS} {problem}" if problem else HINT
        self._phase()
        self.picture_changed.emit()

    def settings(self) -> Settings:
        """What the form says."""
        parameters = self.form.values() if self.form is not None else {}
        return Settings(parameters, self.seed.value())

    def _values(self) -> dict[str, Any]:
        return {**self.settings().parameters, "seed": self.seed.value()}

    def _set_values(self, values: dict[str, Any]) -> None:
        if "seed" in values:
            self.seed.setValue(values["seed"])
        if self.form is not None:
            self.form.set_values({n: v for n, v in values.items() if n != "seed"})

    def set_settings(self, parameters: dict[str, Any], seed: int) -> None:
        """Fill the form; what is not given gets its default."""
        if self.form is None:
            self.seed.setValue(seed)
            return
        with self._history.one_step("take over the settings of a picture"):
            self.form.reset()
            self.form.set_values(parameters)
            self.seed.setValue(seed)

    def start(self) -> None:
        """Make the picture from the beginning."""
        if self._feature is not None and not self._state.gradient_problem:
            self.optimisation.start(self._feature, self.settings())

    def _more(self) -> None:
        finished = self.optimisation.phase == "finished"
        self.optimisation.go_on(more=MORE_STEPS if finished else 0)

    def _hold(self) -> None:
        if self.optimisation.phase == "paused":
            self.optimisation.resume()
        else:
            self.optimisation.pause()

    # --- what comes --------------------------------------------------------------------------

    def _came(self, picture: Picture, recipe: Recipe | None) -> None:
        self.picture.set_result(picture, recipe)
        self.numbers.set_numbers(picture.numbers)
        if picture.final and not self.settings_button.isChecked():
            # kept while the next one is made, so that the picture does not change its size
            self.numbers.keep_height()
        self.notes.setText("\n".join(picture.notes))
        self.picture_changed.emit()

    def _progressed(self, progress: Progress, left_s: float | None) -> None:
        self.bar.setRange(0, max(progress.total, 0))
        self.bar.setValue(progress.done)
        left = f", {left_s:.0f} s left" if left_s is not None and left_s >= 1 else ""
        words = f"{progress.done} of {progress.total} steps{left}"
        fits = self.bar.fontMetrics().horizontalAdvance(words) <= self.bar.width()
        self.bar.setFormat(f"%v of %m steps{left}" if fits else "%v of %m")
        self.bar.setToolTip(words)

    def _phase(self) -> None:
        work = self.optimisation
        active, paused = work.active, work.phase == "paused"
        self.run.setVisible(not active)
        problem = self._state.gradient_problem
        self.run.setEnabled(self._feature is not None and not problem)
        self.run.setToolTip(f"It needs gradients: {problem}" if problem else RUN_TIP)
        self.run.setText("Optimise" if self.picture.result is None else "Start over")
        self.more.setVisible(not active and work.can_continue)
        stopped = work.phase in ("stopped", "failed")
        self.more.setText("Resume" if stopped else f"{MORE_STEPS} more steps")
        for button in (self.hold, self.cancel):
            button.setVisible(active)
        words = "Resume" if paused else "Pause"
        self.hold.setToolTip(words)
        self.hold.setAccessibleName(words)
        self.hold.setIcon(icon("resume" if paused else "pause"))
        self.bar.setVisible(work.phase in ("running", "paused", "stopped"))
        if work.phase == "running" and self.picture.result is None:
            show_busy(self.bar)
        if work.phase == "failed":
            self.picture.hint = work.problem
            self.notes.setText(work.problem)
        self.picture.update()
