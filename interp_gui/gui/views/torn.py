"""A view in a window of its own."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.views.tab_group import TabGroup


class TornWindow(QWidget):
    """Holds one group of tabs; closing it brings its views back.

    Parameters
    ----------
    home
        The main window: it takes what is dropped here, and its shortcuts are live here too.

    Signals
    -------
    going
        It was closed: its views want to go home.
    """

    going = Signal(object)

    def __init__(self, home: QWidget, group: TabGroup, actions: ActionRegistry) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self._home, self._actions = home, actions
        self.group = group
        self._is_ending = False
        self.setAcceptDrops(True)
        self.setAccessibleName("Views in a window of their own")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(group)
        group.fronted.connect(self._retitle)
        actions.changed.connect(self._share_actions)
        self._share_actions()
        self._retitle()

    def _share_actions(self) -> None:
        shared = [self._actions[spec.id] for spec in self._actions.specs]
        for action in self.actions():
            if action not in shared:
                self.removeAction(action)
        self.addActions(shared)

    def _retitle(self, _group: object = None) -> None:
        frame = self.group.current_frame
        self.setWindowTitle(f"{frame.title} – interp-gui" if frame is not None else "interp-gui")

    def end(self) -> None:
        """Close without bringing anything back."""
        self._is_ending = True
        self.close()
        self.deleteLater()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._is_ending:
            self._is_ending = True
            self.going.emit(self)
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._home.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._home.dropEvent(event)
