"""Taking the folders of this machine out of text, so that it can be given away."""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

HIDDEN = "…"
_SHORTEST = 4
"""Folders of fewer signs (`/`, `C:\\`) are in too much that is no path."""
_SEPARATORS = r"/\\"

# `/one/two…`, `C:\one…`, `\\server\share…`, `~/one`, `file:///…`, also with doubled backslashes
_STOPS = r"\s'\"<>|:*?,;()\[\]{}`"
_ABSOLUTE = re.compile(
    rf"(?:file://+|(?<![\w.~/\\:])(?=[/~\\A-Za-z]))"
    rf"(?:[A-Za-z]:[{_SEPARATORS}]+|\\\\+|~?/)"
    rf"(?:[^{_STOPS}{_SEPARATORS}]+[{_SEPARATORS}]+)+"
)
_CODE = re.compile(r'(File "|at )[^"\n]*?[/\\]((?:interp_gui|site-packages)[/\\][^"\n]*)')


class PathFilter:
    """Replaces paths by what lies at their end.

    Parameters
    ----------
    paths
        Files and folders that are known to be of this machine; whatever their names hold, they
        are found. Others are found where they look like paths.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]] = ()) -> None:
        folders: set[str] = set()
        for path in (*paths, Path.home(), tempfile.gettempdir(), os.getcwd()):
            given = Path(path)
            known = {given, Path(os.path.abspath(given))}
            for each in known:
                folders.update(str(parent) for parent in each.parents)
        # home and the like are folders themselves, of which also the last name says who it is
        own = (Path.home(), Path(tempfile.gettempdir()), Path.cwd())
        folders.update(str(folder) for folder in own)
        writings = {
            form for folder in folders if len(folder) >= _SHORTEST for form in _forms(folder)
        }
        longest = sorted(writings, key=len, reverse=True)
        self._known = (
            re.compile(
                r"(?:file://+)?(?<![\w.-])(?:" + "|".join(re.escape(each) for each in longest) + ")"
                rf"(?:[{_SEPARATORS}]+|(?![\w.-]))"
            )
            if longest
            else None
        )

    def clean(self, text: str) -> str:
        """The text with the file's name alone where a path stood."""
        if "/" not in text and "\\" not in text and "%" not in text:
            return text
        text = _CODE.sub(r"\1\2", text)
        if self._known is not None:
            text = self._known.sub("", text)
        return _ABSOLUTE.sub("", text)

    def clean_all(self, value: Any) -> Any:
        """The same for every text in lists and maps."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {self.clean_all(key): self.clean_all(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean_all(each) for each in value]
        return value

    def plain(self, value: Any) -> Any:
        """A message or recipe as plain data without paths."""
        return self.clean_all(msgspec.to_builtins(value, enc_hook=str))


def _forms(folder: str) -> set[str]:
    """A folder as it may be written: itself, within JSON, within a URL."""
    forms = {folder, folder.replace("\\", "\\\\"), folder.replace("\\", "/")}
    return forms | {form.replace(" ", "%20") for form in forms}
