"""`doctor`: what is here, what is missing, why it matters and what to do."""

import argparse
import importlib.util
import platform
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from interp_gui import __version__
from interp_gui.cli.display import display_problem, install_hint, missing_libraries
from interp_gui.cli.log import log_file
from interp_gui.cli.output import Output, columns
from interp_gui.core.errors import InterpError

_PACKAGES = {
    "PySide6-Essentials": ("PySide6", "the window"),
    "pyqtgraph": ("pyqtgraph", "curves and large canvases in the window"),
    "numpy": ("numpy", "all numbers"),
    "pillow": ("PIL", "reading and writing images"),
    "torch": ("torch", "running and differentiating models"),
    "torchvision": ("torchvision", "the architectures of checkpoints"),
    "timm": ("timm", "architectures beyond torchvision's"),
    "transformers": ("transformers", "architectures beyond torchvision's"),
    "safetensors": ("safetensors", "checkpoints in safetensors format"),
    "onnx": ("onnx", "ONNX models"),
    "onnxruntime": ("onnxruntime", "fast forward passes"),
    "msgspec": ("msgspec", "messages, recipes and settings"),
    "platformdirs": ("platformdirs", "finding the folders for cache and settings"),
    "reportlab": ("reportlab", "PDF export"),
    "psutil": ("psutil", "watching the engine"),
}


class Problem(msgspec.Struct, frozen=True):
    """Something that is missing or wrong."""

    what: str
    why: str
    hint: str


def doctor(options: argparse.Namespace, output: Output) -> int:
    """Look at everything; 1 if a package is missing without which nothing runs."""
    problems: list[Problem] = []
    versions, missing = _versions(problems)
    with redirect_stdout(sys.stderr):
        report: dict[str, Any] = {
            "version": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "versions": versions,
            "devices": [] if "torch" in missing else _devices(problems),
            "providers": [] if "onnxruntime" in missing else _providers(problems),
            "display": _display(problems),
            "cache": _cache(problems),
            "plugins": [] if missing else _plugins(problems, safe_mode=options.safe_mode),
            "samples": _samples(problems),
            "log": str(log_file()),
        }
    report["problems"] = msgspec.to_builtins(problems)
    output.answer(report, _lines(report))
    return 1 if missing else 0


def _versions(problems: list[Problem]) -> tuple[dict[str, str | None], list[str]]:
    versions: dict[str, str | None] = {}
    for name, (module, use) in _PACKAGES.items():
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = importlib.util.find_spec(module) is not None
            versions[name] = "unknown" if found else None
            if not found:
                hint = f"Install it: {Path(sys.executable).name} -m pip install {name}"
                problems.append(Problem(f"{name} is not installed.", f"It is for {use}.", hint))
    return versions, [name for name, version in versions.items() if version is None]


def _devices(problems: list[Problem]) -> list[dict[str, Any]]:
    try:
        import torch

        from interp_gui.runtimes.devices import choose_device

        chosen, reason = choose_device()
        threads = torch.get_num_threads()
    except Exception as problem:  # noqa: BLE001 - a broken installation can raise anything
        problems.append(
            Problem(
                f"torch cannot be loaded: {_one_line(problem)}.",
                "No model can run without it.",
                "Install it again: python -m pip install --force-reinstall torch torchvision",
            )
        )
        return []
    devices = [
        {
            "name": "cpu", "used": chosen == "cpu", "reason": reason if chosen == "cpu" else "",
            "threads": threads,
        }
    ]  # fmt: skip
    if chosen != "cpu":
        devices.insert(0, {"name": chosen, "used": True, "reason": reason, "threads": 0})
    else:
        problems.append(
            Problem(
                f"Models run on the CPU: {reason}.",
                "Everything works without a GPU, but slower.",
                "With an NVIDIA GPU: update its driver and install a CUDA build of torch.",
            )
        )
    return devices


def _providers(problems: list[Problem]) -> list[str]:
    try:
        import onnxruntime

        return list(onnxruntime.get_available_providers())
    except Exception as problem:  # noqa: BLE001 - a broken installation can raise anything
        problems.append(
            Problem(
                f"onnxruntime cannot be loaded: {_one_line(problem)}.",
                "ONNX models cannot run without it.",
                "Install it again: python -m pip install --force-reinstall onnxruntime",
            )
        )
        return []


def _display(problems: list[Problem]) -> dict[str, Any]:
    problem = display_problem()
    if problem is not None:
        problems.append(
            Problem(
                f"No window can open: {problem.message}",
                "Everything but the window works without a display.",
                f"{problem.hint} Or use 'interp-gui demo --headless' and the commands.",
            )
        )
    lacking = {name: missing_libraries(name) for name in ("xcb", "offscreen")}
    libraries = sorted({library for found in lacking.values() for library in found})
    if libraries:
        problems.append(
            Problem(
                f"Shared libraries that Qt needs are missing: {', '.join(libraries)}.",
                "The window cannot open without them.",
                install_hint(libraries),
            )
        )
    return {
        "available": problem is None and not lacking["xcb"],
        "reason": problem.message if problem is not None else "",
        "missing_libraries": libraries,
    }


def _cache(problems: list[Problem]) -> dict[str, Any]:
    from interp_gui.engine.cache import Cache

    try:
        cache = Cache.default()
        if cache is None:
            return {"folder": None, "size_bytes": 0, "limit_bytes": 0}
        return {
            "folder": str(cache.folder),
            "size_bytes": cache.size_bytes,
            "limit_bytes": cache.limit_bytes,
        }
    except (OSError, InterpError) as problem:
        problems.append(
            Problem(
                f"The cache cannot be used: {_one_line(problem)}.",
                "Pictures and statistics are computed anew every time.",
                "Set INTERP_GUI_CACHE to a folder that you may write to.",
            )
        )
        return {"folder": None, "size_bytes": 0, "limit_bytes": 0}


def _plugins(problems: list[Problem], *, safe_mode: bool) -> list[dict[str, str]]:
    from interp_gui.cli.session import local_engine

    try:
        found = local_engine(safe_mode=safe_mode, cached=False).workspace.plugins
    except Exception as problem:  # noqa: BLE001 - reported like everything else that is broken
        problems.append(
            Problem(
                f"The engine cannot start: {_one_line(problem)}.",
                "Nothing can be computed.",
                "Install interp-gui again.",
            )
        )
        return []
    for plugin in found:
        if plugin.problem:
            problems.append(
                Problem(
                    f"The plugin {plugin.name} is disabled: {plugin.problem.rstrip('.')}.",
                    "Its analyses are missing from menus and the command line.",
                    "Update it or take it out; the log holds the details.",
                )
            )
    return [{"name": p.name, "version": p.version, "problem": p.problem} for p in found]


def _samples(problems: list[Problem]) -> dict[str, Any]:
    from interp_gui.samples import mobilenet_path, photographs

    model: str | None = None
    try:
        model = str(mobilenet_path())
    except InterpError as problem:
        problems.append(Problem(problem.message, "The demo needs it.", problem.hint))
    pictures = len(photographs())
    if not pictures:
        problems.append(
            Problem(
                "No sample photographs were found.",
                "The demo shows what units respond to on them.",
                "Install them: python -m pip install scikit-image scikit-learn",
            )
        )
    return {"model": model, "photographs": pictures}


def _lines(report: dict[str, Any]) -> Iterator[str]:
    size = report["cache"]["size_bytes"] / 2**20
    display = report["display"]
    rows = [
        ("interp-gui", report["version"]),
        ("python", f"{report['python']} on {report['platform']}"),
        *((name, version or "missing") for name, version in report["versions"].items()),
        *(
            (f"device {d['name']}", f"{'used' if d['used'] else 'there'}: {d['reason']}")
            for d in report["devices"]
        ),
        ("providers", ", ".join(report["providers"]) or "none"),
        ("display", "there" if display["available"] else display["reason"] or "unusable"),
        ("cache", f"{report['cache']['folder'] or 'off'} ({size:.1f} MiB)"),
        *((f"plugin {p['name']}", p["problem"] or p["version"]) for p in report["plugins"]),
        ("sample model", report["samples"]["model"] or "missing"),
        ("sample photographs", str(report["samples"]["photographs"])),
        ("log", report["log"]),
    ]
    yield from columns(rows)
    yield ""
    if not report["problems"]:
        yield "Nothing is missing."
    for problem in report["problems"]:
        yield f"! {problem['what']}"
        yield f"  {problem['why']} {problem['hint']}"


def _one_line(problem: BaseException) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text.rstrip(".")
