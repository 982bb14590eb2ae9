"""Where the parts of the Atlas tab stand."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QSizePolicy, QWidget

from interp_gui.gui.parts import column, row
from interp_gui.gui.widgets.flow import FlowRow

if TYPE_CHECKING:
    from interp_gui.gui.atlas.tab import AtlasTab


def arrange(tab: "AtlasTab") -> None:
    """Layer and button, settings, tools, the map with its sidebar, and what is going on below.

    The line below is kept free for progress and notes, so that nothing above it moves while one
    points at it; what went wrong may take more lines.
    """
    layout = column(tab, margin=8, spacing=6)
    top = FlowRow(spacing=8)
    top.addWidget(tab.layers)
    top.addWidget(tab.make)
    top.addWidget(tab.cancel)
    top.addWidget(tab.settings)
    top.addWidget(tab.cost)
    layout.addLayout(top)
    layout.addWidget(tab.form)
    layout.addWidget(tab.tools)
    tab.stack.addWidget(tab.empty)
    tab.stack.addWidget(tab.canvas)
    tab.split.setChildrenCollapsible(False)
    tab.split.addWidget(tab.stack)
    tab.split.addWidget(tab.sidebar)
    tab.split.setStretchFactor(0, 1)
    tab.split.setSizes([640, 250])
    layout.addWidget(tab.split, 1)
    line = row(spacing=8)
    tab.progress.setLayout(line)
    tab.bar.setMaximumWidth(120)
    line.addWidget(tab.bar, 1)
    line.addWidget(tab.status, 2)
    foot = row(spacing=8)
    foot.addWidget(tab.about, 3)
    foot.addWidget(tab.progress, 5)
    foot.addWidget(tab.note, 2)
    below = QWidget()
    below.setLayout(foot)
    below.setMinimumHeight(max(tab.bar.sizeHint().height(), tab.note.fontMetrics().height()) + 2)
    for words in (tab.about, tab.note):
        words.setProperty("dim", True)
    tab.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    tab.about.hide()
    layout.addWidget(below)
