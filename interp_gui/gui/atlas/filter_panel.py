"""Choosing which points of a map are shown."""

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QPushButton, QSpinBox, QWidget

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.gui.atlas.colouring import Filters
from interp_gui.gui.parts import NUMBERS, column, label, row
from interp_gui.gui.widgets.wheel import calm_wheel

MOST_VALUES = 500


class FilterPanel(QWidget):
    """Which images, what argues for which class, how dense.

    Signals
    -------
    changed
        `filters` are others.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._atlas: Atlas | None = None
        self.column = self._box("Images by", "What of the images decides which points are shown")
        self.value = self._box("Value", "Only points of these images are shown")
        self.argues = self._box("Argues for", "Only places that argue for this class are shown")
        self.least = QSpinBox()
        self.least.setRange(1, 10_000)
        self.least.setLocale(NUMBERS)
        self.least.setAccessibleName("Least points in a cell")
        self.least.setToolTip("Only where so many points lie close together")
        self.least.setAccessibleDescription(self.least.toolTip())
        self.least.setKeyboardTracking(False)
        self.all = QPushButton("Show all")
        self.all.setToolTip("Show every point again")
        self._arrange()
        self.column.currentIndexChanged.connect(self._column_chosen)
        for box in (self.value, self.argues):
            box.currentIndexChanged.connect(self._tell)
        self.least.valueChanged.connect(self._tell)
        self.all.clicked.connect(self.reset)
        calm_wheel(self)
        self.offer(None)

    def _box(self, name: str, tip: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setAccessibleDescription(tip)
        box.setToolTip(tip)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(5)
        return box

    def _arrange(self) -> None:
        layout = column(self)
        line = row()
        word = label("Show", wrap=False)
        word.setBuddy(self.column)
        line.addWidget(word)
        line.addWidget(self.column, 1)
        line.addWidget(self.value, 1)
        layout.addLayout(line)
        for words, control in (("Argues for", self.argues), ("Cells of at least", self.least)):
            line = row()
            word = label(words, wrap=False)
            word.setBuddy(control)
            line.addWidget(word)
            line.addWidget(control, 1)
            if control is self.least:
                line.addWidget(label("points", wrap=False))
            layout.addLayout(line)
        layout.addWidget(self.all)

    def offer(self, atlas: Atlas | None) -> None:
        """Offer what an atlas knows; what was chosen stays if it can."""
        before = self.filters
        self._atlas = atlas
        blockers = [QSignalBlocker(box) for box in (self.column, self.value, self.argues)]
        self.column.clear()
        self.column.addItem("All images", "")
        for name in atlas.columns if atlas is not None else ():
            self.column.addItem(f"By {name}", name)
        self.column.setCurrentIndex(max(0, self.column.findData(before.column)))
        self._fill_values(before.value)
        self.argues.clear()
        self.argues.addItem("Any class", -1)
        for at, name in enumerate(atlas.class_names if atlas is not None else ()):
            self.argues.addItem(name, at)
        self.argues.setCurrentIndex(max(0, self.argues.findData(before.class_at)))
        for blocker in blockers:
            blocker.unblock()
        self.setEnabled(atlas is not None)
        self._show()

    def _fill_values(self, chosen: str = "") -> None:
        self.value.clear()
        name = self.column.currentData()
        texts = self._atlas.columns.get(name, ()) if self._atlas is not None and name else ()
        for text in sorted(set(texts), key=str.casefold)[:MOST_VALUES]:
            self.value.addItem(text or "(none)", text)
        self.value.setCurrentIndex(max(0, self.value.findData(chosen)) if texts else -1)

    @property
    def filters(self) -> Filters:
        """What is chosen."""
        name = str(self.column.currentData() or "") if self.value.count() else ""
        at = self.argues.currentData()
        return Filters(
            column=name, value=str(self.value.currentData() or "") if name else "",
            class_at=at if isinstance(at, int) else -1, least=self.least.value(),
        )  # fmt: skip

    def set_filters(self, filters: Filters) -> None:
        """Choose these; what is not offered is left out."""
        blockers = [QSignalBlocker(w) for w in (self.column, self.value, self.argues, self.least)]
        self.column.setCurrentIndex(max(0, self.column.findData(filters.column)))
        self._fill_values(filters.value)
        self.argues.setCurrentIndex(max(0, self.argues.findData(filters.class_at)))
        self.least.setValue(filters.least)
        for blocker in blockers:
            blocker.unblock()
        self._tell()

    def reset(self) -> None:
        """Show every point."""
        self.set_filters(Filters())

    def _column_chosen(self) -> None:
        blocker = QSignalBlocker(self.value)
        self._fill_values()
        blocker.unblock()
        self._tell()

    def _tell(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.value.setVisible(bool(self.column.currentData()))
        self.argues.setEnabled(self.argues.count() > 1)
        self.all.setVisible(self.filters.active)
