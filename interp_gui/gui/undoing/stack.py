"""Undo and redo of everything a person changes by hand; what was computed is no change."""

from collections.abc import Callable
from itertools import count

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from interp_gui.core.errors import InterpError

LIMIT = 500


class _Change(QUndoCommand):
    """One change. Its first `redo` is called by the stack when it is pushed."""

    def __init__(
        self,
        stack: "UndoStack",
        title: str,
        redo: Callable[[], object],
        undo: Callable[[], object],
        merge: int,
    ) -> None:
        # What lists show, and behind the line break what menus show after "Undo".
        super().__init__(f"{title[:1].upper()}{title[1:]}\n{title}")
        self._stack, self._redo, self._undo, self._merge = stack, redo, undo, merge

    def redo(self) -> None:
        self._perform(self._redo)

    def undo(self) -> None:
        self._perform(self._undo)

    def _perform(self, step: Callable[[], object]) -> None:
        try:
            self._stack.perform(step)
        except InterpError as problem:
            # What cannot be done any more would stand in the way of the steps before it.
            self.setObsolete(True)
            self._stack.refused.emit(problem)

    def id(self) -> int:
        return self._merge

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change):
            return False
        self._redo = other._redo
        self.setText(f"{other.text()}\n{other.actionText()}")
        return True


class UndoStack(QUndoStack):
    """What can be undone in a window, oldest first; the Edit menu shows its titles.

    Navigation (which image, layer or feature is looked at) is not in it: that is what Back is for.

    Signals
    -------
    refused
        `InterpError` of a step that cannot be done any more, because what it is about is gone. The
        step is forgotten, so that the ones before it can still be undone.
    """

    refused = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setUndoLimit(LIMIT)
        self._merges: dict[str, int] = {}
        self._numbers = count(1)
        self._performing = False

    def change(
        self,
        title: str,
        redo: Callable[[], object],
        undo: Callable[[], object],
        *,
        merge: str = "",
    ) -> None:
        """Do something, and remember how it is undone.

        What is changed in answer to another change, done or undone, is part of it and no step of
        its own.

        Parameters
        ----------
        title
            What was done, as it stands behind "Undo" in the menu: `rename unit 14`.
        redo
            Does it; called now, and at every redo. An `InterpError` says that it cannot be done.
        undo
            Restores exactly what was before. An `InterpError` says that it cannot be done.
        merge
            Changes of the same text that follow one another are one step (typing, a slider), until
            `seal` is called.
        """
        if self._performing:
            redo()
            return
        number = -1
        if merge:
            if merge not in self._merges:
                self._merges[merge] = next(self._numbers)
            number = self._merges[merge]
        self.push(_Change(self, title, redo, undo, number))

    def seal(self) -> None:
        """Merge nothing that comes with what has been done (the slider was let go)."""
        self._merges.clear()

    def perform(self, step: Callable[[], object]) -> None:
        """Do one step; for the stack's own commands."""
        self._performing = True
        try:
            step()
        finally:
            self._performing = False

    def clear(self) -> None:
        """Forget everything; what is now is where undoing ends."""
        self._merges.clear()
        super().clear()
