"""How a map is made: what is changed often in one row, the rest folded away below it."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QScrollArea, QSpinBox, QToolButton, QWidget

from interp_gui.core.analysis import AnalysisInfo, ParameterInfo
from interp_gui.core.dataset import Dataset
from interp_gui.gui.atlas.about import AboutBox
from interp_gui.gui.parts import NUMBERS, column, label, row
from interp_gui.gui.widgets.flow import FlowRow
from interp_gui.gui.widgets.form import ParameterForm
from interp_gui.gui.widgets.wheel import calm_wheel

FRONT = ("layout", "labels", "about")
"""Settings of the row; what is not among them stands below, as its declaration has it."""
FIXED = {"pictures": "none"}
"""What is not for choosing here: pictures are made where one looks, by runs of their own."""
HIDDEN = (*FIXED, "steps", "direction")
_LABELS = {"auto": "Automatic", "attribution": "Classes argued for", "none": "None"}
LAYOUT_NAMES = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}
SEED = "seed"


class AtlasForm(QWidget):
    """Settings of `activation-atlas`, made from its declaration.

    Signals
    -------
    changed
        A setting is another.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._infos: dict[str, ParameterInfo] = {}
        self.rest: ParameterForm | None = None
        self.layout_box = self._box("Layout", "How points are laid out on the map", 6)
        self.labels_box = self._box("Labels", "What cells are named after", 17)
        self.about = AboutBox()
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setLocale(NUMBERS)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("The same seed gives the same map")
        self.seed.setAccessibleDescription(self.seed.toolTip())
        self.seed.setKeyboardTracking(False)
        self.seed.setMaximumWidth(90)
        self.more = QToolButton()
        self.more.setText("More")
        self.more.setAccessibleName("More settings of the map")
        self.more.setToolTip("Show all other settings")
        self.more.setAccessibleDescription(self.more.toolTip())
        self.more.setCheckable(True)
        self.more.setAutoRaise(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.folded = QScrollArea()
        self.folded.setAccessibleName("More settings of the map")
        self.folded.setFrameShape(QFrame.Shape.NoFrame)
        self.folded.setWidgetResizable(True)
        self.folded.setMaximumHeight(260)
        self.folded.hide()
        self._arrange()
        calm_wheel(self)
        for box in (self.layout_box, self.labels_box):
            box.currentIndexChanged.connect(self.changed)
        self.seed.valueChanged.connect(self.changed)
        self.about.changed.connect(self.changed)
        self.more.toggled.connect(self._unfold)

    def _box(self, name: str, tip: str, letters: int) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setAccessibleDescription(tip)
        box.setToolTip(tip)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(letters)
        return box

    def _arrange(self) -> None:
        outer = column(self)
        line = FlowRow(spacing=8)
        for words, control in (
            ("Layout", self.layout_box), ("", self.about), ("Labels", self.labels_box),
            ("Seed", self.seed), ("", self.more),
        ):  # fmt: skip
            line.addWidget(_with_word(words, control) if words else control)
        outer.addLayout(line)
        outer.addWidget(self.folded)

    # --- what can be set -------------------------------------------------------------------------

    def declare(self, info: AnalysisInfo | None) -> None:
        """Offer the settings that the engine's analysis has; those that were set stay so."""
        infos = {each.name: each for each in info.parameters} if info is not None else {}
        if infos == self._infos:
            return
        before = self.values()
        self._infos = infos
        blocker = QSignalBlocker(self.layout_box)
        self.layout_box.clear()
        for choice in infos["layout"].choices if "layout" in infos else ():
            self.layout_box.addItem(LAYOUT_NAMES.get(choice, choice), choice)
        blocker.unblock()
        self.rest = ParameterForm(
            each for name, each in infos.items() if name not in (*FRONT, *HIDDEN)
        )
        self.rest.changed.connect(self.changed)
        self.rest.more.setChecked(True)
        self.rest.more.hide()  # what is advanced is folded away once, here
        self.folded.setWidget(self.rest)
        self.put({name: each.default for name, each in infos.items()} | before)

    def offer(self, classes: Sequence[str], dataset: Dataset | None) -> None:
        """Offer classes of the model, and columns of the images to label cells by."""
        self.about.offer(classes)
        columns: list[str] = []
        if dataset is not None:
            columns = [n for n in ("label", "group") if any(getattr(e, n) for e in dataset.images)]
            columns += [name for name in dataset.columns if name not in columns]
        wanted = [*_LABELS, *columns]
        if wanted == [self.labels_box.itemData(at) for at in range(self.labels_box.count())]:
            return
        chosen = self.labels_box.currentData()
        blocker = QSignalBlocker(self.labels_box)
        self.labels_box.clear()
        for name in wanted:
            self.labels_box.addItem(_LABELS.get(name, f"Column {name}"), name)
        self.labels_box.setCurrentIndex(max(0, self.labels_box.findData(chosen)))
        blocker.unblock()

    def values(self) -> dict[str, Any]:
        """All settings by name, without the seed, which is that of the run."""
        found = self.rest.values() if self.rest is not None else {}
        if self.layout_box.count():
            found["layout"] = self.layout_box.currentData()
        if "labels" in self._infos and self.labels_box.count():
            found["labels"] = self.labels_box.currentData()
        if "about" in self._infos:
            found["about"] = self.about.value
        return found | {name: value for name, value in FIXED.items() if name in self._infos}

    def set_values(self, values: dict[str, Any]) -> None:
        """Set some of them; what makes no sense is left out."""
        for box, name in ((self.layout_box, "layout"), (self.labels_box, "labels")):
            at = box.findData(values[name]) if isinstance(values.get(name), str) else -1
            if at >= 0:
                box.setCurrentIndex(at)
        if isinstance(values.get("about"), str):
            self.about.set_value(values["about"])
        if type(values.get(SEED)) is int:
            self.seed.setValue(max(0, values[SEED]))
        if self.rest is not None:
            self.rest.set_values({n: v for n, v in values.items() if n not in (*FRONT, SEED)})

    def put(self, values: dict[str, Any]) -> None:
        """Set values without telling of it."""
        blocker = QSignalBlocker(self)
        self.set_values(values)
        blocker.unblock()

    def everything(self) -> dict[str, Any]:
        """All settings with the seed, for undo and sessions."""
        return {**self.values(), SEED: self.seed.value()}

    def with_values(self, values: dict[str, Any]) -> dict[str, Any]:
        """What `everything` would be with these; the settings stay as they are."""
        before = self.everything()
        self.put(values)
        found = self.everything()
        self.put(before)
        return found

    def title_of(self, name: str) -> str:
        """What a setting is called."""
        return self._infos[name].title if name in self._infos else name

    def _unfold(self, shown: bool) -> None:
        self.folded.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)


def _with_word(words: str, control: QWidget) -> QWidget:
    holder = QWidget()
    line = row()
    holder.setLayout(line)
    word = label(words, wrap=False)
    word.setBuddy(control)
    line.addWidget(word)
    line.addWidget(control, 1)
    return holder
