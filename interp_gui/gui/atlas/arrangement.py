"""Where the parts of the Atlas tab stand."""

from typing import TYPE_CHECKING

from interp_gui.gui.parts import column, row
from interp_gui.gui.widgets.flow import FlowRow

if TYPE_CHECKING:
    from interp_gui.gui.atlas.tab import AtlasTab


def arrange(tab: "AtlasTab") -> None:
    """Layer and button, settings, progress, tools, and below them the map with its sidebar."""
    layout = column(tab, margin=8, spacing=6)
    top = FlowRow(spacing=8)
    top.addWidget(tab.layers)
    top.addWidget(tab.make)
    top.addWidget(tab.cancel)
    top.addWidget(tab.cost)
    layout.addLayout(top)
    layout.addWidget(tab.form)
    line = row(spacing=8)
    tab.progress.setLayout(line)
    line.addWidget(tab.bar, 1)
    line.addWidget(tab.status, 2)
    layout.addWidget(tab.progress)
    layout.addWidget(tab.tools)
    layout.addWidget(tab.about)
    tab.about.hide()
    tab.stack.addWidget(tab.empty)
    tab.stack.addWidget(tab.canvas)
    tab.split.setChildrenCollapsible(False)
    tab.split.addWidget(tab.stack)
    tab.split.addWidget(tab.sidebar)
    tab.split.setStretchFactor(0, 1)
    tab.split.setSizes([640, 280])
    layout.addWidget(tab.split, 1)
    layout.addWidget(tab.note)
    tab.note.hide()
