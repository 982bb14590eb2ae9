"""Write docs/keyboard.md from the declarations of the actions and of the keys of panels.

QT_QPA_PLATFORM=offscreen python docs/make_keyboard.py
"""

import tempfile
from pathlib import Path

from PySide6.QtWidgets import QApplication

from interp_gui.gui.keyboard.keys import as_markdown, key_groups
from interp_gui.gui.main_window import MainWindow
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.theme import Theme

TARGET = Path(__file__).parent / "keyboard.md"
HEAD = """# Keys and actions

Made by `docs/make_keyboard.py` from the declarations that menus, palette and tooltips come from.
The window shows the same as *Help, Keyboard shortcuts* (F1), to search and to print; `Ctrl+K` finds
every action by its name. Keys of a part work while it has the focus; `F6` goes from part to part.
"""


class NoEngine:
    """A client that is never asked anything."""

    def submit(self, *_args: object, **_kwargs: object) -> int:
        return 0

    def close(self) -> None:
        pass


def page(window: MainWindow) -> str:
    """The whole page."""
    groups = key_groups(window.actions_, all_actions=True, portable=True)
    return "\n".join([HEAD, as_markdown(groups)]).rstrip() + "\n"


def write() -> None:
    """Write the page."""
    app = QApplication.instance() or QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        theme = Theme(app)
        settings = Settings(Path(folder))
        window = MainWindow(NoEngine(), Relay(), settings=settings, theme=theme, ask_on_close=False)
        TARGET.write_text(page(window), encoding="utf-8")
        window.close()


if __name__ == "__main__":
    write()
