"""What is chosen on one map is shown on all others of the window."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.gui.atlas.selection import Chosen
from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState


@dataclass(frozen=True, eq=False)
class Linked:
    """Points of a map that were chosen."""

    atlas: Atlas
    chosen: Chosen


class LinkedSelections(QObject):
    """Passes on what is chosen; found by `links_of`.

    Signals
    -------
    chosen
        The view that it comes from, and a `Linked`.
    """

    chosen = Signal(object, object)


def links_of(state: AppState) -> LinkedSelections:
    """The links of a window."""
    return child_of(state.shared, LinkedSelections) or LinkedSelections(state.shared)
