"""How often an engine may end by itself before it is not started again."""

import time
from collections import deque
from collections.abc import Callable

RESPAWNS = 3
RESPAWN_WINDOW_S = 60.0


class Crashes:
    """When processes ended by themselves, as far as that still counts.

    Parameters
    ----------
    clock
        Seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque()

    def forget(self) -> None:
        """Begin anew: a person asked for a restart."""
        self._times.clear()

    def another(self) -> bool:
        """Take note of one more; whether the engine may be started again."""
        now = self._clock()
        self._times.append(now)
        while now - self._times[0] > RESPAWN_WINDOW_S:
            self._times.popleft()
        return len(self._times) <= RESPAWNS
