"""What was decided about files, remembered by the hash of their weights.

One small JSON file in the user's data folder, written atomically; a damaged one is treated as
empty. The newest decision about a set of weights replaces the older one.
"""

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec

from interp_gui.core.opening import OpenChoice
from interp_gui.core.places import data_folder

FILE = "choices.json"
MOST = 2000
"""So many are kept; the oldest go first."""


class _Remembered(msgspec.Struct, kw_only=True):
    version: int = 1
    choices: dict[str, OpenChoice] = {}
    groups: dict[str, tuple[tuple[str, ...], ...]] = {}


def remembered(weights_sha256: str) -> OpenChoice | None:
    """What was decided about these weights, if anything."""
    found = _read().choices.get(weights_sha256)
    return None if found is None else _without_consent(found)


def remember(weights_sha256: str, choice: OpenChoice) -> None:
    """Keep a decision; one that says nothing is forgotten. An unwritable folder is passed over."""
    kept = _read()
    kept.choices.pop(weights_sha256, None)
    choice = _without_consent(choice)
    if choice != OpenChoice():
        kept.choices[weights_sha256] = choice
    for oldest in list(kept.choices)[: max(0, len(kept.choices) - MOST)]:
        del kept.choices[oldest]
    with contextlib.suppress(OSError):
        _write(_path(), msgspec.json.encode(kept))


def remembered_groups(weights_sha256: str) -> tuple[tuple[str, ...], ...]:
    """Which networks that take these weights were found to answer alike, as `LIBRARY:NAME`."""
    return _read().groups.get(weights_sha256, ())


def remember_groups(weights_sha256: str, groups: tuple[tuple[str, ...], ...]) -> None:
    """Keep which networks answer alike, which takes a run of each to find out."""
    kept = _read()
    if kept.groups.pop(weights_sha256, None) == groups:
        return
    kept.groups[weights_sha256] = groups
    for oldest in list(kept.groups)[: max(0, len(kept.groups) - MOST)]:
        del kept.groups[oldest]
    with contextlib.suppress(OSError):
        _write(_path(), msgspec.json.encode(kept))


def forget(weights_sha256: str) -> None:
    """Forget what was decided about these weights."""
    remember(weights_sha256, OpenChoice())


def _without_consent(choice: OpenChoice) -> OpenChoice:
    """The choice without what runs code or replaces foreign classes: that is asked every time."""
    return msgspec.structs.replace(choice, code="", code_sha256="", code_class="", stubs=False)


def _path() -> Path:
    return data_folder() / FILE


def _read() -> _Remembered:
    try:
        return msgspec.json.decode(_path().read_bytes(), type=_Remembered)
    except (OSError, msgspec.MsgspecError):
        return _Remembered()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".choices-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
