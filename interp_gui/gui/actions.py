"""Commands, declared once: menus, toolbar, shortcuts and tooltips are views of one registry."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QIcon, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar, QToolButton, QWidget

MENUS = ("File", "Edit", "View", "Analyse", "Intervene", "Help")


@dataclass(frozen=True, kw_only=True)
class ActionSpec:
    """One command.

    Parameters
    ----------
    id
        Stable name (`file.open_model`).
    title
        As menus show it, `&` before the letter of its mnemonic.
    handler
        Called without arguments, or with the new state if `checkable`.
    shortcut
        One key sequence, or several separated by `; `.
    tooltip
        One line; the shortcut is added to it.
    icon
        Name of a shipped icon.
    menu
        Path of the menu it stands in (`View/&Theme`, `&` before a submenu's mnemonic); empty: in
        none.
    group
        Actions of one group stand together, groups are separated, in order of the name.
    enabled_when, checked_when, title_when
        Asked whenever the state changes; None: always enabled, never changed.
    why_not
        Asked with `enabled_when`: the sentence that says why it cannot be used now, empty if it
        can. It stands in the tooltip and in the palette.
    exclusive
        Checkable actions of the same name are alternatives.
    toolbar
        Whether it has a button in the toolbar.
    keywords
        Other words by which the palette finds it, apart from those of title and tooltip.
    """

    id: str
    title: str
    handler: Callable[..., object]
    shortcut: str = ""
    tooltip: str = ""
    icon: str = ""
    menu: str = ""
    group: str = ""
    enabled_when: Callable[[], bool] | None = None
    checkable: bool = False
    checked_when: Callable[[], bool] | None = None
    title_when: Callable[[], str] | None = None
    why_not: Callable[[], str] | None = None
    exclusive: str = ""
    toolbar: bool = False
    keywords: str = ""


class ActionRegistry(QObject):
    """All commands of a window.

    Parameters
    ----------
    owner
        The window in which the shortcuts are live.
    icon
        Gives an icon by name.
    """

    changed = Signal()
    """An action was added or removed."""

    def __init__(self, owner: QWidget, icon: Callable[[str], QIcon] | None = None) -> None:
        super().__init__(owner)
        self._owner = owner
        self._icon = icon
        self._specs: dict[str, ActionSpec] = {}
        self._actions: dict[str, QAction] = {}
        self._exclusive: dict[str, QActionGroup] = {}
        self._menus: dict[str, QMenu] = {}
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)

    def __contains__(self, action_id: str) -> bool:
        return action_id in self._actions

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    @property
    def specs(self) -> tuple[ActionSpec, ...]:
        """Every declaration, in order."""
        return tuple(self._specs.values())

    def add(self, spec: ActionSpec) -> QAction:
        """Declare a command; a second one of the same id or shortcut is a ValueError."""
        if spec.id in self._specs:
            raise ValueError(f"action {spec.id!r} is declared twice")
        keys = [QKeySequence(k) for k in spec.shortcut.split("; ") if k]
        for other in self._actions.values():
            if any(key in other.shortcuts() for key in keys):
                raise ValueError(f"{spec.id!r} and {other.objectName()!r} share {spec.shortcut!r}")
        action = QAction(spec.title, self)
        action.setObjectName(spec.id)
        action.setShortcuts(keys)
        action.setToolTip(tooltip_with_shortcut(spec.tooltip or action.iconText(), keys))
        action.setStatusTip(spec.tooltip)
        if spec.icon and self._icon is not None:
            action.setIcon(self._icon(spec.icon))
        action.setCheckable(spec.checkable)
        if spec.exclusive:
            group = self._exclusive.setdefault(spec.exclusive, QActionGroup(self))
            group.addAction(action)
        # `triggered` comes only from the user, so that refreshing check marks calls no handler.
        if spec.checkable:
            action.triggered.connect(lambda on: spec.handler(on))
        else:
            action.triggered.connect(lambda: spec.handler())
        self._specs[spec.id] = spec
        self._actions[spec.id] = action
        self._owner.addAction(action)
        self._refresh_one(spec)
        self._fill(spec.menu.split("/")[0])
        self.changed.emit()
        return action

    def remove(self, action_id: str) -> None:
        """Withdraw a command."""
        spec = self._specs.pop(action_id)
        action = self._actions.pop(action_id)
        self._owner.removeAction(action)
        self._fill(spec.menu.split("/")[0])
        action.deleteLater()
        self.changed.emit()

    def refresh(self) -> None:
        """Ask every `enabled_when` and `checked_when` again."""
        for spec in self._specs.values():
            self._refresh_one(spec)

    def refresh_later(self) -> None:
        """Refresh once when the event loop is back, however often this is called."""
        self._later.start()

    def _refresh_one(self, spec: ActionSpec) -> None:
        action = self._actions[spec.id]
        reason = spec.why_not() if spec.why_not is not None else ""
        if spec.enabled_when is not None or spec.why_not is not None:
            action.setEnabled(not reason and (spec.enabled_when is None or spec.enabled_when()))
        if spec.why_not is not None:
            text = tooltip_with_shortcut(spec.tooltip or action.iconText(), action.shortcuts())
            action.setToolTip(f"{text}\n{reason}" if reason else text)
        if spec.checked_when is not None:
            action.setChecked(spec.checked_when())
        if spec.title_when is not None:
            action.setText(spec.title_when())

    # --- views of the registry -----------------------------------------------------------------

    def build_menus(self, bar: QMenuBar) -> None:
        """Fill a menu bar, and keep it filled as actions come and go."""
        for name in MENUS:
            menu = bar.addMenu(f"&{name}")
            menu.setToolTipsVisible(True)
            self._menus[name] = menu
            self._fill(name)

    def build_toolbar(self, bar: QToolBar) -> None:
        """Add a button for every action that asks for one."""
        for spec in self._specs.values():
            if spec.toolbar:
                bar.addAction(self._actions[spec.id])

    def button(self, action_id: str, parent: QWidget | None = None) -> QToolButton:
        """A button for an action, with its icon, text, tooltip and state."""
        button = QToolButton(parent)
        button.setDefaultAction(self._actions[action_id])
        button.setAccessibleName(self._actions[action_id].iconText())
        return button

    def _fill(self, top: str) -> None:
        menu = self._menus.get(top)
        if menu is None:
            return
        menu.clear()
        for child in menu.findChildren(QMenu):
            child.deleteLater()
        submenus: dict[str, QMenu] = {"": menu}
        last: dict[str, str] = {}

        def separate(path: str, group: str) -> None:
            if last.setdefault(path, group) != group:
                submenus[path].addSeparator()
                last[path] = group

        specs = [s for s in self._specs.values() if s.menu.split("/")[0] == top]
        for spec in sorted(specs, key=lambda s: s.group):
            path = spec.menu.partition("/")[2]
            if path not in submenus:
                separate("", spec.group)
                submenus[path] = menu.addMenu(path)
                submenus[path].setToolTipsVisible(True)
            separate(path, spec.group)
            action = self._actions[spec.id]
            action.setText(spec.title if spec.title_when is None else spec.title_when())
            submenus[path].addAction(action)
        for submenu in submenus.values():
            give_mnemonics(submenu)
        if not specs:
            menu.addAction("Nothing yet").setEnabled(False)


def give_mnemonics(menu: QMenu) -> None:
    """Give a letter of its own to each entry that has none, or that of another entry."""
    taken, without = set[str](), []
    for action in menu.actions():
        letter = mnemonic(action.text())
        if letter and letter not in taken:
            taken.add(letter)
        elif not action.isSeparator():
            without.append(action)
    for action in without:
        text = (
            re.sub(r"&([^&])", r"\1", action.text()) if "&&" not in action.text() else action.text()
        )
        free = [at for at, c in enumerate(text) if c.isalnum() and c.lower() not in taken]
        starts = [at for at in free if at == 0 or text[at - 1] == " "]
        if free and not mnemonic(text):
            at = (starts or free)[0]
            taken.add(text[at].lower())
            action.setText(f"{text[:at]}&{text[at:]}")


def mnemonic(title: str) -> str:
    """The letter by which an entry is chosen, in lower case; empty if it has none."""
    found = re.search(r"&([^&])", title.replace("&&", ""))
    return found[1].lower() if found else ""


def plain_title(title: str) -> str:
    """A title without the signs of its mnemonics."""
    return re.sub(r"&(.)", r"\1", title)


def full_title(menu: str, title: str) -> str:
    """A title that can be understood outside its submenu: `Theme: Dark`."""
    submenu = plain_title(menu.partition("/")[2])
    return f"{submenu}: {plain_title(title)}" if submenu else plain_title(title)


def tooltip_with_shortcut(text: str, keys: list[QKeySequence]) -> str:
    """A tooltip that ends in its shortcut, in the platform's own writing."""
    if not keys:
        return text
    return f"{text} ({keys[0].toString(QKeySequence.SequenceFormat.NativeText)})"
