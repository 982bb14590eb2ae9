"""What assistive technology is told of widgets that paint their own items.

Qt knows the role of its own controls. A list of cards or a canvas is to it a blank area: here it
gets its role, and its items, as if each were a widget.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import shiboken6
from PySide6.QtCore import QObject, QRect
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QWidget

ROLE = "accessible_role"
"""Attribute of a widget's class: name of a `QAccessible.Role` (`Graphic`, `List`, `Chart`).

Of the class, because Qt asks as soon as a widget gets a name, and never again.
"""


_OF_QT = {"QTabWidget": "LayeredPane", "QUndoView": "List"}
"""Controls of Qt to which it gives no role."""


@dataclass(frozen=True)
class SpokenItem:
    """One item as it is told: what it is called, where it is painted, and its state."""

    name: str
    description: str = ""
    rect: QRect = QRect()  # noqa: RUF009 - an empty rectangle is never changed
    """On the widget that paints it."""
    selected: bool = False
    focused: bool = False


@runtime_checkable
class HasItems(Protocol):
    """A widget that paints items of its own."""

    def spoken_count(self) -> int:
        """How many items there are."""
        ...

    def spoken_item(self, index: int) -> SpokenItem:
        """What is told of one."""
        ...

    def spoken_at(self, x: int, y: int) -> int | None:
        """Index of the item at a position on the widget."""
        ...

    def spoken_current(self) -> int | None:
        """Index of the item that the keyboard is on."""
        ...


class AccessibleFactory:
    """Makes the accessible side of our widgets; one for an application.

    Items live as long as the application: Qt keeps their addresses, and asks them whether they
    are still valid. There are only as many as assistive technology asked for.
    """

    def __init__(self) -> None:
        self._kept: list[QAccessibleInterface] = []
        # a bound method would be gone after its first call
        self._factory = lambda class_name, thing: self._make(class_name, thing)
        QAccessible.installFactory(self._factory)

    def _make(self, class_name: str, thing: QObject) -> QAccessibleInterface | None:
        name = getattr(type(thing), ROLE, "") or _OF_QT.get(class_name, "")
        if not isinstance(thing, QWidget) or not name:
            return None
        role = getattr(QAccessible.Role, name)
        kind = _Items if isinstance(thing, HasItems) else QAccessibleWidget
        made = kind(thing, role)
        self._kept.append(made)
        return made

    def close(self) -> None:
        """Tell nothing any more: the program ends."""
        QAccessible.setActive(False)


class _Items(QAccessibleWidget):
    """The accessible side of a widget with items."""

    def __init__(self, widget: QWidget, role: QAccessible.Role) -> None:
        super().__init__(widget, role)
        self._widget: Any = widget
        self._items: dict[int, _Item] = {}

    def childCount(self) -> int:
        if not shiboken6.isValid(self._widget):
            return 0
        return int(self._widget.spoken_count())

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        if not 0 <= index < self.childCount():
            return None
        if index not in self._items:
            self._items[index] = _Item(self._widget, index)
        return self._items[index]

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return child.index if isinstance(child, _Item) else -1

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        if not shiboken6.isValid(self._widget):
            return None
        here = self._widget.mapFromGlobal(QRect(x, y, 1, 1).topLeft())
        index = self._widget.spoken_at(here.x(), here.y())
        return None if index is None else self.child(index)

    def focusChild(self) -> QAccessibleInterface | None:  # type: ignore[override]
        if not shiboken6.isValid(self._widget):
            return None
        current = self._widget.spoken_current()
        return None if current is None else self.child(current)


class _Item(QAccessibleInterface):
    """One item of a widget, by its place."""

    def __init__(self, widget: QWidget, index: int) -> None:
        super().__init__()
        self._widget: Any = widget
        self.index = index

    def _told(self) -> SpokenItem | None:
        if not self.isValid():
            return None
        item: SpokenItem = self._widget.spoken_item(self.index)
        return item

    def isValid(self) -> bool:
        return bool(shiboken6.isValid(self._widget)) and self.index < self._widget.spoken_count()

    def object(self) -> QObject | None:  # type: ignore[override]
        return None

    def window(self) -> Any:
        return None

    def parent(self) -> QAccessibleInterface | None:  # type: ignore[override]
        if not shiboken6.isValid(self._widget):
            return None
        return QAccessible.queryAccessibleInterface(self._widget)

    def child(self, _index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        return None

    def childAt(self, _x: int, _y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        return None

    def childCount(self) -> int:
        return 0

    def indexOfChild(self, _child: QAccessibleInterface) -> int:
        return -1

    def relations(self, _match: Any = None) -> Any:
        return []

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.ListItem

    def rect(self) -> QRect:
        told = self._told()
        if told is None:
            return QRect()
        return QRect(self._widget.mapToGlobal(told.rect.topLeft()), told.rect.size())

    def text(self, which: QAccessible.Text) -> str:
        told = self._told()
        if told is None:
            return ""
        texts = {QAccessible.Text.Name: told.name, QAccessible.Text.Description: told.description}
        return texts.get(which, "")

    def setText(self, _which: QAccessible.Text, _text: str) -> None:
        return

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        told = self._told()
        if told is None:
            state.invalid = True
            return state
        state.selectable = state.focusable = True
        state.selected, state.focused = told.selected, told.focused
        return state
