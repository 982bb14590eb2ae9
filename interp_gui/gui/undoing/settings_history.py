"""Makes changes of settings in a form undoable: one step for each visit to a field."""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import shiboken6
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget

from interp_gui.core.errors import InvalidValue
from interp_gui.gui.undoing.stack import UndoStack

LONGEST_VALUE = 30


class SettingsHistory(QObject):
    """Watches the values of a form and remembers how each change is undone.

    Parameters
    ----------
    owner
        The form's view. Steps do not keep it alive; those of a view that is gone are refused.
    undo
        The stack of the window.
    read, write
        All values by name, and the way to set some of them.
    title_of
        What a field is called.

    Notes
    -----
    Call `note` whenever a value may be another one.
    """

    def __init__(
        self,
        owner: QWidget,
        undo: UndoStack,
        *,
        read: Callable[[], dict[str, Any]],
        write: Callable[[dict[str, Any]], object],
        title_of: Callable[[str], str],
    ) -> None:
        super().__init__(owner)
        self._undo, self._read, self._write, self._title_of = undo, read, write, title_of
        self._values = read()
        self._is_quiet = False
        self._visits = 0
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._leave)

    def note(self) -> None:
        """Remember what is another since the last call."""
        if not self._is_quiet:
            self._record("")

    @contextmanager
    def one_step(self, title: str) -> Iterator[None]:
        """Take all that is changed within as one step."""
        self._is_quiet = True
        try:
            yield
        finally:
            self._is_quiet = False
            self._record(title)

    def settle(self) -> None:
        """Take the values as they are now for those that undoing leads back to."""
        self._values = self._read()

    def _record(self, title: str) -> None:
        old, new = self._values, self._read()
        names = [name for name in new if name not in old or old[name] != new[name]]
        self._values = new
        if not names:
            return
        after = {name: new[name] for name in names}
        before = {name: old[name] for name in names if name in old}
        merge = f"settings:{id(self)}:{self._visits}:{names[0]}" if len(names) == 1 else ""
        itself = weakref.ref(self)
        self._undo.change(
            title or self._words(after),
            partial(_put, itself, after),
            partial(_put, itself, before),
            merge="" if title else merge,
        )

    def _words(self, values: Mapping[str, Any]) -> str:
        if len(values) > 1:
            return f"change {len(values)} settings"
        name, value = next(iter(values.items()))
        what = self._title_of(name)
        if isinstance(value, bool):
            return f"switch {what} {'on' if value else 'off'}"
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return f"set {what} to {text[:LONGEST_VALUE]}".rstrip()

    def put(self, values: dict[str, Any]) -> None:
        """Set values without remembering it; for the steps."""
        if all(self._read().get(name) == value for name, value in values.items()):
            return
        self._is_quiet = True
        try:
            self._write(values)
        finally:
            self._is_quiet = False
            self._values = self._read()

    def _leave(self) -> None:
        self._visits += 1


def _put(history: "weakref.ref[SettingsHistory]", values: dict[str, Any]) -> None:
    found = history()
    if found is None or not shiboken6.isValid(found):
        raise InvalidValue(
            "The view whose settings were changed is closed.",
            hint="This step is left out; what was done before it can still be undone.",
        )
    found.put(values)
