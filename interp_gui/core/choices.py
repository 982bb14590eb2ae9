"""What was decided about files, remembered by the hash of their weights.

One small JSON file in the user's data folder, written atomically; a damaged one is treated as
empty. The newest decision about a set of weights replaces the older one.
"""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from interp_gui.core.model import OutputInfo
from interp_gui.core.opening import OpenChoice
from interp_gui.core.places import data_folder

FILE = "choices.json"
MOST = 2000
"""So many are kept; the oldest go first."""


class KnownCode(msgspec.Struct, frozen=True, kw_only=True):
    """The Python file that was last run for some weights: what to ask about, never a consent.

    Parameters
    ----------
    path, sha256
        Where it was, and the hash of what was agreed to then.
    name
        The class or function in it; empty for the only one.
    """

    path: str
    sha256: str
    name: str = ""


class _Remembered(msgspec.Struct, kw_only=True):
    version: int = 1
    choices: dict[str, OpenChoice] = {}
    groups: dict[str, tuple[tuple[str, ...], ...]] = {}
    outputs: dict[str, tuple[OutputInfo, ...]] = {}
    codes: dict[str, KnownCode] = {}


def remembered(weights_sha256: str) -> OpenChoice | None:
    """What was decided about these weights, if anything; of their outputs `remembered_outputs`."""
    found = _read().choices.get(weights_sha256)
    return None if found is None else _plain(found)


def remember(weights_sha256: str, choice: OpenChoice) -> None:
    """Keep a decision; one that says nothing is forgotten. An unwritable folder is passed over."""
    kept = _read()
    kept.choices.pop(weights_sha256, None)
    choice = _plain(choice)
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
    _keep_newest(kept, kept.groups, weights_sha256, groups)


def remembered_outputs(weights_sha256: str) -> tuple[OutputInfo, ...]:
    """What the user said that the outputs of these weights are; empty where nothing was said."""
    return _read().outputs.get(weights_sha256, ())


def remember_outputs(weights_sha256: str, outputs: tuple[OutputInfo, ...]) -> None:
    """Keep what the outputs are; nothing, to take them for what is guessed again."""
    kept = _read()
    if kept.outputs.pop(weights_sha256, ()) != outputs:
        _keep_newest(kept, kept.outputs, weights_sha256, outputs)


def remembered_code(weights_sha256: str) -> KnownCode | None:
    """The file that was last run for these weights: to be shown and asked about, no more."""
    return _read().codes.get(weights_sha256)


def remember_code(weights_sha256: str, code: KnownCode) -> None:
    """Keep which file was run for these weights, so that it is the one that is asked about."""
    kept = _read()
    if kept.codes.pop(weights_sha256, None) != code:
        _keep_newest(kept, kept.codes, weights_sha256, code)


def forget(weights_sha256: str) -> None:
    """Forget what was decided about these weights."""
    remember(weights_sha256, OpenChoice())
    remember_outputs(weights_sha256, ())


def _plain(choice: OpenChoice) -> OpenChoice:
    """The choice without what runs code or replaces foreign classes: that is asked every time.

    Nor is the kind of the output in it, which `remember_outputs` keeps for all outputs.
    """
    return msgspec.structs.replace(
        choice, output="", code="", code_sha256="", code_class="", stubs=False
    )


def _keep_newest(kept: _Remembered, among: dict[str, Any], key: str, value: object) -> None:
    """Put a value behind the others, or nothing where it is empty, and write all of it."""
    if value:
        among[key] = value
    for oldest in list(among)[: max(0, len(among) - MOST)]:
        del among[oldest]
    with contextlib.suppress(OSError):
        _write(_path(), msgspec.json.encode(kept))


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
