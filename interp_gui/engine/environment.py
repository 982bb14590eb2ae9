"""What the engine process is started with, and what it runs on."""

import os
import site
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import interp_gui

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "msgspec",
    "onnxruntime",
    "timm",
    "transformers",
)

_QUIET_THREADS = {
    # Idle OpenMP workers that spin beside one busy process make a forward pass of MobileNetV2
    # take 144 ms in the median and 2,148 ms at p90, instead of 34 and 40 ms.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "KMP_BLOCKTIME": "0",
}
_OFFLINE = {
    # no model file makes a library look for its other half on the network
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}


def engine_command(run_folder: Path, *, safe_mode: bool = False, frozen: bool = False) -> list[str]:
    """Command line of an engine process; our own entry point, so that no Qt is imported."""
    start = [] if frozen else ["-P", "-m", "interp_gui"]
    options = ["--safe-mode"] if safe_mode else []
    return [sys.executable, *start, "--engine", str(run_folder), *options]


def engine_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables of an engine process; what the user has set wins, but offline it is."""
    variables = {**_QUIET_THREADS, **(os.environ if base is None else base), **_OFFLINE}
    root = str(Path(interp_gui.__file__).resolve().parent.parent)
    if root not in (*site.getsitepackages(), site.getusersitepackages()):
        # The engine is started without the working folder on its path, where a file named like
        # a library would be run in its place; a checkout has to be named then.
        others = variables.get("PYTHONPATH")
        variables["PYTHONPATH"] = root if not others else os.pathsep.join((root, others))
    return variables


def package_versions() -> dict[str, str]:
    """Version of each package that results can depend on, without importing it."""
    versions = {
        "interp-gui": interp_gui.__version__,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
    }
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
