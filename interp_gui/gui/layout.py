"""Where the panels stand: at first, as they were left, and back to the beginning."""

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow

from interp_gui.gui.screens import is_in_reach
from interp_gui.gui.settings import LAYOUT_VERSION, Settings, from_text, to_text

LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea
SHELF_PX = 232
"""What a row of cards and the words above it need."""
LOWEST_PX = 150
VIEWS_PX = 568
"""On a small screen the views, bars and titles come first, the shelf gets what is left."""
SIDES_PX, SIDES_LEAST_PX = (330, 270), (250, 200)
"""Widths of the panels on the left and on the right; the least is for narrow windows."""
CENTRE_PX = 555
FRAME_PX = (8, 48)
"""Room left on the screen for the window's frame and title bar."""


class WindowLayout:
    """Arranges the panels of a window and remembers how they were arranged."""

    def __init__(
        self, window: QMainWindow, docks: Mapping[str, QDockWidget], settings: Settings
    ) -> None:
        self._window, self._docks, self._settings = window, docks, settings
        window.setCorner(Qt.Corner.BottomLeftCorner, LEFT)
        window.setCorner(Qt.Corner.BottomRightCorner, RIGHT)

    def reset(self) -> None:
        """Put all panels where they are at first."""
        window, docks = self._window, self._docks
        for dock in docks.values():
            dock.setFloating(False)
            window.removeDockWidget(dock)
        model, images, interventions, output, shelf, jobs, log = (
            docks[name]
            for name in ("model", "images", "interventions", "output", "shelf", "jobs", "log")
        )
        window.addDockWidget(LEFT, model)
        window.splitDockWidget(model, images, Qt.Orientation.Vertical)
        window.addDockWidget(RIGHT, interventions)
        window.splitDockWidget(interventions, output, Qt.Orientation.Vertical)
        window.addDockWidget(BOTTOM, shelf)
        window.tabifyDockWidget(shelf, jobs)
        window.tabifyDockWidget(jobs, log)
        for dock in docks.values():
            dock.show()
        shelf.raise_()
        sides = max(sum(SIDES_LEAST_PX), min(sum(SIDES_PX), window.width() - CENTRE_PX))
        left = sides * SIDES_PX[0] // sum(SIDES_PX)
        window.resizeDocks([model, output], [left, sides - left], Qt.Orientation.Horizontal)
        window.resizeDocks([model, images], [430, 340], Qt.Orientation.Vertical)
        window.resizeDocks([interventions, output], [430, 390], Qt.Orientation.Vertical)
        room = window.height() - VIEWS_PX
        window.resizeDocks([shelf], [max(LOWEST_PX, min(SHELF_PX, room))], Qt.Orientation.Vertical)

    def restore(self) -> None:
        """Arrange the panels as they were left, on a screen that is there."""
        window, values = self._window, self._settings.values
        window.resize(_first_size())
        self.reset()
        if values.geometry:
            window.restoreGeometry(from_text(values.geometry))
            if not is_in_reach(window.frameGeometry()):
                window.resize(_first_size())
                window.move(QGuiApplication.primaryScreen().availableGeometry().topLeft())
        if values.layout and values.layout_version == LAYOUT_VERSION:
            window.restoreState(from_text(values.layout), LAYOUT_VERSION)

    def save(self) -> None:
        """Remember how the panels are arranged."""
        self._settings.change(
            layout_version=LAYOUT_VERSION,
            geometry=to_text(bytes(self._window.saveGeometry().data())),
            layout=to_text(bytes(self._window.saveState(LAYOUT_VERSION).data())),
        )


def _first_size() -> QSize:
    room = QGuiApplication.primaryScreen().availableSize()
    room -= QSize(*FRAME_PX)  # the frame is not known before the window is shown
    return QSize(min(1440, room.width()), min(900, room.height()))
