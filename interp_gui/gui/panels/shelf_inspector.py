"""Name, note and tags of what is chosen on the shelf."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCompleter,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from interp_gui.core.session.document import ShelfItem
from interp_gui.gui import parts, theme
from interp_gui.gui.shelf import Shelf, clean_tags

SETTLE_MS = 500
"""What is typed into a note is kept after this pause, so that a crash takes little of it."""
LONGEST_NAME, LONGEST_NOTE = 200, 20_000


class ShelfInspector(QWidget):
    """Fields for one item; for several the tags that all of them bear.

    Signals
    -------
    open_model_requested
        The model of the item shown is to be opened.
    done
        Enter or Esc in a field: the keyboard goes back to the cards.
    """

    open_model_requested = Signal()
    done = Signal()

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self.setAccessibleName("Name, note and tags")
        self._shelf = shelf
        self._items: tuple[ShelfItem, ...] = ()
        self._visits = 0
        self.heading = _clipped()
        self.model = parts.label(dim=True, wrap=False)
        self.closed = parts.label()
        self.open_model = QPushButton("Open model")
        self.open_model.setAccessibleName("Open the model of this feature")
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name")
        self.name.setAccessibleName("Name of the feature")
        self.name.setToolTip("Shown wherever the feature is (F2)")
        self.name.setMaxLength(LONGEST_NAME)
        self.note = QPlainTextEdit()
        self.note.setPlaceholderText("Note")
        self.note.setAccessibleName("Note")
        self.note.setToolTip("What you want to remember of it")
        self.note.setTabChangesFocus(True)
        self.tags = QLineEdit()
        self.tags.setPlaceholderText("Tags, with commas between")
        self.tags.setAccessibleName("Tags, with commas between them")
        self._known = QStringListModel(self)
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._keep_note)
        self._arrange()
        self.name.editingFinished.connect(self._keep_name)
        self.tags.editingFinished.connect(self._keep_tags)
        self.note.textChanged.connect(self._settled.start)
        for field in (self.name, self.note, self.tags):
            field.installEventFilter(self)
        self.open_model.clicked.connect(self.open_model_requested)
        self.show_items(())

    def _arrange(self) -> None:
        completer = QCompleter(self._known, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.tags.setCompleter(completer)
        column = parts.column(self, spacing=theme.SPACE_S)
        column.setContentsMargins(theme.SPACE_M, theme.SPACE_S, theme.SPACE_M, theme.SPACE_M)
        first, second = parts.row(), parts.row()
        first.addWidget(self.heading, 1)
        first.addWidget(self.model)
        second.addWidget(self.closed, 1)
        second.addWidget(self.open_model)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self.name)
        column.addWidget(self.note, 1)
        column.addWidget(self.tags)
        self.note.setMinimumHeight(30)
        self.setMinimumWidth(180)

    # --- what is shown -------------------------------------------------------------------------

    def show_items(
        self, items: Sequence[ShelfItem], *, model: str = "", closed: bool = False
    ) -> None:
        """Show the chosen items.

        Parameters
        ----------
        model
            Name of the model of the one item.
        closed
            Whether its model is not open.
        """
        self._items = tuple(items)
        one = items[0] if len(items) == 1 else None
        for field in (self.name, self.note):
            field.setEnabled(one is not None)
        self.tags.setEnabled(bool(items))
        if one is not None:
            self.heading.setText(one.feature.text)
        else:
            self.heading.setText(f"{len(items)} features" if items else "Choose a card.")
        self.heading.setToolTip(self.heading.text())
        self.model.setText(model if one is not None and not closed else "")
        self.closed.setText(
            f"Its model is not open: {model}" if model else "Its model is not open."
        )
        self.closed.setVisible(closed and one is not None)
        self.open_model.setVisible(closed and one is not None)
        self._fill(self.name, one.name if one is not None else "")
        self._fill(self.tags, ", ".join(self._shared_tags()))
        note = one.note if one is not None else ""
        if note != self.note.toPlainText() and not self._settled.isActive():
            blocker = QSignalBlocker(self.note)
            self.note.setPlainText(note)
            blocker.unblock()

    @property
    def shown_ids(self) -> tuple[str, ...]:
        """Ids of the items that are shown: what is typed belongs to them."""
        return tuple(item.id for item in self._items)

    def set_known_tags(self, tags: Sequence[str]) -> None:
        """Say which tags are proposed."""
        if list(tags) != self._known.stringList():
            self._known.setStringList(list(tags))

    def _fill(self, field: QLineEdit, text: str) -> None:
        # never under the cursor of someone who types
        if field.text() != text and not (field.hasFocus() and field.isModified()):
            field.setText(text)
            field.setModified(False)

    def _shared_tags(self) -> tuple[str, ...]:
        if not self._items:
            return ()
        return tuple(
            tag
            for tag in self._items[0].tags
            if all(tag.casefold() in map(str.casefold, item.tags) for item in self._items)
        )

    # --- keeping what was typed ----------------------------------------------------------------

    def keep(self) -> None:
        """Keep now what was typed and not kept yet."""
        self._keep_name()
        self._keep_note()
        self._keep_tags()

    def _keep_name(self) -> None:
        if self.name.isModified() and len(self._items) == 1:
            self.name.setModified(False)
            self._shelf.update(self._items[0].id, name=self.name.text())

    def _keep_note(self) -> None:
        if not self._settled.isActive() and not self.note.document().isModified():
            return
        self._settled.stop()
        self.note.document().setModified(False)
        if len(self._items) == 1:
            note = self.note.toPlainText()[:LONGEST_NOTE]
            merge = f"note:{self._items[0].id}:{self._visits}"
            self._shelf.update(self._items[0].id, note=note, merge=merge)

    def _keep_tags(self) -> None:
        if not self.tags.isModified() or not self._items:
            return
        self.tags.setModified(False)
        before, after = self._shared_tags(), clean_tags(self.tags.text())
        folded = {tag.casefold() for tag in after}
        gone = [tag for tag in before if tag.casefold() not in folded]
        self._shelf.tag([item.id for item in self._items], after, remove=gone)
        self.tags.setText(", ".join(after))

    def _drop_typed(self) -> None:
        self.name.setModified(False)
        self.tags.setModified(False)
        self._fill(self.name, self._items[0].name if len(self._items) == 1 else "")
        self._fill(self.tags, ", ".join(self._shared_tags()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter keeps a line and Esc takes it back; leaving the note ends its step."""
        if event.type() == QEvent.Type.FocusOut and watched is self.note:
            self._keep_note()
            self._visits += 1
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key == Qt.Key.Key_Escape:
                self._drop_typed()
            elif key not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or watched is self.note:
                return super().eventFilter(watched, event)
            self.keep()
            self.done.emit()
            return True
        return super().eventFilter(watched, event)


def _clipped() -> QLabel:
    """A line that gives way where there is little room; its tooltip has all of it."""
    label = parts.label(wrap=False)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
