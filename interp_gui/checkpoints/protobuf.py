"""A cheap look at protocol buffers: whether a file has the outline of an ONNX model."""

import os
from pathlib import Path
from typing import BinaryIO

# numbers and wire types of ModelProto's fields (onnx.proto3)
_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_GRAPH = 7
_MOST_FIELDS = 100_000
_LONGEST_VARINT = 10  # bytes


def is_onnx(file: Path) -> bool:
    """Whether a file consists of the fields of an ONNX model, a graph among them, to its end.

    Only lengths are read, and the fields skipped: the model itself is checked elsewhere.
    """
    with open(file, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        seen = set()
        for _ in range(_MOST_FIELDS):
            if stream.tell() == size:
                return _GRAPH in seen
            tag = _varint(stream)
            if tag is None or _FIELDS.get(tag >> 3) != tag & 7:
                return False
            length = _varint(stream)
            if length is None:
                return False
            if tag & 7 == 2:
                if length > size - stream.tell():
                    return False
                stream.seek(length, os.SEEK_CUR)
            seen.add(tag >> 3)
    return False


def _varint(stream: BinaryIO) -> int | None:
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return value
    return None
