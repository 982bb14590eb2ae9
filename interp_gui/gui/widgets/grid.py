"""View of a `grid` result: its items as cards, grouped, as many a row as fit."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from interp_gui.core.examples import Example
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, GridItem, Picture
from interp_gui.gui.widgets.card import Card
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.pixels import to_image
from interp_gui.gui.widgets.view import ResultView, numbers_text


class GridView(ResultView[Grid]):
    """Cards of a grid.

    Signals
    -------
    item_activated
        A `GridItem` was opened.
    """

    item_activated = Signal(object)

    def __init__(self, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.examples_of_items: Callable[[Sequence[GridItem]], tuple[Example, ...]] | None = None
        """Makes examples of cards that were cut from images."""
        self.add_example_entries: Callable[[QMenu, Sequence[Example]], object] | None = None
        """Fills a menu with what can be done with examples."""
        self.list = CardList("Cards", hint=hint)
        self.list.set_card_width(118)
        self.list.activated.connect(self._activated)
        self.list.menu_requested.connect(self._show_menu)
        self.list.result_of = self._result_of
        self.list.examples_of = self._examples
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        self.setFocusProxy(self.list)

    def sizeHint(self) -> QSize:
        return self.list.sizeHint()

    def result_changed(self) -> None:
        result = self._result
        if result is None:
            return
        self.list.setAccessibleName(result.title)
        self.list.columns = result.columns
        # file names tell cards apart only where they differ
        by_image = len({item.image for item in result.items if item.image}) > 1
        self.list.set_cards(_card(i, x, by_image=by_image) for i, x in enumerate(result.items))

    def clear(self) -> None:
        """Show the hint again."""
        self._result = self._recipe = None
        self.list.set_cards(())

    def selected_items(self) -> tuple[GridItem, ...]:
        """Items of the selected cards, in order."""
        items = self._result.items if self._result is not None else ()
        return tuple(items[int(key.split()[0])] for key in self.list.selected_keys())

    def _examples(self) -> tuple[Example, ...]:
        """The images that the selected cards were cut from."""
        items = tuple(item for item in self.selected_items() if item.image)
        return self.examples_of_items(items) if self.examples_of_items is not None else ()

    def _item(self, key: str) -> GridItem | None:
        index = int(key.split()[0])
        items = self._result.items if self._result is not None else ()
        return items[index] if index < len(items) else None

    def _activated(self, key: str) -> None:
        item = self._item(key)
        if item is not None:
            self.item_activated.emit(item)
            if item.feature is not None:
                self.feature_activated.emit(item.feature)

    def _result_of(self, card: Card) -> tuple[AnyResult, Recipe | None] | None:
        """What a card that is dragged to the desktop becomes a file of."""
        item = self._item(card.key)
        if item is None or self._result is None:
            return None
        picture = Picture(
            key=card.key,
            title=f"{self._result.title}: {item.title}",
            pixels=item.pixels,
            numbers=item.numbers,
            feature=item.feature,
        )
        return picture, self._recipe

    def _show_menu(self, key: str, where: QPoint) -> None:
        item = self._item(key) if key else None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if item is not None and item.feature is not None:
            others = (f for f in self.list.selected_features() if f != item.feature)
            self.fill_feature_menu(menu, (item.feature, *dict.fromkeys(others)))
        if item is not None and item.image and self.add_example_entries is not None:
            self.add_example_entries(menu, self._examples())
            menu.addSeparator()
        if self._result is not None:
            self.fill_menu(menu)
        menu.popup(where)


def _card(index: int, item: GridItem, *, by_image: bool) -> Card:
    numbers = numbers_text(item.numbers)
    name = Path(item.image).name if by_image and item.image else ""
    text = item.feature.text if item.feature is not None else ""
    return Card(
        # the feature first is not unique: one unit may stand in several groups
        key=f"{index} {text}",
        title=item.title,
        caption=name or numbers,
        feature=item.feature,
        group=item.group,
        main=to_image(item.pixels),
        tooltip="\n".join(
            part for part in (item.title, name, numbers_text(item.numbers, "\n")) if part
        ),
    )
