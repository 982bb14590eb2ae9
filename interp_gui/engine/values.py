"""Arrays and JSON-like values in one block of bytes, with a checksum; never pickled."""

import hashlib
from typing import Any

import msgspec
import numpy as np

from interp_gui.core.errors import InterpError

_MAGIC = b"igv1"
_DIGEST_BYTES = 32
_ARRAY = 1


class DamagedValue(InterpError):
    """A block of bytes is not what `pack` wrote."""


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


def pack(value: dict[str, Any]) -> bytes:
    """Encode; TypeError for anything but numeric arrays, numbers, text, lists and maps."""
    body = msgspec.msgpack.encode(value, enc_hook=_encode)
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpack(data: bytes) -> dict[str, Any]:
    """Decode; arrays are read-only. Anything damaged raises DamagedValue."""
    start = len(_MAGIC) + _DIGEST_BYTES
    body = memoryview(data)[start:]
    if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(body).digest() != data[len(_MAGIC) : start]:
        raise DamagedValue("A stored value is damaged.")
    try:
        return msgspec.msgpack.decode(body, type=dict[str, Any], ext_hook=_decode)
    except (msgspec.MsgspecError, ValueError, TypeError) as problem:
        raise DamagedValue(f"A stored value cannot be read: {problem}.") from problem


def _encode(value: Any) -> Any:
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        array = _Array(value.dtype.str, value.shape, value.tobytes())
        return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode(array))
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _decode(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        raise ValueError(f"extension {code}")
    array = msgspec.msgpack.decode(data, type=_Array)
    return np.frombuffer(array.data, np.dtype(array.dtype)).reshape(array.shape)
