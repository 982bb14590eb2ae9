"""The direction that was found: to be dragged, opened, kept, switched off, asked about."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from interp_gui.core.recipe import Recipe
from interp_gui.core.result import Grid, Picture
from interp_gui.gui.features.commands import FeatureContext, feature_commands_of
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.parts import column, label
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.feature_handle import FeatureHandle
from interp_gui.gui.widgets.flow import FlowRow
from interp_gui.gui.widgets.picture import PictureView


class DirectionCard(QFrame):
    """A direction with its name, how well it does, and what can be done with it.

    Signals
    -------
    dependence_asked
        Whether the answer depends on it is wanted.
    """

    dependence_asked = Signal()

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._picture = PictureView()
        self._picture.hide()
        self._picture.setParent(self)
        self.handle = FeatureHandle(state, self._picture)
        self.handle.setToolTip(
            "Drag this direction to the shelf, the interventions, another view, or the desktop"
        )
        self.said = label(dim=True)
        self.open = _button("Open unit page", "Show its pictures and what it responds to")
        self.keep = _button("Keep on the shelf", "Collect it on the shelf")
        self.ablate = _button("Switch it off", "Put it on the intervention panel, switched off")
        self.ask = _button(
            "Does the answer depend on it?",
            "Ask whether the Target rises along it, and what it is without it",
        )
        buttons = FlowRow()
        for button in (self.open, self.keep, self.ablate, self.ask):
            buttons.addWidget(button)
        layout = column(self, margin=8, spacing=4)
        layout.addWidget(self.handle)
        layout.addWidget(self.said)
        layout.addLayout(buttons)
        self.open.clicked.connect(partial(self._act, "unit"))
        self.keep.clicked.connect(partial(self._act, "keep"))
        self.ablate.clicked.connect(self._ablate)
        self.ask.clicked.connect(self.dependence_asked)
        self.hide()

    def show_direction(self, result: Grid, recipe: Recipe | None) -> None:
        """Be about what a run of `concept` found."""
        feature = result.feature
        self.handle.feature = feature
        self.setVisible(feature is not None)
        if feature is None:
            return
        self.handle.setText(f"{feature.title} at {feature.layer}")
        self.setAccessibleName(f"Direction {feature.title} at {feature.layer}")
        self.said.setText(_figures(result))
        if result.items:
            first = result.items[0]
            picture = Picture(key="card", title=feature.title, pixels=first.pixels, feature=feature)
            self._picture.set_result(picture, recipe)

    def set_dependence(self, why_not: str) -> None:
        """Say why the answer's dependence cannot be asked about; empty if it can."""
        self.ask.setEnabled(not why_not)
        self.ask.setToolTip(
            why_not or "Ask whether the Target rises along it, and what it is without it"
        )

    def _act(self, command: str, _checked: bool = False) -> None:
        feature = self.handle.feature
        if feature is not None:
            context = FeatureContext(self, self._picture.image, self.said.text())
            feature_commands_of(self._state).act(command, (feature,), context)

    def _ablate(self) -> None:
        feature = self.handle.feature
        if feature is not None:
            interventions_of(self._state).add_features((feature,))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleName(text)
    return button


def _figures(result: Grid) -> str:
    """How well it tells held-out examples apart, beside chance, in words."""
    numbers = result.numbers
    auc, high = numbers.get("auc"), numbers.get("random_auc_95th_percentile")
    if not isinstance(auc, float):
        return "How well it does on other examples is not known: none could be held out."
    words = f"AUC {auc:.2f} on held-out examples"
    if isinstance(high, float):
        words += f"; with random labels 95 of 100 stay below {high:.2f}"
    p = numbers.get("p_of_the_best", numbers.get("p"))
    if isinstance(p, float):
        words += f"; p = {p:.2g}"
    return f"{words}."
