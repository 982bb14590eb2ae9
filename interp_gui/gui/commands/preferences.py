"""Preferences, the cache and the check of the installation."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def preference_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """What can be set, and what can be looked into."""
    return (
        ActionSpec(
            id="edit.preferences", title="&Preferences…", shortcut="Ctrl+,", icon="settings",
            menu="Edit", group="9", tooltip="Theme, text size, device, cache and more",
            handler=lambda: _show_preferences(window),
        ),
        ActionSpec(
            id="help.doctor", title="&Check this installation…", icon="device", menu="Help",
            keywords="doctor diagnose",
            group="1", tooltip="What is here, what is missing, and what to do about it",
            handler=lambda: _show_doctor(window),
        ),
        ActionSpec(
            id="help.cache", title="Cac&he…", menu="Help", group="2",
            tooltip="How large the cache is, and a button that empties it",
            handler=lambda: _show_preferences(window, "Cache"),
        ),
    )  # fmt: skip


def _show_preferences(window: "MainWindow", page: str = "") -> None:
    from interp_gui.gui.preferences.dialog import PreferencesDialog

    dialog = PreferencesDialog(window.settings, window.state, window.bridge, window)
    dialog.show_page(page)
    dialog.open()


def _show_doctor(window: "MainWindow") -> None:
    from interp_gui.gui.trouble.doctor_dialog import DoctorDialog

    DoctorDialog(window.state, window).open()
