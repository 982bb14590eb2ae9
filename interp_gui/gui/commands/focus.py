"""Going about without a mouse."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.keyboard.focus import FocusRound, show_menu_of_focus

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def focus_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """From part to part, to the filter, to the menu of what has the focus."""
    focus = FocusRound.of(window)
    return (
        ActionSpec(
            id="view.next_part", title="Next part", shortcut="F6", menu="View/&Go to", group="28",
            tooltip="Go to the next panel or view", handler=lambda: focus.go(1),
        ),
        ActionSpec(
            id="view.previous_part", title="Previous part", shortcut="Shift+F6",
            menu="View/&Go to", group="28", tooltip="Go to the panel or view before",
            handler=lambda: focus.go(-1),
        ),
        ActionSpec(
            id="view.filter", title="&Filter", shortcut="Ctrl+F", icon="filter",
            menu="View/&Go to", group="28",
            tooltip="Go to the filter of the part that is worked in",
            handler=lambda: _filter(window, focus),
        ),
        ActionSpec(
            id="view.menu_here", title="&Menu of what has the focus", shortcut="Shift+F10",
            menu="View/&Go to", group="28", tooltip="The same as the Menu key or a right click",
            handler=show_menu_of_focus,
        ),
    )  # fmt: skip


def _filter(window: "MainWindow", focus: FocusRound) -> None:
    if not focus.go_to_filter():
        window.state.notify("info", "Nothing here can be filtered yet.")
