"""The inner loop of UMAP: plain Python that numba compiles on first use.

It lets go of the interpreter lock while it runs, so that everything else can answer.
"""

import functools
import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas.apart import apart
from interp_gui.core.analysis import Progress

REPULSED = 5
"""Random points that a point is pushed from each time it is pulled to a neighbour."""
_CLIP = 4.0


def pull_and_push(
    xy: NDArray[np.float32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int32],
    chances: NDArray[np.float32],
    phases: NDArray[np.float32],
    state: NDArray[np.uint64],
    a: float,
    b: float,
    first: int,
    last: int,
    epochs: int,
) -> None:
    """Epochs `first` to `last` (behind the last one) of stochastic gradient descent, in place.

    Parameters
    ----------
    xy
        (N, 2) positions.
    starts, ends
        Neighbours of point i are ``ends[starts[i]:starts[i + 1]]``.
    chances
        Of each of these edges: how often it acts in an epoch, at most once.
    phases
        Of each edge: how much of its next turn has come, kept between calls.
    state
        (1,) of the random generator (xorshift64*), kept between calls; not 0.
    a, b
        Shape of the curve 1 / (1 + a·d^(2b)) from distance to likelihood.
    epochs
        Of the whole run: steps shrink linearly to its end.
    """
    points = len(xy)
    random = state[0]
    for epoch in range(first, last):
        step = 1.0 - epoch / epochs
        for i in range(points):
            for edge in range(starts[i], starts[i + 1]):
                phases[edge] += chances[edge]
                if phases[edge] < 1.0:
                    continue
                phases[edge] -= 1.0
                j = ends[edge]
                dx = float(xy[i, 0]) - float(xy[j, 0])
                dy = float(xy[i, 1]) - float(xy[j, 1])
                squared = dx * dx + dy * dy
                if squared > 0.0:
                    power = squared**b
                    force = -2.0 * a * b * power / (squared * (1.0 + a * power))
                    gx = step * min(max(force * dx, -_CLIP), _CLIP)
                    gy = step * min(max(force * dy, -_CLIP), _CLIP)
                    xy[i, 0] += gx
                    xy[i, 1] += gy
                    xy[j, 0] -= gx
                    xy[j, 1] -= gy
                for _ in range(REPULSED):
                    random ^= random >> np.uint64(12)
                    random ^= random << np.uint64(25)
                    random ^= random >> np.uint64(27)
                    drawn = (random * np.uint64(2685821657736338717)) >> np.uint64(33)
                    k = np.int64(drawn) % points
                    if k == i:
                        continue
                    dx = float(xy[i, 0]) - float(xy[k, 0])
                    dy = float(xy[i, 1]) - float(xy[k, 1])
                    squared = dx * dx + dy * dy
                    if squared <= 0.0:
                        continue
                    force = 2.0 * b / ((0.001 + squared) * (1.0 + a * squared**b))
                    xy[i, 0] += step * min(max(force * dx, -_CLIP), _CLIP)
                    xy[i, 1] += step * min(max(force * dy, -_CLIP), _CLIP)
    state[0] = random


_ONE_AT_A_TIME = threading.Lock()


def compiled() -> Any:
    """`pull_and_push` as machine code: 2 s the first time, most of them for numba's import.

    It is compiled once, however many threads ask: the later ones wait. Not kept on disk, where
    numba would read it back by pickle to save half a second.
    """
    with _ONE_AT_A_TIME:
        return _compiled()


def compiling(check: Callable[[], None]) -> Generator[Progress, None, Any]:
    """`compiled`, on a thread: whoever waits here, for it or for another's turn, can leave.

    What was begun goes on to its end then, and the next one finds it done.
    """
    if _compiled.cache_info().currsize:
        return compiled()
    text = "Getting the layout ready"
    return (yield from apart(compiled, text=text, check=check, to_the_end=True))


@functools.cache
def _compiled() -> Any:
    import numba
    from numba import types

    floats, edges = types.float32[::1], types.int32[::1]
    signature = types.void(
        types.float32[:, ::1], types.int64[::1], edges, floats, floats, types.uint64[::1],
        types.float64, types.float64, types.int64, types.int64, types.int64,
    )  # fmt: skip
    return numba.njit(signature, nogil=True)(pull_and_push)
