"""Where a file is now: where it was, or at the same place beside the session that moved.

A session file records absolute paths and the folder that it was saved in, which together say where
everything was relative to it. A folder that holds a session with its models and images can so be
moved, renamed, or carried to another machine, also one of another system.
"""

import ntpath
import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_URL = "file://"


def beside(path: str, saved_in: str, folder: str) -> str:
    """Where a file would be if it moved along with the session; empty if that cannot be said.

    Parameters
    ----------
    path, saved_in
        The file and the session's folder when it was saved, absolute.
    folder
        Where the session is now.
    """
    windows = bool(_WINDOWS.match(path))
    if not saved_in or not path or windows != bool(_WINDOWS.match(saved_in)):
        return ""
    flavour = ntpath if windows else posixpath
    try:
        relative = flavour.relpath(path, saved_in)
    except ValueError:  # another drive
        return ""
    parts = relative.replace("\\", "/").split("/") if windows else relative.split("/")
    return os.path.normpath(os.path.join(folder, *parts))


class Finder:
    """Finds files where they were, or where they moved along with the session.

    Parameters
    ----------
    saved_in, folder
        As of `beside`.
    """

    def __init__(self, saved_in: str, folder: str) -> None:
        self._saved_in, self._folder = saved_in, folder
        self._moved: dict[str, str] = {}  # by folder, because many images share one

    def find(self, path: str) -> tuple[str, bool]:
        """Where a file is, and whether it is there; `path` as it is where it is nowhere."""
        if os.path.exists(path):
            return path, True
        name_at = max(path.rfind("/"), path.rfind("\\")) + 1
        parent, name = path[:name_at], path[name_at:]
        if parent not in self._moved:
            moved = beside(parent, self._saved_in, self._folder) if parent else ""
            self._moved[parent] = moved if os.path.isdir(moved) else ""
        if self._moved[parent] and name:
            found = os.path.join(self._moved[parent], name)
            if os.path.exists(found):
                return found, True
        return path, False


def portable(path: str) -> str:
    """A path as JSON can hold it: one with bytes that are no text becomes a `file:` address."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def native(path: str) -> str:
    """A path from `portable`."""
    if not path.startswith(_URL):
        return path
    return os.fsdecode(unquote_to_bytes(path.removeprefix(_URL)))
