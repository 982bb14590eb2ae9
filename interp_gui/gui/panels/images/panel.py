"""The Images panel: thumbnails of the images at hand; the selected one is the current image."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QItemSelectionModel, QPoint, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QPushButton, QStackedLayout, QStyleOptionViewItem, QWidget

from interp_gui.core.dataset import ImageEntry
from interp_gui.gui import parts, theme
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.background import Background
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.opening.image_list import counted
from interp_gui.gui.panels.images.broken import BrokenFiles
from interp_gui.gui.panels.images.delegate import ImageDelegate
from interp_gui.gui.panels.images.filter_bar import FilterBar
from interp_gui.gui.panels.images.grid import ImageGrid
from interp_gui.gui.panels.images.handing_out import drag_out
from interp_gui.gui.panels.images.model import ImagesModel
from interp_gui.gui.panels.images.source import ImageSource, Shown
from interp_gui.gui.state import AppState
from interp_gui.gui.thumbnails import Thumbnails
from interp_gui.gui.widgets.flow import FlowRow

MENU = (
    "images.show", "output.watch_selected", "images.show_in_folder", "", "images.copy",
    "images.copy_path", "",
    "images.filter_label", "", "concepts.add_with", "concepts.add_without", "",
    "images.predict", "images.classes",
    "images.check_preprocessing", "images.check_files", "", "images.remove", "images.remove_broken",
)  # fmt: skip
"""Commands of the list's menus; an empty text is a line between them."""
_KEPT_SELECTED = 5000
"""A larger selection is dropped when the list changes: it was what has just been removed."""
_CHECKED_AGAIN = 400
"""So many images in and around the view are looked at for newer files when the window returns."""


class ImagesPanel(QWidget):
    """A list of thumbnails with a filter, and buttons to open, remove and clear."""

    def __init__(
        self,
        state: AppState,
        documents: Documents,
        actions: ActionRegistry,
        thumbnails: Thumbnails,
        background: Background,
    ) -> None:
        super().__init__()
        self._state = state
        self._documents = documents
        self._actions = actions
        self._thumbnails = thumbnails
        self.source = ImageSource(state, background, thumbnails, self)
        self.model = ImagesModel(thumbnails, self)
        self.broken = BrokenFiles(state, self.source, self.model, thumbnails, background, self)
        self._delegate = ImageDelegate(self)
        self.view = self._list()
        self.filter = FilterBar(self.source)
        self.count = parts.label(dim=True, wrap=False)
        self.seen = parts.icon_button("eye", "Show images as the network sees them", self._see)
        self.seen.setCheckable(True)
        self.seen.setChecked(True)
        self.remove = parts.icon_button("remove", "Remove the selected images", self._remove)
        self.clear = parts.icon_button("clear", "Remove all images", documents.clear_images)
        self.more = parts.icon_button("more", "More about these images")
        self.more.setPopupMode(self.more.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.more)
        menu.aboutToShow.connect(lambda: self.fill_menu(menu))
        self.more.setMenu(menu)
        self._arrange()
        # Only while the list has the focus: Delete means something else elsewhere.
        delete = QShortcut(QKeySequence.StandardKey.Delete, self.view, self._remove)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        self._described = QTimer(self, singleShot=True, interval=0)
        self._described.timeout.connect(self._describe)
        state.image_changed.connect(self._follow)
        state.model_changed.connect(self._see)
        self.source.changed.connect(self._show)
        self.broken.changed.connect(self._described.start)
        thumbnails.arrived.connect(self._repaint)
        thumbnails.broken.connect(lambda path, _reason: self._repaint(path))
        thumbnails.reset.connect(self.view.viewport().update)
        selection = self.view.selectionModel()
        selection.currentChanged.connect(lambda now, _: self._choose(now.row()))
        selection.selectionChanged.connect(lambda *_: self._described.start())
        self._show(Shown())

    def _list(self) -> ImageGrid:
        view = ImageGrid()
        view.setAccessibleName("Images")
        view.setAccessibleDescription("The image that is chosen here is shown in all views")
        view.setModel(self.model)
        view.setItemDelegate(self._delegate)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._open_menu)
        view.drag_wanted.connect(lambda: drag_out(view, self.selected, self._thumbnails))
        view.typed.connect(self._type)
        view.verticalScrollBar().valueChanged.connect(lambda _value: self._want())
        return view

    def _arrange(self) -> None:
        row = FlowRow()  # in a narrow panel with large text it wraps
        row.setContentsMargins(*4 * (theme.SPACE_S,))
        for action in ("file.open_images", "file.open_folder"):
            button = self._actions.button(action, self)
            button.setAutoRaise(True)
            row.addWidget(button)
        row.addWidget(self.count)
        row.add_gap()
        for own in (self.seen, self.remove, self.clear, self.more):
            row.addWidget(own)
        empty = QWidget()
        centre = parts.column(empty, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        centre.addStretch(1)
        words = (
            "Drop image files, a folder or a CSV table here. Folders of folders are read as "
            "classes."
        )
        hint = parts.label(words, dim=True)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        centre.addWidget(hint)
        centre.addStretch(1)
        self._stack = QStackedLayout()
        self._stack.addWidget(empty)
        self._stack.addWidget(self.view)
        self.note = parts.label(dim=True)
        self.note_button = QPushButton()
        self.note_button.setAccessibleName("Do what the note above the list offers")
        self.note_button.setToolTip("What the note beside it is about")
        self.note_button.clicked.connect(self._act)
        self._on_note: Callable[[], object] | None = None
        self._note_row = QWidget()
        line = parts.row(theme.SPACE_S)
        line.addWidget(self.note, 1)
        line.addWidget(self.note_button)
        self._note_row.setLayout(line)
        self._note_row.hide()
        column = parts.column(self, spacing=0)
        column.addLayout(row)
        column.addWidget(self.filter)
        column.addWidget(self._note_row)
        column.addLayout(self._stack, 1)

    # --- following -----------------------------------------------------------------------------

    def _show(self, before: Shown) -> None:
        """List what the source has now; selection and current image stay where they can."""
        shown = self.source.shown
        selected = self.selected_rows(before)
        self.model.show(shown.table, shown.order, shown.predictions)
        self._delegate.captioned = bool(shown.table.label.values) or shown.predictions is not None
        self._fit_cells()
        rows = selected
        if before.table is not shown.table:
            few = selected if len(selected) <= _KEPT_SELECTED else selected[:0]
            paths = [before.table.entries[row].path for row in few.tolist()]
            known = [shown.table.rows[path] for path in paths if path in shown.table.rows]
            rows = np.array(known, np.int32)
        if shown.table is not before.table and self._state.image not in shown.table.rows:
            self._state.set_image(self.broken.first_good())
        self.view.select_places(self.model.places_of(rows))
        self._follow(keep_selection=len(rows) > 1)
        self._stack.setCurrentIndex(1 if len(shown.table) else 0)
        self.filter.setVisible(len(shown.table) > 0)
        self._describe()

    def _fit_cells(self) -> None:
        self.view.set_cell(self._delegate.sizeHint(self._style(), self.model.index(-1)))
        self.view.updateGeometries()

    def _style(self) -> QStyleOptionViewItem:
        option = QStyleOptionViewItem()
        self.view.initViewItemOption(option)
        return option

    def _describe(self) -> None:
        total, shown = len(self.model.table), self.model.rowCount()
        text = counted(total) if total else ""
        if shown != total:
            text = f"{shown:,} of {total:,} images"
        broken = self.broken.count
        text += f", {broken:,} broken" if broken and total else ""
        chosen = sum(r.height() for r in self.view.selected_ranges())
        self.count.setText(text)
        self.count.setToolTip(f"{chosen:,} selected" if chosen > 1 else "")
        self.view.setAccessibleDescription(text or "Images that were opened are listed here")
        self.remove.setEnabled(chosen > 0)
        self.clear.setEnabled(total > 0)
        self._actions.refresh_later()

    def _follow(self, *, keep_selection: bool = False) -> None:
        place = self.model.place_of(self._state.image)
        selection = self.view.selectionModel()
        if place is None:
            return
        # A list that gets its first items makes one of them current without selecting it.
        chosen = keep_selection or selection.hasSelection()
        if chosen and selection.currentIndex().row() == place:
            return
        flags = QItemSelectionModel.SelectionFlag
        flag = flags.NoUpdate if keep_selection else flags.ClearAndSelect
        selection.setCurrentIndex(self.model.index(place), flag)
        self.view.scrollTo(self.model.index(place))

    def _choose(self, place: int) -> None:
        if 0 <= place < self.model.rowCount():
            entry = self.model.entry(place)
            if not self.model.problem(entry):
                self._state.set_image(entry.path)

    def _see(self) -> None:
        model = self._state.model
        self.seen.setEnabled(model is not None)
        wanted = model is not None and self.seen.isChecked()
        self._thumbnails.set_preprocessing(
            model.description.preprocessing if wanted and model is not None else None
        )

    def _want(self) -> None:
        """Only what is in view is waited for, however fast one scrolls."""
        self._thumbnails.want_only({self.model.entry(place).path for place in self.view.visible})

    def _repaint(self, path: str) -> None:
        place = self.model.place_of(path)
        if place is not None and place in self.view.visible:
            self.view.viewport().update(self.view.place_rect(place))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._thumbnails.set_scale(self.devicePixelRatioF())
        elif event.type() == QEvent.Type.WindowActivate:
            self.check_again()
        elif event.type() == QEvent.Type.FontChange:
            self._fit_cells()
        return super().event(event)

    def check_again(self) -> None:
        """Read files in view again that were replaced on disk, or could not be read before."""
        seen = self.view.visible
        around = range(max(0, seen.start - 100), min(self.model.rowCount(), seen.stop + 100))
        self._thumbnails.recheck([self.model.entry(p).path for p in around][:_CHECKED_AGAIN])

    # --- what is selected ----------------------------------------------------------------------

    def selected_rows(self, shown: Shown | None = None) -> NDArray[np.int32]:
        """Rows of the dataset that are selected."""
        order = (shown or self.source.shown).order
        places = self.view.selected_places()
        return np.sort(order[places[places < len(order)]])

    @property
    def selected(self) -> list[ImageEntry]:
        """Entries that are selected, in the order of the list."""
        return [self.model.entry(place) for place in self.view.selected_places().tolist()]

    @property
    def current(self) -> ImageEntry | None:
        """The entry that the keyboard is on."""
        place = self.view.currentIndex().row()
        return self.model.entry(place) if 0 <= place < self.model.rowCount() else None

    def _remove(self) -> None:
        self.remove_selected()

    def remove_selected(self) -> None:
        """Take the selected images off the list; the next one that is left becomes current."""
        if not self.source.is_current:
            return  # what is selected would be rows of a list that is no more
        places = self.view.selected_places()
        if len(places):
            taken = np.zeros(self.model.rowCount(), np.bool_)
            taken[places] = True
            current = self.broken.first_good(int(places[0]), without=taken)
            self._documents.images.remove_rows(self.selected_rows().tolist(), current=current)

    def remove_broken(self) -> None:
        """Take the images that cannot be read off the list."""
        self._documents.images.remove(self.broken.paths())

    # --- keyboard and menus --------------------------------------------------------------------

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
        self.filter.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.field.selectAll()

    def _type(self, text: str) -> None:
        if text.strip():
            self.filter.field.setFocus(Qt.FocusReason.OtherFocusReason)
            self.filter.field.setText(text)

    def fill_menu(self, menu: QMenu) -> None:
        """Put the commands on images into a menu."""
        menu.clear()
        for name in MENU:
            if not name:
                menu.addSeparator()
            elif name in self._actions:
                menu.addAction(self._actions[name])

    def _open_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions.refresh()
        self.fill_menu(menu)
        menu.popup(self.view.viewport().mapToGlobal(where))

    def tell(self, text: str, action: str = "", slot: Callable[[], object] | None = None) -> None:
        """Say something above the list; an empty text takes it away."""
        self._on_note = slot
        self.note.setText(text)
        self.note_button.setText(action)
        self.note_button.setVisible(bool(action))
        self._note_row.setVisible(bool(text))

    def _act(self) -> None:
        if self._on_note is not None:
            self._on_note()
