"""The menu of a feature, the same wherever the feature is shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QImage, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from interp_gui.core.feature import Feature
from interp_gui.gui import icons
from interp_gui.gui.features.commands import (
    FeatureCommands,
    FeatureContext,
    FeatureTarget,
    feature_commands_of,
)
from interp_gui.gui.state import AppState


@dataclass(frozen=True)
class Entry:
    """A command that every feature's menu has."""

    id: str
    title: str
    tooltip: str
    shortcut: str = ""
    icon: str = ""
    group: int = 0


STANDARD = (
    Entry("unit", "&Open unit page", "Show its pictures and what it responds to",
          "Ctrl+Return", "unit"),
    Entry("open-beside", "Open unit page &beside", "Show its page beside the view in front",
          "Ctrl+Shift+Return"),
    Entry("map", "Show &where it responds", "Lay its activation over the current image",
          "Ctrl+M", "image", 1),
    Entry("similar", "Sort the wall by &similarity", "Put the units most like it first",
          "Ctrl+L", "wall", 1),
    Entry("ablate", "Switch o&ff", "Put an edit on the intervention panel that switches it off",
          "Shift+X", "power", 2),
    Entry("intervene", "Put on the &panel…", "Choose how it is changed on the intervention panel",
          "Ctrl+Shift+X", "interventions", 2),
    Entry("keep", "&Keep on the shelf", "Collect it on the shelf", "Ctrl+D", "", 3),
    Entry("rename", "&Rename…", "Give it a name, which is shown wherever it is", "F2", "", 3),
    Entry("copy", "&Copy feature", "Copy feature, picture and text", "Ctrl+Shift+C", "copy", 4),
    Entry("copy-address", "Copy &address as text", "Copy its address, to type or send it",
          "Ctrl+Alt+C", "", 4),
    Entry("save-picture", "Save &picture…", "Write the picture that is shown to a file",
          "", "export", 4),
)  # fmt: skip
"""In the order of the menu. What views register beyond these comes last in group 2."""
OTHERS_GROUP = 2


def build_feature_menu(
    menu: QMenu,
    state: AppState,
    features: Sequence[Feature],
    *,
    source: QWidget,
    image: QImage | None = None,
    text: str = "",
    export: Callable[[], object] | None = None,
    leave_out: Sequence[str] = (),
) -> None:
    """Add the entries for one or more features; nothing where there are none.

    Parameters
    ----------
    features
        The one under the cursor first: what takes one feature takes that.
    source
        The view that shows them.
    image, text, export
        What it shows of the first one, see `FeatureContext`.
    leave_out
        Ids of entries that make no sense there (`unit` on the unit's own page).
    """
    wanted = tuple(features)
    if not wanted:
        return
    commands = feature_commands_of(state)
    context = FeatureContext(source, image if image is not None else QImage(), text, export)
    menu.setToolTipsVisible(True)
    for group in range(OTHERS_GROUP + 3):
        entries = [e for e in STANDARD if e.group == group]
        if group == OTHERS_GROUP:
            entries += other_entries(commands)
        entries = [e for e in entries if e.id not in leave_out]
        if entries and not menu.isEmpty():
            menu.addSeparator()
        for entry in entries:
            _add(menu, entry, commands, wanted, context)


def other_entries(commands: FeatureCommands) -> list[Entry]:
    """What views registered beyond the standard ones."""
    standard = {entry.id for entry in STANDARD}
    return [_entry(target) for target in commands.targets if target.id not in standard]


def popup_feature_menu(
    state: AppState,
    features: Sequence[Feature],
    where: QPoint,
    *,
    source: QWidget,
    image: QImage | None = None,
    text: str = "",
    export: Callable[[], object] | None = None,
) -> QMenu:
    """Make the menu and show it at a global position; it deletes itself when closed."""
    menu = QMenu(source)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    build_feature_menu(menu, state, features, source=source, image=image, text=text, export=export)
    menu.popup(where)
    return menu


def _entry(target: FeatureTarget) -> Entry:
    return Entry(target.id, target.title, target.tooltip, target.shortcut, group=OTHERS_GROUP)


def _add(
    menu: QMenu,
    entry: Entry,
    commands: FeatureCommands,
    features: tuple[Feature, ...],
    context: FeatureContext,
) -> QAction:
    action = QAction(entry.title, menu)
    action.setObjectName(f"feature.{entry.id}")
    if entry.icon:
        action.setIcon(icons.icon(entry.icon))
    if entry.shortcut:
        # Shown only: the live one belongs to the window's action of the same name.
        action.setShortcut(QKeySequence(entry.shortcut))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.setShortcutVisibleInContextMenu(True)
    problem = commands.refusal(entry.id, features)
    action.setEnabled(not problem)
    action.setToolTip(problem or entry.tooltip)
    action.triggered.connect(partial(_act, commands, entry.id, features, context))
    menu.addAction(action)
    return action


def _act(
    commands: FeatureCommands,
    id: str,
    features: tuple[Feature, ...],
    context: FeatureContext,
    _checked: bool = False,
) -> None:
    commands.act(id, features, context)
