"""The row over a map: what is drawn, a name to look for, the image's path, and export."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QLineEdit, QPushButton, QToolButton, QWidget

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.atlas.look import Draw
from interp_gui.gui.atlas.about import completed
from interp_gui.gui.atlas.colouring import searchable
from interp_gui.gui.parts import as_filter, icon_button, row
from interp_gui.gui.tabs.layers import SHORTEST_PX
from interp_gui.gui.widgets.flow import FlowRow

DRAWS: dict[Draw, tuple[str, str]] = {
    "auto": ("Auto", "Icons where there are some, else real crops, and points close up"),
    "crops": ("Crops", "Cells as real images, cut to what the layer's positions see"),
    "icons": ("Icons", "Cells as pictures optimised for their directions; made as you look"),
    "points": ("Points", "Every position of every image as a dot"),
}
SETTLE_MS = 250

EXPORT = "Export the map"


class MapTools(QWidget):
    """Controls of the map that is there.

    Signals
    -------
    changed
        `draw` or `labels` is another.
    searched
        What was typed into the search, once it rests.
    path_wanted
        Whether the current image's path is to be drawn.
    export_wanted, beside_wanted
        Their buttons were pressed.
    """

    changed = Signal()
    searched = Signal(str)
    path_wanted = Signal(bool)
    export_wanted = Signal()
    beside_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[Draw, QToolButton] = {}
        self._group = QButtonGroup(self)
        for draw, (title, tip) in DRAWS.items():
            button = QToolButton()
            button.setText(title)
            button.setToolTip(tip)
            button.setAccessibleName(f"Draw {title.lower()}")
            button.setAccessibleDescription(tip)
            button.setCheckable(True)
            button.setChecked(draw == "auto")
            button.toggled.connect(self._toggled)
            self._group.addButton(button)
            self.buttons[draw] = button
        self.lasso = QToolButton()
        self.lasso.setText("Lasso")
        self.lasso.setCheckable(True)
        self.lasso.setAccessibleName("Lasso")
        self.lasso.setToolTip("Draw a line around points to choose them (Shift + drag)")
        self.lasso.setAccessibleDescription(self.lasso.toolTip())
        self.labels = QCheckBox("Labels")
        self.labels.setChecked(True)
        self.labels.setToolTip("Write what cells are named after on the map")
        self.labels.setAccessibleDescription(self.labels.toolTip())
        self.labels.toggled.connect(self.changed)
        self.search = QLineEdit()
        self.search.setAccessibleName("Search a class or a label")
        self.search.setPlaceholderText("Search a class or label")
        self.search.setToolTip("Fade all else, and go to where it lives")
        self.search.setAccessibleDescription(self.search.toolTip())
        self.search.setMinimumWidth(SHORTEST_PX)
        self.search.setMaximumWidth(220)
        as_filter(self.search)
        self._names = completed(self.search)
        self._rest = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._rest.timeout.connect(lambda: self.searched.emit(self.search.text()))
        self.search.textChanged.connect(self._typed)
        self.path = QPushButton("Path of the image")
        self.path.setCheckable(True)
        self.path.setToolTip("Draw where the positions of the current image lie on the map")
        self.path.toggled.connect(self.path_wanted)
        self.export = icon_button("export", EXPORT, self.export_wanted.emit)
        self.beside = icon_button("split", "A second map beside this one", self.beside_wanted.emit)
        self._arrange()

    def _arrange(self) -> None:
        layout = FlowRow(self, spacing=8)
        together = QWidget()
        line = row(spacing=0)
        together.setLayout(line)
        for button in self.buttons.values():
            line.addWidget(button)
        for widget in (together, self.lasso, self.labels, self.search, self.path):
            layout.addWidget(widget)
        layout.add_gap()
        layout.addWidget(self.beside)
        layout.addWidget(self.export)

    def offer(self, atlas: Atlas | None) -> None:
        """Offer the names of an atlas to look for; nothing works without one."""
        names = searchable(atlas) if atlas is not None else ()
        if tuple(self._names.stringList()) != names:
            self._names.setStringList(list(names))
        self.setEnabled(atlas is not None)

    def why_no_icons(self, reason: str) -> None:
        """Say why no icons can be made; empty where they can."""
        button = self.buttons["icons"]
        button.setEnabled(not reason)
        button.setToolTip(reason or DRAWS["icons"][1])

    def why_no_export(self, reason: str) -> None:
        """Say why the map cannot be exported; empty where it can."""
        self.export.setEnabled(not reason)
        self.export.setToolTip(reason or EXPORT)
        self.export.setAccessibleDescription(self.export.toolTip())

    @property
    def draw(self) -> Draw:
        """What is drawn."""
        return next((draw for draw, button in self.buttons.items() if button.isChecked()), "auto")

    def set_draw(self, draw: object) -> None:
        """Draw this; what is none is left out."""
        for known, button in self.buttons.items():
            if known == draw:
                button.setChecked(True)

    def _toggled(self, on: bool) -> None:
        if on:
            self.changed.emit()

    def _typed(self, text: str) -> None:
        if text.strip():
            self._rest.start()
        else:  # emptied: nothing to wait for
            self._rest.stop()
            self.searched.emit("")
