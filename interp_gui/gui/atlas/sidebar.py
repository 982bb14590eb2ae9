"""Beside a map: what lies under the cursor, colours with their legend, and filters."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QLabel, QScrollArea, QWidget

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.gui.atlas.colour_panel import ColourPanel
from interp_gui.gui.atlas.details import CellDetails
from interp_gui.gui.atlas.filter_panel import FilterPanel
from interp_gui.gui.atlas.legend import Legend
from interp_gui.gui.parts import column, label
from interp_gui.gui.state import AppState
from interp_gui.gui.theme import SPACE_L, SPACE_M

WIDTH_PX = 240


class Sidebar(QScrollArea):
    """One column that scrolls up and down only.

    Signals
    -------
    look_changed
        Colours, filters or sizes are others.
    link_changed
        Whether other maps' selections are shown here was changed.
    """

    look_changed = Signal()
    link_changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.setAccessibleName("About the map")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._state = state
        self.details = CellDetails(state)
        self.colours = ColourPanel(state)
        self.legend = Legend()
        self.filters = FilterPanel()
        self.sized = QCheckBox("Size by number of points")
        self.sized.setChecked(True)
        self.sized.setToolTip("Draw cells that hold fewer points than most smaller")
        self.linked = QCheckBox("Show other maps' choice")
        self.linked.setChecked(True)
        self.linked.setToolTip("Mark here what is chosen on a map beside this one")
        self.facts = label(dim=True)
        self.facts.setAccessibleName("Facts about the map")
        inside = QWidget()
        layout = column(inside, margin=SPACE_M, spacing=SPACE_M)
        layout.addWidget(self.details)
        layout.addWidget(_line())
        layout.addWidget(self.colours)
        layout.addWidget(self.legend)
        layout.addWidget(_line())
        layout.addWidget(_heading("Show only"))
        layout.addWidget(self.filters)
        layout.addWidget(self.sized)
        layout.addWidget(self.linked)
        layout.addSpacing(SPACE_L)
        layout.addWidget(self.facts)
        layout.addStretch(1)
        self.setWidget(inside)
        for signal in (self.colours.changed, self.filters.changed, self.sized.toggled):
            signal.connect(self.look_changed)
        self.linked.toggled.connect(self.link_changed)

    def minimumSizeHint(self) -> QSize:
        inside = self.widget()
        bar = self.verticalScrollBar().sizeHint().width()
        wanted = inside.minimumSizeHint().width() + bar if inside is not None else 0
        return QSize(max(200, wanted), 120)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH_PX, 400)

    def offer(self, atlas: Atlas | None) -> None:
        """Offer what an atlas knows."""
        model = self._state.model
        self.colours.offer(atlas, model.description if model is not None else None)
        self.filters.offer(atlas)
        self.setEnabled(atlas is not None)
        self.facts.setText(facts_of(atlas) if atlas is not None else "")


def facts_of(atlas: Atlas) -> str:
    """How many points of how many images, what is left out, and what to know about it."""
    sides = ", ".join(f"{level.side}" for level in atlas.levels)
    count = f"{len(atlas.xy):,} points of {len(atlas.sha256):,} images"
    told = any(note.startswith(count) for note in atlas.notes)
    lines = [] if told else [count]
    if sides:
        lines.append(f"Zoom levels of {sides} cells a side")
    outside = atlas.numbers.get("outside")
    if isinstance(outside, int) and outside > 0:
        lines.append(f"{outside:,} points lie outside the map")
    return "\n".join([*lines, *atlas.notes])


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    line.setFrameShadow(QFrame.Shadow.Plain)
    line.setForegroundRole(line.palette().ColorRole.Mid)
    return line


def _heading(text: str) -> QLabel:
    words = label(text, wrap=False)
    font = words.font()
    font.setBold(True)
    words.setFont(font)
    return words
