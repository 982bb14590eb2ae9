"""Torch's several ways to say that memory is short, turned into one."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from interp_gui.core.errors import OutOfMemory

_SENTENCES = ("can't allocate memory", "out of memory", "not enough memory")


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise OutOfMemory where torch ran out of memory; other errors pass."""
    try:
        yield
    except (RuntimeError, MemoryError) as problem:
        if not _is_memory(problem):
            raise
        raise OutOfMemory(
            "There is not enough memory for this computation.",
            hint="Use fewer images at once, a smaller input, or an earlier layer.",
        ) from problem


def free_memory(device: str) -> None:
    """Give back what torch keeps for later on a device."""
    gc.collect()
    kind = device.partition(":")[0]
    if kind == "cuda" and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif kind == "mps" and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _is_memory(problem: BaseException) -> bool:
    if isinstance(problem, MemoryError | torch.OutOfMemoryError):
        return True
    return any(sentence in str(problem).lower() for sentence in _SENTENCES)
