"""Undo and redo."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def edit_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Undo and redo, with what they would do as their titles."""
    undo = window.state.undo
    return (
        ActionSpec(
            id="edit.undo", title="&Undo", shortcut="Ctrl+Z", menu="Edit", group="1",
            tooltip="Take back the last change", icon="undo",
            title_when=lambda: _title("&Undo", undo.undoText()),
            enabled_when=undo.canUndo, handler=undo.undo,
        ),
        ActionSpec(
            id="edit.redo", title="&Redo", shortcut="Ctrl+Shift+Z; Ctrl+Y", menu="Edit",
            group="1", tooltip="Do again what was taken back", icon="redo",
            title_when=lambda: _title("&Redo", undo.redoText()),
            enabled_when=undo.canRedo, handler=undo.redo,
        ),
        ActionSpec(
            id="edit.history", title="Undo &history…", menu="Edit", group="1",
            tooltip="See every change in order, and go back to any of them at once",
            enabled_when=lambda: undo.count() > 0, handler=lambda: _show_history(window),
        ),
    )  # fmt: skip


def _title(verb: str, step: str) -> str:
    """`&Undo rename unit 14`; an ampersand in a name a person gave is no mnemonic."""
    return f"{verb} {step.replace('&', '&&')}".rstrip()


def _show_history(window: "MainWindow") -> None:
    from interp_gui.gui.undoing.dialog import show_history

    show_history(window.state.undo, window)
