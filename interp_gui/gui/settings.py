"""What the window remembers between two starts: one small JSON file, written atomically."""

import base64
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Literal

import msgspec
from platformdirs import user_config_dir

LAYOUT_VERSION = 1
"""Raised whenever docks or toolbars change, so that an older layout is not forced on them."""
RECENT = 10


class RecentModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was open: where it lies and which weights it has."""

    path: str
    weights_sha256: str = ""


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is remembered."""

    theme: Literal["system", "light", "dark"] = "system"
    layout_version: int = 0
    geometry: str = ""
    """Base64 of QWidget.saveGeometry."""
    layout: str = ""
    """Base64 of QMainWindow.saveState."""
    last_folder: str = ""
    recent_models: tuple[RecentModel, ...] = ()


class Settings:
    """Reads the preferences once and writes every change.

    A damaged file is put aside as `settings.json.damaged`, and the defaults hold. A folder that
    cannot be written leaves `problem` set and the program running.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or config_folder()) / "settings.json"
        self.problem = ""
        self.values = self._read()

    def _read(self) -> Preferences:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Preferences)
        except FileNotFoundError:
            return Preferences()
        except msgspec.MsgspecError:
            self.problem = f"Your settings could not be read and were set back ({self.path})."
            with contextlib.suppress(OSError):
                os.replace(self.path, self.path.with_suffix(".json.damaged"))
            return Preferences()
        except OSError as problem:
            self.problem = f"Your settings could not be read: {problem.strerror}."
            return Preferences()

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

    def model_with(self, weights_sha256: str) -> str:
        """Path of a recent model with these weights that is still there; empty if none is."""
        for model in self.values.recent_models:
            if model.weights_sha256 == weights_sha256 and Path(model.path).is_file():
                return model.path
        return ""

    def _write(self) -> None:
        content = msgspec.json.format(msgspec.json.encode(self.values), indent=2)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".settings-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(name, self.path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as problem:
            self.problem = f"Your settings could not be saved: {problem.strerror}."


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
