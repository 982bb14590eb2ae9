"""One side of a concept: its examples as cards, and the ways to add and take away."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import InterpError
from interp_gui.core.examples import Example
from interp_gui.core.feature import MIME_TYPE
from interp_gui.core.folders import scan
from interp_gui.gui.concepts.brushed import brushed_of
from interp_gui.gui.concepts.collected import MOST, TITLES, WITH, WITHOUT, concept_examples_of
from interp_gui.gui.concepts.pictures import ExamplePictures
from interp_gui.gui.dragging.drop_hint import DropHint, Refusal
from interp_gui.gui.dragging.examples import examples_from_mime, paths_of_examples
from interp_gui.gui.parts import column, icon_button, label
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.card import Card, CardStyle
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.flow import FlowRow

CARD_PX = 58
"""Without words, so that a hundred examples can be looked over; a tooltip names each."""
_HINTS = {
    WITH: "Drop images with it here: files, folders, images from the Images panel, cards of a "
    "unit's examples. Or use the buttons above.",
    WITHOUT: "Drop images without it here: as like those on the other side as can be, but for "
    "what you are after.",
}


class ExampleDrop(DropHint):
    """Takes examples, image files and folders that are dropped on a widget.

    Signals
    -------
    dropped
        Mime data that is described, to be read at once.
    """

    dropped = Signal(object)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept what is described, and hand on what is dropped."""
        described = bool(self.text)
        if super().eventFilter(watched, event):
            return True
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop and described:
            event.acceptProposedAction()
            self.dropped.emit(event.mimeData())
            return True
        if isinstance(event, QDragEnterEvent | QDragMoveEvent) and self.text:
            event.acceptProposedAction()
            return True
        return False


class _Cards(CardList):
    @property
    def style_of_cards(self) -> CardStyle:
        """Pictures alone."""
        return replace(super().style_of_cards, lines=0)

    def sizeHint(self) -> QSize:
        return QSize(240, 190)

    def minimumSizeHint(self) -> QSize:
        return QSize(150, 96)


class ExampleSide(QWidget):
    """The examples with, or without, a concept."""

    def __init__(self, state: AppState, side: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.side, self._state = side, state
        self._title = TITLES[side]
        self._examples = concept_examples_of(state)
        self._brushed = brushed_of(state)
        self._shown: tuple[Example, ...] = ()
        self._keys: dict[Example, str] = {}
        self.pictures = ExamplePictures(state, self)
        self.title = label(self._title, wrap=False)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.count = label(dim=True, wrap=False)
        self.add_image = QPushButton("Add image")
        self.add_image.setAccessibleName(f"Add the current image to {self._title}")
        self.add_place = QPushButton("Add place")
        self.add_place.setAccessibleName(f"Add the brushed place to {self._title}")
        self.remove = icon_button(
            "remove", f"Take the selected examples from {self._title} (Delete)", self._remove
        )
        self.clear = icon_button("clear", f"Empty {self._title}", self._clear)
        self.list = _Cards(f"Examples {side}", hint=_HINTS[side])
        self.list.set_card_width(CARD_PX)
        self.list.prepare = self._prepare
        self.list.examples_of = self.selected
        self._arrange()
        self._connect()
        self._refresh()

    def _arrange(self) -> None:
        head = FlowRow()
        head.addWidget(self.title)
        head.addWidget(self.count)
        head.add_gap()
        for widget in (self.add_image, self.add_place, self.remove, self.clear):
            head.addWidget(widget)
        layout = column(self, spacing=4)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)
        self.setAccessibleName(f"Examples {self.side} the concept")

    def _connect(self) -> None:
        self._examples.changed.connect(self._refresh)
        self.pictures.arrived.connect(self._picture_came)
        self._state.image_changed.connect(self._update)
        self._brushed.changed.connect(self._update)
        self.list.selection_changed.connect(self._update)
        self.list.menu_requested.connect(self._show_menu)
        self.list.activated.connect(self._open)
        self.add_image.clicked.connect(self._add_current)
        self.add_place.clicked.connect(self._add_brushed)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.list, self._remove)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        self.drop = ExampleDrop(self.list, self._sentence)
        self.drop.dropped.connect(self.take)
        background, key = background_of(self._state), f"example-folder:{id(self)}"
        self.destroyed.connect(lambda: background.forget(key))

    # --- what is shown ---------------------------------------------------------------------------

    def _refresh(self) -> None:
        self._shown = self._examples.side(self.side)
        self._keys = {example: f"{i} {example.path}" for i, example in enumerate(self._shown)}
        self.pictures.keep_only(self._shown)
        self.list.set_cards(
            Card(
                key=self._keys[example],
                title=Path(example.path).name,
                caption="a part of it" if example.box is not None else "",
                tooltip=_tooltip(example),
            )
            for example in self._shown
        )
        self._update()

    def _prepare(self, card: Card) -> None:
        example = self._of(card.key)
        if example is None or not card.main.isNull():
            return
        card.main = self.pictures.get(example)
        problem = self.pictures.problems.get(example, "")
        card.placeholder, card.tooltip = problem, problem or card.tooltip

    def _picture_came(self, example: Example) -> None:
        card = self.list.card(self._keys.get(example, ""))
        if card is not None:
            card.main = self.pictures.get(example)
            card.placeholder = self.pictures.problems.get(example, "")
            self.list.card_changed(card.key)

    def _update(self) -> None:
        count = len(self._shown)
        self.count.setText("" if not count else f"{count:,}")
        self.count.setAccessibleName(f"{count:,} examples {self.side}")
        self.add_image.setEnabled(self._state.image is not None)
        self.add_image.setToolTip(
            f"Use the current image as an example {self.side} the concept"
            if self._state.image is not None
            else "Open an image first"
        )
        self.add_place.setEnabled(self._brushed.example is not None)
        self.add_place.setToolTip(
            f"Use what is brushed on the image as an example {self.side} the concept"
            if self._brushed.example is not None
            else "Brush a place on the image first, in the Image view"
        )
        self.remove.setEnabled(bool(self.list.selected_keys()))
        self.clear.setEnabled(bool(count))

    # --- changing it -----------------------------------------------------------------------------

    def selected(self) -> tuple[Example, ...]:
        """The examples of the selected cards, in order."""
        found = map(self._of, self.list.selected_keys())
        return tuple(example for example in found if example is not None)

    def add(self, examples: Sequence[Example]) -> None:
        """Put examples here; nothing new is told."""
        if examples and not self._examples.add(self.side, examples):
            full = len(self._shown) >= MOST
            said = f"More than {MOST:,} are not taken." if full else "They are here already."
            self._state.notify("info", said, key="concept-added")

    def take(self, mime: QMimeData) -> None:
        """Take what a drag carries: examples, images, folders of images."""
        try:
            examples = examples_from_mime(mime)
        except InterpError as problem:
            self._state.notify_problem(problem)
            return
        if examples:
            self.add(examples)
            return
        paths = paths_of_examples(mime)
        background_of(self._state).run(
            partial(scan, paths), self._scanned, key=f"example-folder:{id(self)}",
            on_error=self._refused,
        )  # fmt: skip

    def _scanned(self, found: Dataset) -> None:
        self.add([Example(entry.path, None, entry.group) for entry in found.images])

    def _refused(self, problem: Exception) -> None:
        if isinstance(problem, InterpError):
            self._state.notify_problem(problem)
        else:
            self._state.notify("error", f"The images could not be listed: {problem}.")

    def _sentence(self, mime: QMimeData) -> str:
        try:
            examples = examples_from_mime(mime)
        except InterpError as problem:
            return Refusal(problem.message)
        count = len(examples) or len(paths_of_examples(mime))
        if not count:
            if mime.hasFormat(MIME_TYPE):
                return Refusal("A feature is no example: drop images, or cards of its examples")
            return ""
        what = "this example" if count == 1 else f"{count:,} examples"
        if not examples:
            what = "what this holds" if count == 1 else f"{count:,} files and folders"
        return f"Add {what} to {self._title}"

    def _add_current(self) -> None:
        if self._state.image is not None:
            self.add([Example(self._state.image)])

    def _add_brushed(self) -> None:
        if self._brushed.example is not None:
            self.add([self._brushed.example])

    def _remove(self) -> None:
        chosen = set(self.selected())
        self._examples.remove(self.side, [i for i, e in enumerate(self._shown) if e in chosen])

    def _clear(self) -> None:
        self._examples.clear(self.side)

    def _open(self, key: str) -> None:
        example = self._of(key)
        if example is not None:
            self._state.open_image(example.path)

    def _show_menu(self, key: str, where: QPoint) -> None:
        example, chosen = self._of(key), self.selected()
        if example is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open image", partial(self._state.open_image, example.path))
        other = WITHOUT if self.side == WITH else WITH
        menu.addAction(f"Move to {TITLES[other]}", partial(self._examples.add, other, chosen))
        menu.addAction(f"Take from {self._title}", self._remove)
        menu.popup(where)

    def _of(self, key: str) -> Example | None:
        number = key.partition(" ")[0]
        at = int(number) if number.isdigit() else -1
        return self._shown[at] if 0 <= at < len(self._shown) else None


def _tooltip(example: Example) -> str:
    lines = [Path(example.path).name, example.path]
    if example.box is not None:
        top, left, bottom, right = (f"{100 * side:.0f} %" for side in example.box)
        lines.append(f"From {top} to {bottom} down, from {left} to {right} across")
    if example.group:
        lines.append(f"Group: {example.group}")
    return "\n".join(lines)
