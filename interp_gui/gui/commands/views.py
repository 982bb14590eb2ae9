"""Views: stepping through units, pinning, splitting, tearing off, closing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.views.pin_menu import toggle_pins
from interp_gui.gui.views.stepping import step

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow
    from interp_gui.gui.views.frame import ViewFrame


def views_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """What is done with the view that is worked with, and with the unit that it shows."""
    state, centre = window.state, window.centre
    desk = centre.desk

    def is_shown() -> bool:
        return state.model is not None and desk.active is not None

    def several() -> bool:
        return state.model is not None and len(desk.frames) > 1

    def on_active(act: Callable[["ViewFrame"], object]) -> Callable[[], object]:
        def call() -> None:
            if desk.active is not None:
                act(desk.active)

        return call

    def go(by: int) -> None:
        step(desk.active.state if desk.active is not None else state, by)

    def torn_or_home(frame: "ViewFrame") -> None:
        if desk.is_torn(frame):
            desk.bring_home(frame)
        else:
            desk.tear_off(frame)

    def is_torn() -> bool:
        return desk.active is not None and desk.is_torn(desk.active)

    return (
        ActionSpec(
            id="view.next_unit", title="&Next unit", shortcut="Ctrl+Right", menu="View",
            group="1", tooltip="Show the next unit, in the order of the layer wall",
            enabled_when=is_shown, handler=lambda: go(1),
        ),
        ActionSpec(
            id="view.previous_unit", title="Pre&vious unit", shortcut="Ctrl+Left", menu="View",
            group="1", tooltip="Show the unit before, in the order of the layer wall",
            enabled_when=is_shown, handler=lambda: go(-1),
        ),
        ActionSpec(
            id="view.pin", title="&Pin view", shortcut="Ctrl+Shift+P", menu="View", group="25",
            icon="pin", checkable=True, enabled_when=is_shown,
            tooltip="Keep this view as it is while the others go on, or let it follow again",
            checked_when=lambda: desk.active is not None and desk.active.state.pinned,
            handler=lambda _on: on_active(lambda frame: toggle_pins(frame.state))(),
        ),
        ActionSpec(
            id="view.copy_beside", title="Pinned &copy beside", shortcut="Ctrl+Shift+B",
            menu="View", group="25", enabled_when=is_shown,
            tooltip="Keep what this view shows in a second one beside it, to compare",
            handler=on_active(centre.copy_beside),
        ),
        ActionSpec(
            id="view.split_right", title="Split right", shortcut="Ctrl+\\", menu="View",
            group="26", icon="split", enabled_when=is_shown,
            tooltip="Put this view beside the others",
            handler=on_active(lambda frame: centre.split(frame, "right")),
        ),
        ActionSpec(
            id="view.split_below", title="Split below", shortcut="Ctrl+Alt+\\", menu="View",
            group="26", icon="split-below", enabled_when=is_shown,
            tooltip="Put this view below the others",
            handler=on_active(lambda frame: centre.split(frame, "below")),
        ),
        ActionSpec(
            id="view.move", title="&Move to the other side", shortcut="Ctrl+Alt+M", menu="View",
            group="26", enabled_when=several,
            tooltip="Move this view to the next group of tabs, or to a new one",
            handler=on_active(lambda frame: desk.put(frame, desk.beside(frame))),
        ),
        ActionSpec(
            id="view.tear_off", title="&Tear off", shortcut="Ctrl+Shift+T", menu="View",
            group="26", icon="tear-off", enabled_when=is_shown,
            title_when=lambda: "&Put back into the window" if is_torn() else "&Tear off",
            tooltip="Give this view a window of its own, or put it back",
            handler=on_active(torn_or_home),
        ),
        ActionSpec(
            id="view.next_view", title="Next view", shortcut="Ctrl+PgDown", menu="View/&Go to",
            group="28", tooltip="Go to the next view", enabled_when=several,
            handler=lambda: desk.step(1),
        ),
        ActionSpec(
            id="view.previous_view", title="Previous view", shortcut="Ctrl+PgUp",
            menu="View/&Go to", group="28", tooltip="Go to the view before",
            enabled_when=several, handler=lambda: desk.step(-1),
        ),
        ActionSpec(
            id="view.close", title="C&lose view", shortcut="Ctrl+W", menu="View", group="27",
            icon="close", tooltip="Close this view; the View menu opens it again",
            enabled_when=is_shown, handler=on_active(desk.close),
        ),
    )  # fmt: skip
