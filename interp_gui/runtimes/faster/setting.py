"""Whether forward passes may run elsewhere than on PyTorch."""

import os
from typing import Literal

from interp_gui.core.device import RUNTIME_VARIABLE

Setting = Literal["automatic", "torch", "onnx"]


def runtime_setting() -> Setting:
    """What the environment variable `INTERP_GUI_RUNTIME` asks for.

    `automatic` (the default): ONNX Runtime where it agrees and a measurement says that it is
    faster. `torch`: never. `onnx`: wherever it agrees, without measuring.
    """
    asked = os.environ.get(RUNTIME_VARIABLE, "").strip().lower()
    if asked in ("torch", "never"):
        return "torch"
    return "onnx" if asked in ("onnx", "always") else "automatic"
