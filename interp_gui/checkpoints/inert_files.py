"""Files of torch and plain pickles, read as descriptions: nothing in them is run or imported.

torch writes three forms: a zip archive with one pickle and a record a storage; its older format of
five pickles in a row (a number that marks the format, its version, the system, the content, the
keys of the storages) with the storages behind; and, within plain pickles, storages as the bytes of
a file of the older format. ``torch.load`` is not used for any of them: what its reader leaves
unchecked (checksums, sizes, strides) is checked here, and a file is held in memory once.
"""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch

from interp_gui.checkpoints.archive import Archive
from interp_gui.checkpoints.inert import BadPickle, Name, Storage, StorageView, filled_from
from interp_gui.checkpoints.inert_calls import KINDS, make_calls, storage_kind, whole
from interp_gui.checkpoints.inert_machine import Budget, Machine

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_LARGEST_PICKLE = 512 << 20  # bytes, of the pickle in an archive
_SMALL_PICKLE = 1 << 20  # bytes, of those around the content
_STORAGE_PARTS = (5, 6)


@dataclass(frozen=True, kw_only=True)
class PickleContent:
    """What a pickle holds.

    Parameters
    ----------
    tree
        Plain containers and values, `TensorRef`, `Stub` and `Name`.
    names
        Dotted names that it asked for, in order.
    by_torch
        Whether torch wrote it.
    """

    tree: Any
    names: tuple[str, ...]
    by_torch: bool = True


@contextmanager
def open_zip(path: Path) -> Iterator[PickleContent]:
    """The content of an archive of torch; its storages can be filled until the block ends.

    Raises
    ------
    BadPickle, BadArchive
        It is damaged or contradicts itself.
    """
    with Archive(path) as archive:
        pickles = [name for name in archive.records if name.partition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise BadPickle("it holds several contents" if pickles else "it holds no content")
        folder = pickles[0].partition("/")[0]
        order = f"{folder}/byteorder"
        known = order not in archive.records or archive.read(order, limit_bytes=16) in (
            b"little", b"big",
        )  # fmt: skip
        if not known:
            raise BadPickle("the order of its bytes is not known")
        big = order in archive.records and archive.read(order, limit_bytes=16) == b"big"
        found: dict[str, Storage] = {}

        def storage(key: str, dtype: torch.dtype, count: int, quantised: bool) -> Storage:
            name = f"{folder}/data/{key}"
            made = Storage(
                key, dtype, count, fill=partial(archive.read_into, name), quantised=quantised,
                big_endian=big,
            )  # fmt: skip
            record = archive.records.get(name)
            if record is None or (record.size_bytes != made.size_bytes and not quantised):
                raise BadPickle(f"its storage '{key[:40]}' is missing or not as long as it says")
            return made

        content = archive.read(pickles[0], limit_bytes=_LARGEST_PICKLE)
        budget = Budget()
        machine = _machine(io.BytesIO(content), budget, _Storages(found, storage), len(content))
        yield PickleContent(tree=machine.load(), names=tuple(budget.names))


@contextmanager
def open_legacy(path: Path) -> Iterator[PickleContent]:
    """The content of a file of torch's older format, or of a plain pickle.

    Raises
    ------
    BadPickle
        It is damaged or contradicts itself.
    """
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        budget = Budget()
        tree, by_torch = _legacy(stream, size, budget, depth=0)
        yield PickleContent(tree=tree, names=tuple(budget.names), by_torch=by_torch)


class _Storages:
    """Answers what a pickle refers to outside itself, which may only be storages."""

    def __init__(
        self, found: dict[str, Storage],
        make: Callable[[str, torch.dtype, int, bool], Storage],
    ) -> None:  # fmt: skip
        self.found = found
        self._make = make

    def __call__(self, wanted: Any) -> Any:
        if type(wanted) is not tuple or not wanted:
            raise BadPickle("it refers to something outside itself")
        kind = wanted[0].decode("latin-1") if type(wanted[0]) is bytes else wanted[0]
        if kind == "module" and len(wanted) == 4 and type(wanted[1]) is Name:
            return wanted[1]  # the source code that old files keep beside a class is not looked at
        if kind != "storage" or len(wanted) not in _STORAGE_PARTS or type(wanted[1]) is not Name:
            raise BadPickle("it refers to something outside itself")
        declared = storage_kind(wanted[1].text)
        if declared is None or type(wanted[2]) not in (str, int, bytes):
            raise BadPickle("it declares a storage of an unknown kind")
        key = wanted[2].decode("latin-1") if type(wanted[2]) is bytes else str(wanted[2])
        count = whole(wanted[4])
        storage = self.found.get(key)
        if storage is None:
            storage = self._make(key, declared[0], count, declared[1])
            self.found[key] = storage
        elif (storage.dtype, storage.count) != (declared[0], count):
            raise BadPickle(f"it declares the storage '{key[:40]}' in two ways")
        view = wanted[5] if len(wanted) == 6 else None
        if view is None:
            return storage
        if type(view) is not tuple or len(view) != 3:
            raise BadPickle("it declares an impossible size")
        offset, length = whole(view[1]), whole(view[2])
        if offset + length > count:
            raise BadPickle("it declares an impossible size")
        return StorageView(storage, offset, length)


def _machine(stream: BinaryIO, budget: Budget, storages: Any, size: int, depth: int = 0) -> Machine:
    return Machine(
        stream, budget, calls=make_calls(partial(_from_bytes, depth + 1)), values=dict(KINDS),
        persistent=storages, limit_bytes=size,
    )  # fmt: skip


def _legacy(stream: BinaryIO, size: int, budget: Budget, *, depth: int) -> tuple[Any, bool]:
    """The content of a stream in the older format, and whether it is one: if not, of a pickle."""
    found: dict[str, Storage] = {}

    def storage(key: str, dtype: torch.dtype, count: int, quantised: bool) -> Storage:
        return Storage(key, dtype, count, quantised=quantised)

    def load(limit: int = _SMALL_PICKLE) -> Any:
        left = size - stream.tell()
        storages = _Storages(found, storage)
        return _machine(stream, budget, storages, min(limit, left), depth).load()

    first = load(size)
    if type(first) is not int or first != _MAGIC:
        if found:
            raise BadPickle("it refers to something outside itself")
        return first, False
    if load() != _VERSION:
        raise BadPickle("it is of a version that is not known")
    load()  # the system that wrote it; numbers are in the usual order whatever it was
    tree = load(size)
    keys = load(size)
    if type(keys) is not list or len(keys) != len(found):
        raise BadPickle("its list of storages is damaged")
    names = [key.decode("latin-1") if type(key) is bytes else key for key in keys]
    if not all(type(name) in (str, int) for name in names):
        raise BadPickle("its list of storages is damaged")
    if {str(name) for name in names} != found.keys():
        raise BadPickle("its list of storages is damaged")
    for name in names:
        each = found[str(name)]
        count = stream.read(8)
        if len(count) != 8 or int.from_bytes(count, "little") != each.count:
            raise BadPickle("its storages are cut short or damaged")
        start = stream.tell()
        if each.size_bytes > size - start:
            raise BadPickle("its storages are cut short or damaged")
        each.fill = partial(_read_at, stream, start)
        stream.seek(each.size_bytes, os.SEEK_CUR)
    return tree, True


def _read_at(stream: BinaryIO, start: int, target: memoryview) -> None:
    stream.seek(start)
    done = 0
    while done < len(target):
        count = stream.readinto(target[done:])  # type: ignore[attr-defined]
        if not count:
            raise BadPickle("it is cut short")
        done += count


def _from_bytes(depth: int, machine: Machine, raw: bytes) -> Any:
    """A storage that a plain pickle holds as the bytes of a file."""
    if depth > 1:
        raise BadPickle("it holds files within files")
    tree, by_torch = _legacy(io.BytesIO(raw), len(raw), machine.budget, depth=depth)
    if not by_torch or type(tree) is not Storage or tree.fill is None:
        return NotImplemented
    # the stream is gone by the time it is read; the bytes are not copied until then
    start = len(raw) - tree.size_bytes
    tree.fill = filled_from(memoryview(raw)[start:])
    return tree
