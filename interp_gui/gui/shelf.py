"""The shelf: features that were collected, with notes and tags; every change can be undone."""

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from interp_gui.core.feature import Feature
from interp_gui.core.result import Pixels
from interp_gui.core.session.document import ShelfItem
from interp_gui.gui.shared import child_of, names_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.pixels import shrunk, to_array, to_image

PICTURE_PX = 256
Items = tuple[ShelfItem, ...]


class Shelf(QObject):
    """What was collected, newest first unless it was put in another order.

    A name on the shelf is the feature's name everywhere in the window: it is kept in the
    `NameBook`, and the items bear it.

    Signals
    -------
    changed
        Items came, went, moved or were changed.
    collected
        Ids of the items that were collected, also of those that were there already.
    """

    changed = Signal()
    collected = Signal(tuple)

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._names = names_of(state)
        self._items: Items = ()
        self._named: Items | None = ()
        self._names.changed.connect(self._on_renamed)
        # Features that say no model are named by the current one.
        state.model_changed.connect(self._on_model)

    @property
    def items(self) -> Items:
        """All items, in order."""
        if self._named is None:
            self._named = tuple(map(self._with_name, self._items))
        return self._named

    def item(self, item_id: str) -> ShelfItem | None:
        """One of them by its id."""
        return next((item for item in self.items if item.id == item_id), None)

    def find(self, feature: Feature) -> ShelfItem | None:
        """The item that holds a feature of the same model."""
        key = self._names.key(feature)
        return next((i for i in self.items if self._names.key(i.feature) == key), None)

    # --- changes by hand -------------------------------------------------------------------------

    def collect(
        self,
        features: Sequence[Feature],
        pictures: Sequence[QImage | Pixels | None] = (),
        *,
        place: int = 0,
    ) -> None:
        """Keep features; those that are kept already move, and the user is told so.

        Parameters
        ----------
        features
            Features; one that says no model is of the current model.
        pictures
            What their cards show, in the same order; fewer, or null ones, where there is none.
        place
            Before which of the present items they are put.
        """
        wanted: dict[tuple[str, str], ShelfItem] = {}
        known: list[ShelfItem] = []
        names: list[tuple[str, str, str]] = []
        for index, feature in enumerate(features):
            picture = _pixels(pictures[index] if index < len(pictures) else None)
            key = self._names.key(feature)
            there = wanted.get(key) or self.find(feature)
            if there is None:
                wanted[key] = self._new(feature, picture)
                if feature.name and not self._names.given(feature):
                    names.append((*key, feature.name))
                continue
            if key not in wanted:
                known.append(there)
            new = there.picture if picture is None else picture
            wanted[key] = msgspec.structs.replace(there, picture=new)
        if not wanted:
            return
        items = tuple(wanted.values())
        moving = {item.id for item in items}
        before = [item for item in self._items[:place] if item.id not in moving]
        behind = [item for item in self._items[place:] if item.id not in moving]
        what = _count([self._names.name(feature) or feature.text for feature in features])
        self._change(
            f"keep {what} on the shelf",
            (*before, *items, *behind),
            also=[(model, text, "", name) for model, text, name in names],
        )
        self.collected.emit(tuple(item.id for item in items))
        if known:
            self._tell_known(known)

    def remove(self, ids: Iterable[str]) -> None:
        """Take items off the shelf; their features keep their names."""
        gone = set(ids)
        going = [item for item in self.items if item.id in gone]
        if going:
            left = tuple(item for item in self._items if item.id not in gone)
            self._change(f"remove {_count([title_of(i) for i in going])} from the shelf", left)

    def update(self, item_id: str, *, merge: str = "", **fields: Any) -> None:
        """Change `name`, `note`, `tags` or `picture` of an item.

        Parameters
        ----------
        merge
            As in `UndoStack.change`: what is typed letter by letter is one step.
        """
        item = self.item(item_id)
        if item is None:
            return
        if "name" in fields:
            self._names.set_name(item.feature, fields.pop("name"))
        if "tags" in fields:
            fields["tags"] = clean_tags(fields["tags"])
        new = {name: value for name, value in fields.items() if not _same(item, name, value)}
        if not new:
            return
        words = {"note": "note on", "tags": "tags of"}
        what = words.get(next(iter(new)), "change") if len(new) == 1 else "change"
        self._change(
            f"{what} {title_of(item)}",
            tuple(
                msgspec.structs.replace(each, **new) if each.id == item_id else each
                for each in self._items
            ),
            merge=merge,
        )

    def tag(
        self, ids: Collection[str], add: Iterable[str] = (), *, remove: Iterable[str] = ()
    ) -> None:
        """Add tags to several items and take others away, in one step."""
        more, less = clean_tags(add), clean_tags(remove)
        gone = {tag.casefold() for tag in less}

        def tagged(item: ShelfItem) -> ShelfItem:
            kept = tuple(tag for tag in item.tags if tag.casefold() not in gone)
            new = clean_tags((*kept, *more))
            return item if new == item.tags else msgspec.structs.replace(item, tags=new)

        after = tuple(tagged(item) if item.id in ids else item for item in self._items)
        touched = [new for old, new in zip(self._items, after, strict=True) if old is not new]
        if touched:
            what = _count([title_of(self._with_name(item)) for item in touched])
            words = " ".join(f"#{tag}" for tag in more or less)
            self._change(f"{'tag' if more else 'untag'} {what} {words}", after)

    def move(self, ids: Collection[str], place: int) -> None:
        """Put items, in their present order, before the one that is now at `place`."""
        moving = [item for item in self._items if item.id in ids]
        before = [item for item in self._items[:place] if item.id not in ids]
        behind = [item for item in self._items[place:] if item.id not in ids]
        after = (*before, *moving, *behind)
        if [item.id for item in after] != [item.id for item in self._items]:
            what = _count([title_of(self._with_name(item)) for item in moving])
            self._change(f"move {what} on the shelf", after)

    # --- whole contents --------------------------------------------------------------------------

    def restore(self, items: Iterable[ShelfItem]) -> None:
        """Hold exactly these, as a session does when it is opened.

        What was done before concerns another document, so that the undo history is emptied. Names
        that the `NameBook` does not know yet are given to it: restore that first.
        """
        self._state.undo.clear()
        fresh = []
        for item in items:
            name = item.name or item.feature.name
            if name and not self._names.given(item.feature):
                self._names.put(*self._names.key(item.feature), name)
            feature = msgspec.structs.replace(item.feature, name="")
            fresh.append(msgspec.structs.replace(item, feature=feature))
        self._set(tuple(fresh))

    # --- within ----------------------------------------------------------------------------------

    def _change(
        self,
        title: str,
        after: Items,
        *,
        also: Sequence[tuple[str, str, str, str]] = (),
        merge: str = "",
    ) -> None:
        """Remember both sides whole: items are immutable, so that they share all but a tuple.

        Parameters
        ----------
        also
            Names that change with it: weights hash, text, name before, name after.
        """
        before = self._items

        def step(items: Items, named: Callable[[tuple[str, str, str, str]], str]) -> None:
            for entry in also:
                self._names.put(entry[0], entry[1], named(entry))
            self._set(items)

        self._state.undo.change(
            title,
            partial(step, after, lambda entry: entry[3]),
            partial(step, before, lambda entry: entry[2]),
            merge=merge,
        )

    def _set(self, items: Items) -> None:
        self._items, self._named = items, None
        self.changed.emit()

    def _new(self, feature: Feature, picture: Pixels | None) -> ShelfItem:
        model_hash, _ = self._names.key(feature)
        return ShelfItem(
            id=uuid.uuid4().hex,
            feature=msgspec.structs.replace(feature, model=model_hash, name=""),
            collected=datetime.now(UTC).isoformat(timespec="seconds"),
            model_name=self._model_name(model_hash),
            picture=picture,
        )

    def _model_name(self, weights_sha256: str) -> str:
        current = self._state.model
        for model in (*self._state.models, *([current] if current is not None else [])):
            if model.description.weights_sha256 == weights_sha256:
                return model.description.name
        return next((i.model_name for i in self._items if i.feature.model == weights_sha256), "")

    def _with_name(self, item: ShelfItem) -> ShelfItem:
        name = self._names.name(item.feature)
        return item if name == item.name else msgspec.structs.replace(item, name=name)

    def _on_renamed(self, text: str) -> None:
        if any(item.feature.text == text for item in self._items):
            self._named = None
            self.changed.emit()

    def _on_model(self) -> None:
        if any(not item.feature.model for item in self._items):
            self._named = None
            self.changed.emit()

    def _tell_known(self, known: Sequence[ShelfItem]) -> None:
        one = len(known) == 1
        what = title_of(known[0]) if one else f"{len(known)} features"
        words = "was on the shelf already; it" if one else "were on the shelf already; they"
        self._state.notify("info", f"{what} {words} moved to the front.")


def shelf_of(state: AppState) -> Shelf:
    """The shelf of a window, from its state or that of a pinned view."""
    return child_of(state.shared, Shelf) or Shelf(state.shared)


def title_of(item: ShelfItem) -> str:
    """The name of an item's feature, or its address."""
    return item.name or item.feature.text


def clean_tags(tags: Iterable[str] | str) -> tuple[str, ...]:
    """Tags as they are kept: without `#`, commas and blanks, each once whatever its case."""
    text = tags if isinstance(tags, str) else ",".join(tags)
    found: dict[str, str] = {}
    for part in re.split("[,;#]", text):
        word = "-".join(part.split())
        if word:
            found.setdefault(word.casefold(), word)
    return tuple(found.values())


def _count(titles: Sequence[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{len(titles)} features"


def _same(item: ShelfItem, name: str, value: object) -> bool:
    old = getattr(item, name)
    return old is value if name == "picture" else bool(old == value)


def _pixels(picture: QImage | Pixels | None) -> Pixels | None:
    """A picture as an item keeps it; None for a null one."""
    if isinstance(picture, QImage):
        return None if picture.isNull() else to_array(shrunk(picture, PICTURE_PX))
    if picture is None or not picture.size:
        return None
    return _pixels(to_image(picture))
