"""Where the file is that a table means, however it wrote the path."""

import os

from interp_gui.core.dataset import IMAGE_SUFFIXES

_STEM_SUFFIXES = tuple(sorted(IMAGE_SUFFIXES))


class Places:
    """Finds files by the paths that a table holds.

    Parameters
    ----------
    root
        Absolute path of the folder that relative paths start from.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._stems: dict[str, dict[str, str]] = {}

    def find(self, written: str) -> str | None:
        """Absolute path of the file, None if there is none.

        Backslashes of another system and a missing suffix (`ISIC_0024306` for
        `ISIC_0024306.jpg`, where just one image bears that name) are understood.
        """
        path = self._joined(written)
        if _is_file(path):
            return path
        if os.sep != "\\" and "\\" in written:
            path = self._joined(written.replace("\\", "/"))
            if _is_file(path):
                return path
        return self._by_stem(path)

    def _joined(self, written: str) -> str:
        return os.path.normpath(os.path.join(self._root, written))

    def _by_stem(self, path: str) -> str | None:
        folder, name = os.path.split(path)
        if name.lower().endswith(_STEM_SUFFIXES) or "\0" in path:
            return None
        if folder not in self._stems:
            self._stems[folder] = _stems(folder)
        found = self._stems[folder].get(name, "")
        return os.path.join(folder, found) if found else None


def _is_file(path: str) -> bool:
    try:
        return os.path.isfile(path)
    except ValueError:  # a NUL among its characters, on some versions
        return False


def _stems(folder: str) -> dict[str, str]:
    """Image files of a folder by their names without suffix; empty text where several share it."""
    found: dict[str, str] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, suffix = os.path.splitext(entry.name)
                if suffix.lower() in IMAGE_SUFFIXES and entry.is_file():
                    found[stem] = "" if stem in found else entry.name
    except (OSError, ValueError):
        return found
    return found
