"""Who holds a file or a folder: which process, on which machine, and whether it still runs.

A process is known by its number and the time when it began, because numbers are used again.
"""

import os
import platform
from pathlib import Path

import msgspec

from interp_gui.gui.atomic import write_atomically

LARGEST = 4096
"""Bytes of a file that says who holds something; what is longer is none."""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """One window of one process.

    Parameters
    ----------
    started_s
        When the process began, as the system tells it.
    window
        Random hex, unique for each window.
    """

    pid: int
    started_s: float
    host: str
    window: str = ""

    @classmethod
    def this(cls, window: str) -> "Owner":
        """The owner that a window of this process is."""
        pid = os.getpid()
        return cls(pid=pid, started_s=_started_s(pid) or 0.0, host=platform.node(), window=window)

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, on this machine."""
        return self.host == platform.node()

    @property
    def is_dead(self) -> bool:
        """Whether it is known to have ended; of another machine's that is not known."""
        if not self.is_here:
            return False
        started_s = _started_s(self.pid)
        # the system's clock may be set, but not by so much between two readings
        return started_s is None or abs(started_s - self.started_s) > 2.0


class Hold:
    """A file beside another one that says who has it open.

    Parameters
    ----------
    target
        What is held.
    owner
        Who holds it.
    """

    def __init__(self, target: Path, owner: Owner) -> None:
        self.path = target.with_name(f".{target.name}.lock")
        self._owner = owner
        self._is_ours = False

    def take(self, *, by_force: bool = False) -> Owner | None:
        """Hold the file, or say who else does.

        One whose process is gone does not count, nor does a file that says nothing. In a folder
        that may not be written nothing can be held, and nothing needs to be.
        """
        found = read_owner(self.path)
        if found is not None and not (by_force or found.is_dead or found == self._owner):
            return found
        if found is not None and found != self._owner:
            _remove(self.path)
        if not self._create():
            # another window was faster, or there is a file that says nothing
            found = read_owner(self.path)
            if found is not None and found != self._owner and not found.is_dead:
                return found
            self._replace()
        return None

    def release(self) -> None:
        """Hold it no longer."""
        if self._is_ours and read_owner(self.path) == self._owner:
            _remove(self.path)
        self._is_ours = False

    def _create(self) -> bool:
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        except OSError:
            return True  # nobody can hold anything here
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(self._owner))
        self._is_ours = True
        return True

    def _replace(self) -> None:
        try:
            write_atomically(self.path, msgspec.json.encode(self._owner))
            self._is_ours = True
        except OSError:
            self._is_ours = False


def read_owner(path: Path) -> Owner | None:
    """Who a file says it is; None if there is none, or it says nothing."""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(LARGEST), type=Owner)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _started_s(pid: int) -> float | None:
    """When a process began; None if there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except (psutil.Error, OverflowError, ValueError):
        return None
