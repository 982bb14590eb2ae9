"""Folders of values that are too large for one file, and who is using them."""

import os
import shutil
import sys
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from interp_gui.core.file_locks import FileLock

_MARK = "use-"
_TEMPORARY = "interp-gui-store-"
_UNMARKED_AGE_S = 3600.0


class StoredFolder:
    """A folder that is in use, and therefore stays, until this is closed or forgotten.

    Parameters
    ----------
    path
        Of the folder, which exists.
    temporary
        Whether it goes when it is no longer in use.
    tell
        Takes how many bytes it holds, whenever that has changed.
    """

    def __init__(
        self,
        path: Path,
        *,
        temporary: bool = False,
        tell: Callable[[int], None] = lambda bytes_: None,
    ) -> None:
        self.path = path
        self.temporary = temporary
        self._tell = tell
        mark = FileLock(path / f"{_MARK}{os.getpid()}-{uuid.uuid4().hex[:8]}")
        mark.take()
        self._end = weakref.finalize(self, _end, mark, path if temporary else None)

    def holds(self, bytes_: int) -> None:
        """Tell how many bytes lie in it now."""
        self._tell(bytes_)

    def close(self) -> None:
        """It is no longer in use; calling it again does nothing."""
        self._end()

    def __enter__(self) -> "StoredFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def temporary_folder() -> StoredFolder:
    """A folder of this process, removed when it is no longer in use.

    What processes that were killed have left behind is removed too.
    """
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            if _own(old) and _aged(old) and not in_use(old):
                shutil.rmtree(old, ignore_errors=True)
    return StoredFolder(Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=base)), temporary=True)


def in_use(path: Path) -> bool:
    """Whether any process uses a folder; marks of processes that ended are removed."""
    for mark in path.glob(f"{_MARK}*"):
        lock = FileLock(mark)
        if not lock.take():
            return True
        lock.release()
        with suppress(OSError):
            mark.unlink()
    return False


def folder_bytes(path: Path) -> int:
    """Bytes of the files in a folder."""
    total = 0
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            with suppress(OSError):
                total += entry.stat().st_size
    return total


def _end(mark: FileLock, path: Path | None) -> None:
    if sys.platform == "win32":
        mark.release()
        with suppress(OSError):
            mark.path.unlink()
    else:
        with suppress(OSError):
            mark.path.unlink()
        mark.release()
    if path is not None:
        shutil.rmtree(path, ignore_errors=True)


def _own(path: Path) -> bool:
    status = path.lstat()
    if path.is_symlink() or not path.is_dir():
        return False
    return sys.platform == "win32" or status.st_uid == os.getuid()


def _aged(path: Path) -> bool:
    """Whether it is old enough that its mark cannot be still to come."""
    return time.time() - path.lstat().st_mtime > _UNMARKED_AGE_S
