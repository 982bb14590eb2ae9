"""Stacks that are kept: exchanged with the one on the panel by a click, compared with it, dragged.

The same strip stands on the intervention panel and on the shelf.
"""

from functools import partial

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QApplication,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QWidget,
)

from interp_gui.core.edit import EditStack
from interp_gui.gui import icons, theme
from interp_gui.gui.dragging.edits import start_edit_drag
from interp_gui.gui.interventions import words
from interp_gui.gui.interventions.files import save_edits
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.flow import FlowRow

LONGEST = 22
KEYS = {Qt.Key.Key_Delete: "remove", Qt.Key.Key_F2: "rename"}


class StackChip(QToolButton):
    """One kept stack: a click exchanges it, its arrow has the rest, a drag carries it away.

    Signals
    -------
    remove_wanted, rename_wanted
        Delete or F2 was pressed on it.
    """

    remove_wanted = Signal()
    rename_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stack = EditStack()
        self.number = 0
        self._start: QPoint | None = None
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.setAutoRaise(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def show_stack(self, number: int, stack: EditStack, *, compared: bool) -> None:
        """Show a kept stack, and whether its answers stand beside those of the panel."""
        self.number, self.stack = number, stack
        title = words.title_of_stack(stack, number)
        count = len(stack.edits) + len(stack.image_edits)
        shown = title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"
        self.setText(f"{shown} ({count})")
        self.setIcon(icons.icon("tick" if compared else "exchange"))
        beside = "Its answers stand beside those of the panel.\n" if compared else ""
        self.setToolTip(
            f"{title}\n{words.contents_of(stack)}\n{beside}"
            "Click: exchange it with what is on the panel. Drag: put a copy elsewhere."
        )
        self.setAccessibleName(f"Kept edits {title}")
        state = "compared with the panel" if compared else "not compared"
        self.setAccessibleDescription(f"{count} edits, {state}; press to exchange with the panel")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if event.modifiers() == Qt.KeyboardModifier.NoModifier and key in KEYS:
            (self.remove_wanted if KEYS[key] == "remove" else self.rename_wanted).emit()
        elif key in (Qt.Key.Key_Menu, Qt.Key.Key_Down):
            self.showMenu()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.showMenu()

    def event(self, event: QEvent) -> bool:
        """Take keys that mean something else in the rest of the window."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            if plain and Qt.Key(event.key()) in KEYS:
                event.accept()
                return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._start = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._start is not None and event.buttons() & Qt.MouseButton.LeftButton:
            moved = (event.position().toPoint() - self._start).manhattanLength()
            if moved >= QApplication.startDragDistance():
                self._start = None
                self.setDown(False)
                start_edit_drag(
                    self, self.stack, title=words.title_of_stack(self.stack, self.number)
                )
                return
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._start is None:
            self.setDown(False)  # it was dragged: letting go is no click
            return
        self._start = None
        super().mouseReleaseEvent(event)


class KeptStacks(QWidget):
    """A chip for each stack that is kept; hidden while there is none."""

    def __init__(
        self, state: AppState, *, caption: str = "Kept", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._edits = interventions_of(state)
        self._search = ""
        self.chips: list[StackChip] = []
        self.setAccessibleName("Kept edits")
        self._flow = FlowRow(self)
        edge = theme.SPACE_S
        self._flow.setContentsMargins(edge, edge, edge, edge)
        self.caption = QLabel(caption)
        self.caption.setTextFormat(Qt.TextFormat.PlainText)
        self.caption.setProperty("dim", True)
        self._flow.addWidget(self.caption)
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)
        for signal in (state.stacks_changed, self._edits.compared_changed):
            signal.connect(self._later.start)
        self.refresh()

    def refresh(self) -> None:
        """Show the stacks that are kept now."""
        stacks = self._state.stacks
        while len(self.chips) < len(stacks):
            chip = StackChip()
            chip.clicked.connect(lambda _on=False, chip=chip: self._edits.exchange(chip.number))
            chip.remove_wanted.connect(partial(self._remove, chip))
            chip.rename_wanted.connect(partial(self._rename, chip))
            menu = QMenu(chip)
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(partial(self._fill, menu, chip))
            chip.setMenu(menu)
            self._flow.addWidget(chip)
            self.chips.append(chip)
        for i, chip in enumerate(self.chips):
            found = i < len(stacks) and fits(stacks[i], i, self._search)
            chip.setVisible(found)
            if i < len(stacks):
                chip.show_stack(i, stacks[i], compared=self._edits.compared == i)
        self.setVisible(any(not chip.isHidden() for chip in self.chips))
        self.updateGeometry()

    def search(self, words: str) -> None:
        """Show only stacks whose name or edits bear every one of some words."""
        if words != self._search:
            self._search = words
            self.refresh()

    def _fill(self, menu: QMenu, chip: StackChip) -> None:
        edits, number = self._edits, chip.number
        menu.clear()
        menu.addAction("&Exchange with the panel", partial(edits.exchange, number))
        compare = menu.addAction("&Compare the answers")
        compare.setToolTip("Show what both answer side by side")
        compare.setCheckable(True)
        compare.setChecked(edits.compared == number)
        compare.triggered.connect(lambda on: edits.compare(number if on else None))
        menu.addAction("&Add its edits to the panel", partial(edits.add_edits, chip.stack))
        menu.addSeparator()
        rename = menu.addAction("&Rename…", partial(self._rename, chip))
        menu.addAction("&Save to a file…", partial(save_edits, self, self._state, chip.stack))
        menu.addSeparator()
        remove = menu.addAction("Re&move", partial(self._remove, chip))
        for action, key in ((rename, Qt.Key.Key_F2), (remove, Qt.Key.Key_Delete)):
            # Shown only: the key is the chip's own, as it means something else elsewhere.
            action.setShortcut(key)
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setShortcutVisibleInContextMenu(True)

    def _remove(self, chip: StackChip) -> None:
        number, had_focus = chip.number, chip.hasFocus()
        self._edits.remove_stack(number)
        self.refresh()
        left = [each for each in self.chips if not each.isHidden()]
        if had_focus and left:
            left[min(number, len(left) - 1)].setFocus(Qt.FocusReason.OtherFocusReason)

    def _rename(self, chip: StackChip) -> None:
        number = chip.number
        ask_name(
            self, "Rename", "Name of the kept edits", chip.stack.name,
            lambda name: self._edits.rename_stack(number, name),
        )  # fmt: skip


def fits(stack: EditStack, number: int, search: str) -> bool:
    """Whether the name or the edits of a kept stack bear every word that is searched for."""
    names = " ".join(edit.feature.name for edit in stack.edits)
    title = words.title_of_stack(stack, number)
    text = f"{title} {words.contents_of(stack)} {names}".casefold()
    return all(word in text for word in search.casefold().split())


def ask_name(over: QWidget, title: str, text: str, now: str, then: object) -> QInputDialog:
    """Ask for a line of text beside the window."""
    dialog = QInputDialog(over.window())
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setInputMode(QInputDialog.InputMode.TextInput)
    dialog.setWindowTitle(title)
    dialog.setLabelText(text)
    dialog.setTextValue(now)
    edit = dialog.findChild(QLineEdit)
    if edit is not None:
        edit.setAccessibleName(text)
        edit.setAccessibleDescription(text)
        edit.setMaxLength(80)
        edit.selectAll()
    dialog.textValueSelected.connect(then)
    dialog.open()
    return dialog
