"""What views share beyond `AppState`: names given to features, the wall's order, a thread pool.

They hang on the state as children, so that a view finds them by the state alone.
"""

from collections.abc import Sequence
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from interp_gui.core.feature import Feature
from interp_gui.gui.background import Background

T = TypeVar("T", bound=QObject)


def _child(state: QObject, kind: type[T]) -> T | None:
    # not findChild: it would look through every descendant
    return next((child for child in state.children() if isinstance(child, kind)), None)


class NameBook(QObject):
    """Names that a person gave to features, by the text of the feature."""

    changed = Signal(str)
    """Text of the feature that was renamed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: dict[str, str] = {}

    def name(self, feature: Feature) -> str:
        """The name; empty if none was given."""
        return self._names.get(feature.text, "") or feature.name

    def set_name(self, feature: Feature, name: str) -> None:
        """Give a name, or take it back by an empty one."""
        name = name.strip()
        if name == self._names.get(feature.text, ""):
            return
        if name:
            self._names[feature.text] = name
        else:
            self._names.pop(feature.text, None)
        self.changed.emit(feature.text)


class UnitOrder(QObject):
    """The order in which the layer wall shows units; arrow keys on a unit's page follow it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._features: tuple[Feature, ...] = ()

    def set(self, features: Sequence[Feature]) -> None:
        """Adopt the wall's order."""
        self._features = tuple(features)

    def neighbour(self, feature: Feature, step: int, *, units: int) -> Feature | None:
        """The feature `step` places on, in the wall's order where it holds this one.

        Otherwise the unit of the next index; None at either end.
        """
        texts = [f.text for f in self._features]
        if feature.text in texts:
            place = texts.index(feature.text) + step
            return self._features[place] if 0 <= place < len(texts) else None
        if len(feature.units) != 1 or not 0 <= feature.units[0] + step < units:
            return None
        return Feature(
            layer=feature.layer,
            units=(feature.units[0] + step,),
            heads=feature.heads,
            model=feature.model,
        )


def names_of(state: QObject) -> NameBook:
    """The name book of a window."""
    return _child(state, NameBook) or NameBook(state)


def order_of(state: QObject) -> UnitOrder:
    """The unit order of a window."""
    return _child(state, UnitOrder) or UnitOrder(state)


def background_of(state: QObject) -> Background:
    """The thread pool of a window's views; closed with the state."""
    found = _child(state, Background)
    if found is None:
        found = Background(parent=state)
        state.destroyed.connect(found.close)
    return found
