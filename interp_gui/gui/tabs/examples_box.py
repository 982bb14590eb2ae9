"""Which real examples are shown: strongest, least, random, by quantile or by a column."""

from collections.abc import Iterator, Mapping
from typing import Any

from PySide6.QtCore import QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.dataset import Dataset
from interp_gui.core.recipe import Recipe
from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import SHORTEST_PX

ANALYSIS = "top-examples"
STRONGEST = "strongest"
KINDS = {
    STRONGEST: ("Strongest", "The images that drive it most"),
    "least": ("Least", "The images in which even the strongest place drives it least"),
    "random": ("Random", "Images drawn at random, the same ones for every feature"),
    "quantiles": ("By quantile", "From the strongest image down to the weaker ones, in steps"),
}
_BY = "by:"
_A_HEADING = 3
"""Images under each heading, where there are several: a row of the page as it opens."""
_LOOKED_AT, _MOST_COLUMNS = 2_000, 8


def columns_of(dataset: Dataset | None) -> Iterator[tuple[str, str]]:
    """Columns by which images can be told apart into groups: name for the analysis, and words.

    Looked for in an even sample of the images. A metadata column in which most images have a value
    of their own, as a file's number, tells nothing and is left out.
    """
    images = dataset.images if dataset is not None else ()
    sample = images[:: max(1, len(images) // _LOOKED_AT)]
    if any(entry.label for entry in sample):
        yield "label", "By label"
    if any(entry.group for entry in sample):
        yield "group", "By group"
    found = 0
    for name in dict.fromkeys(name for entry in sample for name in entry.metadata):
        values = [entry.metadata[name] for entry in sample if entry.metadata.get(name)]
        if found < _MOST_COLUMNS and 1 < len(set(values)) <= len(values) / 2:
            found += 1
            yield name, f"By {name}"


def settings_of(key: str) -> dict[str, Any]:
    """Parameters of `top-examples` for a choice."""
    if key.startswith(_BY):
        return {"kinds": "", "by": key.removeprefix(_BY), "k": _A_HEADING}
    return {"kinds": key, **({"k": _A_HEADING} if key == "quantiles" else {})}


def key_of(recipe: Recipe, analyses: Mapping[str, AnalysisInfo]) -> str:
    """The choice that gives a recipe's examples of one feature; empty where none does."""
    info = analyses.get(ANALYSIS)
    if recipe.analysis != ANALYSIS or info is None or len(recipe.features) != 1:
        return ""
    by = recipe.parameters.get("by")
    keys = [*KINDS, *([f"{_BY}{by}"] if by else [])]
    usual = {parameter.name: parameter.default for parameter in info.parameters}
    given = {**usual, **recipe.parameters}
    return next((key for key in keys if {**usual, **settings_of(key)} == given), "")


class ExamplesBox(QComboBox):
    """Offers the kinds of examples that the images at hand allow.

    Signals
    -------
    chosen
        Another kind.
    """

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Which real examples")
        self.setToolTip("Which of your images stand here")
        self.setMinimumWidth(SHORTEST_PX)
        self._wanted = STRONGEST
        self.offer(None)
        self.currentIndexChanged.connect(self._changed)

    @property
    def key(self) -> str:
        """What is chosen, as sessions keep it."""
        found: str = self.currentData()
        return found

    def offer(self, dataset: Dataset | None) -> None:
        """Offer what these images allow; what was chosen stays, or comes back with its column."""
        before = self.currentData()
        blocker = QSignalBlocker(self)
        self.clear()
        for key, words, tip in choices(dataset):
            self.addItem(words, key)
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(max(0, self.findData(self._wanted)))
        blocker.unblock()
        if before is not None and self.currentData() != before:
            self.chosen.emit()

    def choose(self, key: str) -> None:
        """Choose a kind, now or when there are images that allow it."""
        self._wanted = key
        at = self.findData(key)
        if at >= 0:
            self.setCurrentIndex(at)

    def _changed(self) -> None:
        self._wanted = self.key
        self.chosen.emit()


def choices(dataset: Dataset | None) -> Iterator[tuple[str, str, str]]:
    """Key, words and explanation of each kind that is offered for these images."""
    for key, (words, tip) in KINDS.items():
        yield key, words, tip
    for name, words in columns_of(dataset):
        yield f"{_BY}{name}", words, "The strongest images of each value"


class ExamplesWish(QObject):
    """What another view asked a feature's page to show; new pages begin with it.

    Signals
    -------
    changed
        Pages that are open show it too.
    """

    changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.key = STRONGEST

    def ask(self, key: str) -> None:
        """Ask for a kind of examples."""
        self.key = key
        self.changed.emit()


def wish_of(state: AppState) -> ExamplesWish:
    """The wish of a window."""
    return child_of(state.shared, ExamplesWish) or ExamplesWish(state.shared)
