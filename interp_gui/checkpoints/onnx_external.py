"""Weights of an ONNX model that lie in files beside it: read here, never by a library.

Libraries have read what such files point at outside the model's folder again and again (through
`..`, links, hard links and sparse tensors), so only plain files of the folder itself are read, and
the model that goes on has everything within.
"""

import math
import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from interp_gui.checkpoints.onnx_checks import item_bits, tensors_of
from interp_gui.core.errors import FileProblem, UnsafeCheckpoint

_KEYS = frozenset(("location", "offset", "length", "checksum"))
_TOGETHER_HINT = "Keep the model and its data files together in one folder, as they were exported."


def external_files(model: Any, name: str) -> tuple[str, ...]:
    """Names of the files that hold a model's weights, each once; unsafe ones raise."""
    return tuple(
        dict.fromkeys(_location(_entries(t, name), name) for t in tensors_of(model) if _is_out(t))
    )


def read_external(model: Any, folder: Path, name: str) -> int:
    """Take the weights that lie in other files into the model; returns how many bytes.

    Raises
    ------
    UnsafeCheckpoint
        A location leads out of the folder, or is a link.
    FileProblem
        A file is missing or shorter than the model says.
    """
    open_files: dict[str, int] = {}
    total = 0
    try:
        for tensor in tensors_of(model):
            if not _is_out(tensor):
                continue
            entries = _entries(tensor, name)
            location = _location(entries, name)
            if location not in open_files:
                open_files[location] = _opened(folder, location, name)
            total += _fill(tensor, open_files[location], entries, location, name)
    finally:
        for handle in open_files.values():
            os.close(handle)
    return total


def external_bytes(model: Any) -> int:
    """How many bytes the tensors that lie outside take, by their shapes."""
    return sum(_extent(tensor) for tensor in tensors_of(model) if _is_out(tensor))


def _is_out(tensor: Any) -> bool:
    return bool(tensor.data_location or tensor.external_data)


def _extent(tensor: Any) -> int:
    return int(-(-math.prod(tensor.dims) * item_bits(tensor.data_type) // 8))


def _entries(tensor: Any, name: str) -> dict[str, str]:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if len(entries) != len(tensor.external_data) or not set(entries) <= _KEYS:
        raise UnsafeCheckpoint(f"'{name}' describes where its weights lie in a doubtful way.")
    if tensor.data_location != 1 or tensor.HasField("raw_data"):
        raise UnsafeCheckpoint(f"'{name}' says of a tensor both that it is here and elsewhere.")
    return entries


def _location(entries: dict[str, str], name: str) -> str:
    location = entries.get("location", "")
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    parts = (*posix.parts, *windows.parts)
    plain = (
        0 < len(location) <= 255
        and not (posix.is_absolute() or windows.is_absolute() or windows.drive or windows.root)
        and ".." not in parts
        and not any(character in location for character in '\0*:?"<>|')
        and len(windows.parts) <= 8
    )
    if not plain:
        raise UnsafeCheckpoint(
            f"'{name}' wants to read weights from '{location[:120]}', outside its folder; "
            "it is refused.",
            hint=_TOGETHER_HINT,
            names=(location[:255],),
        )
    return location


def _opened(folder: Path, location: str, name: str) -> int:
    """A handle of a plain file within the folder; no part of its path below it is a link."""
    path = folder
    for part in PurePosixPath(location.replace("\\", "/")).parts:
        path = path / part
        if path.is_symlink():
            raise _linked(name, location)
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise _linked(name, location)
        # the checks are made on what is open, so that nothing can be exchanged in between
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            | getattr(os, "O_NONBLOCK", 0),
        )  # fmt: skip
    except FileNotFoundError:
        raise FileProblem(
            f"The weights of '{name}' lie in '{location}', which is not there.",
            hint=_TOGETHER_HINT,
        ) from None
    except OSError as problem:
        raise FileProblem(
            f"'{location}', with the weights of '{name}', cannot be read: {problem.strerror}.",
            hint=_TOGETHER_HINT,
        ) from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(handle)
        raise _linked(name, location)
    return handle


def _linked(name: str, location: str) -> UnsafeCheckpoint:
    return UnsafeCheckpoint(
        f"'{location}', with the weights of '{name}', is a link or no plain file; it is refused.",
        hint="A link can lead to any file of this computer. Put a copy of the file there.",
        names=(location,),
    )


def _fill(tensor: Any, handle: int, entries: dict[str, str], location: str, name: str) -> int:
    extent = _extent(tensor)
    try:
        offset = int(entries.get("offset") or 0)
        length = int(entries.get("length") or extent)
    except ValueError:
        raise _short(name, location) from None
    size = os.fstat(handle).st_size
    if offset < 0 or length != extent or offset + length > size:
        raise _short(name, location)
    os.lseek(handle, offset, os.SEEK_SET)
    parts, left = [], length
    while left:
        part = os.read(handle, min(left, 1 << 26))
        if not part:
            raise _short(name, location)
        parts.append(part)
        left -= len(part)
    tensor.raw_data = parts[0] if len(parts) == 1 else b"".join(parts)
    del tensor.external_data[:]
    tensor.data_location = 0
    return length


def _short(name: str, location: str) -> FileProblem:
    return FileProblem(
        f"'{location}' does not hold the weights that '{name}' looks for there.",
        hint="Copy or download both files again.",
    )
