"""The mark of what was computed with edits, and what makes a view compute with them."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QToolButton, QWidget

from interp_gui.core.edit import EditStack
from interp_gui.gui.interventions.words import contents_of
from interp_gui.gui.state import AppState

SETTLE_MS = 300
"""A view asks anew once a value has not been dragged for so long."""


class EditedMark(QToolButton):
    """The word that says that something was computed with edits, and by which on the tooltip."""

    def __init__(self, words: str = "Edited", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(words)
        self.setToolTip("Computed with the edits in force")
        self.setAccessibleName(words)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._colour()

    def tell(self, words: str, stack: EditStack) -> None:
        """Say what was done and list by what."""
        self.setText(words)
        self.setToolTip(f"Computed with:\n{contents_of(stack)}")
        self.setAccessibleName(words)
        self.setAccessibleDescription(self.toolTip())

    def _colour(self) -> None:
        plain = self.isCheckable() and not self.isChecked()
        edge = self.palette().mid().color() if plain else self.palette().highlight().color()
        style = (
            f"QToolButton {{ border: 1px solid {edge.name()}; border-radius: 7px; "
            f"padding: 0 6px; background: transparent; }}"
            f"QToolButton:focus {{ border-width: 2px; }}"
        )
        if self.styleSheet() != style:
            self.setStyleSheet(style)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colour()


class FollowEdits(EditedMark):
    """Says whether a view shows the edited network, and lets it be chosen; for all views at once.

    It is there while anything is in force.

    Parameters
    ----------
    parent
        What it stands in: without one it would come up as a window of its own.
    """

    def __init__(self, state: AppState, parent: QWidget) -> None:
        super().__init__(parent=parent)
        self._state = state
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.clicked.connect(state.shared.set_follows_edits)
        state.edits_changed.connect(self.refresh)
        state.model_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is so now."""
        stack = self._state.edits_in_force
        on = self._state.follows_edits
        self.setVisible(bool(stack.edits or stack.image_edits))
        self.setChecked(on)
        self._colour()
        self.setText("Edited" if on else "Show edited")
        verb = "Computed with" if on else "Compute this view with"
        self.setToolTip(f"{verb}:\n{contents_of(stack)}\n(Ctrl+Shift+E)")
        self.setAccessibleName("Edited network" if on else "Show the edited network")
        self.setAccessibleDescription(self.toolTip())


class EditsFollower(QObject):
    """Calls back once the edits that a view asks with are other ones, and have settled.

    Parameters
    ----------
    state
        The view's own.
    """

    def __init__(self, state: AppState, parent: QObject, changed: Callable[[], object]) -> None:
        super().__init__(parent)
        self._state, self._last = state, state.edits_of_views
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(changed)
        state.edits_changed.connect(self._look)

    def _look(self) -> None:
        now = self._state.edits_of_views
        if now != self._last:
            self._last = now
            self._settled.start()
