"""About the program and its engine."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.dialogs import show_about, show_system

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def help_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """About the program and its engine."""
    bridge = window.bridge
    return (
        ActionSpec(
            id="help.guided_start", title="&Guided start", icon="sample", menu="Help", group="0",
            tooltip="Six steps on the real interface, with a sample",
            handler=lambda: _start_guide(window),
        ),
        ActionSpec(
            id="help.system", title="&What it runs on…", icon="info", menu="Help", group="1",
            tooltip="Versions, device and plugins, to copy",
            handler=lambda: show_system(window, bridge.hello),
        ),
        ActionSpec(
            id="help.restart_engine", title="&Restart the engine", icon="refresh", menu="Help",
            group="2", tooltip="End the engine process and start it again; models are reopened",
            handler=bridge.restart,
        ),
        ActionSpec(
            id="help.about", title="&About interp-gui", menu="Help", group="3",
            tooltip="Version and licence", handler=lambda: show_about(window),
        ),
    )  # fmt: skip


def _start_guide(window: "MainWindow") -> None:
    from interp_gui.gui.guide.start import start_guide  # not at the start of every window

    start_guide(window)
