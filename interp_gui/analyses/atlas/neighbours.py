"""The nearest points of every point, exactly and the same on any number of threads."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.analysis import Progress

Rows = NDArray[np.float32]
_BLOCK = 4_000_000
"""Distances computed at a time: some 50 ms."""


class Neighbours(NamedTuple):
    """Nearest points, the nearest first; a point is not among its own.

    Parameters
    ----------
    ends
        (N, k) int32.
    distance
        (N, k) float32.
    """

    ends: NDArray[np.int32]
    distance: Rows


def one_thread(*, openmp: bool = False) -> Callable[[], AbstractContextManager[Any]]:
    """Makes contexts in which products of matrices (and all else, with `openmp`) use one thread.

    How a product is shared out among threads changes its last digits, and these, over many steps
    of a layout, change the map.
    """
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()
    return lambda: controller.limit(limits=1, user_api=None if openmp else "blas")


def prepared(vectors: Rows, metric: str) -> Rows:
    """Rows between which the Euclidean distance is monotone in the metric's.

    Notes
    -----
    For `cosine`, rows of length one: half the squared distance is 1 − cosine. A vector of zeros
    has no direction; it gets an axis of its own, and so the distance 1 from all others and 0
    from others of zeros.
    """
    if metric == "euclidean":
        return np.ascontiguousarray(vectors - vectors.mean(axis=0, dtype=np.float64), np.float32)
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    none = largest[:, 0] == 0
    # divided by the largest first: squares of very small or large values leave float32's range
    scaled = vectors / np.where(none[:, None], 1.0, largest)
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True) + none[:, None]
    if none.any():
        scaled = np.concatenate([scaled, none[:, None].astype(np.float32)], axis=1)
    return np.ascontiguousarray(scaled, np.float32)


def nearest(
    rows: Rows, k: int, *, metric: str, check: Callable[[], None] = lambda: None
) -> Generator[Progress, None, Neighbours]:
    """The k nearest of each of `prepared` rows; ties go to the earlier row.

    Returns
    -------
    Distances are 1 − cosine for `cosine`. Fewer than k where there are not so many other rows.
    """
    points = len(rows)
    k = min(k, points - 1)
    ends = np.zeros((points, max(k, 0)), np.int32)
    distance = np.zeros((points, max(k, 0)), np.float32)
    if k < 1:
        return Neighbours(ends, distance)
    single = one_thread()
    half = 0.5 * np.einsum("ij,ij->i", rows, rows, dtype=np.float64).astype(np.float32)
    step = max(1, min(_BLOCK // points, _BLOCK // (k * rows.shape[1])))
    for start in range(0, points, step):
        check()
        yield Progress(done=start, total=points, text="Looking for the nearest of each point")
        stop = min(start + step, points)
        with single():
            near = half[None, :] - rows[start:stop] @ rows.T
        own = np.arange(start, stop)
        near[own - start, own] = np.inf
        found = np.argpartition(near, k - 1, axis=1)[:, :k]
        # from differences: in a difference of large products, small distances drown
        apart = rows[found] - rows[start:stop, None, :]
        exact = np.einsum("nkc,nkc->nk", apart, apart, dtype=np.float32)
        order = np.lexsort((found, exact), axis=1)
        ends[start:stop] = np.take_along_axis(found, order, axis=1)
        squared = np.take_along_axis(exact, order, axis=1)
        distance[start:stop] = 0.5 * squared if metric == "cosine" else np.sqrt(squared)
    return Neighbours(ends, distance)
