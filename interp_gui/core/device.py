"""Devices that networks can run on, as every process knows them."""

import msgspec

DEVICE_VARIABLE = "INTERP_GUI_DEVICE"
"""Environment variable that asks for a device: `cpu`, `cuda`, `cuda:1`, `mps`."""


RUNTIME_VARIABLE = "INTERP_GUI_RUNTIME"
"""Environment variable that says whether passes over many images may run on ONNX Runtime:
`automatic` (where it is faster), `torch` (never), `onnx` (wherever the two agree)."""


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One device.

    Parameters
    ----------
    name
        As torch calls it: `cpu`, `cuda:0`, `mps`.
    title
        For people: `NVIDIA H100`.
    available
        Whether a network can run there.
    reason
        Why it cannot; empty if it can.
    """

    name: str
    title: str
    available: bool
    reason: str = ""
