"""One measurement of `benchmarks.opening` in a process of its own; prints one line of JSON."""

import contextlib
import json
import os
import resource
import sys
import time


def rss_bytes():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def reset_peak():
    """Let the peak begin anew where the system allows it; True if it does."""
    try:
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")
    except OSError:
        return False
    return True


def current_peak_bytes():
    """The highest resident set since `reset_peak`."""
    with open("/proc/self/status") as stream:
        for line in stream:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return peak_bytes()


def recognise(path):
    """Names and shapes in hand: seconds to load the index and to find all that fit."""
    import torch

    state = torch.load(path, weights_only=True, mmap=True)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    started = time.perf_counter()
    from interp_gui.checkpoints.recognition import recognise

    found = recognise(shapes)
    first_s = time.perf_counter() - started
    started = time.perf_counter()
    recognise(shapes)
    return {
        "first_s": first_s,
        "again_s": time.perf_counter() - started,
        "found": [match.name for match in found.matches],
    }


def warm(path):
    """Import all that opening needs, so that only the file itself is measured."""
    import timm  # noqa: F401 - what compares candidates builds its networks too
    import torchvision

    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.core.errors import InterpError

    torchvision.models.squeezenet1_1()
    with contextlib.suppress(InterpError):
        open_checkpoint(path)


def ours(path, small):
    """Open a file: seconds and memory above what was there before."""
    import torch

    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.core.opening import OpenChoice

    warm(small)
    before, can_reset = rss_bytes(), reset_peak()
    started = time.perf_counter()
    name = os.path.basename(path).partition(".")[0]
    opened = open_checkpoint(path, choice=OpenChoice(architecture=f"torchvision:{name}"))
    seconds = time.perf_counter() - started
    peak = current_peak_bytes() - before if can_reset else None
    assert isinstance(opened.module, torch.nn.Module)
    return {"seconds": seconds, "peak_bytes": peak, "kept_bytes": rss_bytes() - before}


def plain(path, small):
    """What people write by hand: build at random, load, copy into it."""
    import torch
    import torchvision

    warm(small)
    before, can_reset = rss_bytes(), reset_peak()
    started = time.perf_counter()
    name = os.path.basename(path).partition(".")[0]
    module = torchvision.models.get_model(name, weights=None)
    module.load_state_dict(torch.load(path, weights_only=True))
    module.eval()
    seconds = time.perf_counter() - started
    peak = current_peak_bytes() - before if can_reset else None
    return {"seconds": seconds, "peak_bytes": peak, "kept_bytes": rss_bytes() - before}


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    print(
        "FOUND " + json.dumps({"recognise": recognise, "ours": ours, "plain": plain}[what](*paths))
    )
