"""Asking where a model of a session is now."""

import os
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QWidget

from interp_gui.core.model_places import MODEL_SUFFIXES
from interp_gui.core.session.document import ModelRef
from interp_gui.gui import parts, theme


class MissingModel(QDialog):
    """Names a model that was not found, and asks where it is.

    Parameters
    ----------
    folder
        Where to begin to look.
    other
        A file in its place that holds other weights; empty if there is none.
    refused
        Its file, where it was found and the user did not want to open it; empty otherwise.

    Signals
    -------
    located
        The user says that this file is it.
    use_other
        The file with other weights shall be used in its place.
    skipped
        Not now; the session goes on naming it.
    forgotten
        The session shall no longer name it.
    """

    located = Signal(str)
    use_other = Signal()
    skipped = Signal()
    forgotten = Signal()

    def __init__(
        self, ref: ModelRef, folder: str, parent: QWidget, *, other: str = "", refused: str = ""
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Go on without this model?" if refused else "Where is this model?")
        self.setMinimumWidth(480)
        self._folder, self._is_answered = folder, False
        name = ref.name or os.path.basename(ref.path)
        self.heading = parts.label(
            f"'{name}' was not opened." if refused else _what_is_wrong(ref, name, other)
        )
        self.heading.setFont(theme.heading_font(self.font()))
        facts = [f"Its file is in its place: {refused}." if refused else f"It was at {ref.path}."]
        if other and other != ref.path:
            facts.append(f"Found in its place: {other}.")
        if ref.architecture:
            facts.append(f"Architecture {ref.architecture}, weights {ref.weights_sha256[:12]}.")
        facts.append(
            "What was collected from it stays on the shelf, whatever you choose."
            + (" With other weights, its numbers and pictures would be others." if other else "")
        )
        self.facts = parts.label("\n".join(facts), dim=True)
        role = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox()
        self.locate = buttons.addButton("Locate…", role.ActionRole)
        self.locate.setDefault(not refused)
        self.locate.setAutoDefault(not refused)
        self.locate.clicked.connect(self._locate)
        if refused:
            self.again = buttons.addButton("Open it after all…", role.ActionRole)
            self.again.setToolTip("You are asked about it once more")
            self.again.setDefault(True)
            self.again.clicked.connect(lambda: self.choose(refused))
        if other:
            self.use = buttons.addButton("Use it all the same", role.ActionRole)
            self.use.clicked.connect(lambda: self._answer(self.use_other))
        self.skip = buttons.addButton("Skip", role.RejectRole)
        self.skip.setToolTip("Open the session without it; it is asked for again next time")
        self.skip.clicked.connect(lambda: self._answer(self.skipped))
        self.forget = buttons.addButton("Remove from the session", role.DestructiveRole)
        self.forget.setToolTip("Open the session without it, and do not ask again")
        self.forget.clicked.connect(lambda: self._answer(self.forgotten))
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        for widget in (self.heading, self.facts, buttons):
            column.addWidget(widget)
        self.setAccessibleName(self.heading.text())

    def _locate(self) -> None:
        dialog = QFileDialog(self, "Locate the model", self._folder)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        endings = " ".join(f"*{suffix}" for suffix in sorted(MODEL_SUFFIXES))
        dialog.setNameFilters([f"Checkpoints ({endings})", "All files (*)"])
        dialog.fileSelected.connect(self.choose)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def choose(self, path: str) -> None:
        """Answer with a file."""
        if not self._is_answered:
            self._is_answered = True
            self.located.emit(path)
            self.close()

    def _answer(self, signal: object) -> None:
        if not self._is_answered:
            self._is_answered = True
            signal.emit()  # type: ignore[attr-defined]
            self.close()

    def reject(self) -> None:
        self._answer(self.skipped)
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.skipped.emit()
        super().closeEvent(event)


def _what_is_wrong(ref: ModelRef, name: str, other: str) -> str:
    if other:
        found = Path(other).name
        return f"'{found}' holds other weights than '{name}' did when the session was saved."
    if os.path.exists(ref.path):
        return f"The model '{name}' could not be opened."
    return f"The model '{name}' is not where the session says."
