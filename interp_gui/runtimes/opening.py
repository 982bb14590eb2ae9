"""From an opened checkpoint to a network that runs."""

from typing import Protocol

from torch import nn

from interp_gui.core.model import ModelDescription
from interp_gui.runtimes.torch_runtime import TorchRuntime


class Opened(Protocol):
    """What a checkpoint gives once it is opened."""

    @property
    def module(self) -> nn.Module:
        """The network with its weights."""

    @property
    def description(self) -> ModelDescription:
        """What it is; layers are not known yet."""


def open_runtime(opened: Opened, *, device: str = "cpu") -> TorchRuntime:
    """Make a runtime of an opened checkpoint; its layers are probed here."""
    return TorchRuntime(opened.module, opened.description, device=device)
