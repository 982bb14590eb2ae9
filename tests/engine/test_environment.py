import os
import site
import subprocess
import sys
from pathlib import Path

from interp_gui.engine.environment import engine_command, engine_environment, package_versions

ROOT = Path(__file__).parents[2]


def test_idle_threads_of_the_engine_do_not_spin():
    variables = engine_environment({"HOME": "/x", "GOMP_SPINCOUNT": "5"})
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
    assert variables["GOMP_SPINCOUNT"] == "5"
    assert variables["HOME"] == "/x"


def test_a_checkout_is_named_to_the_engine_and_earlier_paths_stay():
    if str(ROOT) in site.getsitepackages():
        return
    variables = engine_environment({"PYTHONPATH": "/a"})
    assert variables["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/a"]


def test_the_engine_is_our_own_entry_point_also_when_frozen(tmp_path):
    assert engine_command(tmp_path)[-2:] == ["--engine", str(tmp_path)]
    assert engine_command(tmp_path, frozen=True) == [sys.executable, "--engine", str(tmp_path)]
    assert engine_command(tmp_path, safe_mode=True)[-1] == "--safe-mode"


def test_a_file_in_the_working_folder_is_not_taken_for_a_library(tmp_path):
    (tmp_path / "msgspec.py").write_text("raise SystemExit('planted')")
    done = subprocess.run(
        engine_command(tmp_path / "a")[:-1], cwd=tmp_path, capture_output=True, text=True,
        env=engine_environment(), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_versions_are_told_without_importing():
    versions = package_versions()
    assert {"interp-gui", "python", "torch", "numpy"} <= versions.keys()
