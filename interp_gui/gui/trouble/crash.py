"""What is left of a run that crashed: a file that Python's fault handler writes as it dies.

The file of a run exists as long as the run does. One whose process is gone and in which something
stands below the heading tells of a crash.
"""

import contextlib
import faulthandler
import logging
import os
import platform
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

import interp_gui
from interp_gui.core.places import data_folder

LOG_BYTES = 1 << 20
TAIL_LINES = 60
KEPT_REPORTS = 10
_END_OF_HEADING = "---\n"


@dataclass(frozen=True)
class CrashReport:
    """A run that ended by a crash.

    Parameters
    ----------
    when
        When it had been started, in local time.
    text
        The whole report, to read and to copy.
    """

    when: str
    text: str


class CrashWatch:
    """Lets the fault handler write into a file of this run, and finds those of earlier runs.

    Parameters
    ----------
    folder
        Where the files lie; the user's data folder by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = (folder or data_folder()) / "runs"
        self._path = self._folder / f"run-{os.getpid()}.txt"
        self._log: logging.Handler | None = None
        self._file = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8")
            self._file.write(_heading())
            self._file.flush()
        except OSError:
            # without a folder to write to, the terminal gets what there is to say
            if sys.stderr is not None:
                faulthandler.enable()
            return
        faulthandler.enable(self._file, all_threads=True)
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1, file=sys.stderr or self._file, all_threads=True)
        self._log_to_file()

    @property
    def log_path(self) -> Path:
        """Where the log of all runs stands."""
        return self._folder.parent / "window.log"

    def close(self) -> None:
        """The run ends as it should: nothing of it is left but the log."""
        if self._log is not None:
            logging.getLogger("interp_gui").removeHandler(self._log)
            self._log.close()
        if self._file is not None:
            faulthandler.disable()
            if hasattr(signal, "SIGUSR1"):
                faulthandler.unregister(signal.SIGUSR1)
            self._file.close()
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _log_to_file(self) -> None:
        with contextlib.suppress(OSError):
            handler = RotatingFileHandler(
                self.log_path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
            )
            handler.setFormatter(
                logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
            )
            logging.getLogger("interp_gui").addHandler(handler)
            self._log = handler

    def reports(self) -> tuple[CrashReport, ...]:
        """Crashes of earlier runs that were not told yet; asked in a worker, it takes a while."""
        try:
            return self._collect()
        except OSError:
            return ()

    def _collect(self) -> tuple[CrashReport, ...]:
        found = []
        for path in sorted(self._folder.glob("run-*.txt")):
            if _is_alive(path):
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            heading, _, fault = text.partition(_END_OF_HEADING)
            if fault.strip():
                found.append(self._report(path, heading, fault))
                os.replace(path, path.with_name(f"crash-{time.time_ns()}.txt"))
            else:  # it was killed: there is nothing to tell
                path.unlink()
        for old in sorted(self._folder.glob("crash-*.txt"))[:-KEPT_REPORTS]:
            old.unlink()
        return tuple(found)

    def _report(self, path: Path, heading: str, fault: str) -> CrashReport:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_ctime))
        parts = [heading.strip(), fault.strip()]
        tail = _tail(self.log_path)
        if tail:
            parts.append(f"The last lines of the log:\n{tail}")
        return CrashReport(started, "\n\n".join(parts))


def _heading() -> str:
    return (
        f"interp-gui {interp_gui.__version__}\n"
        f"Python {platform.python_version()} on {platform.platform()}\n"
        f"started {time.strftime('%Y-%m-%d %H:%M:%S')}\n{_END_OF_HEADING}"
    )


def _is_alive(path: Path) -> bool:
    import psutil

    number = path.stem.removeprefix("run-")
    if not number.isdecimal():
        return False
    # a number may have gone to another process since
    try:
        started_s = float(psutil.Process(int(number)).create_time())
        return started_s <= path.stat().st_mtime + 1
    except (psutil.Error, OSError):
        return False


def _tail(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return "".join(deque(lines, TAIL_LINES)).strip()
    except OSError:
        return ""
