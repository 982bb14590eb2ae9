"""Finding anything by its name, and the sheet of all keys."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.palette.search import palette_sources_of

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

FIND = "edit.find_anything"


def palette_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """The palette and the sheet."""
    return (
        ActionSpec(
            id=FIND, title="Find &anything…", shortcut="Ctrl+K", icon="search", menu="Edit",
            group="2", tooltip="Find actions, layers, units, images, models and classes by name",
            handler=lambda: show_palette(window),
        ),
        ActionSpec(
            id="help.keys", title="&Keyboard shortcuts…", shortcut="F1; Ctrl+/", icon="info",
            menu="Help", group="0", tooltip="All keys, to search, copy and print",
            handler=lambda: show_sheet(window),
        ),
    )  # fmt: skip


def show_palette(window: "MainWindow", text: str = "") -> None:
    """Lay the palette over the window, or close it if it is there."""
    from interp_gui.gui.palette.popup import CommandPalette

    there = window.findChild(CommandPalette)
    if there is not None and there.isVisible():
        there.leave()
        return
    sources = palette_sources_of(window.state)
    if not any(provider.prefix == ">" for provider in sources.providers):
        _add_own(window)
    CommandPalette(window, sources.providers, text=text)


def _add_own(window: "MainWindow") -> None:
    from interp_gui.gui.palette import providers as found

    state, sources = window.state, palette_sources_of(window.state)
    sources.add(found.Actions(window.actions_, state, leave_out=frozenset((FIND,))))
    for make in (
        found.Layers, found.Units, found.Images, found.Classes, found.OpenModels, found.OnShelf,
    ):  # fmt: skip
        sources.add(make(state))


def show_sheet(window: "MainWindow") -> None:
    """Show the sheet of all keys, or bring it to the front."""
    from interp_gui.gui.keyboard.sheet import ShortcutSheet

    there = window.findChild(ShortcutSheet)
    sheet = there or ShortcutSheet(window.actions_, window)
    sheet.show()
    sheet.raise_()
    sheet.activateWindow()
