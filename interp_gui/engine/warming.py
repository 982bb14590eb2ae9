"""Slow first times, taken while nobody waits: what the layout of an atlas compiles.

The first map of a process would wait for numba: 2 s of computing, 18 s where its files come from
a cold disk. Done here it holds the interpreter's lock twice for some 0.13 s, once in numba's
import and once in its compiler (measured), which a job that begins meanwhile may feel in the
engine and the window never. So it is done once, in the engine of a window only, when a job has
ended and nothing followed for a while.
"""

import logging
import threading
from collections.abc import Callable

IDLE_S = 5.0
_LOOK_EVERY_S = 0.5

logger = logging.getLogger(__name__)


def prepare_layouts() -> None:
    """Compile what lays atlases out."""
    from interp_gui.analyses.atlas.umap_epochs import compiled

    compiled()


class Warming:
    """Calls `prepare` once, on a thread of its own, after the engine was idle for a while.

    Parameters
    ----------
    idle_s
        Seconds that nothing has been done behind at least one job; 0 while something is.
    over
        Set when the engine ends; a preparation that runs then does not hold it up.
    """

    def __init__(
        self,
        prepare: Callable[[], None],
        *,
        idle_s: Callable[[], float],
        over: threading.Event,
        after_s: float = IDLE_S,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._prepare = prepare
        self._idle_s, self._over = idle_s, over
        self._after_s, self._look_every_s = after_s, look_every_s

    def start(self) -> threading.Thread:
        """Begin to wait."""
        thread = threading.Thread(target=self._wait, name="engine-warming", daemon=True)
        thread.start()
        return thread

    def _wait(self) -> None:
        while not self._over.wait(self._look_every_s):
            if self._idle_s() >= self._after_s:
                try:
                    self._prepare()
                except Exception as problem:  # noqa: BLE001 - whoever needs it will be told
                    logger.info("Layouts could not be prepared: %s", problem)
                return
