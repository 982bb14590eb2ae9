"""Length-prefixed frames over a pair of pipes."""

import os
import struct
import threading
from collections.abc import Callable

from interp_gui.core.errors import InterpError

MAX_FRAME_BYTES = 64 * 2**20
"""Large arrays do not travel in frames; anything beyond this is a corrupt stream."""

_LENGTH = struct.Struct("<I")
_CHUNK_BYTES = 2**20


class ProtocolError(InterpError):
    """What came through the pipe is not a message of ours, or a message cannot be sent."""


class FrameReader:
    """Reads frames from a file descriptor.

    Parameters
    ----------
    fd
        Readable end of a pipe.
    read
        Replaces `os.read`, for tests of partial reads.
    """

    def __init__(self, fd: int, *, read: Callable[[int, int], bytes] = os.read) -> None:
        self._fd = fd
        self._read = read

    def frame(self) -> bytes | None:
        """Wait for the next frame; None once the other side has closed between two frames.

        Raises
        ------
        ProtocolError
            The stream ended inside a frame, or announced an oversize one.
        """
        header = self._exactly(_LENGTH.size)
        if not header:
            return None
        if len(header) < _LENGTH.size:
            raise ProtocolError("The stream ended inside the length of a frame.")
        (size,) = _LENGTH.unpack(header)
        if size > MAX_FRAME_BYTES:
            raise ProtocolError(f"A frame of {size} bytes was announced, which is too large.")
        body = self._exactly(size)
        if len(body) < size:
            raise ProtocolError("The stream ended inside a frame.")
        return body

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        missing = size
        while missing:
            part = self._read(self._fd, min(missing, _CHUNK_BYTES))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


class FrameWriter:
    """Writes frames to a file descriptor, whole, from any thread.

    Parameters
    ----------
    fd
        Writable end of a pipe.
    write
        Replaces `os.write`, for tests of partial writes.
    """

    def __init__(self, fd: int, *, write: Callable[[int, memoryview], int] = os.write) -> None:
        self._fd = fd
        self._write = write
        self._lock = threading.Lock()

    def frame(self, body: bytes) -> None:
        """Write one frame; OSError if the other side has gone."""
        if len(body) > MAX_FRAME_BYTES:
            raise ProtocolError(f"A message of {len(body)} bytes is too large to be sent.")
        rest = memoryview(_LENGTH.pack(len(body)) + body)
        with self._lock:
            while rest:
                rest = rest[self._write(self._fd, rest) :]
