"""Sessions: new, open, save."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

RECENT_SESSION = "session.recent."


def session_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """New, open and save."""
    sessions = window.sessions
    return (
        ActionSpec(
            id="session.new", title="&New session", shortcut="Ctrl+N", icon="session-new",
            menu="File", group="0", tooltip="Close everything and begin anew",
            handler=sessions.new,
        ),
        ActionSpec(
            id="session.open", title="Open s&ession…", shortcut="Ctrl+Shift+O",
            icon="session-open", menu="File", group="0",
            tooltip="Open models, images, shelf, edits and views that were saved together",
            handler=sessions.ask_open,
        ),
        ActionSpec(
            id="session.save", title="&Save session", shortcut="Ctrl+S", icon="session-save",
            menu="File", group="0a", tooltip="Save everything in this window as one file",
            handler=lambda: sessions.save(),
        ),
        ActionSpec(
            id="session.save_as", title="Save session &as…", shortcut="Ctrl+Shift+S",
            menu="File", group="0a", tooltip="Save everything in this window as another file",
            handler=lambda: sessions.save_as(),
        ),
    )  # fmt: skip


def recent_session_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """One command for each recent session."""
    return tuple(
        ActionSpec(
            id=f"{RECENT_SESSION}{i}", title=path.replace("&", "&&"), group="0",
            menu="File/Recent sess&ions", tooltip=f"Open {path}",
            handler=lambda path=path: window.sessions.open(path),
        )
        for i, path in enumerate(window.settings.values.recent_sessions)
    )  # fmt: skip
