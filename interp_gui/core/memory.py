"""A bound on the memory of this process while a file of unknown content is opened."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SHARE = 0.8  # of the free memory
_LEAST_BYTES = 1 << 30


@contextmanager
def memory_bounded() -> Iterator[None]:
    """Let an allocation fail that would take more than most of the free memory.

    A small file can describe a network whose values fill the memory when it runs; the system would
    then end this process, or another one. With the bound, the library says that it got none, and
    the file is refused.

    Notes
    -----
    It holds on Linux only; other systems refuse such allocations themselves or not at all. What
    other threads of the process allocate meanwhile counts too.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    import psutil

    before = resource.getrlimit(resource.RLIMIT_AS)
    soft, hard = before
    room = max(int(_SHARE * psutil.virtual_memory().available), _LEAST_BYTES)
    wanted = psutil.Process().memory_info().vms + room
    for limit in (soft, hard):
        if limit != resource.RLIM_INFINITY:
            wanted = min(wanted, limit)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
