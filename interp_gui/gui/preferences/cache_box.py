"""How large the cache is, where it lies, and a button that empties it."""

from PySide6.QtWidgets import QPushButton, QWidget

from interp_gui.gui import parts
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState


class CacheBox(QWidget):
    """Size and place of the cache; emptying it costs time, never data."""

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__()
        self._background: Background = background_of(state)
        self._state, self._bridge = state, bridge
        self.used = parts.label("Looking…")
        self.used.setAccessibleName("Size of the cache")
        self.place = parts.label(dim=True)
        self.empty = QPushButton("Empty the cache")
        self.empty.setToolTip("Free its disk space; what it held is computed again when needed")
        self.empty.setEnabled(False)
        self.empty.clicked.connect(self._empty)
        column = parts.column(self)
        column.addWidget(self.used)
        column.addWidget(self.place)
        row = parts.row()
        row.addWidget(self.empty)
        row.addStretch(1)
        column.addLayout(row)
        self._key = key = f"cache-size-{id(self)}"
        background = self._background
        self.destroyed.connect(lambda: background.forget(key))
        self.look()

    def look(self) -> None:
        """Ask again how large it is."""
        self._background.run(_look, self._show, key=self._key)

    def _show(self, found: tuple[str, int] | None) -> None:
        if found is None:
            self.used.setText("The cache is off.")
            self.place.setText("INTERP_GUI_CACHE is set to 'off'.")
            return
        folder, size = found
        self.used.setText(f"{size_text(size)} in use")
        self.place.setText(folder)
        self.empty.setEnabled(size > 0)

    def _empty(self) -> None:
        self.empty.setEnabled(False)
        self.used.setText("Emptying…")

        def done(_: object) -> None:
            self._state.notify("success", "The cache is empty.")
            self.look()

        self._background.run(_clear, done)


def size_text(size_bytes: int) -> str:
    """Bytes in words: `0 MB`, `12 MB`, `3.4 GB`."""
    megabytes = size_bytes / 1e6
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.0f} MB" if megabytes >= 1 or not size_bytes else "less than 1 MB"


def _look() -> tuple[str, int] | None:
    # the cache's files are shared by processes, so the window need not ask the engine
    from interp_gui.engine.cache import Cache

    cache = Cache.default()
    return None if cache is None else (str(cache.folder), cache.size_bytes)


def _clear() -> None:
    from interp_gui.engine.cache import Cache

    cache = Cache.default()
    if cache is not None:
        cache.clear()
