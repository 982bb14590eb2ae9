"""A table of images on its way in: which column is what, and what is wrong with its rows."""

import os
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from interp_gui.core.csv_dataset import CsvColumns, CsvDataset, CsvPreview
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import InterpError
from interp_gui.gui import parts, theme
from interp_gui.gui.background import Background
from interp_gui.gui.opening.image_list import counted
from interp_gui.gui.toast import DetailsDialog

SETTLE_MS = 200
NONE = "(none)"
_LISTED = 500
_ROWS_PX = 200


class CsvDialog(QDialog):
    """Preview, choice of columns, and a summary of the problems; nothing is listed before Import.

    Parameters
    ----------
    accepted
        Called with the images when they are imported.
    """

    def __init__(
        self,
        path: str,
        background: Background,
        accepted: Callable[[Dataset], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import a table of images")
        self.resize(720, 560)
        self._path = path
        self._background = background
        self._accepted = accepted
        self._read: CsvDataset | None = None
        self._key = f"csv-{id(self)}"
        self.facts = parts.label(dim=True)
        self.rows = QTableWidget()
        self.rows.setAccessibleName("First rows of the table")
        self.rows.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.rows.setTabKeyNavigation(False)
        self.rows.setAlternatingRowColors(True)
        self.rows.verticalHeader().hide()
        self.rows.setMinimumHeight(_ROWS_PX)
        self.path = _box("Column that names the image files")
        self.label = _box("Column with the label")
        self.group = _box("Column with the group, as a patient or a video")
        self.others = QCheckBox("Keep the other columns to sort and filter by")
        self.others.setChecked(True)
        self.root = QLineEdit(os.path.dirname(path))
        self.root.setAccessibleName("Folder that relative paths start from")
        self.browse = QPushButton("Browse…")
        self.browse.setAutoDefault(False)
        self.summary = parts.label("Reading the table…")
        self.details = QPushButton("Details…")
        self.details.setToolTip("List the rows that are left out, with the reason")
        self.details.setAutoDefault(False)
        self.details.hide()
        self.import_button = QPushButton("Import")
        self.import_button.setDefault(True)
        self.import_button.setEnabled(False)
        self._later = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._later.timeout.connect(self._read_all)
        self._arrange()
        self._connect()
        background.run(partial(_preview, path), self._show, on_error=self._fail, key=self._key)

    def _arrange(self) -> None:
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        column.addWidget(parts.label(os.path.basename(self._path)))
        column.addWidget(self.facts)
        column.addWidget(self.rows, 1)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setHorizontalSpacing(theme.SPACE_M)
        form.addRow("Image file", self.path)
        form.addRow("Label", self.label)
        form.addRow("Group", self.group)
        form.addRow("", self.others)
        folder = parts.row()
        folder.addWidget(self.root, 1)
        folder.addWidget(self.browse)
        form.addRow("Paths start from", folder)
        column.addLayout(form)
        said = parts.row(spacing=theme.SPACE_M)
        said.addWidget(self.summary, 1)
        said.addWidget(self.details, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(said)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self.import_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    def _connect(self) -> None:
        for box in (self.path, self.label, self.group):
            box.currentIndexChanged.connect(self._on_edited)
        self.others.toggled.connect(self._on_edited)
        self.root.textChanged.connect(self._on_edited)
        self.browse.clicked.connect(self._ask_root)
        self.details.clicked.connect(self._show_details)

    # --- the table -----------------------------------------------------------------------------

    def _show(self, preview: CsvPreview) -> None:
        guess = " (assumed, as the file does not tell)" if preview.assumed else ""
        marks = {",": "commas", ";": "semicolons", "\t": "tabs"}
        between = marks.get(preview.delimiter, f"'{preview.delimiter}'")
        self.facts.setText(f"{preview.encoding}{guess}, fields between {between}")
        self.rows.setColumnCount(len(preview.header))
        self.rows.setHorizontalHeaderLabels(preview.header)
        self.rows.setRowCount(len(preview.rows))
        for y, row in enumerate(preview.rows):
            for x, text in enumerate(row):
                self.rows.setItem(y, x, QTableWidgetItem(text))
        self.rows.resizeColumnsToContents()
        found = preview.columns
        self._fill(self.path, preview.header, found.path if found else "", none=found is None)
        self._fill(self.label, preview.header, found.label if found else "")
        self._fill(self.group, preview.header, found.group if found else "")
        self._on_edited()

    def _fill(
        self, box: QComboBox, header: tuple[str, ...], chosen: str, *, none: bool = True
    ) -> None:
        box.blockSignals(True)
        box.clear()
        if none:
            box.addItem(NONE, "")
        for name in header:
            box.addItem(name, name)
        box.setCurrentIndex(max(0, box.findData(chosen)))
        box.blockSignals(False)

    def _columns(self) -> CsvColumns | None:
        path = self.path.currentData()
        if not path:
            return None
        return CsvColumns(
            path=path,
            label=self.label.currentData() or "",
            group=self.group.currentData() or "",
            metadata=None if self.others.isChecked() else (),
        )

    def _on_edited(self, *_: object) -> None:
        self._read = None
        self.import_button.setEnabled(False)
        self.details.hide()
        if self._columns() is None:
            self._later.stop()
            self.summary.setText("Choose the column that names the image files.")
            return
        self.summary.setText("Looking for the files…")
        self._later.start()

    def _read_all(self) -> None:
        columns, root = self._columns(), self.root.text()
        if columns is not None:
            self._background.run(
                partial(_read, self._path, columns, root), self._came, on_error=self._fail,
                key=self._key,
            )  # fmt: skip

    def _came(self, read: CsvDataset) -> None:
        self._read = read
        images = read.dataset.images
        labels = len(read.dataset.labels)
        said = [
            counted(len(images)) + (f" with {counted(labels, 'label')}" if labels else "") + "."
        ]
        self.summary.setText(" ".join([*said, *read.notes]))
        self.details.setVisible(bool(read.problems))
        self.import_button.setEnabled(True)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, InterpError):
            raise error
        self.summary.setText(f"{error.message} {error.hint}".strip())

    def _show_details(self) -> None:
        if self._read is None:
            return
        lines = [problem.text for problem in self._read.problems[:_LISTED]]
        left = len(self._read.problems) - len(lines)
        lines += [f"… and {left:,} more"] if left else []
        DetailsDialog("Rows with problems", "\n".join(lines), self).open()

    def _ask_root(self) -> None:
        dialog = QFileDialog(self, "Folder that relative paths start from", self.root.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.root.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # --- the end -------------------------------------------------------------------------------

    def accept(self) -> None:
        if self._read is not None:
            self._accepted(self._read.dataset)
            super().accept()

    def done(self, result: int) -> None:
        self._later.stop()
        self._background.forget(self._key)
        super().done(result)


def _box(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    box.setMinimumContentsLength(24)
    return box


def _preview(path: str) -> CsvPreview:
    from interp_gui.core.csv_dataset import preview_csv

    return preview_csv(path)


def _read(path: str, columns: CsvColumns, root: str) -> CsvDataset:
    from interp_gui.core.csv_dataset import read_csv

    return read_csv(path, columns=columns, root=root or None)
