"""Models and sessions that were open before, as buttons for their commands."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.actions import ActionRegistry

MARKS = {"session.recent.": 3, "file.recent.": 4}
"""Beginnings of the ids of commands that open something anew, and how many of each are listed."""


class RecentList(QWidget):
    """The newest of the commands that open something again; empty where there are none."""

    def __init__(self, actions: ActionRegistry) -> None:
        super().__init__()
        self._actions = actions
        self._shown: tuple[tuple[str, str], ...] = ()
        self.buttons: list[QToolButton] = []
        self._column = parts.column(self, spacing=theme.SPACE_XS)
        self.refresh()

    def refresh(self) -> None:
        """List the commands that there are now."""
        found = [
            spec
            for mark, most in MARKS.items()
            for spec in [each for each in self._actions.specs if each.id.startswith(mark)][:most]
        ]
        shown = tuple((spec.id, spec.title) for spec in found)
        if shown == self._shown:
            return
        self._shown = shown
        for button in self.buttons:
            self._column.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = [self._button(spec.id, spec.title) for spec in found]

    def _button(self, action_id: str, title: str) -> QToolButton:
        path = Path(title.replace("&&", "&"))
        button = QToolButton()
        button.setAutoRaise(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        session = path.suffix == ".interp"
        button.setIcon(icons.icon("open-folder" if session else "open-model"))
        where = f"   ·   {path.parent.name}" if path.parent.name else ""
        button.setText(f"{path.name}{where}".replace("&", "&&"))
        button.setToolTip(str(path))
        button.setAccessibleName(f"Open {path.name} again")
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: self._trigger(action_id))
        self._column.addWidget(button)
        return button

    def _trigger(self, action_id: str) -> None:
        if action_id in self._actions:
            self._actions[action_id].trigger()
