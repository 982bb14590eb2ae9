"""Heavy libraries are imported beside the thread that opens, which goes on showing life."""

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from threading import Thread

_LOOK_S = 0.05
_HEAVY = ("torchvision", "timm", "transformers")


def import_patiently(libraries: Iterable[str], check: Callable[[], None]) -> None:
    """Import libraries that take seconds, calling `check` meanwhile.

    Where `check` raises, the import goes on to its end by itself: half of one is of no use to
    anybody. What is wrong with a library is left to be told by who imports it next.
    """
    wanted = [name for name in libraries if name in _HEAVY and not _is_there(name)]
    if not wanted:
        return

    def work() -> None:
        for name in wanted:
            try:
                import_module(name)
            except Exception:  # noqa: BLE001  (raised again where it is imported for use)
                return

    thread = Thread(target=work, name="import", daemon=True)
    thread.start()
    while thread.is_alive():
        check()
        thread.join(_LOOK_S)


def _is_there(name: str) -> bool:
    module = sys.modules.get(name)
    return module is not None and not getattr(module.__spec__, "_initializing", False)
