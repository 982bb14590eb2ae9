"""Taking what is shown elsewhere: files of every format, and the clipboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings, QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, Picture, Pixels
from interp_gui.gui.dragging.drag import copy_to_clipboard
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.grid import GridView
from interp_gui.gui.widgets.matrix import MatrixView
from interp_gui.gui.widgets.pixels import to_image
from interp_gui.gui.widgets.view import ResultView, numbers_text

FORMATS = {
    "png": "PNG picture, with recipe",
    "svg": "SVG drawing, with recipe",
    "pdf": "PDF page, with recipe",
    "csv": "CSV, the numbers as text",
    "npz": "NPZ, the arrays with recipe",
}
NAMED_FILES = 6


@dataclass(frozen=True)
class Exportable:
    """A result and what reproduces it."""

    result: AnyResult
    recipe: Recipe | None = None


def file_stem(title: str) -> str:
    """A title as a file name that every system takes."""
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in title).strip("-.")
    while "--" in kept:
        kept = kept.replace("--", "-")
    return kept[:100] or "result"


class ExportDialog(QDialog):
    """Asks for format, scale and place of an export.

    Parameters
    ----------
    stem
        Suggested file name without its ending.
    titles
        Of the results that are written into a folder, a file each; empty to write one file.
    """

    def __init__(
        self, stem: str, *, titles: Sequence[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self._stem, self._titles, self._many = file_stem(stem), tuple(titles), bool(titles)
        self.format = QComboBox()
        for name, words in FORMATS.items():
            self.format.addItem(words, name)
        self.format.setAccessibleName("Format")
        self.scale = QDoubleSpinBox()
        self.scale.setRange(0.25, 16)
        self.scale.setValue(1)
        self.scale.setSingleStep(0.5)
        self.scale.setSuffix(" ×")
        self.scale.setAccessibleName("Scale")
        self.path = QLineEdit()
        self.path.setAccessibleName("Folder" if titles else "File")
        self.path.setMinimumWidth(380)
        self.browse = QPushButton("Browse…")
        self.browse.setAccessibleName("Browse for a place")
        self.note = QLabel()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self._arrange()
        self.format.currentIndexChanged.connect(self._format_changed)
        self.path.textChanged.connect(self._check)
        self.browse.clicked.connect(self._browse)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        start = _start_folder()
        self.path.setText(str(start if titles else start / f"{self._stem}.png"))
        self._check()

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("&Format", self.format)
        form.addRow("&Scale", self.scale)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.browse)
        label = QLabel("F&older" if self._many else "F&ile")
        label.setBuddy(self.path)
        form.addRow(label, row)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(self.buttons)

    @property
    def format_name(self) -> str:
        """The chosen format: `png`, `svg`, `pdf`, `csv` or `npz`."""
        return str(self.format.currentData())

    def paths(self, titles: Sequence[str]) -> list[Path]:
        """Where each of the results goes."""
        place = Path(self.path.text()).expanduser()
        if not self._many:
            return [place]
        taken: dict[str, int] = {}
        paths = []
        for title in titles:
            stem = file_stem(title)
            taken[stem] = taken.get(stem, 0) + 1
            suffix = f"-{taken[stem]}" if taken[stem] > 1 else ""
            paths.append(place / f"{stem}{suffix}.{self.format_name}")
        return paths

    def remember(self) -> None:
        """Begin in the same folder next time."""
        place = Path(self.path.text()).expanduser()
        QSettings().setValue("export/folder", str(place if self._many else place.parent))

    def _format_changed(self) -> None:
        name = self.format_name
        self.scale.setEnabled(name not in ("csv", "npz"))
        if not self._many and self.path.text():
            self.path.setText(str(Path(self.path.text()).with_suffix(f".{name}")))
        self._check()

    def _browse(self) -> None:
        if self._many:
            chosen = QFileDialog.getExistingDirectory(self, "Folder", self.path.text())
        else:
            pattern = f"*.{self.format_name}"
            chosen, _ = QFileDialog.getSaveFileName(
                self, "Export to", self.path.text(), f"{self.format_name.upper()} ({pattern})"
            )
        if chosen:
            self.path.setText(chosen)

    def _check(self) -> None:
        place = Path(self.path.text()).expanduser() if self.path.text() else None
        folder = place if self._many or place is None else place.parent
        problem = ""
        if folder is None or (not self._many and not place):
            problem = "Choose where to write."
        elif not folder.is_dir():
            problem = "That folder does not exist."
        note = problem
        if not problem and self._many:
            note = self._which()
        elif not problem and place is not None and place.is_file():
            note = "This file exists and will be replaced."
        self.note.setText(note)
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def _which(self) -> str:
        """The files that will be written, the first by name."""
        paths = self.paths(self._titles)
        names = "\n".join(path.name for path in paths[:NAMED_FILES])
        more = len(paths) - NAMED_FILES
        rest = f"\nand {more} more" if more > 0 else ""
        there = sum(path.is_file() for path in paths)
        replaced = f"\n{there} of them exist and will be replaced." if there else ""
        return f"{len(paths)} files will be written:\n{names}{rest}{replaced}"


def _start_folder() -> Path:
    """Where the last export went, or the user's pictures, or their home: the first there is."""
    pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    for place in (str(QSettings().value("export/folder", "")), pictures):
        if place and Path(place).is_dir():
            return Path(place)
    return Path.home()


def ask_and_export(parent: QWidget, state: AppState, what: Sequence[Exportable]) -> None:
    """Ask how and where, then write off the event loop; the end is told as a toast."""
    if not what:
        state.notify("info", "There is nothing to export yet.")
        return
    titles = [item.result.title for item in what]
    folder = titles if len(what) > 1 else ()
    dialog = ExportDialog(titles[0], titles=folder, parent=parent.window())
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def accepted() -> None:
        dialog.remember()
        paths = dialog.paths(titles)
        write(state, what, paths, scale=dialog.scale.value(), format=dialog.format_name)

    dialog.accepted.connect(accepted)
    dialog.open()


def write(
    state: AppState,
    what: Sequence[Exportable],
    paths: Sequence[Path],
    *,
    scale: float = 1.0,
    format: str | None = None,
) -> None:
    """Write results to files in a worker thread."""

    def work() -> list[Path]:
        from interp_gui.core.export import export_result

        return [
            export_result(item.result, path, recipe=item.recipe, scale=scale, format=format)
            for item, path in zip(what, paths, strict=True)
        ]

    def done(written: list[Path]) -> None:
        said = written[0].name if len(written) == 1 else f"{len(written)} files"
        folder = QUrl.fromLocalFile(str(written[0].parent))
        state.notify(
            "success", f"Wrote {said}.", f"In {written[0].parent}.",
            action="Open the folder", on_action=lambda: QDesktopServices.openUrl(folder),
        )  # fmt: skip

    background_of(state).run(work, done, on_error=lambda problem: _tell(state, problem))


def copy_result(state: AppState, result: AnyResult, *, extra: str = "") -> None:
    """Put a result on the clipboard: its picture, its numbers as text, its feature."""
    text = "\n".join(t for t in (result.title, numbers_text(result.numbers, "\n"), extra) if t)
    features = (result.feature,) if result.feature is not None else ()

    def place(pixels: Pixels) -> None:
        copy_to_clipboard(features, image=to_image(pixels), text=text)
        state.notify("success", "Copied.")

    if isinstance(result, Picture):
        place(result.pixels)
        return

    def work() -> Pixels:
        from interp_gui.core.export import result_image

        return result_image(result)

    background_of(state).run(work, place, on_error=lambda problem: _tell(state, problem))


def sheet(title: str, what: Sequence[Exportable]) -> Exportable:
    """One contact sheet of pictures and grids, with the recipes of all of them."""
    from interp_gui.core.export import contact_sheet

    results = [item.result for item in what]
    pictures = [r for r in results if isinstance(r, Picture | Grid)]
    recipe = Recipe.of_sheet([item.recipe for item in what])
    return Exportable(contact_sheet(pictures, title=title), recipe)


def connect_export(view: ResultView[Any], state: AppState) -> None:
    """Let a view's context menu export, copy, keep for the report, and open units."""

    def export() -> None:
        if view.result is not None:
            ask_and_export(view, state, [Exportable(view.result, view.recipe)])

    def copy() -> None:
        if view.result is not None:
            copy_result(state, view.result)

    def keep() -> None:
        from interp_gui.gui.report.keeping import keep_view

        keep_view(view, state)

    def code(language: str) -> None:
        from interp_gui.gui.report.keeping import copy_code

        copy_code(state, view.recipe, "python" if language == "python" else "command")

    view.export_requested.connect(export)
    view.keep_requested.connect(keep)
    view.code_requested.connect(code)
    view.copy_requested.connect(copy)
    view.feature_activated.connect(state.open_feature)
    view.add_feature_entries = partial(_add_feature_entries, view, state)
    if isinstance(view, GridView):
        from interp_gui.gui.concepts.menus import add_entries, examples_of_items

        view.examples_of_items = partial(examples_of_items, state)
        view.add_example_entries = lambda menu, examples: add_entries(menu, state, examples)
    if isinstance(view, MatrixView):
        view.edits_wanted.connect(partial(_put_on_panel, state))


def _put_on_panel(state: AppState, edits: EditStack) -> None:
    from interp_gui.gui.interventions.model import interventions_of

    interventions_of(state).add_edits(edits)


def _add_feature_entries(
    view: ResultView[Any], state: AppState, menu: QMenu, features: tuple[Feature, ...]
) -> None:
    from interp_gui.gui.features.menu import build_feature_menu

    cards = getattr(view, "list", None)
    image = QImage()
    if isinstance(view.result, Picture):
        image = to_image(view.result.pixels)
    elif isinstance(cards, CardList):
        image = cards.picture_of(features[0])
    # What is exported is the whole result: its own entry says so.
    build_feature_menu(menu, state, features, source=view, image=image, leave_out=("save-picture",))


def _tell(state: AppState, problem: Exception) -> None:
    if isinstance(problem, InterpError):
        state.notify_problem(problem)
    else:
        state.notify("error", "The export failed.", details=repr(problem))
