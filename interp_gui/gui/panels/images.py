"""The Images panel: thumbnails of the images at hand; the selected one is the current image."""

from PySide6.QtCore import QItemSelectionModel, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QListView, QStackedLayout, QWidget

from interp_gui.core.dataset import ImageEntry
from interp_gui.gui import parts, theme
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.documents import Documents
from interp_gui.gui.panels.images_model import ENTRY, ImageDelegate, ImagesModel
from interp_gui.gui.state import AppState
from interp_gui.gui.thumbnails import Thumbnails

REPORT_AFTER_MS = 600


class ImagesPanel(QWidget):
    """A list of thumbnails and buttons to open, remove and clear."""

    def __init__(
        self,
        state: AppState,
        documents: Documents,
        actions: ActionRegistry,
        thumbnails: Thumbnails,
    ) -> None:
        super().__init__()
        self._state = state
        self._documents = documents
        self._thumbnails = thumbnails
        self._broken: list[str] = []
        self._known: frozenset[str] = frozenset()
        self.model = ImagesModel(thumbnails, self)
        self._delegate = ImageDelegate(self)
        self.view = self._list()
        self.count = parts.label(dim=True, wrap=False)
        self.seen = parts.icon_button("eye", "Show images as the network sees them", self._see)
        self.seen.setCheckable(True)
        self.seen.setChecked(True)
        self.remove = parts.icon_button("remove", "Remove the selected images", self._remove)
        self.clear = parts.icon_button("clear", "Remove all images", documents.clear_images)
        self._report = QTimer(self)
        self._report.setSingleShot(True)
        self._report.setInterval(REPORT_AFTER_MS)
        self._report.timeout.connect(self._tell_broken)
        self._arrange(actions)
        # Only while the list has the focus: Delete means something else elsewhere.
        delete = QShortcut(QKeySequence.StandardKey.Delete, self.view, self._remove)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        state.dataset_changed.connect(self._on_dataset)
        state.image_changed.connect(self._follow)
        state.model_changed.connect(self._see)
        thumbnails.broken.connect(self._on_broken)
        self.view.selectionModel().currentChanged.connect(lambda now, _: self._choose(now.row()))
        self._on_dataset()

    def _list(self) -> QListView:
        view = QListView()
        view.setAccessibleName("Images")
        view.setModel(self.model)
        view.setItemDelegate(self._delegate)
        view.setViewMode(QListView.ViewMode.IconMode)
        view.setResizeMode(QListView.ResizeMode.Adjust)
        view.setMovement(QListView.Movement.Static)
        view.setUniformItemSizes(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setDragEnabled(False)
        view.setFrameShape(QListView.Shape.NoFrame)
        return view

    def _arrange(self, actions: ActionRegistry) -> None:
        row = parts.row(theme.SPACE_S)
        for action in ("file.open_images", "file.open_folder"):
            button = actions.button(action, self)
            button.setAutoRaise(True)
            row.addWidget(button)
        row.addWidget(self.count, 1)
        for own in (self.seen, self.remove, self.clear):
            row.addWidget(own)
        empty = QWidget()
        centre = parts.column(empty, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        centre.addStretch(1)
        centre.addWidget(
            parts.label(
                "Drop image files or a folder here. Folders of folders are read as classes.",
                dim=True,
            )
        )
        centre.addStretch(1)
        self._stack = QStackedLayout()
        self._stack.addWidget(empty)
        self._stack.addWidget(self.view)
        column = parts.column(self, spacing=0)
        column.addLayout(row)
        column.addLayout(self._stack, 1)

    # --- following the state -------------------------------------------------------------------

    def _on_dataset(self) -> None:
        dataset = self._state.dataset
        entries = dataset.images if dataset is not None else ()
        known = frozenset(entry.path for entry in entries)
        self._thumbnails.forget(set(self._known - known))
        self._known = known
        self._delegate.labelled = any(entry.label for entry in entries)
        self.model.set_dataset(dataset)
        self._stack.setCurrentIndex(1 if entries else 0)
        self._describe()
        if self.model.row_of(self._state.image) is None:
            self._state.set_image(self.model.first_good())
        self._follow()

    def _describe(self) -> None:
        count = len(self.model.entries)
        broken = sum(1 for entry in self.model.entries if self.model.problem(entry))
        text = "" if not count else "1 image" if count == 1 else f"{count:,} images"
        self.count.setText(text + (f", {broken:,} broken" if broken else ""))
        self.remove.setEnabled(count > 0)
        self.clear.setEnabled(count > 0)

    def _follow(self) -> None:
        row = self.model.row_of(self._state.image)
        selection = self.view.selectionModel()
        if row is not None and selection.currentIndex().row() != row:
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            selection.setCurrentIndex(self.model.index(row), flag)
            self.view.scrollTo(self.model.index(row))

    def _choose(self, row: int) -> None:
        if 0 <= row < len(self.model.entries):
            entry = self.model.entries[row]
            if not self.model.problem(entry):
                self._state.set_image(entry.path)

    def _see(self) -> None:
        model = self._state.model
        self.seen.setEnabled(model is not None)
        wanted = model is not None and self.seen.isChecked()
        self._thumbnails.set_preprocessing(
            model.description.preprocessing if wanted and model is not None else None
        )

    # --- broken files --------------------------------------------------------------------------

    def _on_broken(self, path: str, _reason: str) -> None:
        row = self.model.row_of(path)
        if row is None:
            return
        self._broken.append(path)
        self._report.start()
        if path == self._state.image:
            self._state.set_image(self.model.first_good(row + 1))

    def _tell_broken(self) -> None:
        paths = [path for path in self._broken if path in self._thumbnails.problems]
        self._broken.clear()
        self._describe()
        if not paths:
            return
        reasons = [self._thumbnails.problems[path] for path in paths]
        message = reasons[0] if len(paths) == 1 else f"{len(paths)} images cannot be read."
        self._state.notify(
            "warning",
            message,
            "It is marked in the list, and the others are used."
            if len(paths) == 1
            else "They are marked in the list, and the others are used.",
            "\n".join(f"{p}: {r}" for p, r in zip(paths, reasons, strict=True)),
        )

    # --- changing the list ---------------------------------------------------------------------

    @property
    def selected(self) -> list[ImageEntry]:
        """Entries that are selected."""
        return [index.data(ENTRY) for index in self.view.selectionModel().selectedIndexes()]

    def _remove(self) -> None:
        chosen = {entry.path for entry in self.selected}
        rows = [row for path in chosen if (row := self.model.row_of(path)) is not None]
        if self._state.image in chosen:
            left = [e for e in self.model.entries[min(rows) :] if e.path not in chosen]
            left = [e for e in left if not self.model.problem(e)]
            self._state.set_image(left[0].path if left else None)
        self._documents.remove_images(chosen)
