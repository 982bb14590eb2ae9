"""`installer/setup.sh` where system packages are missing and nobody is root."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "installer" / "setup.sh"
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3", "python")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script for a Unix shell")


@pytest.fixture
def bare(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A checkout's script and an environment with apt, without root, Python and fonts."""
    (tmp_path / "installer").mkdir()
    shutil.copy(SCRIPT, tmp_path / "installer")
    tools = tmp_path / "tools"
    tools.mkdir()
    stubs = dict.fromkeys(PYTHONS, "exit 1") | {
        "id": "echo 1000", "uname": "echo Linux", "apt-get": f"touch {tmp_path}/apt-ran",
        "find": "exit 0",
    }  # fmt: skip
    for name, line in stubs.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    for name in ("sh", "dirname", "cut", "head"):
        (tools / name).symlink_to(str(shutil.which(name)))
    return tmp_path, {"PATH": str(tools)}


@pytest.mark.parametrize("sudo", [True, False])
def test_all_that_is_missing_is_asked_for_in_one_line(
    bare: tuple[Path, dict[str, str]], sudo: bool
) -> None:
    folder, environment = bare
    if sudo:
        (folder / "tools" / "sudo").symlink_to(folder / "tools" / "id")
    ran = subprocess.run(
        [folder / "installer" / "setup.sh", "test"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    lines = [line.strip() for line in ran.stderr.splitlines() if "apt-get" in line]
    assert len(lines) == 1
    before = "sudo " if sudo else ""
    assert lines[0].startswith(f"{before}apt-get update && {before}apt-get install -y ")
    for package in ("python3-venv", "libegl1", "libxcb-cursor0", "fonts-dejavu-core", "xvfb"):
        assert package in lines[0].split()
    assert ("as root" in ran.stderr) is not sudo
    assert not (folder / "apt-ran").exists()
    assert not (folder / ".venv").exists()
