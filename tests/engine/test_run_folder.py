import os
import subprocess
import sys

import pytest

from interp_gui.engine.run_folder import RunFolder, sweep


def test_it_is_private_and_goes_when_closed(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.path.is_dir()
    if os.name != "nt":
        assert folder.path.stat().st_mode & 0o077 == 0
    (folder.path / "e1-0.arrays").write_bytes(b"x")
    (folder.path / "w1-0.arrays.part").write_bytes(b"x")
    folder.discard("e1-")
    assert {p.name for p in folder.path.iterdir()} == {"owner.lock", "w1-0.arrays.part"}
    folder.close()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_dead_owner_is_swept_and_that_of_a_living_one_is_not(tmp_path):
    living = RunFolder(tmp_path)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from interp_gui.engine.run_folder import RunFolder\n"
        "f = RunFolder(Path(sys.argv[1])); (f.path / 'x').write_text('x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [living.path]
    living.close()


def test_what_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "interp-gui-run-new").mkdir()
    old = tmp_path / "interp-gui-run-old"
    old.mkdir()
    os.utime(old, (0, 0))
    target = tmp_path / "precious"
    target.mkdir()
    if os.name != "nt":
        (tmp_path / "interp-gui-run-link").symlink_to(target)
    sweep(tmp_path)
    left = {p.name for p in tmp_path.iterdir()}
    assert {"other", "interp-gui-run-new", "precious"} <= left
    assert "interp-gui-run-old" not in left


@pytest.mark.skipif(os.name == "nt", reason="uses POSIX rights")
def test_a_missing_parent_is_made(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b")
    folder.close()
    assert (tmp_path / "a" / "b").is_dir()
