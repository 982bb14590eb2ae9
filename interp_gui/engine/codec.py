"""Messages as msgpack; large arrays beside them in one mapped file a message.

An array is a msgpack extension, so that it is told from a map wherever it stands, also inside
untyped state. Arrays of more than `INLINE_BYTES` are packed into one file of the run folder,
which the receiver maps and unlinks at once: nothing stays on disk however the processes end.
`multiprocessing.shared_memory` is not used because the resource tracker of a killed process
destroys segments that the window still shows.
"""

import itertools
import mmap
import os
import re
from collections.abc import Callable
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InterpError, OutputProblem
from interp_gui.engine.transport import ProtocolError

INLINE_BYTES = 4096
_ALIGN_BYTES = 64
_NUMERIC_KINDS = "biufc"
_INLINE, _MAPPED = 1, 2
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.arrays")
_MAX_AXES = 32

Message = TypeVar("Message")


class _Inline(msgspec.Struct, array_like=True, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Mapped(msgspec.Struct, array_like=True, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    file: str
    offset: int


class Encoder:
    """Turns messages into frames; safe to use from several threads.

    Parameters
    ----------
    folder
        The run folder, where files of arrays are put.
    prefix
        Begins the names of those files, so that two writers never collide and the files of a
        dead one can be told.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix
        self._numbers = itertools.count()

    def encode(self, message: Any) -> bytes:
        """Encode one message and write its arrays.

        Raises
        ------
        ProtocolError
            The message holds something that is neither plain data nor a numeric array.
        OutputProblem
            The run folder cannot be written.
        """
        packed = _Packed(f"{self._prefix}-{next(self._numbers)}.arrays")
        try:
            frame = msgspec.msgpack.encode(message, enc_hook=packed.hook)
        except (TypeError, ValueError, OverflowError, RecursionError) as problem:
            raise ProtocolError(f"A message cannot be sent: {problem}.") from problem
        if packed.arrays:
            packed.write(self._folder)
        return frame


class _Packed:
    """The arrays of one message on their way into one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.arrays: list[NDArray[Any]] = []
        self._size = 0

    def hook(self, value: Any) -> Any:
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return value.item()
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{type(value).__name__} is not plain data")
        if value.dtype.kind not in _NUMERIC_KINDS:
            raise TypeError(f"an array of {value.dtype} is not numeric")
        if value.nbytes <= INLINE_BYTES:
            inline = _Inline(value.dtype.str, value.shape, value.tobytes())
            return msgspec.msgpack.Ext(_INLINE, msgspec.msgpack.encode(inline))
        mapped = _Mapped(value.dtype.str, value.shape, self.name, self._size)
        self.arrays.append(value)
        self._size += value.nbytes + -value.nbytes % _ALIGN_BYTES
        return msgspec.msgpack.Ext(_MAPPED, msgspec.msgpack.encode(mapped))

    def write(self, folder: Path) -> None:
        part = folder / f"{self.name}.part"
        try:
            with open(part, "xb", opener=_private) as file:
                for array in self.arrays:
                    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                    file.write(flat.data)
                    file.write(bytes(-flat.nbytes % _ALIGN_BYTES))
            os.replace(part, folder / self.name)
        except OSError as problem:
            part.unlink(missing_ok=True)
            raise OutputProblem(
                f"A result cannot be handed over: {problem.strerror or problem}.",
                hint=f"Make room in {folder.parent}.",
            ) from problem


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Decoder(Generic[Message]):
    """Turns frames into messages; for one thread.

    Parameters
    ----------
    kind
        Type of the messages, or their union.
    folder
        The run folder.
    unlink
        Replaces `os.unlink`, for tests of systems that refuse while a file is mapped.
    """

    def __init__(
        self, kind: Any, folder: Path, *, unlink: Callable[[Path], None] = os.unlink
    ) -> None:
        self._folder = folder
        self._unlink = unlink
        self._maps: dict[str, mmap.mmap] = {}
        self._leftover: set[Path] = set()
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(
            kind, ext_hook=self._array, dec_hook=_checked
        )

    def decode(self, frame: bytes) -> Message:
        """Decode one frame; arrays are read-only and keep their file's pages alive.

        Raises
        ------
        ProtocolError
            Whatever is wrong with the frame or its arrays.
        """
        try:
            return self._decoder.decode(frame)
        except (
            msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError, OSError,
            InterpError,
        ) as problem:  # fmt: skip
            raise ProtocolError(f"A message cannot be read: {problem}") from problem
        finally:
            self._maps.clear()

    def close(self) -> None:
        """Remove files that could not be removed while they were mapped."""
        for path in list(self._leftover):
            with suppress(OSError):
                self._unlink(path)
                self._leftover.discard(path)

    def _array(self, code: int, data: memoryview) -> Any:
        if code == _INLINE:
            inline = msgspec.msgpack.decode(data, type=_Inline)
            dtype, count = _dtype(inline.dtype), _count(inline.shape)
            if dtype.itemsize * count != len(inline.data):
                raise ProtocolError("An array's size does not fit its data.")
            return np.frombuffer(inline.data, dtype).reshape(inline.shape)
        if code == _MAPPED:
            mapped = msgspec.msgpack.decode(data, type=_Mapped)
            dtype, count = _dtype(mapped.dtype), _count(mapped.shape)
            pages = self._map(mapped.file)
            end = mapped.offset + dtype.itemsize * count
            if mapped.offset < 0 or end > len(pages):
                raise ProtocolError("An array reaches beyond its file.")
            return np.frombuffer(pages, dtype, count, mapped.offset).reshape(mapped.shape)
        raise ProtocolError(f"Extension {code} is unknown.")

    def _map(self, name: str) -> mmap.mmap:
        if name in self._maps:
            return self._maps[name]
        if not _FILE_NAME.fullmatch(name):
            raise ProtocolError(f"'{name}' is not the name of a file of arrays.")
        path = self._folder / name
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        try:
            self._maps[name] = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
            try:
                self._unlink(path)
            except OSError:
                self._leftover.add(path)
        return self._maps[name]


def _dtype(text: str) -> np.dtype[Any]:
    dtype = np.dtype(text)
    if dtype.kind not in _NUMERIC_KINDS or dtype.shape:
        raise ProtocolError(f"An array of {text} is not numeric.")
    return dtype


def _count(shape: tuple[int, ...]) -> int:
    if len(shape) > _MAX_AXES or any(n < 0 for n in shape):
        raise ProtocolError(f"{shape} is not the shape of an array.")
    return prod(shape)


def _checked(kind: Any, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        raise ProtocolError(f"Where {kind} is expected stands {type(value).__name__}.")
    return value
