"""Whether a window can open, found out before Qt would end the process to say that it cannot."""

import ctypes
import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_NO_SCREEN = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")
_PACKAGES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
}


class DisplayProblem(NamedTuple):
    """Why there is no window, and what to do."""

    message: str
    hint: str


def display_problem(environment: Mapping[str, str] | None = None) -> DisplayProblem | None:
    """Why a window cannot open here; None if it can as far as can be told."""
    if sys.platform in ("win32", "darwin"):
        return None
    values = os.environ if environment is None else environment
    platform = values.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if platform in _NO_SCREEN:
        return None
    wayland, x11 = values.get("WAYLAND_DISPLAY", ""), values.get("DISPLAY", "")
    if not wayland and not x11:
        return DisplayProblem(
            "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set).",
            "Start it on a desktop, or with 'ssh -X'.",
        )
    reachable = (wayland and _wayland_answers(wayland, values)) or (x11 and _x11_answers(x11))
    if not reachable:
        named = f"DISPLAY={x11}" if x11 else f"WAYLAND_DISPLAY={wayland}"
        return DisplayProblem(
            f"the display does not answer ({named}).", "Check that it runs and that it is yours."
        )
    missing = _first_missing_library("wayland" if wayland and platform != "xcb" else "xcb")
    if missing:
        return DisplayProblem(f"the library {missing} is missing.", install_hint([missing]))
    return None


def install_hint(libraries: list[str]) -> str:
    """The line to type on Debian and its kin."""
    packages = sorted({_PACKAGES.get(name, name) for name in libraries})
    return f"Install it: sudo apt install {' '.join(packages)}"


def platform_plugin(name: str) -> Path | None:
    """File of Qt's plugin for a platform, None where PySide6 or the plugin is missing."""
    found = importlib.util.find_spec("PySide6")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "Qt" / "plugins" / "platforms"
    names = {"xcb": ["libqxcb.so"], "wayland": ["libqwayland.so", "libqwayland-generic.so"]}
    files = (folder / file for file in names.get(name, [f"libq{name}.so"]))
    return next((file for file in files if file.is_file()), None)


def missing_libraries(name: str) -> list[str]:
    """Shared libraries that Qt's plugin for a platform lacks, found without loading it."""
    plugin = platform_plugin(name)
    if plugin is None or sys.platform in ("win32", "darwin"):
        return []
    try:
        listed = subprocess.run(
            ["ldd", str(plugin)], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = (line.split() for line in listed.stdout.splitlines() if "not found" in line)
    return sorted({words[0] for words in lines if words})


def _first_missing_library(name: str) -> str:
    """The same by loading it, which costs nothing where Qt loads it next."""
    plugin = platform_plugin(name)
    if plugin is None:
        return ""
    try:
        ctypes.CDLL(str(plugin))
    except OSError as problem:
        library = str(problem).partition(":")[0]
        return library if ".so" in library and "/" not in library else ""
    return ""


def _x11_answers(display: str) -> bool:
    host, _, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not number.isdecimal():
        return False
    if host and not host.startswith(("unix", "/")):
        return _connects(socket.AF_INET, (host, 6000 + int(number)))
    path = f"/tmp/.X11-unix/X{number}"
    return _connects(socket.AF_UNIX, "\0" + path) or _connects(socket.AF_UNIX, path)


def _wayland_answers(display: str, values: Mapping[str, str]) -> bool:
    return _connects(socket.AF_UNIX, os.path.join(values.get("XDG_RUNTIME_DIR", ""), display))


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(3.0)
        try:
            probe.connect(address)
        except (OSError, OverflowError):
            return False
    return True
