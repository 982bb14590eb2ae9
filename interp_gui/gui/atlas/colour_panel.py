"""Choosing what a map is coloured by."""

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPushButton, QWidget

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.feature import Feature
from interp_gui.core.model import ModelDescription
from interp_gui.gui.atlas.about import completed
from interp_gui.gui.atlas.colouring import By, Colour
from interp_gui.gui.parts import as_filter, column, label, row
from interp_gui.gui.shared import names_of, top_class_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.wheel import calm_wheel

COLUMN = "column:"
_NAME_ONE = "Name a class."


class ColourPanel(QWidget):
    """A box for what colours mean, and a field for which class or feature.

    Signals
    -------
    changed
        `colour` or `fade` is another.
    """

    changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state, self._names, self._top = state, names_of(state), top_class_of(state)
        self._atlas: Atlas | None = None
        self.feature: Feature | None = None
        """The feature to colour by, which was dropped or taken over."""
        self._class = ""
        self.by = QComboBox()
        self.by.setAccessibleName("Colour by")
        self.by.setToolTip("What colours on the map mean")
        self.by.setAccessibleDescription(self.by.toolTip())
        self.by.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        calm_wheel(self.by)
        self.class_name = QLineEdit()
        self.class_name.setAccessibleName("Class to colour by")
        self.class_name.setPlaceholderText("Name of a class")
        self.class_name.setToolTip("How much each place argues for this class; type to search")
        self.class_name.setAccessibleDescription(self.class_name.toolTip())
        as_filter(self.class_name)
        self._classes = completed(self.class_name)
        self.current = QPushButton("Take the current unit")
        self.current.setToolTip("Colour by the unit that is looked at; or drop one on the map")
        self.feature_name = label(dim=True)
        self.fade = QCheckBox("Fade what is low")
        self.fade.setToolTip("Draw pictures fainter the lower their value, and do not tint them")
        self.status = label(dim=True)
        self._arrange()
        self.by.currentIndexChanged.connect(self._chosen)
        self.class_name.editingFinished.connect(self._class_typed)
        self.class_name.completer().activated.connect(self._class_typed)
        self.current.clicked.connect(self._take_current)
        self.fade.toggled.connect(self.changed)
        state.feature_changed.connect(self._show_fields)
        self._top.changed.connect(self.target_changed)
        self._show_fields()

    def _arrange(self) -> None:
        layout = column(self)
        line = row()
        word = label("Colour by", wrap=False)
        word.setBuddy(self.by)
        line.addWidget(word)
        line.addWidget(self.by, 1)
        layout.addLayout(line)
        for widget in (self.class_name, self.feature_name, self.current, self.fade, self.status):
            layout.addWidget(widget)

    # --- what is offered -------------------------------------------------------------------------

    def offer(self, atlas: Atlas | None, model: ModelDescription | None) -> None:
        """Offer what an atlas and its model have to colour by; what was chosen stays if it can."""
        self._atlas = atlas
        names = class_names(atlas, model)
        if tuple(self._classes.stringList()) != names:
            self._classes.setStringList(list(names))
        chosen = self.by.currentData()
        blocker = QSignalBlocker(self.by)
        self.by.clear()
        self.by.addItem("Nothing", "none")
        if names:
            self.by.addItem("What argues for a class", "class")
        if atlas is not None and atlas.weight.size:
            self.by.addItem(f"What argues for {atlas.about}", "weight")
        self.by.addItem("A unit or direction", "feature")
        self.by.addItem("Points in a cell", "density")
        for name in atlas.columns if atlas is not None else ():
            self.by.addItem(f"Images: {name}", f"{COLUMN}{name}")
        self.by.addItem("Stability over seeds", "stability")
        self.by.setCurrentIndex(max(0, self.by.findData(chosen)))
        blocker.unblock()
        self._show_fields()

    @property
    def colour(self) -> Colour:
        """What is chosen."""
        data = str(self.by.currentData() or "none")
        if data.startswith(COLUMN):
            return Colour("column", data.removeprefix(COLUMN))
        by: By = data  # type: ignore[assignment]
        if by == "class":
            return Colour(by, self.class_index) if self.class_index else Colour()
        if by == "feature":
            return Colour(by, self.feature.text) if self.feature is not None else Colour()
        return Colour(by)

    @property
    def class_index(self) -> str:
        """The class to colour by, as text: the one that was named, or else the Target's.

        That of a Target without one is the class that the model answers for the current image.
        """
        if self._class:
            return self._class
        target = self._state.target.index
        if target is not None and self._state.target.kind != "similarity":
            return str(target)
        model = self._state.model
        answer = self._top.of(model.handle) if model is not None else None
        if answer is not None:
            return str(answer)
        return (
            str(self._atlas.classes[0]) if self._atlas is not None and self._atlas.classes else ""
        )

    @property
    def class_title(self) -> str:
        """What the class to colour by is called; empty for none."""
        return self._names_by_index().get(self.class_index, "")

    # --- choosing --------------------------------------------------------------------------------

    def choose(self, by: str) -> None:
        """Choose by the box's own data; what is not offered is left out."""
        at = self.by.findData(by)
        if at >= 0:
            self.by.setCurrentIndex(at)

    def choose_class(self, index: str) -> None:
        """Colour by a class, by its index as text; empty for the Target's."""
        self._class = index
        self.choose("class")
        self._show_fields()
        self.changed.emit()

    def choose_feature(self, feature: Feature) -> None:
        """Colour by a feature."""
        self.feature = feature
        if self.by.currentData() == "feature":
            self._show_fields()
            self.changed.emit()
        else:
            self.choose("feature")

    def target_changed(self) -> None:
        """The Target is another: colours that follow it do so."""
        self._show_fields()
        if self.by.currentData() == "class" and not self._class:
            self.tell("" if self.class_index else _NAME_ONE)
            self.changed.emit()

    def tell(self, text: str) -> None:
        """Say what is going on, or why there are no colours."""
        self.status.setText(text)
        self.status.setVisible(bool(text))

    def _chosen(self) -> None:
        if self.by.currentData() == "feature" and self.feature is None:
            self.feature = self._state.feature
        self._show_fields()
        if self.by.currentData() == "class" and not self.class_index:
            self.tell(_NAME_ONE)
        else:
            self.tell("")
        self.changed.emit()

    def _take_current(self) -> None:
        if self._state.feature is not None:
            self.choose_feature(self._state.feature)

    def _class_typed(self) -> None:
        typed = self.class_name.text().strip().casefold()
        names = self._by_name()
        index = next((i for name, i in names.items() if name.casefold() == typed), None)
        if index is None:
            close = [i for name, i in names.items() if typed and typed in name.casefold()]
            index = close[0] if len(close) == 1 else None
        if index is not None and index != self.class_index:
            self._class = index
            self.changed.emit()
        self._show_class()

    def _by_name(self) -> dict[str, str]:
        model, atlas = self._state.model, self._atlas
        found: dict[str, str] = {}
        if model is not None and model.description.class_count:
            description = model.description
            found = {description.class_name(i): str(i) for i in range(description.class_count)}
        if atlas is not None:
            found |= dict(zip(atlas.class_names, map(str, atlas.classes), strict=True))
        return found

    # --- showing ---------------------------------------------------------------------------------

    def _show_class(self) -> None:
        if not self.class_name.hasFocus() or self.class_name.text().strip():
            self.class_name.setText(self.class_title)

    def _names_by_index(self) -> dict[str, str]:
        return {index: name for name, index in self._by_name().items()}

    def _show_fields(self) -> None:
        by = self.by.currentData()
        self.class_name.setVisible(by == "class")
        self._show_class()
        feature, current = self.feature, self._state.feature
        self.feature_name.setVisible(by == "feature")
        named = feature is not None and (self._names.name(feature) or feature.text)
        self.feature_name.setText(named or "Drop a unit or a direction on the map.")
        other = current is not None and current != feature
        self.current.setVisible(by == "feature" and other)
        if current is not None and other:
            self.current.setText(f"Take {self._names.name(current) or current.text}"[:60])
        self.fade.setVisible(by not in (None, "none"))
        self.status.setVisible(bool(self.status.text()))


def class_names(atlas: Atlas | None, model: ModelDescription | None) -> tuple[str, ...]:
    """Names of the classes that can be asked about."""
    if model is not None and model.class_count:
        return tuple(model.class_name(i) for i in range(model.class_count))
    return atlas.class_names if atlas is not None else ()
