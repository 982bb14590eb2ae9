"""Whatever bytes a file has, reading it ends soon, with weights or with a sentence."""

import json
import struct

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.look import look
from interp_gui.core.errors import FileProblem, InterpError

STATE = {
    "a.weight": torch.arange(12.0).reshape(3, 4),
    "b.weight": torch.ones(2),
    "c.n": torch.tensor(3),
}
QUICK = settings(
    max_examples=80, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def good(folder, kind):
    path = folder / "good"
    if kind == "safetensors":
        save_file(STATE, path)
    elif kind == "module":
        torch.save(torch.nn.Linear(2, 2), path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zip")
    return path.read_bytes()


def attempt(path):
    """What was read, or None with a sentence; anything else is an error of the test."""
    look(path, hashed=False)
    try:
        return read_contents(inspect_file(path), stubs=True)
    except InterpError:
        return None


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors", "module"])
@QUICK
@given(data=st.data())
def test_damaged_files(tmp_path, kind, data):
    content = bytearray(good(tmp_path, kind))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = tmp_path / "damaged"
    path.write_bytes(content)
    found = attempt(path)
    if found is not None and kind == "zip":
        for each in found.sets:  # the checksums hold: what is read is what was written
            known = {value.numpy().tobytes() for value in STATE.values()}
            assert all(value.numpy().tobytes() in known for value in each.tensors.values())


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path, content):
    path = tmp_path / "any"
    path.write_bytes(content)
    attempt(path)


@QUICK
@given(st.binary(max_size=60), st.booleans())
def test_any_instructions(tmp_path, codes, named):
    path = tmp_path / "any"
    middle = b"cbuiltins\nexec\n" if named else b""
    path.write_bytes(b"\x80\x02]}" + middle + codes + b".")
    attempt(path)


@QUICK
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "dtype", "shape", "data_offsets", "__metadata__"]), inner,
            max_size=4,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_header(tmp_path, header):
    path = tmp_path / "any"
    raw = json.dumps({"a": header}).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(8))
    attempt(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_every_truncation_is_told(tmp_path, kind):
    content = good(tmp_path, kind)
    path = tmp_path / "cut"
    for length in range(1, len(content), max(1, len(content) // 60)):
        path.write_bytes(content[:length])
        with pytest.raises(FileProblem):
            read_contents(inspect_file(path))


def test_every_flipped_bit_of_the_numbers_in_an_archive_is_found(tmp_path):
    content = good(tmp_path, "zip")
    start = content.index(STATE["a.weight"].numpy().tobytes())
    path = tmp_path / "flipped"
    for bit in range(0, 48 * 8, 7):
        raw = bytearray(content)
        raw[start + bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)
        with pytest.raises(FileProblem, match="checksum"):
            read_contents(inspect_file(path))


def test_the_file_may_change_once_it_is_read(tmp_path):
    for kind in ("zip", "legacy", "safetensors"):
        path = tmp_path / "file"
        path.write_bytes(good(tmp_path, kind))
        found = read_contents(inspect_file(path)).sets[0].tensors
        path.write_bytes(bytes(path.stat().st_size))
        path.write_bytes(b"")
        assert all(torch.equal(found[key], value) for key, value in STATE.items())
