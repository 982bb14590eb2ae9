"""Undo and redo of everything a person changes by hand; what was computed is no change."""

from collections.abc import Callable
from itertools import count

from PySide6.QtCore import QObject
from PySide6.QtGui import QUndoCommand, QUndoStack

LIMIT = 500


class _Change(QUndoCommand):
    """One change. Its first `redo` is called by the stack when it is pushed."""

    def __init__(
        self,
        title: str,
        redo: Callable[[], object],
        undo: Callable[[], object],
        merge: int,
    ) -> None:
        super().__init__(title)
        self._redo, self._undo, self._merge = redo, undo, merge

    def redo(self) -> None:
        self._redo()

    def undo(self) -> None:
        self._undo()

    def id(self) -> int:
        return self._merge

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change):
            return False
        self._redo = other._redo
        return True


class UndoStack(QUndoStack):
    """What can be undone in a window, oldest first; the Edit menu shows its titles.

    Navigation (which image, layer or feature is looked at) is not in it: that is what Back is for.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setUndoLimit(LIMIT)
        self._merges: dict[str, int] = {}
        self._numbers = count(1)

    def change(
        self,
        title: str,
        redo: Callable[[], object],
        undo: Callable[[], object],
        *,
        merge: str = "",
    ) -> None:
        """Do something, and remember how it is undone.

        Parameters
        ----------
        title
            What was done, as it stands behind "Undo" in the menu: `rename unit 14`.
        redo
            Does it; called now, and at every redo.
        undo
            Restores exactly what was before.
        merge
            Changes of the same text that follow one another are one step (typing, a slider).
        """
        number = -1
        if merge:
            number = self._merges.setdefault(merge, next(self._numbers))
        self.push(_Change(title, redo, undo, number))
