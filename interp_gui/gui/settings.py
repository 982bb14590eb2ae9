"""What the window keeps between two starts: one small JSON file, written atomically.

It holds only what differs from the defaults.
"""

import base64
import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_config_dir

from interp_gui.core.analysis import convert, parameter_infos
from interp_gui.core.errors import InvalidValue
from interp_gui.gui.atomic import put_aside, write_atomically
from interp_gui.gui.preferences.declaration import Preferences

FORMAT_VERSION = 2
LAYOUT_VERSION = 3
"""Raised whenever docks or toolbars change, so that an older layout is not forced on them."""
RECENT = 10


class RecentModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was open: where it lies and which weights it has."""

    path: str
    weights_sha256: str = ""


class Remembered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered without being asked; what a user sets are `Preferences`."""

    layout_version: int = 0
    geometry: str = ""
    """Base64 of QWidget.saveGeometry."""
    layout: str = ""
    """Base64 of QMainWindow.saveState."""
    last_folder: str = ""
    recent_models: tuple[RecentModel, ...] = ()
    recent_sessions: tuple[str, ...] = ()


class Settings:
    """Reads the file once and writes every change.

    A damaged file is put aside as `settings.json.damaged`, and the defaults hold; one of an older
    format is copied (`settings.json.v1`) before it is migrated. A folder that cannot be written
    leaves `problem` set and the program running.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or config_folder()) / "settings.json"
        self.problem = ""
        self.values = Remembered()
        self.preferences = Preferences()
        self._unknown: dict[str, Any] = {}
        self._watchers: list[Callable[[], object]] = []
        self._read()

    # --- reading -------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            stored = self._stored()
            self._adopt(stored)
        except FileNotFoundError:
            return
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.problem = f"Your settings could not be read and were set back ({self.path})."
            with contextlib.suppress(OSError):
                kept = put_aside(self.path)
                self.problem = (
                    f"Your settings could not be read and were set back; they are kept as "
                    f"'{kept.name}' in {kept.parent}."
                )
        except OSError as problem:
            self.problem = f"Your settings could not be read: {problem.strerror}."

    def _stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = msgspec.json.decode(self.path.read_bytes(), type=dict[str, Any])
        version = stored.pop("version", 1)
        if not isinstance(version, int):
            raise msgspec.ValidationError("the version is not a number")
        if version != FORMAT_VERSION:
            # Also what a newer version wrote: this one would forget what it does not know.
            with contextlib.suppress(OSError):
                shutil.copyfile(self.path, self.path.with_name(f"settings.json.v{version}"))
        for older in range(version, FORMAT_VERSION):
            MIGRATIONS[older](stored)
        return stored

    def _adopt(self, stored: dict[str, Any]) -> None:
        chosen = stored.pop("preferences", {})
        self.values = msgspec.convert(stored, Remembered)
        if not isinstance(chosen, dict):
            raise msgspec.ValidationError("the preferences are not a table")
        infos = {info.name: info for info in parameter_infos(Preferences)}
        values, wrong = {}, []
        for name, value in chosen.items():
            if name not in infos:
                self._unknown[name] = value
                continue
            try:
                values[name] = convert(infos[name], value)
            except InvalidValue:
                wrong.append(f"'{infos[name].title}'")
        self.preferences = Preferences(**values)
        if wrong:
            self.problem = (
                f"These settings were not possible and were set back: {', '.join(wrong)}."
            )

    # --- preferences ---------------------------------------------------------------------------

    def prefer(self, **values: Any) -> None:
        """Change preferences, write them, and tell those who watch.

        Raises
        ------
        InvalidValue
            A value is not within its bounds; nothing is changed then.
        """
        infos = {info.name: info for info in parameter_infos(Preferences)}
        checked = {name: convert(infos[name], value) for name, value in values.items()}
        changed = dataclasses.replace(self.preferences, **checked)
        if changed != self.preferences:
            self.preferences = changed
            self._write()
            for watcher in tuple(self._watchers):
                watcher()

    def watch(self, on_change: Callable[[], object]) -> None:
        """Have something called after every change of preferences."""
        self._watchers.append(on_change)

    @property
    def changed_preferences(self) -> dict[str, Any]:
        """Those that differ from the defaults."""
        default = dataclasses.asdict(Preferences())
        mine = dataclasses.asdict(self.preferences)
        return {name: value for name, value in mine.items() if value != default[name]}

    # --- what is remembered --------------------------------------------------------------------

    def change(self, **values: object) -> None:
        """Set some values and write the file if anything is new."""
        changed = msgspec.structs.replace(self.values, **values)
        if changed != self.values:
            self.values = changed
            self._write()

    def forget_layout(self) -> None:
        """Start with the default layout; the saved one stays in the file until the next change."""
        self.values = msgspec.structs.replace(self.values, layout="", geometry="")

    def add_recent_model(self, path: str, weights_sha256: str) -> None:
        """Put a model at the head of the recent ones."""
        others = [m for m in self.values.recent_models if m.path != path]
        newest = RecentModel(path=path, weights_sha256=weights_sha256)
        self.change(recent_models=(newest, *others)[:RECENT])

    def add_recent_session(self, path: str) -> None:
        """Put a session file at the head of the recent ones."""
        others = [p for p in self.values.recent_sessions if p != path]
        self.change(recent_sessions=(path, *others)[:RECENT])

    def model_with(self, weights_sha256: str) -> str:
        """Path of a recent model with these weights that is still there; empty if none is."""
        for model in self.values.recent_models:
            if model.weights_sha256 == weights_sha256 and Path(model.path).is_file():
                return model.path
        return ""

    def _write(self) -> None:
        content: dict[str, Any] = {"version": FORMAT_VERSION}
        chosen = {**self._unknown, **self.changed_preferences}
        if chosen:
            content["preferences"] = chosen
        content |= msgspec.to_builtins(self.values)
        try:
            text = msgspec.json.format(msgspec.json.encode(content), indent=2)
            write_atomically(self.path, text)
        except OSError as problem:
            self.problem = f"Your settings could not be saved: {problem.strerror}."


def _theme_becomes_a_preference(stored: dict[str, Any]) -> None:
    theme = stored.pop("theme", None)
    if theme is not None:
        if theme not in ("system", "light", "dark"):
            raise msgspec.ValidationError("the theme is none")
        stored["preferences"] = {"theme": theme}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], None]] = {1: _theme_becomes_a_preference}
"""What turns the content of a format into that of the next, in place."""


def config_folder() -> Path:
    """Where settings live; `INTERP_GUI_CONFIG` overrides it."""
    return Path(os.environ.get("INTERP_GUI_CONFIG") or user_config_dir("interp-gui"))


def to_text(data: bytes) -> str:
    """Bytes as JSON can hold them."""
    return base64.b64encode(data).decode()


def from_text(text: str) -> bytes:
    """Bytes from `to_text`; empty where the text is damaged."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
