"""The header of a safetensors file: which tensors it holds and where, checked before it is used.

The layout is eight bytes with the header's length, the header as JSON, and the tensors' bytes
without gaps (safetensors' format description).
"""

import json
import math
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the format."""

_LONGEST_READ = 24 << 20  # bytes; 50,000 tensors take 10 million
_MOST_TENSORS = 50_000
_MOST_ENTRIES = 1_000_000
_DEEPEST = 64
_MOST_DIMENSIONS = 64
_STRUCTURE = re.compile(rb'[][{}"]|\\.', re.DOTALL)
_LARGEST = 1 << 62
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


class BadHeader(Exception):
    """What is wrong with a header, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One tensor: `start` and `end` are places in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Header:
    """Tensors by name in the order of the header, and what it says beside them."""

    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]


def read_header(file: Path) -> Header:
    """Read and check the header of a safetensors file.

    Raises
    ------
    BadHeader
        It is truncated, no JSON, or contradicts itself or the file's size.
    """
    with open(file, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(8)
        if len(start) < 8:
            raise BadHeader("it ends before its header")
        (length,) = struct.unpack("<Q", start)
        if length > _LONGEST_READ or length > size - 8:
            raise BadHeader("its header is longer than the file or than the format allows")
        raw = stream.read(length)
    if len(raw) < length:
        raise BadHeader("it ends within its header")
    if raw.count(b":") > _MOST_ENTRIES:  # before it is read: that takes long and much memory
        raise BadHeader("its header says absurdly much")
    if raw.count(b'"data_offsets"') > _MOST_TENSORS:
        raise BadHeader("it holds more tensors than any network known")
    table = parse_json(raw)
    if not isinstance(table, dict):
        raise BadHeader("its header is no table")
    metadata = table.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise BadHeader("its header's own entries are no text")
    data_start = 8 + length
    entries = {name: _entry(name, value, data_start) for name, value in table.items()}
    reached = data_start
    for name, entry in sorted(entries.items(), key=lambda each: (each[1].start, each[1].end)):
        if entry.start != reached:
            raise BadHeader(f"the tensor '{name[:80]}' overlaps another or leaves a gap")
        reached = entry.end
    if reached != size:
        raise BadHeader("its tensors are not as long as the file")
    return Header(entries=entries, metadata=metadata)


def parse_json(raw: bytes) -> Any:
    """JSON without repeated names, special numbers and deep nesting.

    Raises
    ------
    BadHeader
        It is no such JSON.
    """
    if raw.count(b"{") + raw.count(b"[") > _MOST_ENTRIES:
        raise BadHeader("its JSON says absurdly much")
    if _depth(raw) > _DEEPEST:
        raise BadHeader("its JSON is nested too deeply")
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
        if b"\\ud" in raw.lower():  # half a letter, which nothing can show or send
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError):
        raise BadHeader("its JSON is damaged") from None


def _depth(raw: bytes) -> int:
    # brackets in strings count too, which only refuses what is absurd anyway if they never close
    if raw.count(b"{") + raw.count(b"[") <= _DEEPEST:
        return 0
    depth = deepest = 0
    quoted = False
    for found in _STRUCTURE.finditer(raw):
        letter = found[0]
        if letter == b'"':
            quoted = not quoted
        elif not quoted and letter in b"{[":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > _DEEPEST:
                break
        elif not quoted and letter in b"}]":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _entry(name: str, value: Any, data_start: int) -> Entry:
    said = BadHeader(f"the entry of the tensor '{name[:80]}' is damaged")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise said
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(offsets, list):
        raise said
    if len(offsets) != 2 or len(shape) > _MOST_DIMENSIONS or not all(map(_whole, offsets + shape)):
        raise said
    if dtype not in _BITS:
        raise BadHeader(f"the tensor '{name[:80]}' is of an unknown kind of number")
    start, end = offsets
    if math.prod(shape) * _BITS[dtype] != 8 * (end - start):
        raise BadHeader(f"the shape of the tensor '{name[:80]}' does not fit its bytes")
    return Entry(dtype=dtype, shape=tuple(shape), start=data_start + start, end=data_start + end)
