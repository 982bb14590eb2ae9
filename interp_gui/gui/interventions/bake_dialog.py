"""Keeping edits as a model: how each would be baked, where to, and whether the result agrees."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from interp_gui.core.analysis import Inputs
from interp_gui.core.model import ModelDescription
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.state import AppState

_VIEW = "bake"
_MOST_IMAGES = 8
_HINT = (
    "Edits become part of a new file; the opened model stays as it is. New weights keep the "
    "network and can hold what is linear in them. An ONNX file holds edits of more kinds, as "
    "operations of its graph."
)


def open_bake_dialog(
    parent: QWidget, state: AppState, bridge: EngineBridge, documents: Documents
) -> "BakeDialog | None":
    """Show the dialog for the edits in force; says why where there is nothing to bake."""
    if state.model is None:
        state.notify("info", "Open a model first.")
        return None
    stack = state.edits
    if not stack.active and not stack.active_image_edits:
        state.notify("info", "There is no edit in force.", "Put one on the panel first.")
        return None
    dialog = BakeDialog(state, bridge, documents, parent)
    dialog.open()
    return dialog


def suggested_name(model: ModelDescription, *, onnx: bool) -> str:
    """A name for the baked file beside that of the original."""
    stem = model.name if model.format == "huggingface" else Path(model.name).stem
    if onnx:
        return f"{stem}-baked.onnx"
    return f"{stem}-baked" if model.format == "huggingface" else f"{stem}-baked.safetensors"


class BakeDialog(QDialog):
    """Looks how each edit in force would be baked, writes, and opens what was written.

    Attributes
    ----------
    table
        One row an edit.
    path
        Where to write to.
    """

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        documents: Documents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        assert state.model is not None
        self._state, self._bridge, self._documents = state, bridge, documents
        self._model, self._stack = state.model, state.edits
        self._found: dict[str, Any] | None = None
        self._busy = False
        self._written = ""
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Bake edits")
        self.resize(720, 460)
        self.format = self._formats()
        self.table = self._table()
        self.partial = QCheckBox("&Leave out what cannot be baked")
        self.partial.toggled.connect(self._update)
        self.path = QLineEdit()
        self.path.setAccessibleName("File to write")
        self.choose = QPushButton("C&hoose…")
        self.choose.setAutoDefault(False)
        self.message = parts.label()
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._buttons()
        self._layout()
        self.format.currentIndexChanged.connect(self._format_changed)
        self.path.textChanged.connect(self._update)
        self.choose.clicked.connect(self._choose)
        self._suggest()
        self.check()

    # --- parts ---------------------------------------------------------------------------------

    def _formats(self) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName("What to write")
        if self._model.description.runtime != "onnx":
            box.addItem("New weights for the same network", "checkpoint")
        box.addItem("An ONNX file with the edits in its graph", "onnx")
        return box

    def _table(self) -> QTableWidget:
        table = QTableWidget(0, 3)
        table.setAccessibleName("Edits and how they are baked")
        table.setHorizontalHeaderLabels(["Edit", "Baked", "How, or why not"])
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setAlternatingRowColors(True)
        table.setTabKeyNavigation(False)
        table.setWordWrap(True)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.sectionResized.connect(lambda *_: table.resizeRowsToContents())
        table.setColumnWidth(0, 240)
        return table

    def _buttons(self) -> None:
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.write_button = QPushButton("&Write")
        self.open_button = QPushButton("&Open it")
        roles = QDialogButtonBox.ButtonRole
        self.buttons.addButton(self.write_button, roles.ActionRole)
        self.buttons.addButton(self.open_button, roles.ActionRole)
        self.write_button.setDefault(True)
        self.open_button.setAutoDefault(False)
        self.write_button.clicked.connect(self.write)
        self.open_button.clicked.connect(self._open)
        self.buttons.rejected.connect(self.reject)

    def _layout(self) -> None:
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        column.addWidget(parts.label(_HINT, dim=True))
        form = QFormLayout()
        form.setSpacing(theme.SPACE_S)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Write &as", self.format)
        place = parts.row()
        place.addWidget(self.path, 1)
        place.addWidget(self.choose)
        form.addRow("Write &to", place)
        label = form.labelForField(place)
        if label is not None and hasattr(label, "setBuddy"):
            label.setBuddy(self.path)
        column.addLayout(form)
        column.addWidget(self.table, 1)
        column.addWidget(self.partial)
        column.addWidget(self.message)
        column.addWidget(self.buttons)

    # --- what is asked of the engine -----------------------------------------------------------

    def check(self) -> None:
        """Ask how each edit would be baked, writing nothing."""
        self._found, self._written = None, ""
        self._run("", "Looking how to bake the edits…")

    def write(self) -> None:
        """Write the file, which the engine opens and compares before it gets its name."""
        if self.write_button.isEnabled():
            self._run(self._target(), "Writing the file and trying it…")

    def _run(self, path: str, sentence: str) -> None:
        self._busy = True
        current = (self._state.image,) if self._state.image else ()
        images = tuple(dict.fromkeys((*current, *self._state.watched)))[:_MOST_IMAGES]
        request = Run(
            analysis="bake", model=self._model.handle,
            inputs=Inputs(images=images, edits=self._stack),
            parameters={
                "path": path, "format": self.format.currentData(),
                "partial": self.partial.isChecked(),
            },
        )  # fmt: skip
        self.message.setText(sentence)
        self._bridge.run(
            request, title=f"Bake into {Path(path).name}" if path else "", view=_VIEW,
            on_result=self._show, on_end=partial(self._ended, path),
        )  # fmt: skip
        self._update()

    def _show(self, result: AnyResult, _recipe: Recipe | None) -> None:
        self._found = result.provenance["bake"]
        outcomes = self._found["outcomes"]
        self.table.setRowCount(len(outcomes))
        for row, one in enumerate(outcomes):
            words = (one["edit"], "yes" if one["baked"] else "no", one["how"] or one["why"])
            for place, text in enumerate(words):
                shown = text[:1].upper() + text[1:] if place == 2 else text
                item = QTableWidgetItem(shown)
                item.setToolTip(shown)
                self.table.setItem(row, place, item)
        self.table.resizeRowsToContents()
        self.message.setText(" ".join(result.notes))

    def _ended(self, path: str, ended: Ended) -> None:
        self._busy = False
        if ended.error is not None:
            self.message.setText(f"{ended.error.message} {ended.error.hint}".strip())
        elif ended.outcome == "finished" and path:
            self._written = path
            self.message.setText(f"Written to {Path(path).name}. {self.message.text()}")
        elif ended.outcome != "finished":
            self.message.setText("It was stopped.")
        self._update()
        if self._written:
            self.open_button.setFocus()

    # --- what the user does --------------------------------------------------------------------

    def _target(self) -> str:
        return os.path.abspath(os.path.expanduser(self.path.text().strip()))

    def _suggest(self) -> None:
        folder = (
            Path(self.path.text()).parent if self.path.text() else Path(self._model.path).parent
        )
        name = suggested_name(self._model.description, onnx=self.format.currentData() == "onnx")
        self.path.setText(str(folder / name))

    def _format_changed(self) -> None:
        self._suggest()
        self.check()

    def _choose(self) -> None:
        box = QFileDialog(self, "Write the baked model to", self.path.text())
        box.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        if self.format.currentData() == "onnx":
            box.setNameFilter("ONNX models (*.onnx)")
            box.setDefaultSuffix("onnx")
        elif self._model.description.format != "huggingface":
            box.setNameFilter("Weights (*.safetensors)")
            box.setDefaultSuffix("safetensors")
        box.selectFile(self.path.text())
        box.fileSelected.connect(self.path.setText)
        box.open()

    def _open(self) -> None:
        self._documents.open_model(self._written)
        self.accept()

    def _update(self) -> None:
        outcomes = self._found["outcomes"] if self._found is not None else []
        refused = [one for one in outcomes if not one["baked"]]
        some = any(one["baked"] for one in outcomes)
        self.partial.setVisible(bool(refused) and some)
        allowed = some and (not refused or self.partial.isChecked())
        self.write_button.setEnabled(allowed and not self._busy and bool(self.path.text().strip()))
        self.open_button.setVisible(bool(self._written))
        for each in (self.format, self.path, self.choose, self.partial):
            each.setEnabled(not self._busy)

    def done(self, result: int) -> None:
        """Close; what still runs is dropped."""
        self._bridge.drop(_VIEW)
        super().done(result)
