"""Where networks run, and why."""

import os

import torch

from interp_gui.core.device import DEVICE_VARIABLE, DeviceInfo


def choose_device(asked: str | None = None) -> tuple[str, str]:
    """Name of the device to compute on, and the reason in words.

    Parameters
    ----------
    asked
        The one that is wanted; by default what the environment variable `INTERP_GUI_DEVICE`
        says. One that does not work is replaced by the CPU, and the reason says so.

    Returns
    -------
    `("cuda:0", "NVIDIA H100")`, `("cpu", "no NVIDIA GPU was found")`, …
    """
    wanted = (os.environ.get(DEVICE_VARIABLE, "") if asked is None else asked).strip().lower()
    devices = list_devices()
    if wanted:
        return _asked_for(wanted, devices)
    cpu, *others = devices
    for device in others:
        if device.available:
            return device.name, device.title
    return cpu.name, others[0].reason


def compute_in_full_precision() -> None:
    """Have GPUs multiply in single precision: by default convolutions there round to ten bits.

    Nothing else lowers precision: autocast is never entered.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def list_devices() -> tuple[DeviceInfo, ...]:
    """Every device there could be, the CPU first, each with the reason why it cannot be used."""
    cpu = DeviceInfo(name="cpu", title="CPU", available=True)
    return (cpu, *_cuda_devices(), _apple_device())


def _asked_for(wanted: str, devices: tuple[DeviceInfo, ...]) -> tuple[str, str]:
    full = "cuda:0" if wanted == "cuda" else wanted
    found = next((device for device in devices if device.name == full), None)
    if found is None:
        return "cpu", f"'{wanted}' was asked for, but there is no such device"
    if not found.available:
        return "cpu", f"'{wanted}' was asked for, but {found.reason}"
    return found.name, "it was chosen in the preferences" if full == "cpu" else found.title


def _cuda_devices() -> list[DeviceInfo]:
    if not torch.cuda.is_available():
        built = torch.version.cuda is not None or torch.version.hip is not None
        reason = "no NVIDIA GPU was found" if built else "this torch was built without GPU support"
        return [DeviceInfo(name="cuda:0", title="NVIDIA GPU", available=False, reason=reason)]
    found = []
    for index in range(max(1, torch.cuda.device_count())):
        name = f"cuda:{index}"
        problem = _trial(name)
        reason = f"the GPU does not work with this torch: {problem}" if problem else ""
        title = "NVIDIA GPU" if problem else torch.cuda.get_device_name(index)
        found.append(DeviceInfo(name=name, title=title, available=not problem, reason=reason))
    return found


def _apple_device() -> DeviceInfo:
    if not torch.backends.mps.is_available():
        reason = "there is no Apple GPU that torch can use"
        return DeviceInfo(name="mps", title="Apple GPU", available=False, reason=reason)
    problem = _trial("mps")
    reason = f"the GPU failed: {problem}" if problem else ""
    return DeviceInfo(name="mps", title="Apple GPU", available=not problem, reason=reason)


def _trial(device: str) -> str:
    """Why a device cannot convolve; empty if it can."""
    try:
        x = torch.ones(1, 1, 4, 4, device=device)
        torch.nn.functional.conv2d(x, x).item()
    except (RuntimeError, NotImplementedError, AssertionError) as problem:
        return str(problem).splitlines()[0]
    return ""
