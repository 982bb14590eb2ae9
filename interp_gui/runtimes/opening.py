"""From an opened checkpoint to a network that runs."""

from collections.abc import Sequence
from typing import Any, Protocol

from interp_gui.core.describing import LayerDescriber
from interp_gui.core.model import ModelDescription
from interp_gui.core.opening import Tell, quietly
from interp_gui.core.runtime import Runtime
from interp_gui.runtimes.devices import compute_in_full_precision
from interp_gui.runtimes.torch_runtime import TorchRuntime


class Opened(Protocol):
    """What a checkpoint gives once it is opened: a `module`, or the bytes of an `onnx` model."""

    @property
    def description(self) -> ModelDescription:
        """What it is; layers are not known yet."""


def open_runtime(
    opened: Opened,
    *,
    device: str = "cpu",
    describers: Sequence[LayerDescriber] = (),
    tell: Tell = quietly,
) -> Runtime:
    """Make a runtime of an opened checkpoint; its layers are probed and described here.

    Parameters
    ----------
    tell
        Told what is done now; what it raises (Cancelled) ends the opening.
    """
    compute_in_full_precision()
    onnx: bytes | None = getattr(opened, "onnx", None)
    if onnx is not None:
        from interp_gui.runtimes.onnx.runtime import OnnxRuntime

        runtime = OnnxRuntime(onnx, opened.description, device=device, check=lambda: tell(""))
        tell("Looking for gradients")
        with runtime.cancel_with(lambda: tell("")):
            runtime.seek_gradients()
        return runtime
    module: Any = getattr(opened, "module", None)
    return TorchRuntime(module, opened.description, device=device, describers=describers)
