"""Whether views may begin a pass over all images at hand by themselves."""

from PySide6.QtCore import QObject, Signal

from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState

ASK_FROM = 5_000
"""So many images are not looked through before the user said so."""


class PassLeave(QObject):
    """Passes that were allowed, by model and dataset; all views of a window share them.

    Signals
    -------
    changed
        A pass was allowed.
    """

    changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._given: set[tuple[str, str]] = set()

    def given(self, state: AppState) -> bool:
        """Whether a view may look through its images: they are few, or it was allowed."""
        dataset = state.dataset
        return dataset is None or len(dataset.images) < ASK_FROM or _key(state) in self._given

    def give(self, state: AppState) -> None:
        """Allow it for a view's model and images."""
        self._given.add(_key(state))
        self.changed.emit()

    def dataset_for(self, state: AppState) -> str:
        """Handle of the images that a view may look through; empty if none."""
        return state.dataset_handle if self.given(state) else ""


def _key(state: AppState) -> tuple[str, str]:
    return (state.model.handle if state.model is not None else "", state.dataset_handle)


def leave_of(state: AppState) -> PassLeave:
    """The leave of a window."""
    return child_of(state.shared, PassLeave) or PassLeave(state.shared)
