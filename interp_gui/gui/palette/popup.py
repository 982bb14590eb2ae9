"""The palette: one field that finds actions, layers, units, images, models and classes by name."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QWidget,
)

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.palette.listing import HitDelegate, HitsModel, spoken
from interp_gui.gui.palette.search import Hit, Provider, Search

WIDTH_PX, ROWS, TOP_PX = 640, 11, 56
_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -8, Qt.Key.Key_PageDown: 8}


class CommandPalette(QWidget):
    """Lies over its window until something is chosen, Esc is pressed or it is clicked beside."""

    def __init__(self, window: QWidget, providers: Sequence[Provider], *, text: str = "") -> None:
        super().__init__(window)
        self._window, self._providers = window, tuple(providers)
        self._before = window.focusWidget()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Palette")
        self.box = QFrame(self)
        self.box.setObjectName("palette")
        self.box.setProperty("card", True)
        self.search = Search(self)
        self.search.found.connect(self._show_hits)
        self.edit = QLineEdit()
        self.edit.setAccessibleName("Find anything")
        self.edit.setPlaceholderText(
            "Find an action, a layer, a unit like features.14:7, an image, a class…"
        )
        self.edit.setMaxLength(300)
        self.edit.addAction(icons.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.edit.installEventFilter(self)
        self.edit.textChanged.connect(self._typed)
        self.hits = HitsModel()
        self.hits.setParent(self)
        self.list = QListView()
        self.list.setAccessibleName("Found")
        self.list.setModel(self.hits)
        self.list.setItemDelegate(HitDelegate(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMouseTracking(True)
        self.list.clicked.connect(self._choose)
        self.list.selectionModel().currentChanged.connect(self._spoken)
        self.message = parts.label(dim=True)
        self.hint = parts.label(self._hint(), dim=True)
        self.hint.setFont(theme.small_font(self.hint.font()))
        column = parts.column(self.box, margin=theme.SPACE_M, spacing=theme.SPACE_M)
        for widget in (self.edit, self.message, self.list, self.hint):
            column.addWidget(widget)
        self._moved = False
        """Whether the user went to a hit since the last letter."""
        window.installEventFilter(self)
        self.edit.setText(text)
        self._typed(text)
        self._place()
        self.show()
        self.raise_()
        self.edit.setFocus(Qt.FocusReason.PopupFocusReason)

    def _hint(self) -> str:
        asked = [f"{p.prefix} {p.hint}" for p in self._providers if p.prefix]
        return "Begin with  " + "   ·   ".join(asked)

    # --- searching -----------------------------------------------------------------------------

    def _typed(self, text: str) -> None:
        if text.strip():
            self.search.start(text, self._providers)
        else:  # at first: what can be done, not the first of a hundred thousand images
            self.search.start(text, [p for p in self._providers if p.prefix == ">"])

    def _show_hits(self, hits: list[Hit]) -> None:
        kept = self._current_title()
        self.hits.set_hits(hits)
        row = next((i for i, hit in enumerate(hits) if hit.item.title == kept), 0)
        # While more is found, the one that was gone to stays; after a new letter it is the best.
        self._go(row if self._moved else 0)
        nothing = not hits and not self.search.busy
        self.message.setVisible(nothing)
        if nothing:
            self.message.setText(self._nothing(self.edit.text().strip()))
        self._place()

    def _nothing(self, text: str) -> str:
        for provider in self._providers:
            if provider.prefix and text.startswith(provider.prefix):
                rest = text[len(provider.prefix) :].strip()
                kind = provider.hint
                return f"No {kind} called “{rest}”." if rest else f"There are no {kind} yet."
        return f"Nothing is called “{text}”."

    # --- moving and choosing -------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the field move in the list; the palette follows its window."""
        kind = event.type()
        if watched is self._window and kind == QEvent.Type.Resize:
            self._place()
        if watched is self.edit:
            if kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                return self._on_key(event)
            if kind == QEvent.Type.FocusOut:
                QTimer.singleShot(0, self, self._close_unless_focused)
        return super().eventFilter(watched, event)

    def _on_key(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.leave()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.list.currentIndex())
        elif key in _STEPS:
            self._moved = True
            self._go(self.list.currentIndex().row() + _STEPS[key], around=abs(_STEPS[key]) == 1)
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            return True  # there is nowhere else to go
        else:
            self._moved = False
            return False
        return True

    def _go(self, row: int, *, around: bool = False) -> None:
        count = self.hits.rowCount()
        if count:
            row = row % count if around else max(0, min(count - 1, row))
            self.list.setCurrentIndex(self.hits.index(row))

    def _current_title(self) -> str:
        row = self.list.currentIndex().row()
        return self.hits.hits[row].item.title if 0 <= row < len(self.hits.hits) else ""

    def _spoken(self, now: QModelIndex, _before: QModelIndex) -> None:
        hits = self.hits.hits
        if 0 <= now.row() < len(hits):
            place = f"{now.row() + 1} of {len(hits)}"
            self.edit.setAccessibleDescription(f"{spoken(hits[now.row()])}, {place}")

    def _choose(self, index: QModelIndex) -> None:
        hits = self.hits.hits
        if not 0 <= index.row() < len(hits) or hits[index.row()].item.reason:
            return
        run = hits[index.row()].item.run
        # When the focus is back where it was: what is run may ask for it.
        QTimer.singleShot(0, self._window, run)
        self.leave()

    # --- coming and going ----------------------------------------------------------------------

    def leave(self) -> None:
        """Close, and give the focus back."""
        self.search.stop()
        self._window.removeEventFilter(self)
        before = self._before
        self.close()
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)

    def _close_unless_focused(self) -> None:
        focused = QApplication.focusWidget()
        if self.isVisible() and focused is not None and not self.isAncestorOf(focused):
            self.search.stop()
            self.close()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.box.geometry().contains(event.position().toPoint()):
            self.leave()

    def _place(self) -> None:
        """As high as its hits, at the top of the window."""
        self.setGeometry(self._window.rect())
        rows = min(ROWS, self.hits.rowCount())
        self.list.setVisible(rows > 0)
        self.list.setFixedHeight(max(1, rows * max(1, self.list.sizeHintForRow(0))))
        width = min(WIDTH_PX, self.width() - theme.SPACE_XL)
        self.box.setFixedWidth(width)
        self.box.adjustSize()
        self.box.move((self.width() - width) // 2, min(TOP_PX, self.height() // 8))
