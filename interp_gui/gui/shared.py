"""What views share beyond `AppState`: names given to features, the wall's order, a thread pool.

They hang on the state as children, so that a view finds them by the state alone.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from interp_gui.core.feature import Feature
from interp_gui.gui.background import Background
from interp_gui.gui.state import AppState

T = TypeVar("T", bound=QObject)


def child_of(state: QObject, kind: type[T]) -> T | None:
    """The child of a state that is of a kind, None if there is none."""
    # not findChild: it would look through every descendant
    return next((child for child in state.children() if isinstance(child, kind)), None)


class NameBook(QObject):
    """Names that a person gave to features, by the weights they belong to and their text.

    A feature that says no model belongs to the current one.
    """

    changed = Signal(str)
    """Text of the feature that was renamed."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._names: dict[str, dict[str, str]] = {}

    def key(self, feature: Feature) -> tuple[str, str]:
        """Weights hash and text, by which a feature's name is kept; the hash may be empty."""
        model = self._state.model
        current = model.description.weights_sha256 if model is not None else ""
        return feature.model or current, feature.text

    def name(self, feature: Feature) -> str:
        """The name; empty if none was given."""
        return self.given(feature) or feature.name

    def given(self, feature: Feature) -> str:
        """The name that was given in this window; empty if none was."""
        model, text = self.key(feature)
        return self._names.get(model, {}).get(text, "")

    def set_name(self, feature: Feature, name: str) -> None:
        """Give a name, or take it back by an empty one; can be undone."""
        key, before, name = self.key(feature), self.given(feature), " ".join(name.split())
        if name == before:
            return
        title = f"rename {before or feature.text}" if name else f"remove the name {before}"
        self._state.undo.change(
            title, partial(self.put, *key, name), partial(self.put, *key, before)
        )

    def put(self, model: str, text: str, name: str) -> None:
        """Give a name by its key, or take it back; for steps that can be undone themselves."""
        if name:
            self._names.setdefault(model, {})[text] = name
        elif text in self._names.get(model, {}):
            del self._names[model][text]
            if not self._names[model]:
                del self._names[model]
        self.changed.emit(text)

    def snapshot(self) -> dict[str, dict[str, str]]:
        """All names, by weights hash and text of the feature."""
        return {model: dict(names) for model, names in self._names.items()}

    def restore(self, names: Mapping[str, Mapping[str, str]]) -> None:
        """Adopt the names of a session, in place of all others.

        What was done before concerns another document, so that the undo history is emptied.
        """
        self._state.undo.clear()
        before = self._names
        self._names = {model: dict(named) for model, named in names.items() if named}
        for text in {t for book in (before, self._names) for named in book.values() for t in named}:
            self.changed.emit(text)


class UnitOrder(QObject):
    """The order in which layer walls show units; stepping from unit to unit follows it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._orders: dict[tuple[str, str], tuple[Feature, ...]] = {}

    def set(self, features: Sequence[Feature]) -> None:
        """Adopt a wall's order of its layer."""
        if features:
            self._orders[features[0].model, features[0].layer] = tuple(features)

    def first(self, feature: Feature) -> Feature:
        """The first unit of a feature's layer; that feature where no wall has shown it."""
        return next(iter(self._orders.get((feature.model, feature.layer), ())), feature)

    def neighbour(self, feature: Feature, step: int, *, units: int) -> Feature | None:
        """The feature `step` places on, in the wall's order where it holds this one.

        Otherwise the unit of the next index; None at either end.
        """
        order = self._orders.get((feature.model, feature.layer), ())
        texts = [f.text for f in order]
        if feature.text in texts:
            place = texts.index(feature.text) + step
            return order[place] if 0 <= place < len(texts) else None
        if len(feature.units) != 1 or not 0 <= feature.units[0] + step < units:
            return None
        return Feature(
            layer=feature.layer,
            units=(feature.units[0] + step,),
            heads=feature.heads,
            model=feature.model,
        )


class TopClass(QObject):
    """The class that a model answers for the current image, once it has answered."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._known: tuple[str, int | None] = ("", None)

    def of(self, model: str) -> int | None:
        """What the model of a handle answers; None if it was not asked, or answers no class."""
        return self._known[1] if model == self._known[0] else None

    def set(self, model: str, index: int | None) -> None:
        """Note the answer of the model of a handle."""
        if (model, index) != self._known:
            self._known = (model, index)
            self.changed.emit()


def names_of(state: AppState) -> NameBook:
    """The name book of a window."""
    return child_of(state.shared, NameBook) or NameBook(state.shared)


def order_of(state: AppState) -> UnitOrder:
    """The unit order of a window."""
    return child_of(state.shared, UnitOrder) or UnitOrder(state.shared)


def top_class_of(state: AppState) -> TopClass:
    """The answer of a window's model for its image."""
    return child_of(state.shared, TopClass) or TopClass(state.shared)


def background_of(state: AppState) -> Background:
    """The thread pool of a window's views; closed with the state."""
    shared = state.shared
    found = child_of(shared, Background)
    if found is None:
        found = Background(parent=shared)
        shared.destroyed.connect(found.close)
    return found
