import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import FileProblem


def refused(path, match, opener=open_checkpoint):
    """Opening raises a FileProblem of one line with a hint."""
    with pytest.raises(FileProblem, match=match) as caught:
        opener(path)
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.hint
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_formats_are_told_by_content(tmp_path, state):
    torch.save(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b", _use_new_zipfile_serialization=False)
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "c.pth")
    assert inspect_file(tmp_path / "a.safetensors").format == "torch-zip"
    assert inspect_file(tmp_path / "b").format == "torch-legacy"
    assert inspect_file(str(tmp_path / "c.pth")).format == "safetensors"


def test_nothing_there(tmp_path):
    refused(tmp_path / "no.pth", "There is no file")
    refused(tmp_path, "holds no checkpoint")
    (tmp_path / "zero.pth").write_bytes(b"")
    refused(tmp_path / "zero.pth", "is empty")
    refused("a\0b", "cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    refused(tmp_path / "pipe.pth", "not a regular file")


def test_unreadable(tmp_path, state, monkeypatch):
    torch.save(state, tmp_path / "a.pth")

    def deny(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    refused(tmp_path / "a.pth", "may not be read", inspect_file)


@pytest.mark.parametrize("share", [0.0005, 0.3, 0.9, 0.9999])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_truncated(tmp_path, state, kind, share):
    whole = tmp_path / "whole.pth"
    if kind == "safetensors":
        save_file({k: v.contiguous() for k, v in state.items()}, whole)
    else:
        torch.save(state, whole, _use_new_zipfile_serialization=kind == "zip")
    content = whole.read_bytes()
    cut = tmp_path / "cut.pth"
    cut.write_bytes(content[: max(16, int(len(content) * share))])
    refused(cut, "truncated|damaged|cannot be read|not a checkpoint")


def test_damage_in_the_middle_of_a_zip(tmp_path, state):
    path = tmp_path / "a.pth"
    torch.save(state, path)
    content = bytearray(path.read_bytes())
    start = content.index(b"data.pkl") + 80
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    refused(path, "cannot be read as a checkpoint")


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"just some text\n" * 9, "is not a checkpoint"),
        (b"{}", "is not a checkpoint"),
        (bytes(1000), "is not a checkpoint"),
        (b"\x80", "is not a checkpoint"),
        (png(), "is a PNG picture"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "HDF5"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (pickle.dumps({"a": 1}), "torch did not write"),
        (pickle.dumps([1, 2, 3], protocol=2), "torch did not write"),
        (b"\x10\0\0\0\0\0\0\0{nonsense      }", "damaged"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{", "is not a checkpoint"),
        (b"<?xml version='1.0'?><net name='a'></net>", "an OpenVINO model"),
        (b"<?xml version='1.0'?><html></html>", "a web page"),
        (b"lmgg" + bytes(90), "GGML"),
        (b"Invalid username or password.", "a text that begins with 'Invalid username"),
        (b'{"error": "Repository not found"}', "a text that begins with '{\"error"),
        (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "a server's message"),
    ],
)
def test_not_a_checkpoint(tmp_path, content, match):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    refused(path, match)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("saved_model.pb", "a TensorFlow graph"), ("a.mlmodel", "a Core ML model"),
        ("flax_model.msgpack", "a file of Flax"), ("a.py", "a Python program"),
        ("model.ckpt.data-00000-of-00001", "TensorFlow checkpoint"),
        ("config.json", "a JSON file"), ("__0_0.distcp", "a part of a distributed checkpoint"),
    ],
)  # fmt: skip
def test_kinds_that_only_the_suffix_tells(tmp_path, name, match):
    (tmp_path / name).write_bytes(b"\x08\x01" + bytes(90))
    refused(tmp_path / name, match)


@pytest.mark.parametrize(
    ("inside", "match"), [("sys_info", "oldest format"), ("a/best.pth", "begins with 'a/best.pth'")]
)
def test_tar_archives(tmp_path, inside, match):
    with tarfile.open(tmp_path / "a.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo(inside))
    refused(tmp_path / "a.pth", match)


def test_archives_of_other_things(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    refused(tmp_path / "a.npz", "is a NumPy archive")
    np.savez(tmp_path / "b.npz", **{"Transformer/encoderblock_0/scale": np.zeros(3)})
    with pytest.raises(FileProblem, match="is a NumPy archive") as caught:
        open_checkpoint(tmp_path / "b.npz")
    assert "timm" in caught.value.hint
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.writestr("run/best.pth", b"x")
    refused(tmp_path / "download.zip", "with 'run/best.pth' in it")
    with zipfile.ZipFile(tmp_path / "empty.pth", "w"):
        pass
    refused(tmp_path / "empty.pth", "without a checkpoint in it")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a.npz", "a.npz")
    refused(tmp_path / "a.tar", "tar archive")


def test_zip_that_unpacks_to_far_more_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(50_000_000))
    refused(tmp_path / "bomb.pth", "unpack to far more")


def test_torchscript_is_refused_with_advice(tmp_path):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/data.pkl", b"\x80\x02}.")
        archive.writestr("script/constants.pkl", b"\x80\x02).")
        archive.writestr("script/code/__torch__.py", "")
    refused(tmp_path / "script.pt", "TorchScript")
    with pytest.raises(FileProblem) as caught:
        inspect_file(Path(tmp_path / "script.pt"))
    assert "state_dict" in caught.value.hint


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_pickle_protocol_is_read(tmp_path, state, protocol, zipped):
    if protocol < 2 and zipped is False:
        pytest.skip("torch does not tell such files from others")
    path = tmp_path / "a.pth"
    torch.save(state, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    found = read_contents(inspect_file(path)).sets[0].tensors
    assert list(found) == list(state)
    assert all(torch.equal(found[key], state[key]) for key in state)
