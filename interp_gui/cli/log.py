"""Where the details of unexpected failures go, and what the program itself warns of."""

import datetime
import logging
import sys
from pathlib import Path

import platformdirs

from interp_gui import __version__
from interp_gui.cli.output import Output

_LARGEST_BYTES = 1 << 20


class Notes(logging.Handler):
    """Says warnings of the program on the side, each once and without its traceback."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Say one; what stderr does not take is lost, as any note is."""
        try:
            text = " ".join(record.getMessage().split())
            if text not in self._said:
                self._said.add(text)
                self._output.note(f"Warning: {text}")
        except Exception:  # noqa: BLE001 - a note must not end what it is about
            return


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
