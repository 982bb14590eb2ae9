"""What can be done with a feature, by menu and by keys: the same as by dragging it."""

from functools import partial
from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.features.commands import feature_commands_of
from interp_gui.gui.features.menu import STANDARD, Entry, other_entries
from interp_gui.gui.features.source import FeatureSource

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

PREFIX = "feature."


def feature_actions(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """One action for each entry that every feature's menu has."""
    return tuple(_action(window, entry) for entry in STANDARD)


def follow_targets(window: "MainWindow") -> None:
    """Give what views register beyond the standard entries its action, and keep up with them."""
    commands, actions = feature_commands_of(window.state), window.actions_
    fixed = {PREFIX + entry.id for entry in STANDARD}

    def update() -> None:
        entries = {PREFIX + entry.id: entry for entry in other_entries(commands)}
        for spec in actions.specs:
            if spec.id.startswith(PREFIX) and spec.id not in fixed and spec.id not in entries:
                actions.remove(spec.id)
        for name, entry in entries.items():
            if name not in actions:
                actions.add(_action(window, entry))

    commands.changed.connect(update)
    update()


def _action(window: "MainWindow", entry: Entry) -> ActionSpec:
    state = window.state
    return ActionSpec(
        id=PREFIX + entry.id, title=entry.title, shortcut=entry.shortcut, icon=entry.icon,
        menu="Edit/&Feature", group=f"3{entry.group}", tooltip=entry.tooltip,
        # Not by what is chosen: a key pressed for nothing says why, which a dead key does not.
        why_not=lambda: "" if state.model is not None else "Open a model first.",
        handler=partial(_act, window, entry.id),
    )  # fmt: skip


def _act(window: "MainWindow", id: str) -> None:
    source = FeatureSource.of(window)
    features = source.features or tuple(filter(None, (window.state.feature,)))
    feature_commands_of(window.state).act(id, features, source.context())
