"""The zip around a session: what is read from it is bounded before it is read.

Nothing is ever extracted to disk, so that a name cannot climb out of a folder; names that try are
refused all the same. Sizes are those that the directory of the zip declares, and no more than
that is inflated.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from interp_gui.core.errors import InvalidValue

MIB = 1 << 20
MOST_MEMBERS = 60_000
LARGEST_TOTAL = 2047 * MIB
LARGEST_MEMBER = 1024 * MIB
LARGEST_JSON = 256 * MIB
HARMLESS = 256 * MIB
"""A session that unpacks to no more than this may be packed as tightly as it likes."""
TIGHTEST = 100
"""Above that size, so many bytes may come out of one at most."""
STORED_FROM = 4 * MIB
"""Arrays of this size are written without compression."""

_NAME = re.compile(r"[a-z0-9_-]{1,64}(?:/[a-z0-9_-]{1,64}){0,2}\.[a-z0-9]{1,8}")
_END = struct.Struct("<4s4H2LH")
_END_MARK, _ZIP64_MARK = b"PK\x05\x06", b"PK\x06\x07"
_ENCRYPTED = 0x1
_DIRECTORY_ENTRY = 46 + 3 * 66 + 256  # at most: the longest legal name and some extra fields


class Damaged(InvalidValue):
    """What is wrong with the content of a session, as the end of a sentence."""


class NoSession(Damaged):
    """The file is no zip at all, or none that this program writes."""


class Reader:
    """The members of a session file, each read whole and at most once."""

    def __init__(self, archive: zipfile.ZipFile, sizes: dict[str, zipfile.ZipInfo]) -> None:
        self._archive = archive
        self._members = sizes

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """The content of a member."""
        info = self._members.get(name)
        if info is None:
            raise Damaged(f"it lacks '{name}'")
        if info.file_size > _limit(name):
            raise Damaged(f"'{name}' would take {info.file_size // MIB} MiB")
        with self._archive.open(info) as stream:
            data = stream.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise Damaged(f"'{name}' is not as long as it says")
        return data


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Open a session file for reading.

    Raises
    ------
    Damaged
        Whatever is wrong with the zip.
    OSError
        The file cannot be read.
    """
    with open(path, "rb", opener=_no_waiting) as file:
        size = _check_end(file)
        try:
            with zipfile.ZipFile(file) as archive:
                yield Reader(archive, _checked(archive, size))
        except (
            zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError,
            RuntimeError, ValueError, OverflowError, IndexError,
        ) as problem:  # fmt: skip
            raise Damaged("its zip structure is broken") from problem


def _no_waiting(path: str, flags: int) -> int:
    # opening a pipe without this waits for somebody to write into it
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NoSession("it is no regular file")
    return handle


def _check_end(file: IO[bytes]) -> int:
    """Check the end of the zip before `zipfile` reads a directory of any length into memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size - 20))
    tail = file.read()
    if len(tail) < _END.size:
        raise NoSession("it is too short")
    mark, *numbers, directory, _, comment = _END.unpack(tail[-_END.size :])
    if mark != _END_MARK or comment:
        file.seek(0)
        if file.read(2) == b"PK":
            raise Damaged("its end is missing")
        raise NoSession("it is no zip file")
    if tail[:4] == _ZIP64_MARK or numbers[2] != numbers[3]:
        raise Damaged("it is a zip of a kind that is not used here")
    if numbers[3] > MOST_MEMBERS or directory > MOST_MEMBERS * _DIRECTORY_ENTRY:
        raise Damaged(f"it has more than {MOST_MEMBERS:,} parts")
    file.seek(0)
    return size


def _checked(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for info in archive.infolist():
        if not _NAME.fullmatch(info.filename) or info.orig_filename != info.filename:
            raise Damaged("it holds a name that no session has")
        if info.filename in members:
            raise Damaged(f"it holds '{info.filename}' twice")
        if stat.S_ISLNK(info.external_attr >> 16) or info.flag_bits & _ENCRYPTED:
            raise Damaged(f"'{info.filename}' is a link or encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Damaged(f"'{info.filename}' is packed in a way that is not used here")
        members[info.filename] = info
        total += info.file_size
    if len(members) > MOST_MEMBERS:
        raise Damaged(f"it has more than {MOST_MEMBERS:,} parts")
    if total > LARGEST_TOTAL or (total > HARMLESS and total > TIGHTEST * size):
        raise Damaged(f"it would unpack to {total // MIB:,} MiB")
    return members


class Writer:
    """Writes members into an open file; the same content gives the same bytes.

    A context, whose end completes the file.
    """

    def __init__(self, file: IO[bytes], *, compress: bool = True) -> None:
        self._archive = zipfile.ZipFile(file, "w", allowZip64=False)
        self._compress = compress
        self._count = self._total = 0

    def add(self, name: str, data: bytes) -> None:
        """Write one member.

        Raises
        ------
        InvalidValue
            The session is larger than any that could be read again.
        """
        self._count += 1
        self._total += len(data)
        if self._count > MOST_MEMBERS or self._total > LARGEST_TOTAL or len(data) > _limit(name):
            raise too_large()
        info = zipfile.ZipInfo(name)  # dated 1980, whenever it is written
        info.external_attr = 0o600 << 16
        # what is stored as it is never looks like a bomb to the reader
        array = name.endswith(".npy")
        packed = not array or (len(data) < STORED_FROM and self._total < HARMLESS // 2)
        info.compress_type = (
            zipfile.ZIP_DEFLATED if packed and self._compress else zipfile.ZIP_STORED
        )
        try:
            self._archive.writestr(info, data, compresslevel=1)
        except zipfile.LargeZipFile:
            raise too_large() from None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            # the file is given up, and nothing more may be written to it, also not by __del__
            self._archive.fp = None
            return
        try:
            self._archive.close()
        except zipfile.LargeZipFile:
            raise too_large() from None


def _limit(name: str) -> int:
    return LARGEST_MEMBER if name.endswith(".npy") else LARGEST_JSON


def too_large() -> InvalidValue:
    """What is said where a session could not be read again."""
    return InvalidValue(
        "The session is too large to be saved in one file.",
        hint="Export some of the kept results to files of their own, and remove them here.",
    )
