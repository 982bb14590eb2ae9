"""A library's long call on a thread of its own, which can be told to end."""

import ctypes
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from interp_gui.core.analysis import Progress

T = TypeVar("T")
_TICK_S = 0.05


class _Left(BaseException):
    """Raised in a thread whose result nobody waits for any more; no `except Exception` holds it."""


def apart(
    work: Callable[[], T], *, text: str, check: Callable[[], None], to_the_end: bool = False
) -> Generator[Progress, None, T]:
    """Run `work` on a thread, yielding Progress and asking `check` meanwhile.

    Where the generator is closed or `check` raises, this ends at once, and the thread at its next
    line of Python. It never keeps the process from ending.

    Parameters
    ----------
    to_the_end
        Let the thread finish nevertheless: for work whose result others will ask for, or that
        must not be broken off halfway.
    """
    done = threading.Event()
    found: list[Any] = []
    problem: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except _Left:
            pass
        except BaseException as raised:  # noqa: BLE001 - raised again where it is waited for
            problem.append(raised)
        finally:
            done.set()

    thread = threading.Thread(target=run, name="layout", daemon=True)
    thread.start()
    begun = time.monotonic()
    try:
        while not done.wait(_TICK_S):
            check()
            yield Progress(done=int(time.monotonic() - begun), text=text)
    finally:
        if not to_the_end and not done.is_set() and thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(_Left)
            )
    thread.join()
    if problem:
        raise problem[0]
    result: T = found[0]
    return result
