"""Long loops in worker threads that leave the interpreter to the window.

A thread that computes in pure Python lets others in only every few milliseconds, and a single
call into C (a sort of 100,000 keys) not at all until it is done: the window would stutter.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

WORK_S = 0.002
REST_S = 0.0005
_STRIDE = 200


def politely(items: Iterable[Item]) -> Iterator[Item]:
    """The items; every 2 ms of work the thread sleeps for an instant."""
    source = iter(items)
    begun = time.perf_counter()
    while chunk := list(islice(source, _STRIDE)):
        yield from chunk
        if time.perf_counter() - begun > WORK_S:
            time.sleep(REST_S)
            begun = time.perf_counter()
