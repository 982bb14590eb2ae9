"""Chunk files: what was recorded of some images in one layer, readable without copying.

A magic number, the length of a header, the header as JSON (rows, and each array's type, shape
and place), then the arrays, aligned. Nothing in it is ever changed.
"""

import mmap
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.harvest.block import Block
from interp_gui.analyses.harvest.hashes import HASH_TYPE, Hashes
from interp_gui.core.errors import FileProblem

_MAGIC = b"igharv1\n"
_ALIGNED = 64
_START = len(_MAGIC) + 8
_MOST_MAPPED = 2
"""Chunks that a reader holds mapped: what is mapped counts as memory."""
_SMALL = np.iinfo(np.uint16).max


class DamagedChunk(FileProblem):
    """A chunk file is not what was written; its images are recorded again."""


class _Header(msgspec.Struct):
    rows: int
    arrays: dict[str, tuple[str, tuple[int, ...], int]]


def write_chunk(path: Path, hashes: Hashes, block: Block, *, sync: bool) -> int:
    """Write a chunk file; returns its bytes. Nothing is left behind where that fails."""
    arrays: dict[str, NDArray[Any]] = {"hashes": hashes, **vars(block)}
    if not block.position.size or block.position.max() <= _SMALL:
        arrays["position"] = block.position.astype(np.uint16)
    described: dict[str, tuple[str, tuple[int, ...], int]] = {}
    offset = 0
    for name, array in arrays.items():
        described[name] = (array.dtype.str, array.shape, offset)
        offset += -(-array.nbytes // _ALIGNED) * _ALIGNED
    header = msgspec.json.encode(_Header(rows=len(hashes), arrays=described))
    header += b" " * (-(_START + len(header)) % _ALIGNED)
    try:
        with open(path, "xb") as file:
            file.write(_MAGIC + len(header).to_bytes(8, "little") + header)
            for array in arrays.values():
                file.write(np.ascontiguousarray(array).data)
                file.write(bytes(-array.nbytes % _ALIGNED))
            file.flush()
            if sync:
                os.fsync(file.fileno())
            return file.tell()
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def read_hashes(path: Path) -> Hashes:
    """Which images a chunk is about; DamagedChunk if it is not whole."""
    with open(path, "rb") as file:
        header, start = _header(file.read(_START), file, path)
        _, (rows,), offset = header.arrays["hashes"]
        file.seek(start + offset)
        found = np.frombuffer(file.read(rows * HASH_TYPE.itemsize), HASH_TYPE)
    if len(found) != rows:
        raise _damaged(path)
    return found


def map_chunk(path: Path) -> Block:
    """Map a chunk file: its arrays are read from disk as they are looked at."""
    with open(path, "rb") as file:
        header, start = _header(file.read(_START), file, path)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays: dict[str, NDArray[Any]] = {}
    for name, (kind, shape, offset) in header.arrays.items():
        count = int(np.prod(shape, dtype=np.int64))
        if name != "hashes":
            values = np.frombuffer(mapped, np.dtype(kind), count, start + offset) if count else (
                np.zeros(0, np.dtype(kind))
            )  # fmt: skip
            arrays[name] = values.reshape(shape)
    return Block(**arrays)


def _header(first: bytes, file: Any, path: Path) -> tuple[_Header, int]:
    """The header, and where the arrays begin."""
    length = int.from_bytes(first[len(_MAGIC) :], "little")
    size = os.fstat(file.fileno()).st_size
    if first[: len(_MAGIC)] != _MAGIC or not 0 < length < size:
        raise _damaged(path)
    try:
        header = msgspec.json.decode(file.read(length), type=_Header)
        ends = [
            offset + int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
            for kind, shape, offset in header.arrays.values()
        ]
    except (msgspec.MsgspecError, TypeError, ValueError) as problem:
        raise _damaged(path) from problem
    start = _START + length
    if start + max(ends, default=0) > size or "hashes" not in header.arrays:
        raise _damaged(path)
    return header, start


def _damaged(path: Path) -> DamagedChunk:
    return DamagedChunk(
        f"'{path.name}' of the activation store is damaged.",
        hint="Run it again: what is missing is recorded once more.",
    )


class Chunks:
    """Chunk files in a row, mapped one after the other as they are asked for.

    Attributes
    ----------
    starts
        (chunks + 1,) int64: rows before each chunk.
    """

    def __init__(self, paths: Sequence[Path], rows: Sequence[int], holder: object = None) -> None:
        self.starts = np.cumsum([0, *rows], dtype=np.int64)
        self._paths = tuple(paths)
        self._holder = holder  # keeps the folder in use
        self._mapped: OrderedDict[int, Block] = OrderedDict()

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> Block:
        if number not in self._mapped:
            while len(self._mapped) >= _MOST_MAPPED:
                self._mapped.popitem(last=False)
            self._mapped[number] = map_chunk(self._paths[number])
        return self._mapped[number]
