"""What is known of the cell under the cursor, or of what is chosen."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QWidget

from interp_gui.core.atlas.directions import Kind
from interp_gui.core.atlas.kinds import Atlas, Source
from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars, Picture
from interp_gui.gui.atlas.examples import ExampleStrip, examples_of
from interp_gui.gui.atlas.selection import KINDS, Chosen, Facts, facts, picture_of
from interp_gui.gui.export_ui import connect_export
from interp_gui.gui.parts import column, label, row
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.bars import BarsView
from interp_gui.gui.widgets.picture import PictureView
from interp_gui.gui.widgets.wheel import calm_wheel

NOTHING = "Point at the map to see what lies there. Click to open it; lasso to choose more."


class CellDetails(QFrame):
    """Title, numbers, classes, crop and icon, examples; and which direction leaves the map.

    Signals
    -------
    kind_changed
        Another kind of direction was chosen.
    """

    kind_changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._shown: tuple[Atlas, Chosen] | None = None
        self._facts: Facts | None = None
        self.hint, self.title = label(NOTHING, dim=True), label()
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.line = label(dim=True)
        self.bars = BarsView()
        self.bars.setAccessibleName("Classes that it argues for")
        self.crop, self.icon = self._picture("Real crop"), self._picture("Icon")
        self.crop_word, self.icon_word = label("Real crop", dim=True), label("Icon", dim=True)
        self.examples = ExampleStrip(background_of(state))
        self.examples.opened.connect(state.open_image)
        strip, pool = f"atlas-examples:{id(self.examples)}", background_of(state)
        self.destroyed.connect(lambda: pool.forget(strip))
        self.kind = QComboBox()
        self.kind.setAccessibleName("Direction")
        self.kind.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        tip = "Which direction of the layer a cell or a selection is dragged out as"
        self.kind.setToolTip(tip)
        self.kind.setAccessibleDescription(tip)
        for kind, words in KINDS.items():
            self.kind.addItem(words.partition(":")[0], kind)
            self.kind.setItemData(self.kind.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
        self.kind.currentIndexChanged.connect(self.kind_changed)
        calm_wheel(self.kind)
        self._arrange()
        self.clear()

    def _picture(self, name: str) -> PictureView:
        view = PictureView()
        view.setAccessibleName(name)
        view.setMinimumSize(72, 72)
        view.setMaximumHeight(140)
        connect_export(view, self._state)
        return view

    def _arrange(self) -> None:
        layout = column(self)
        for words in (self.hint, self.title, self.line):
            layout.addWidget(words)
        self.pictures = QWidget()
        beside = row(spacing=8)
        self.pictures.setLayout(beside)
        for view, word in ((self.crop, self.crop_word), (self.icon, self.icon_word)):
            one = column(spacing=2)
            one.addWidget(view, 1)
            word.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            one.addWidget(word)
            beside.addLayout(one, 1)
        layout.addWidget(self.pictures)
        line = row()
        word = label("Leaves the map as", dim=True, wrap=False)
        word.setBuddy(self.kind)
        line.addWidget(word)
        line.addWidget(self.kind, 1)
        layout.addLayout(line)
        layout.addWidget(self.bars)
        layout.addWidget(self.examples)

    # --- showing ---------------------------------------------------------------------------------

    @property
    def direction_kind(self) -> Kind:
        """The kind of direction that is chosen."""
        found: Kind = self.kind.currentData()
        return found

    def clear(self) -> None:
        """Show what to do."""
        self._shown = self._facts = None
        self.title.clear()
        self.line.clear()
        self.hint.show()
        self.title.hide()
        self.examples.forget()
        for widget in (self.line, self.bars, self.pictures, self.examples):
            widget.hide()

    def show_chosen(self, atlas: Atlas, chosen: Chosen, feature: Feature | None) -> None:
        """Show a cell or points; `feature` is what is dragged from its pictures."""
        if chosen.empty:
            self.clear()
            return
        found = self._facts_of(atlas, chosen)
        self.title.setText(found.title)
        self.line.setText(found.line)
        self.hint.hide()
        self.title.show()
        self.line.show()
        self._show_bars(found)
        self._show_picture(self.crop, self.crop_word, atlas, chosen, "crop", feature, found)
        self._show_picture(self.icon, self.icon_word, atlas, chosen, "icon", feature, found)
        self.pictures.setVisible(not (self.crop.image.isNull() and self.icon.image.isNull()))
        model = self._state.model
        self.examples.setVisible(bool(found.examples) and model is not None)
        if model is not None:
            examples = examples_of(atlas, found.examples)
            self.examples.show_examples(examples, model.description.preprocessing)

    def _facts_of(self, atlas: Atlas, chosen: Chosen) -> Facts:
        """What is told of it; neither pictures nor the kind of direction make it another."""
        known, shown = self._facts, self._shown
        same = shown is not None and shown[0].levels is atlas.levels and shown[1] is chosen
        self._shown = (atlas, chosen)
        self._facts = known if known is not None and same else facts(atlas, chosen)
        return self._facts

    def refresh(self, atlas: Atlas, feature: Feature | None) -> None:
        """Show again what is shown, with pictures that came since."""
        if self._shown is not None:
            self.show_chosen(atlas, self._shown[1], feature)

    def _show_bars(self, found: Facts) -> None:
        self.bars.setVisible(bool(found.bars))
        if found.bars:
            names, values = zip(*found.bars, strict=True)
            self.bars.set_result(
                Bars(key="classes", title="Classes that it argues for", labels=names, values=values)
            )

    def _show_picture(
        self, view: PictureView, word: QLabel, atlas: Atlas, chosen: Chosen, source: Source,
        feature: Feature | None, found: Facts,
    ) -> None:  # fmt: skip
        pictures = picture_of(atlas, chosen, source)
        view.setVisible(pictures is not None)
        word.setVisible(pictures is not None)
        if pictures is None:
            view.clear()
            return
        numbers: dict[str, float | int | str | bool | None] = {}
        if source == "icon":
            numbers["steps"] = pictures.steps
            if pictures.cosine.size:
                numbers["cosine"] = float(pictures.cosine[0])
        told = f", cosine {numbers['cosine']:.2f}" if "cosine" in numbers else ""
        word.setText("Real crop" if source == "crop" else f"Icon{told}")
        view.set_result(
            Picture(
                key=f"atlas-{source}", title=f"{found.title}, {source}",
                pixels=pictures.pixels[0], feature=feature, numbers=numbers,
            )
        )  # fmt: skip
