"""The folder of one run, where arrays pass from process to process."""

import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

_PREFIX = "interp-gui-run-"
_MARKER = "owner.lock"
_UNMARKED_AGE_S = 3600.0

logger = logging.getLogger(__name__)


class RunFolder:
    """A private folder that lives as long as its owner holds the lock in it.

    A lock, not a process number: numbers are used again, and differ between containers that
    share a temporary folder.

    Parameters
    ----------
    parent
        Where it is made; the system's temporary folder by default.
    """

    def __init__(self, parent: Path | None = None) -> None:
        base = Path(tempfile.gettempdir()) if parent is None else parent
        base.mkdir(parents=True, exist_ok=True)
        sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        self._marker: IO[str] | None = open(self.path / _MARKER, "w", encoding="ascii")  # noqa: SIM115
        self._marker.write(f"{os.getpid()}\n")
        self._marker.flush()
        if sys.platform != "win32":
            fcntl.flock(self._marker, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def discard(self, prefix: str) -> None:
        """Remove the files that a dead process wrote and nobody has read."""
        for path in self.path.glob(f"{prefix}*.arrays*"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder; calling it again does nothing."""
        marker, self._marker = self._marker, None
        if marker is not None:
            if sys.platform == "win32":
                marker.close()
                shutil.rmtree(self.path, ignore_errors=True)
            else:
                shutil.rmtree(self.path, ignore_errors=True)
                marker.close()


def sweep(parent: Path) -> int:
    """Remove run folders whose owner has died without removing them; returns how many."""
    swept = 0
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if _is_abandoned(folder):
                shutil.rmtree(folder)
                swept += 1
        except OSError as problem:
            logger.info("The old run folder %s stays: %s", folder, problem)
    return swept


def _is_abandoned(folder: Path) -> bool:
    status = folder.lstat()
    if folder.is_symlink() or not folder.is_dir():
        return False
    if sys.platform != "win32" and status.st_uid != os.getuid():
        return False
    marker = folder / _MARKER
    if not marker.exists():
        return time.time() - status.st_mtime > _UNMARKED_AGE_S
    if sys.platform == "win32":
        marker.unlink()  # refused while its owner has it open
        return True
    with open(marker, encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
