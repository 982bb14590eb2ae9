"""Where networks run, and why."""

import torch


def choose_device() -> tuple[str, str]:
    """Name of the device to compute on, and the reason in words.

    Returns
    -------
    `("cuda:0", "NVIDIA H100")`, `("cpu", "no NVIDIA GPU was found")`, …
    """
    if torch.cuda.is_available():
        problem = _trial("cuda:0")
        if not problem:
            return "cuda:0", torch.cuda.get_device_name(0)
        return "cpu", f"the GPU does not work with this torch: {problem}"
    if torch.backends.mps.is_available():
        problem = _trial("mps")
        return ("mps", "Apple GPU") if not problem else ("cpu", f"the GPU failed: {problem}")
    if torch.version.cuda is None and torch.version.hip is None:
        return "cpu", "this torch was built without GPU support"
    return "cpu", "no NVIDIA GPU was found"


def _trial(device: str) -> str:
    """Why a device cannot convolve; empty if it can."""
    try:
        x = torch.ones(1, 1, 4, 4, device=device)
        torch.nn.functional.conv2d(x, x).item()
    except (RuntimeError, NotImplementedError, AssertionError) as problem:
        return str(problem).splitlines()[0]
    return ""
