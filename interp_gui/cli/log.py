"""Where the details of unexpected failures go."""

import datetime
import sys
from pathlib import Path

import platformdirs

from interp_gui import __version__

_LARGEST_BYTES = 1 << 20


def log_file() -> Path:
    """The command line's log."""
    return platformdirs.user_log_path("interp-gui", appauthor=False) / "command-line.log"


def log_traceback(details: str) -> Path | None:
    """Append a traceback; None where the log cannot be written."""
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGEST_BYTES:
            path.replace(path.with_suffix(".old.log"))
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"--- {now} interp-gui {__version__} python {sys.version.split()[0]}\n")
            stream.write(details.rstrip() + "\n\n")
    except OSError:
        return None
    return path
