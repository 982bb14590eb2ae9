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


def find(path: str, saved_in: str, folder: str) -> str:
    """The file where it was, or where it moved along with the session; else `path` as it is."""
    if os.path.exists(path):
        return path
    moved = beside(path, saved_in, folder)
    return moved if moved and os.path.exists(moved) else path


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
