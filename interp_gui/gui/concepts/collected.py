"""The examples of a window's concept, on two sides; every change can be undone."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from interp_gui.core.examples import Example
from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState

WITH, WITHOUT = "with", "without"
TITLES = {WITH: "With", WITHOUT: "Without"}
MOST = 2000
"""Examples a side; more take long and say hardly more."""
Sides = dict[str, tuple[Example, ...]]


class ConceptExamples(QObject):
    """What stands on either side, for all views of a window.

    Signals
    -------
    changed
        Examples came or went.
    """

    changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._sides: Sides = {WITH: (), WITHOUT: ()}

    def side(self, name: str) -> tuple[Example, ...]:
        """The examples of a side, in the order in which they came."""
        return self._sides[name]

    @property
    def sides(self) -> Sides:
        """Both sides, as analyses take them; an empty one is left out."""
        return {name: examples for name, examples in self._sides.items() if examples}

    @property
    def empty(self) -> bool:
        """Whether nothing was collected."""
        return not any(self._sides.values())

    # --- changing it -----------------------------------------------------------------------------

    def add(self, name: str, examples: Iterable[Example]) -> int:
        """Put examples on a side, those of the other side among them, too; how many are new."""
        own = dict.fromkeys(self._sides[name])
        known = {_key(example) for example in own}
        fresh = [e for e in map(self._grouped, dict.fromkeys(examples)) if _key(e) not in known]
        fresh = fresh[: max(0, MOST - len(own))]
        if not fresh:
            return 0
        moved = {_key(example) for example in fresh}
        other = WITHOUT if name == WITH else WITH
        left = tuple(e for e in self._sides[other] if _key(e) not in moved)
        self._change(
            f"add {_counted(fresh)} to {TITLES[name]}", {name: (*own, *fresh), other: left}
        )
        return len(fresh)

    def remove(self, name: str, places: Iterable[int]) -> None:
        """Take examples away by their places."""
        gone = set(places)
        kept = tuple(e for i, e in enumerate(self._sides[name]) if i not in gone)
        taken = [e for i, e in enumerate(self._sides[name]) if i in gone]
        if taken:
            title = f"take {_counted(taken)} from {TITLES[name]}"
            self._change(title, {**self._sides, name: kept})

    def clear(self, name: str) -> None:
        """Empty a side."""
        if self._sides[name]:
            self._change(f"empty {TITLES[name]}", {**self._sides, name: ()})

    def swap(self) -> None:
        """Exchange the sides; the direction then points the other way."""
        if not self.empty:
            swapped = {WITH: self._sides[WITHOUT], WITHOUT: self._sides[WITH]}
            self._change("swap With and Without", swapped)

    def take_over(self, sides: Sides) -> None:
        """Take other examples for all that were collected."""
        new = {name: tuple(dict.fromkeys(sides.get(name, ())))[:MOST] for name in self._sides}
        if new != self._sides:
            self._change("take over the examples of a concept", new)

    def _grouped(self, example: Example) -> Example:
        """With the group that the image has among the images at hand."""
        dataset = self._state.shared.dataset
        if example.group or dataset is None:
            return example
        group = self._groups(dataset.images).get(example.path, "")
        return msgspec.structs.replace(example, group=group) if group else example

    def _groups(self, images: Sequence[Any]) -> Mapping[str, str]:
        known: tuple[Any, dict[str, str]] = self.__dict__.get("_known", (None, {}))
        if known[0] is not images:
            known = (images, {entry.path: entry.group for entry in images if entry.group})
            self.__dict__["_known"] = known
        return known[1]

    def _change(self, title: str, sides: Sides) -> None:
        before = self._sides
        undo = self._state.shared.undo
        undo.change(title, partial(self._put, sides), partial(self._put, before))

    def _put(self, sides: Sides) -> None:
        self._sides = {WITH: sides[WITH], WITHOUT: sides[WITHOUT]}
        self.changed.emit()

    # --- for sessions ----------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Both sides as JSON can hold them."""
        return {name: msgspec.to_builtins(side) for name, side in self._sides.items() if side}

    def restore(self, found: object) -> None:
        """Take over what `snapshot` gave; what is no example is left out."""
        saved = found if isinstance(found, dict) else {}
        sides: Sides = {WITH: (), WITHOUT: ()}
        for name in sides:
            try:
                sides[name] = msgspec.convert(saved.get(name, ()), tuple[Example, ...])[:MOST]
            except (msgspec.ValidationError, ValueError):
                continue
        if sides != self._sides:
            self._put(sides)


def concept_examples_of(state: AppState) -> ConceptExamples:
    """The examples of a window."""
    return child_of(state.shared, ConceptExamples) or ConceptExamples(state.shared)


def _key(example: Example) -> tuple[str, Any]:
    return example.path, example.box


def _counted(examples: Sequence[Example]) -> str:
    return "an example" if len(examples) == 1 else f"{len(examples):,} examples"
