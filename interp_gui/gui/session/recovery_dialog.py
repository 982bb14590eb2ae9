"""Offering, at the start, what a window that is gone left behind."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QWidget,
)

from interp_gui.core.session.document import SessionDocument
from interp_gui.gui import parts, theme
from interp_gui.gui.background import Background
from interp_gui.gui.session.owner import Owner
from interp_gui.gui.session.recovery import Recovered, abandoned, claim, recover, remove
from interp_gui.gui.state import AppState

MOST_OFFERED = 20
NAMED_MODELS = 3


class RecoveryDialog(QDialog):
    """Names what was left, and asks what becomes of it.

    Signals
    -------
    restore
        The chosen one shall be opened.
    discard
        These shall be deleted.
    """

    restore = Signal(object)
    discard = Signal(object)

    def __init__(self, found: Sequence[Recovered], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Restore what was open")
        self.setMinimumWidth(500)
        one = len(found) == 1
        heading = parts.label(
            "Restore what was open?" if one else "Restore what was open, and which of it?"
        )
        heading.setFont(theme.heading_font(self.font()))
        self.list = QListWidget()
        self.list.setAccessibleName("What can be restored")
        self.list.setWordWrap(True)
        self.list.setSpacing(theme.SPACE_S)
        for each in found:
            item = QListWidgetItem("\n".join((title_of(each), *contents_of(each))))
            item.setData(Qt.ItemDataRole.UserRole, each)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        shown = min(3, len(found))
        lines = sum(self.list.sizeHintForRow(i) for i in range(shown))
        self.list.setFixedHeight(lines + 2 * theme.SPACE_S * shown + theme.SPACE_L)
        hint = parts.label(
            "interp-gui ended without being closed; this was kept. Later asks again at the next "
            "start.",
            dim=True,
        )
        role = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox()
        self.restore_button = buttons.addButton("Restore", role.AcceptRole)
        self.discard_button = buttons.addButton("Discard", role.DestructiveRole)
        self.later_button = buttons.addButton("Later", role.RejectRole)
        self.restore_button.setDefault(True)
        self.restore_button.clicked.connect(self._restore)
        self.discard_button.clicked.connect(self._discard)
        self.later_button.clicked.connect(self.close)
        self.list.itemActivated.connect(self._restore)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        for widget in (heading, hint, self.list, buttons):
            column.addWidget(widget)
        self._confirmed: QPushButton | None = None

    def _chosen(self) -> Recovered | None:
        item = self.list.currentItem()
        found = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return found if isinstance(found, Recovered) else None

    def _restore(self, *_: object) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.restore.emit(chosen)
            self.close()

    def _discard(self) -> None:
        """Delete the chosen one; it is asked for twice, as there is no way back."""
        chosen = self._chosen()
        if chosen is None:
            return
        if self._confirmed is None:
            self._confirmed = self.discard_button
            self.discard_button.setText("Delete for good")
            return
        self.discard.emit(chosen)
        self.list.takeItem(self.list.currentRow())
        self._confirmed = None
        self.discard_button.setText("Discard")
        if not self.list.count():
            self.close()


def title_of(found: Recovered) -> str:
    """Name of the session and when it was last written."""
    name = Path(found.path).stem if found.path else "Untitled session"
    try:
        when = datetime.fromisoformat(found.saved).astimezone()
    except ValueError:
        return name
    return f"{name}, {when:%d %B %Y, %H:%M}"


def contents_of(found: Recovered) -> list[str]:
    """What is in it, in words."""
    document = found.document
    names = [model.name or os.path.basename(model.path) for model in document.models]
    more = len(names) - NAMED_MODELS
    lines = []
    if names:
        shown = ", ".join(names[:NAMED_MODELS]) + (f" and {more} more" if more > 0 else "")
        lines.append(f"{'Model' if len(names) == 1 else 'Models'}: {shown}")
    images = len(document.dataset.images) if document.dataset is not None else 0
    counted = [
        *_counted(len(document.shelf), "feature collected", "features collected"),
        *_counted(len(document.kept), "result kept", "results kept"),
        *_counted(len(document.edits.edits), "edit", "edits"),
        *_counted(images, "image", "images"),
    ]
    lines.append(", ".join(counted) if counted else "Nothing collected yet")
    if found.problems:
        lines.append("Some of it cannot be read, and is kept aside.")
    return lines


def _counted(count: int, one: str, many: str) -> list[str]:
    return [f"{count:,} {one if count == 1 else many}"] if count else []


class RecoveryOffer(QObject):
    """Looks for what was left, off the event loop, and asks.

    Parameters
    ----------
    owner
        Of this window, which takes what is restored.
    restore
        Opens a session in the window: document, path of its file, and what to call when it is
        written down again.
    """

    offered = Signal(object)
    """The dialog; None if nothing was left."""

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        background: Background,
        owner: Callable[[], Owner],
        restore: Callable[[SessionDocument, str, Callable[[], object]], object],
    ) -> None:
        super().__init__(window)
        self._window, self._state, self._background = window, state, background
        self._owner, self._restore = owner, restore

    def look(self) -> None:
        """Look, and ask if there is anything."""
        self._background.run(_left, self._ask)

    def _ask(self, found: list[Recovered]) -> None:
        if not found:
            self.offered.emit(None)
            return
        dialog = RecoveryDialog(found, self._window)
        dialog.restore.connect(self._take)
        dialog.discard.connect(self._discard)
        dialog.open()
        self.offered.emit(dialog)

    def _take(self, found: Recovered) -> None:
        folder = claim(found.folder, self._owner())
        if folder is None:
            self._state.notify("warning", "Another window has restored this already.")
            return
        for problem in found.problems:
            self._state.notify("warning", problem, f"It is kept aside in {folder}.")
        self._restore(
            found.document, found.path,
            lambda: self._background.run(lambda: remove(folder), lambda _: None),
        )  # fmt: skip

    def _discard(self, found: Recovered) -> None:
        folder = claim(found.folder, self._owner())
        if folder is not None:
            self._background.run(lambda: remove(folder, everything=True), lambda _: None)


def _left() -> list[Recovered]:
    found = []
    for folder in abandoned()[:MOST_OFFERED]:
        recovered = recover(folder)
        if recovered is None:
            remove(folder)
        else:
            found.append(recovered)
    return found
