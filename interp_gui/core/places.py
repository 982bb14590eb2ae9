"""Folders of the user."""

import os
from pathlib import Path

from platformdirs import user_data_dir


def data_folder() -> Path:
    """Where what a user made is kept; `INTERP_GUI_DATA` overrides it."""
    return Path(os.environ.get("INTERP_GUI_DATA") or user_data_dir("interp-gui", appauthor=False))
