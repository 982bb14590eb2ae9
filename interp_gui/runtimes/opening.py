"""From an opened checkpoint to a network that runs."""

from typing import Any, Protocol

from interp_gui.core.model import ModelDescription
from interp_gui.core.runtime import Runtime
from interp_gui.runtimes.torch_runtime import TorchRuntime


class Opened(Protocol):
    """What a checkpoint gives once it is opened: a `module`, or the bytes of an `onnx` model."""

    @property
    def description(self) -> ModelDescription:
        """What it is; layers are not known yet."""


def open_runtime(opened: Opened, *, device: str = "cpu") -> Runtime:
    """Make a runtime of an opened checkpoint; its layers are probed here."""
    module: Any = getattr(opened, "module", None)
    return TorchRuntime(module, opened.description, device=device)
