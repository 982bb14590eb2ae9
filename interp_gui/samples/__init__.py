"""Sample network and photographs that are on this machine already; importable without torch."""

from interp_gui.samples.mobilenet import mobilenet_path
from interp_gui.samples.photographs import photographs

__all__ = ["mobilenet_path", "photographs"]
