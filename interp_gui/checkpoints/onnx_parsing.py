"""Reading the bytes of an ONNX file: counted field by field before they become a model.

An empty message takes two bytes in a file and a hundred times that in memory, so a file of nothing
else would fill it while it is parsed.
"""

from pathlib import Path
from typing import Any

import psutil

from interp_gui.core.errors import FileProblem, OutOfMemory

MOST_BYTES = (1 << 31) - 1
"""Protocol buffers hold no more."""

_COPIES = 3
"""The file's bytes, the parsed model, and ONNX Runtime's own weights."""
_MOST_FIELDS = 1_000_000
_DEEPEST = 40
_TEXT, _MESSAGE = 9, 11  # of protocol buffers' descriptors
_VARINT, _WIDE, _LENGTH, _NARROW = 0, 1, 2, 5
_FIXED = {_WIDE: 8, _NARROW: 4}
_LONGEST_VARINT = 10  # bytes

_Table = dict[int, Any]


def parsed_model(path: Path) -> Any:
    """The `onnx.ModelProto` in a file; nothing of what it says has been checked.

    Raises
    ------
    FileProblem
        It is larger than ONNX allows, truncated or damaged, or made of absurdly many parts.
    OutOfMemory
        It does not fit in memory.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    name = path.name
    try:
        with open(path, "rb") as stream:
            size = stream.seek(0, 2)
            if size > MOST_BYTES:
                raise too_large(name)
            check_memory(size, name)
            stream.seek(0)
            data = stream.read(MOST_BYTES + 1)
    except OSError as problem:
        raise FileProblem(f"'{name}' cannot be read: {problem.strerror}.") from None
    model = onnx.ModelProto()
    try:
        _count_fields(data, model.DESCRIPTOR)
        model.ParseFromString(data)
    except _TooMany:
        raise FileProblem(
            f"'{name}' has more operations than any network known, and is refused."
        ) from None
    except (DecodeError, ValueError, IndexError):
        raise FileProblem(
            f"'{name}' is truncated or damaged.", hint="Copy or download the file again."
        ) from None
    return model


def check_memory(size_bytes: int, name: str) -> None:
    """Raise OutOfMemory where a model of so many bytes does not fit."""
    free = psutil.virtual_memory().available
    if size_bytes * _COPIES > free:
        raise OutOfMemory(
            f"'{name}' takes about {size_bytes * _COPIES / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} GiB are free.",
            hint="Close other models or programs.",
        )


def too_large(name: str) -> FileProblem:
    """What is said of models beyond the limit of the format."""
    return FileProblem(
        f"'{name}' has more than 2 GiB of weights, which an ONNX model in one piece cannot hold.",
        hint="Export it in half precision, or open the weights that it was exported from.",
    )


class _TooMany(Exception):
    """There are more fields, or deeper ones, than any model has."""


def _count_fields(data: bytes, descriptor: Any) -> None:
    """Walk all messages of a file; ValueError for damaged ones and for texts in no encoding."""
    tables: dict[str, _Table] = {}

    def table_of(message: Any) -> _Table:
        """Submessages by their number, and True for texts."""
        found = tables.get(message.full_name)
        if found is None:
            found = tables[message.full_name] = {
                number: field.message_type if field.type == _MESSAGE else True
                for number, field in message.fields_by_number.items()
                if field.type in (_MESSAGE, _TEXT)
            }
        return found

    left = _MOST_FIELDS
    waiting = [(0, len(data), table_of(descriptor), 0)]
    while waiting:
        place, end, table, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _TooMany
        while place < end:
            left -= 1
            if left < 0:
                raise _TooMany
            tag, place = _varint(data, place)
            kind = tag & 7
            if kind == _VARINT:
                _, place = _varint(data, place)
                continue
            if kind != _LENGTH:
                if kind not in _FIXED:
                    raise ValueError("a group")
                place += _FIXED[kind]
                continue
            length, start = _varint(data, place)
            place = start + length
            if place > end:
                raise ValueError("cut short")
            inner = table.get(tag >> 3)
            if inner is True:
                data[start:place].decode()
            elif inner is not None and length:
                waiting.append((start, place, table_of(inner), depth + 1))
        if place != end:
            raise ValueError("cut short")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A whole number, and where it ends."""
    byte = data[place]
    if byte < 0x80:  # nearly all of them
        return byte, place + 1
    value = byte & 0x7F
    for step in range(1, _LONGEST_VARINT):
        byte = data[place + step]
        value |= (byte & 0x7F) << (7 * step)
        if byte < 0x80:
            return value, place + step + 1
    raise ValueError("a number without end")
