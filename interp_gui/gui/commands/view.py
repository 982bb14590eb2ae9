"""Going about, panels and theme."""

from functools import partial
from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.theme import ThemeName

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def view_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Going about, panels and theme."""
    state = window.state
    tabs = (
        ("image", "&Image"), ("wall", "Layer &wall"), ("unit", "&Unit"), ("atlas", "&Atlas"),
        ("concepts", "&Concepts"),
    )  # fmt: skip
    themes: tuple[tuple[ThemeName, str], ...] = (
        ("system", "&System"),
        ("light", "&Light"),
        ("dark", "&Dark"),
    )
    return (
        ActionSpec(
            id="view.back", title="&Back", shortcut="Alt+Left", icon="back", menu="View",
            group="1", tooltip="Show what was shown before", toolbar=True,
            enabled_when=lambda: state.can_back, handler=state.back,
        ),
        ActionSpec(
            id="view.forward", title="&Forward", shortcut="Alt+Right", icon="forward",
            menu="View", group="1", tooltip="Show again what Back left", toolbar=True,
            enabled_when=lambda: state.can_forward, handler=state.forward,
        ),
        *(
            ActionSpec(
                id=f"view.tab.{tab}", title=title, shortcut=f"Ctrl+{i}", menu="View", group="2",
                icon=tab, tooltip=f"Bring {title.replace('&', '')} to the front",
                enabled_when=lambda: state.model is not None,
                handler=lambda tab=tab: state.set_tab(tab),
            )
            for i, (tab, title) in enumerate(tabs, start=1)
        ),
        ActionSpec(
            id="view.refresh", title="&Refresh the answer", shortcut="F5", icon="refresh",
            menu="View", group="2", tooltip="Ask the model again about the current image",
            enabled_when=lambda: state.model is not None and state.image is not None,
            handler=window.output.refresh,
        ),
        *(
            ActionSpec(
                id=f"view.dock.{dock.objectName()}", title=dock.windowTitle(), checkable=True,
                menu="View/P&anels", group="3", tooltip=f"Show or hide {dock.windowTitle()}",
                checked_when=dock.toggleViewAction().isChecked, handler=dock.setVisible,
            )
            for dock in window.docks.values()
        ),
        ActionSpec(
            id="view.reset_layout", title="R&eset layout", menu="View/P&anels", group="3",
            tooltip="Put all panels and views back as they were at first",
            handler=window.reset_layout,
        ),
        *(
            ActionSpec(
                id=f"view.theme.{name}", title=title, menu="View/T&heme", group="4",
                checkable=True, exclusive="theme", tooltip=f"{title.replace('&', '')} theme",
                checked_when=partial(_has_theme, window, name),
                handler=partial(_choose_theme, window, name),
            )
            for name, title in themes
        ),
    )  # fmt: skip


def _choose_theme(window: "MainWindow", name: ThemeName, _on: bool) -> None:
    window.choose_theme(name)


def _has_theme(window: "MainWindow", name: ThemeName) -> bool:
    return window.theme.name == name
