"""Zip archives as torch writes them, read strictly.

Two readers of one zip file can see different records in it: names that occur twice, sizes that
differ between the table of contents and the record, records inside records. Everything of that
kind is refused, and checksums are compared, which torch's own reader leaves out.

The layout is that of PKWARE's APPNOTE 6.3, with zip64.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

_RECORD, _ENTRY, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF
_ZIP64_FIELD = 1
_ENCRYPTED = 1 | 64 | 8192  # bits of the flags: encrypted, strongly, table of contents too
_DESCRIPTOR = 8  # sizes and checksum of the record stand behind it
_STORED, _DEFLATED = 0, 8
_MOST_RECORDS = 100_000
_LONGEST_COMMENT = 0xFFFF
_LONGEST_SHOWN = 80
_CHUNK_BYTES = 1 << 20


class BadArchive(Exception):
    """What is wrong with an archive, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One file in an archive; `start` is where its bytes begin."""

    name: str
    method: int
    crc: int
    stored_bytes: int
    size_bytes: int
    header: int
    start: int


class Archive:
    """The records of a zip file by name; a context manager that holds the file open.

    Raises
    ------
    BadArchive
        Truncated, or two readers could disagree on what it holds.
    OSError
        The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._stream: BinaryIO = open(path, "rb")  # noqa: SIM115 (closed by __exit__)
        try:
            self.size_bytes = os.fstat(self._stream.fileno()).st_size
            self.records: Mapping[str, Record] = self._directory()
        except (struct.error, UnicodeDecodeError):
            self._stream.close()
            raise BadArchive("it is truncated or damaged") from None
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stream.close()

    @property
    def unpacked_bytes(self) -> int:
        """What all records take unpacked."""
        return sum(record.size_bytes for record in self.records.values())

    def read(self, name: str, *, limit_bytes: int) -> bytes:
        """The bytes of a small record, its checksum compared.

        Raises
        ------
        BadArchive
            It is not there, larger than the limit, damaged or packed in an unusual way.
        """
        record = self._record(name)
        if record.size_bytes > limit_bytes:
            raise BadArchive(f"its part '{_shown(name)}' is too large")
        content = bytearray(record.size_bytes)
        self.read_into(name, memoryview(content))
        return bytes(content)

    def read_into(self, name: str, target: memoryview) -> None:
        """Fill a writable buffer of bytes with a whole record, its checksum compared.

        Raises
        ------
        BadArchive
            As `read` says, or the record is not of the buffer's size.
        """
        record = self._record(name)
        if record.size_bytes != len(target):
            raise BadArchive(f"its part '{_shown(name)}' is not of the size that it should be")
        self._stream.seek(record.start)
        crc = done = 0
        for chunk in self._chunks(record, target):
            crc = zlib.crc32(chunk, crc)
            done += len(chunk)
        if done != record.size_bytes or crc != record.crc:
            raise BadArchive(f"its part '{_shown(name)}' is damaged (its checksum differs)")

    def _record(self, name: str) -> Record:
        record = self.records.get(name)
        if record is None:
            raise BadArchive(f"it lacks its part '{_shown(name)}'")
        if record.method not in (_STORED, _DEFLATED):
            raise BadArchive(f"its part '{_shown(name)}' is packed in an unusual way")
        return record

    def _chunks(self, record: Record, target: memoryview) -> Iterator[memoryview]:
        """Fill the target piece by piece; what is yielded is already in it."""
        done = 0
        if record.method == _STORED:
            while done < len(target):
                piece = target[done : done + _CHUNK_BYTES]
                count = self._stream.readinto(piece)  # type: ignore[attr-defined]
                if not count:
                    return
                done += count
                yield piece[:count]
            return
        unpacker, left = zlib.decompressobj(-zlib.MAX_WBITS), record.stored_bytes
        waiting = b""
        while not unpacker.eof:
            if not waiting:
                waiting = self._stream.read(min(left, _CHUNK_BYTES))
                left -= len(waiting)
                if not waiting:
                    return
            try:
                # one more than fits tells a record that goes on
                unpacked = unpacker.decompress(waiting, min(len(target) - done + 1, _CHUNK_BYTES))
            except zlib.error:
                raise BadArchive(f"its part '{_shown(record.name)}' is damaged") from None
            waiting = unpacker.unconsumed_tail
            if done + len(unpacked) > len(target):
                raise BadArchive(f"its part '{_shown(record.name)}' is larger than it says")
            target[done : done + len(unpacked)] = unpacked
            yield target[done : done + len(unpacked)]
            done += len(unpacked)

    def _at(self, offset: int, count: int) -> bytes:
        if offset < 0 or count < 0 or offset + count > self.size_bytes:
            raise BadArchive("it is truncated or damaged")
        self._stream.seek(offset)
        content = self._stream.read(count)
        if len(content) != count:
            raise BadArchive("it is truncated or damaged")
        return content

    def _end(self) -> tuple[int, int, int, int]:
        """Number of entries, size and place of the table of contents, and where it must end."""
        tail_bytes = min(self.size_bytes, 22 + _LONGEST_COMMENT)
        tail = self._at(self.size_bytes - tail_bytes, tail_bytes)
        found = tail.rfind(_END)
        if found < 0 or len(tail) - found < 22:
            raise BadArchive("it is truncated or damaged")
        end = self.size_bytes - tail_bytes + found
        disk, start_disk, here, count, size, offset, comment = struct.unpack(
            "<4HIIH", tail[found + 4 : found + 22]
        )
        if found + 22 + comment != len(tail) or disk or start_disk or here != count:
            raise BadArchive("its table of contents is damaged")
        if end < 20 or self._at(end - 20, 4) != _LOCATOR64:
            if count == _FULL16 or _FULL32 in (size, offset):
                raise BadArchive("its table of contents is damaged")
            return count, size, offset, end
        locator_disk, end64, disks = struct.unpack("<IQI", self._at(end - 16, 16))
        if self._at(end64, 4) != _END64 or end64 + 56 != end - 20 or locator_disk or disks > 1:
            raise BadArchive("its table of contents is damaged")
        disk, start_disk, here, count64, size64, offset64 = struct.unpack(
            "<II4Q", self._at(end64 + 16, 40)
        )
        told = ((count, count64, _FULL16), (size, size64, _FULL32), (offset, offset64, _FULL32))
        if disk or start_disk or here != count64 or any(a not in (b, full) for a, b, full in told):
            raise BadArchive("its two tables of contents disagree")
        return count64, size64, offset64, end64

    def _directory(self) -> dict[str, Record]:
        count, size, offset, end = self._end()
        if count > _MOST_RECORDS or size > 4096 * max(count, 1):
            raise BadArchive("it has an absurd table of contents")
        if offset + size != end:
            raise BadArchive("its table of contents is damaged")
        table = self._at(offset, size)
        records: dict[str, Record] = {}
        place = 0
        for _ in range(count):
            if table[place : place + 4] != _ENTRY:
                raise BadArchive("its table of contents is damaged")
            name, record, place = self._entry(table, place)
            if name in records:
                raise BadArchive(f"it holds '{_shown(name)}' twice")
            records[name] = record
        if place != size:
            raise BadArchive("its table of contents is damaged")
        reached = 0
        for record in sorted(records.values(), key=lambda each: each.header):
            if record.header < reached or record.start + record.stored_bytes > offset:
                raise BadArchive("its parts overlap")
            reached = record.start + record.stored_bytes
        if records and min(record.header for record in records.values()) != 0:
            raise BadArchive("something stands before its first part")
        return records

    def _entry(self, table: bytes, place: int) -> tuple[str, Record, int]:
        (flags, method, crc, stored, size, name_bytes, extra_bytes, comment_bytes, disk, header) = (
            struct.unpack("<HH4xIIIHHHH6xI", table[place + 8 : place + 46])
        )
        raw_name = table[place + 46 : place + 46 + name_bytes]
        extra_at = place + 46 + name_bytes
        extra = table[extra_at : extra_at + extra_bytes]
        place = extra_at + extra_bytes + comment_bytes
        if place > len(table) or len(raw_name) != name_bytes:
            raise BadArchive("its table of contents is damaged")
        name = raw_name.decode()
        if flags & _ENCRYPTED:
            raise BadArchive("it is encrypted")
        wide = _zip64_values(extra)
        size, wide = _widened(size, wide)
        stored, wide = _widened(stored, wide)
        header, wide = _widened(header, wide)
        if disk or (method == _STORED and stored != size):
            raise BadArchive("its table of contents is damaged")
        local = self._at(header, 30)
        (magic, local_flags, local_method, local_crc, local_stored, local_size, local_name,
         local_extra) = struct.unpack("<4s2xHH4xIIIHH", local)  # fmt: skip
        if magic != _RECORD or self._at(header + 30, local_name) != raw_name:
            raise BadArchive(f"its part '{_shown(name)}' is not where it should be")
        if local_method != method or (local_flags ^ flags) & (_ENCRYPTED | _DESCRIPTOR):
            raise BadArchive(f"its part '{_shown(name)}' contradicts its table of contents")
        later = bool(flags & _DESCRIPTOR)
        for own, told in ((local_crc, crc), (local_stored, stored), (local_size, size)):
            # what is told behind the record is 0 here; what is wide is told in an extra field
            if own != told and not (later and own == 0) and own != _FULL32:
                raise BadArchive(f"its part '{_shown(name)}' contradicts its table of contents")
        start = header + 30 + local_name + local_extra
        record = Record(
            name=name, method=method, crc=crc, stored_bytes=stored, size_bytes=size,
            header=header, start=start,
        )  # fmt: skip
        return name, record, place


def _zip64_values(extra: bytes) -> list[int]:
    found: list[int] | None = None
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == _ZIP64_FIELD:
            if found is not None or length % 8 not in (0, 4) or len(extra) < 4 + length:
                raise BadArchive("its table of contents is damaged")
            found = list(struct.unpack(f"<{length // 8}Q", extra[4 : 4 + length // 8 * 8]))
        extra = extra[4 + length :]
    return found or []


def _widened(value: int, wide: list[int]) -> tuple[int, list[int]]:
    if value != _FULL32:
        return value, wide
    if not wide:
        raise BadArchive("its table of contents is damaged")
    return wide[0], wide[1:]


def _shown(name: str) -> str:
    return name if len(name) <= _LONGEST_SHOWN else name[: _LONGEST_SHOWN - 1] + "…"
