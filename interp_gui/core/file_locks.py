"""Locks that end with the process that holds them, however it ends."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_ASK_AGAIN_S = 0.01


class FileLock:
    """An exclusive lock on a file, between processes and between parts of one process.

    The file is made where it is missing and stays. Where a file system knows no locks, everyone
    gets it: what a lock guards must stay right, if slower, without it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file is not None

    def take(self, *, wait_s: float = 0.0) -> bool:
        """Take it, waiting so long at most; whether it was had. OSError without such a folder."""
        if self._file is not None:
            return True
        deadline = time.monotonic() + wait_s
        file = open(self.path, "ab")  # noqa: SIM115 - held until `release`
        while not _locked(file):
            if time.monotonic() >= deadline:
                file.close()
                return False
            time.sleep(_ASK_AGAIN_S)
        self._file = file
        return True

    def release(self) -> None:
        """Give it back; calling it again does nothing."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _locked(file: IO[bytes]) -> bool:
    if sys.platform == "win32":
        with suppress(OSError):
            file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks here
    return True
