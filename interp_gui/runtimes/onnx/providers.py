"""Where ONNX Runtime computes, and why: it falls back to the CPU without a word."""

from collections.abc import Sequence
from typing import Any

CPU = "CPUExecutionProvider"
_TITLES = {
    CPU: "CPU",
    "CUDAExecutionProvider": "NVIDIA GPU (CUDA)",
    "CoreMLExecutionProvider": "Apple GPU (Core ML)",
    "ROCMExecutionProvider": "AMD GPU (ROCm)",
    "DmlExecutionProvider": "GPU (DirectML)",
}
_OF_DEVICE = {
    "cuda": ("CUDAExecutionProvider", "ROCMExecutionProvider"),
    "mps": ("CoreMLExecutionProvider",),
    "dml": ("DmlExecutionProvider",),
    "cpu": (),
}
"""Providers by kind of device, the first there is; no other one is ever given a model: some
compile it to disk or send it elsewhere."""


def available_providers() -> tuple[str, ...]:
    """Providers that this build of ONNX Runtime has and that may be used, the CPU last."""
    import onnxruntime

    known = {name for names in _OF_DEVICE.values() for name in names} | {CPU}
    return tuple(name for name in onnxruntime.get_available_providers() if name in known)


def wanted_providers(device: str) -> tuple[list[Any], str]:
    """Providers to ask for on a device, and why it cannot be had; empty if it may."""
    kind, _, index = device.partition(":")
    wanted = _OF_DEVICE.get(kind, ())
    if not wanted:
        return [CPU], "" if kind == "cpu" else f"ONNX Runtime knows no device '{device}'"
    have = [name for name in wanted if name in available_providers()]
    if not have:
        title = _TITLES[wanted[0]]
        return [CPU], f"this ONNX Runtime was built without support for the {title}"
    options = {"device_id": int(index or 0)} if kind == "cuda" else {}
    if have[0] == "CUDAExecutionProvider":
        options["use_tf32"] = 0  # which rounds to ten bits, and is on by default
    return [(have[0], options), CPU], ""


def provider_sentence(used: Sequence[str], wanted: Sequence[Any], problem: str) -> str:
    """Words for the badge: what a session really runs on, and why where that is not as asked.

    Parameters
    ----------
    used
        What the session says.
    wanted
        What it was asked for.
    problem
        What `wanted_providers` said.
    """
    first = used[0] if used else CPU
    asked = wanted[0] if isinstance(wanted[0], str) else wanted[0][0]
    title = _TITLES.get(first, first.removesuffix("ExecutionProvider"))
    if problem:
        return f"ONNX Runtime on the {title}: {problem}."
    if first != asked:
        return (
            f"ONNX Runtime on the {title}: the {_TITLES.get(asked, asked)} was asked for, but "
            "did not start."
        )
    return f"ONNX Runtime on the {title}."
