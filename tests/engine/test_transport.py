import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.engine.transport import MAX_FRAME_BYTES, FrameReader, FrameWriter, ProtocolError


class Pipe:
    """Bytes that come and go in pieces of the given sizes."""

    def __init__(self, pieces=(1,)):
        self.data = b""
        self.pieces = pieces
        self.turn = 0

    def _size(self):
        self.turn += 1
        return self.pieces[self.turn % len(self.pieces)]

    def read(self, fd, size):
        size = min(size, self._size())
        part, self.data = self.data[:size], self.data[size:]
        return part

    def write(self, fd, data):
        part = bytes(data[: self._size()])
        self.data += part
        return len(part)


sizes = st.lists(st.integers(1, 7), min_size=1, max_size=5)


@given(st.lists(st.binary(max_size=40), max_size=6), sizes)
def test_frames_survive_partial_reads_and_writes(frames, pieces):
    pipe = Pipe(pieces)
    writer, reader = FrameWriter(0, write=pipe.write), FrameReader(0, read=pipe.read)
    for frame in frames:
        writer.frame(frame)
    assert [reader.frame() for _ in frames] == frames
    assert reader.frame() is None


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_stream_cut_inside_a_frame_is_an_error(frame, data):
    pipe = Pipe((9,))
    FrameWriter(0, write=pipe.write).frame(frame)
    pipe.data = pipe.data[: data.draw(st.integers(1, len(pipe.data) - 1))]
    with pytest.raises(ProtocolError, match="ended inside"):
        FrameReader(0, read=pipe.read).frame()


def test_an_oversize_announcement_is_refused_before_it_is_read():
    pipe = Pipe((64,))
    pipe.data = struct.pack("<I", MAX_FRAME_BYTES + 1) + b"x"
    with pytest.raises(ProtocolError, match="too large"):
        FrameReader(0, read=pipe.read).frame()


def test_an_oversize_message_is_refused_and_nothing_is_written():
    pipe = Pipe((64,))
    with pytest.raises(ProtocolError, match="too large"):
        FrameWriter(0, write=pipe.write).frame(bytes(MAX_FRAME_BYTES + 1))
    assert pipe.data == b""


def test_over_a_real_pipe():
    reading, writing = os.pipe()
    FrameWriter(writing).frame(b"hello")
    os.close(writing)
    reader = FrameReader(reading)
    assert reader.frame() == b"hello"
    assert reader.frame() is None
    os.close(reading)
