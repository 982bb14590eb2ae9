"""Where a new checkpoint may be written, and what is said where it may not."""

import os
import stat

import numpy as np
import pytest
import torch

from interp_gui.checkpoints import staging
from interp_gui.checkpoints.staging import check_target, staged, write_safetensors
from interp_gui.core.errors import OutputProblem
from interp_gui.core.export.files import write_atomically

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "original.safetensors"
    write_safetensors(path, {"a": torch.zeros(2)}, {})
    return str(path)


@POSIX
@pytest.mark.parametrize("folder", [False, True])
def test_a_pipe_or_a_device_is_never_replaced(tmp_path, original, folder):
    pipe = tmp_path / "pipe.out"
    os.mkfifo(pipe)
    link = tmp_path / "link.out"
    link.symlink_to(pipe)
    for target in (pipe, link, "/dev/null"):
        with pytest.raises(OutputProblem, match="a device or a pipe"):
            check_target(type(pipe)(target), original, folder=folder)
    for target in (pipe, link):  # never a device here: where this fails, it would be gone
        with pytest.raises(OutputProblem, match="a device or a pipe"):
            write_atomically(target, b"1")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_name_that_no_disk_takes_is_told(tmp_path, original):
    for folder in (False, True):
        with pytest.raises(OutputProblem, match="its name is too long") as caught:
            check_target(tmp_path / f"{'a' * 300}.x", original, folder=folder)
        assert caught.value.hint == "Choose a shorter name."


def test_a_long_name_of_wide_letters_has_a_place_beside_it(tmp_path):
    target = tmp_path / f"{'模' * 80}.x"
    with staged(target, folder=False) as stage:
        stage.path.write_bytes(b"1")
    write_atomically(tmp_path / f"{'型' * 80}.x", b"2")
    assert target.read_bytes() == b"1"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_is_no_file(tmp_path, original):
    with pytest.raises(OutputProblem, match="is a folder"):
        check_target(tmp_path, original, folder=False)
    check_target(tmp_path / "new", original, folder=True)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX file modes")
def test_a_folder_that_may_not_be_written_to_is_told_before_anything_is_computed(
    tmp_path, original, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(OutputProblem, match="there is no permission"):
        check_target(tmp_path / "x.safetensors", original, folder=False)


def test_a_full_disk_is_told_in_words(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def full(*given, **named):
        raise SafetensorError("Error while serializing: I/O error: No space (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with (
        pytest.raises(OutputProblem, match="the disk is full") as caught,
        staged(tmp_path / "x.safetensors", folder=False) as stage,
    ):
        staging.write_safetensors(stage.path, {"a": torch.from_numpy(np.zeros(2))}, {})
    assert "Free some space" in caught.value.hint
    assert not list(tmp_path.iterdir()), "nothing is left behind"
