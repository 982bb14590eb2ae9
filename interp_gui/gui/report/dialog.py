"""The report: which results, in which order, with which words, written as HTML or PDF."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QListView,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QWidget,
)

from interp_gui.core.analysis import spoken
from interp_gui.core.errors import InterpError
from interp_gui.core.report import ReportOptions, build_report, write_report
from interp_gui.core.report.paths import PathFilter
from interp_gui.core.session.document import KeptResult
from interp_gui.gui import icons, parts, theme
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.export_ui import file_stem
from interp_gui.gui.panels.jobs_again import open_paths
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.report.model import THUMBNAIL_PX, ReportModel
from interp_gui.gui.state import AppState

FORMATS = {"html": "Web page (*.html)", "pdf": "PDF (*.pdf)"}
EMPTY = (
    "Nothing is kept yet.\n\nChoose “Keep for the report” in the menu of any result, or press "
    "Ctrl+Shift+D with a result in front."
)


class ReportDialog(QDialog):
    """Stays open beside the window; what is kept meanwhile appears in it.

    Parameters
    ----------
    state
        The window's own state.
    """

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        background: Background,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Report")
        self.resize(860, 620)
        self._state, self._bridge, self._background = state, bridge, background
        self._kept = kept_of(state)
        self.model = ReportModel(self._kept, background)
        self.model.setParent(self)
        self.list = self._make_list()
        self.title, self.author, self.intro = QLineEdit(), QLineEdit(), QPlainTextEdit()
        self.note = QPlainTextEdit()
        self.about = parts.label(dim=True)
        self.paths = QCheckBox("Include file paths")
        self.paths.setToolTip("Folders of this machine are left out unless this is ticked")
        self.recipes = QCheckBox("With recipes and commands")
        self.recipes.setToolTip("How each result is made again, as an appendix")
        self.recipes.setChecked(True)
        self._make_commands()
        self._arrange()
        self._connect()
        self._follow()
        self._choose_first()

    # --- building --------------------------------------------------------------------------------

    def _make_list(self) -> QListView:
        view = QListView()
        view.setAccessibleName("Kept results")
        view.setAccessibleDescription("In the report's order; choose one to write a note on it")
        view.setModel(self.model)
        view.setIconSize(QSize(THUMBNAIL_PX, THUMBNAIL_PX))
        view.setUniformItemSizes(True)
        view.setWordWrap(False)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        view.setDefaultDropAction(Qt.DropAction.MoveAction)
        view.setDropIndicatorShown(True)
        return view

    def _make_commands(self) -> None:
        self.up = self._command("up", "Move up", partial(self._move, -1), "Alt+Up")
        self.down = self._command("down", "Move down", partial(self._move, 1), "Alt+Down")
        self.remove = self._command("remove", "Take out of the report", self._remove, "Del")

    def _command(self, icon: str, title: str, slot: object, key: str) -> QAction:
        action = QAction(icons.icon(icon), title, self.list)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        native = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{title} ({native})")
        action.triggered.connect(lambda: slot())  # type: ignore[operator]
        self.list.addAction(action)
        return action

    def _arrange(self) -> None:
        for edit, name, hint in (
            (self.title, "Title", "Report"),
            (self.author, "Author", "Left out if empty"),
        ):
            edit.setAccessibleName(name)
            edit.setPlaceholderText(hint)
        self.intro.setAccessibleName("Introduction")
        self.intro.setAccessibleDescription("What stands at the beginning of the report")
        self.intro.setPlaceholderText("What this is about")
        self.intro.setMaximumHeight(90)
        self.note.setAccessibleName("Note on the chosen result")
        self.note.setAccessibleDescription("What stands below it in the report")
        self.note.setPlaceholderText("What is to be seen in it")
        for box in (self.intro, self.note):
            box.setTabChangesFocus(True)
        head = QFormLayout()
        head.addRow("Title", self.title)
        head.addRow("Author", self.author)
        head.addRow("Introduction", self.intro)
        left = QWidget()
        side = parts.column(left)
        empty = parts.label(EMPTY, dim=True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(empty)
        self._stack.addWidget(self.list)
        side.addWidget(self._stack, 1)
        buttons = parts.row()
        for action in (self.up, self.down, self.remove):
            button = parts.icon_button("up", action.text())
            button.setDefaultAction(action)
            buttons.addWidget(button)
        buttons.addStretch(1)
        side.addLayout(buttons)
        right = QWidget()
        words = parts.column(right, spacing=theme.SPACE_M)
        words.addLayout(head)
        caption = parts.label("Note on the chosen result")
        caption.setBuddy(self.note)
        words.addWidget(caption)
        words.addWidget(self.note, 1)
        words.addWidget(self.about)
        words.addWidget(self.paths)
        words.addWidget(self.recipes)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([380, 460])
        layout = parts.column(self, margin=theme.SPACE_M, spacing=theme.SPACE_M)
        layout.addWidget(split, 1)
        layout.addWidget(self._buttons())

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        action = QDialogButtonBox.ButtonRole.ActionRole
        self.export: dict[str, QPushButton] = {}
        for suffix, words in (("html", "Export HTML…"), ("pdf", "Export PDF…")):
            button = box.addButton(words, action)
            button.clicked.connect(lambda _=False, suffix=suffix: self._ask(suffix))
            self.export[suffix] = button
        self.export["html"].setDefault(True)
        box.rejected.connect(self.close)
        return box

    def _connect(self) -> None:
        self._kept.changed.connect(self._follow)
        self.list.selectionModel().currentChanged.connect(lambda *_: self._follow())
        self.list.selectionModel().selectionChanged.connect(lambda *_: self._follow())
        self.title.textEdited.connect(lambda text: self._kept.write_head(title=text))
        self.author.textEdited.connect(lambda text: self._kept.write_head(author=text))
        self.intro.textChanged.connect(self._write_intro)
        self.note.textChanged.connect(self._write_note)

    # --- what is chosen --------------------------------------------------------------------------

    @property
    def current(self) -> KeptResult | None:
        """The result whose note is edited."""
        at = self.list.currentIndex()
        return self.model.items[at.row()] if at.isValid() else None

    def selected_ids(self) -> list[str]:
        """Ids of the selected results, in their order."""
        rows = sorted(index.row() for index in self.list.selectionModel().selectedIndexes())
        return [self.model.items[row].id for row in rows]

    def choose(self, ids: list[str]) -> None:
        """Select these."""
        selection = self.list.selectionModel()
        selection.clear()
        for row, item in enumerate(self.model.items):
            if item.id in ids:
                index = self.model.index(row)
                selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.Select)

    def _choose_first(self) -> None:
        if self.model.items:
            self.list.setCurrentIndex(self.model.index(0))

    def _move(self, by: int) -> None:
        ids = self.selected_ids()
        rows = [row for row, item in enumerate(self.model.items) if item.id in ids]
        if rows:
            place = rows[0] - 1 if by < 0 else rows[-1] + 2
            self._kept.move(ids, max(0, place))
            self.choose(ids)

    def _remove(self) -> None:
        self._kept.remove(self.selected_ids())
        self._choose_first()

    # --- keeping up ------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Show what is kept, without moving the cursor in what is being typed."""
        items, head = self._kept.items, self._kept.head
        self._stack.setCurrentIndex(1 if items else 0)
        for edit, text in ((self.title, head.title), (self.author, head.author)):
            if edit.text() != text:
                edit.setText(text)
        _show(self.intro, head.intro)
        current = self.current if len(self.model.items) == len(items) else None
        item = self._kept.item(current.id) if current is not None else None
        self.note.setEnabled(item is not None)
        _show(self.note, item.note if item is not None else "")
        self.about.setText(_about(item) if item is not None else "")
        chosen = bool(self.list.selectionModel().selectedIndexes())
        for action in (self.up, self.down, self.remove):
            action.setEnabled(chosen)
        ticked = any(item.included for item in items)
        for button in self.export.values():
            button.setEnabled(ticked)

    def _write_intro(self) -> None:
        self._kept.write_head(intro=self.intro.toPlainText())

    def _write_note(self) -> None:
        current = self.current
        if current is not None:
            self._kept.update(current.id, note=self.note.toPlainText())

    # --- writing it ------------------------------------------------------------------------------

    def _ask(self, suffix: str) -> None:
        name = file_stem(self._kept.head.title or "report")
        box = QFileDialog(self, "Export the report", f"{name}.{suffix}", FORMATS[suffix])
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        box.setDefaultSuffix(suffix)
        box.fileSelected.connect(self.write)
        box.open()

    def write(self, path: str) -> None:
        """Write the report into a file; its ending says which format."""
        head = self._kept.head
        options = ReportOptions(
            title=head.title or "Report",
            author=head.author,
            intro=head.intro,
            include_paths=self.paths.isChecked(),
            recipes=self.recipes.isChecked(),
        )
        work = partial(
            _written, self._kept.items, options, open_paths(self._state),
            dict(self._bridge.analyses), path,
        )  # fmt: skip
        QGuiApplication.setOverrideCursor(Qt.CursorShape.BusyCursor)
        self._background.run(work, self._on_written, on_error=self._on_problem)

    def _on_written(self, written: tuple[Path, bool]) -> None:
        path, shortened = written
        QGuiApplication.restoreOverrideCursor()
        told = " Of paths in your words only the file names are in it." if shortened else ""
        self._state.notify("success", f"Wrote '{path.name}'.", f"In {path.parent}.{told}")

    def _on_problem(self, problem: Exception) -> None:
        QGuiApplication.restoreOverrideCursor()
        if isinstance(problem, InterpError):
            self._state.notify_problem(problem)
        else:
            self._state.notify("error", "The report could not be written.", details=repr(problem))


def _written(
    items: tuple[KeptResult, ...],
    options: ReportOptions,
    paths: list[str],
    infos: dict[str, object],
    path: str,
) -> tuple[Path, bool]:
    """Write it; the file, and whether paths in what the user wrote were shortened."""
    report = build_report(items, options, paths=paths, infos=infos)  # type: ignore[arg-type]
    own = (options.intro, *(item.note for item in items if item.included))
    clean = PathFilter(paths).clean
    shortened = not options.include_paths and any(clean(text) != text for text in own)
    return write_report(report, path), shortened


def _show(edit: QPlainTextEdit, text: str) -> None:
    if edit.toPlainText() != text:
        edit.blockSignals(True)
        edit.setPlainText(text)
        edit.blockSignals(False)


def _about(item: KeptResult) -> str:
    words = [item.model_name] if item.model_name else []
    if item.recipe is not None:
        words.append(spoken(item.recipe.analysis))
    words += [f"with {each.title}" for each in item.companions]
    words.append("without a recipe: it cannot be made again" if item.recipe is None else "")
    return " · ".join(word for word in words if word)
