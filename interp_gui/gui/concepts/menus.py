"""Entries of menus that put images, places and cards on a side of the concept."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
from PySide6.QtWidgets import QMenu

from interp_gui.core.examples import Example
from interp_gui.core.result import GridItem
from interp_gui.gui.concepts.collected import TITLES, concept_examples_of
from interp_gui.gui.state import AppState


def add_entries(menu: QMenu, state: AppState, examples: Sequence[Example]) -> None:
    """Offer to add examples to With or Without: as a whole, and as the parts that they are."""
    if not examples:
        return
    whole = tuple(dict.fromkeys(msgspec.structs.replace(e, box=None) for e in examples))
    parts = tuple(example for example in examples if example.box is not None)
    menu.addSeparator()
    for side, title in TITLES.items():
        what = "image" if len(whole) == 1 else f"{len(whole)} images"
        entry = menu.addAction(f"Add {what} to {title}", partial(add_to, state, side, whole))
        entry.setToolTip(f"Use it as an example {side} a concept")
        if parts:
            what = "place" if len(parts) == 1 else f"{len(parts)} places"
            entry = menu.addAction(f"Add {what} to {title}", partial(add_to, state, side, parts))
            entry.setToolTip("Use the place in the image that it stands for")


def add_to(state: AppState, side: str, examples: Sequence[Example]) -> None:
    """Add, and say so."""
    count = concept_examples_of(state).add(side, examples)
    title = TITLES[side]
    if not count:
        state.notify("info", f"It is in {title} already.")
        return
    name = Path(examples[0].path).name
    what = name if count == 1 else f"{count:,} examples"
    state.notify(
        "success", f"Added {what} to {title}.", action="Show concepts",
        on_action=partial(state.set_tab, "concepts"), key="concept-added",
    )  # fmt: skip


def examples_of_items(state: AppState, items: Sequence[GridItem]) -> tuple[Example, ...]:
    """Cards of images as examples: the part of the image that a card shows.

    Of a card that shows all of it, the place where its feature is strongest: one position of the
    feature's layer.
    """
    found = []
    for item in items:
        if item.image:
            found.append(Example(item.image, _box(state, item)))
    return tuple(dict.fromkeys(found))


def _box(state: AppState, item: GridItem) -> tuple[float, float, float, float] | None:
    if item.box is not None:
        return item.box
    model, row, column = state.model, item.numbers.get("row"), item.numbers.get("column")
    if model is None or item.feature is None:
        return None
    if type(row) is not int or type(column) is not int:
        return None
    layers = {layer.name: layer for layer in model.description.layers}
    layer = layers.get(item.feature.layer)
    grid = layer.grid or layer.token_grid if layer is not None else None
    if grid is None or not (0 <= row < grid[0] and 0 <= column < grid[1]):
        return None
    return row / grid[0], column / grid[1], (row + 1) / grid[0], (column + 1) / grid[1]
