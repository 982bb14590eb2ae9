"""Whether a path leads anywhere, and opening what is a plain file."""

import errno
import os
import stat
from io import BufferedReader

from interp_gui.core.errors import FileProblem


def check_exists(path: str | os.PathLike[str], *, kind: str = "file or folder") -> None:
    """Raise FileProblem where nothing is there, or where it may not be known."""
    try:
        os.stat(path)
    except PermissionError:
        raise FileProblem(
            f"'{path}' may not be read.", hint="Change the permissions of the folders above it."
        ) from None
    except (OSError, ValueError):
        raise FileProblem(
            f"There is no {kind} '{path}'.", hint="Check the spelling of its path."
        ) from None


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a file for reading; a pipe, a device or a folder is an OSError.

    Opening a pipe waits for somebody to write into it, and a device may never end.
    """
    return open(path, "rb", opener=_without_waiting)


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a file, as `open_regular` opens it."""
    with open_regular(path) as file:
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind):
        os.close(handle)
        code = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
        raise OSError(code, "Is a folder" if stat.S_ISDIR(kind) else "It is no regular file", path)
    return handle
