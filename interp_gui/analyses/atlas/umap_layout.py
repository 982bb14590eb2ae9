"""UMAP (McInnes, Healy, Melville 2018), so that a seed gives one map and cancel acts at once.

The method is that of the reference implementation, umap-learn, whose graph the tests compare with.
What differs: nearest points are exact and not approximate, the start is the points' two largest
principal components and not the graph's spectrum, and the descent runs in short pieces, so that
it can be watched and left at any time. Neither the number of threads nor what else was computed
changes the map.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas.neighbours import Neighbours
from interp_gui.analyses.atlas.umap_epochs import REPULSED, compiling
from interp_gui.core.analysis import Progress

Places = NDArray[np.float32]
_START = 10.0
"""Half the width of the map at the start, in units of the layout's own distance."""
_PIECE = 600_000
"""Pulls and pushes of a call: some 30 ms."""


@dataclass(frozen=True)
class Graph:
    """Weighted edges between points, each in both directions, by the point they start from.

    Parameters
    ----------
    starts
        (N + 1,) int64: edges of point i are those from ``starts[i]`` to ``starts[i + 1]``.
    ends
        int32 points they lead to.
    weights
        float32 likelihoods that the two belong together, 0 to 1.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int32]
    weights: NDArray[np.float32]


def fuzzy_graph(near: Neighbours, check: Callable[[], None] = lambda: None) -> Graph:
    """Likelihoods that points belong together, from the distances of their nearest.

    Notes
    -----
    Of a point and its neighbours: exp(−(d − ρ) / σ), where ρ is the distance of the nearest one
    that lies apart from it, and σ such that the sum is log2(k + 1). The two directions are joined
    by p + q − p·q.
    """
    from scipy import sparse

    distance = near.distance.astype(np.float64)
    points, k = distance.shape
    apart = np.where(distance > 0, distance, np.inf).min(axis=1)
    rho = np.where(np.isfinite(apart), apart, 0.0)
    beyond = np.maximum(distance - rho[:, None], 0.0)
    sigma = _widths(beyond, np.log2(k + 1), check)
    # a floor, so that points in a dense clump are not told apart by rounding
    mean = distance.sum(axis=1) / (k + 1)
    sigma = np.maximum(sigma, 1e-3 * np.where(rho > 0, mean, mean.mean()))
    safe = np.where(sigma > 0, sigma, 1.0)[:, None]
    strength = np.where(beyond > 0, np.exp(-beyond / safe) * (sigma[:, None] > 0), 1.0)
    tails = np.repeat(np.arange(points), k)
    one = sparse.csr_matrix((strength.ravel(), (tails, near.ends.ravel())), shape=(points, points))
    other = one.T.tocsr()
    joined = (one + other - one.multiply(other)).tocsr()
    joined.sort_indices()
    joined.eliminate_zeros()
    return Graph(
        joined.indptr.astype(np.int64), joined.indices.astype(np.int32),
        joined.data.astype(np.float32),
    )  # fmt: skip


def _widths(
    beyond: NDArray[np.float64], wanted: float, check: Callable[[], None]
) -> NDArray[np.float64]:
    """Of each row the σ at which Σ exp(−beyond / σ) is `wanted`, by halving; 0 where all are 0."""
    low = np.zeros(len(beyond))
    high = np.full(len(beyond), np.inf)
    middle = np.ones(len(beyond))
    for _ in range(64):
        check()
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            shares = np.where(beyond > 0, np.exp(-beyond / middle[:, None]), 1.0)
        more = shares.sum(axis=1) > wanted
        high = np.where(more, middle, high)
        low = np.where(more, low, middle)
        middle = np.where(np.isfinite(high), (low + high) / 2, middle * 2)
    return middle


def curve(min_dist: float) -> tuple[float, float]:
    """Fit 1 / (1 + a·d^(2b)) to 1 below `min_dist` and exp(min_dist − d) above; gives a and b."""
    from scipy.optimize import curve_fit

    d = np.linspace(0.0, 3.0, 300)
    wanted = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))

    def shape(d: Any, a: float, b: float) -> Any:
        return 1.0 / (1.0 + a * d ** (2 * b))

    (a, b), _ = curve_fit(shape, d, wanted)
    return float(a), float(b)


def epochs_of(points: int) -> int:
    """So many epochs are run: fewer where many points make each one long."""
    return 500 if points <= 10_000 else 200


def umap(
    graph: Graph,
    start: Places,
    *,
    min_dist: float,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> Generator[Progress, None, Places]:
    """Lay a graph out: (N, 2).

    Parameters
    ----------
    start
        (N, 2) rough positions, of any scale.
    seed
        Of the random points that each point is pushed from.
    """
    epochs = epochs_of(len(start))
    yield Progress(total=epochs, text="Getting the layout ready")
    epoch = yield from compiling(check)
    a, b = curve(min_dist)
    xy = _spread_out(start, seed)
    chances = graph.weights / max(float(graph.weights.max(initial=0.0)), 1e-12)
    chances[chances < 1.0 / epochs] = 0.0
    phases = np.zeros_like(chances)
    state = np.array([np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] | 1], np.uint64)
    pulls = float(chances.sum()) * (1 + REPULSED)
    step = int(np.clip(_PIECE / max(pulls, 1.0), 1, 50))
    for first in range(0, epochs, step):
        check()
        yield Progress(done=first, total=epochs, text="Laying the points out")
        last = min(first + step, epochs)
        epoch(xy, graph.starts, graph.ends, chances, phases, state, a, b, first, last, epochs)
    return xy


def _spread_out(start: Places, seed: int) -> Places:
    """Positions to begin with: the longer side 2 · _START wide, and no two points on one spot."""
    middle = start - start.mean(axis=0, dtype=np.float64)
    largest = float(np.abs(middle).max(initial=0.0))
    scaled = middle * (_START / largest if largest > 0 else 0.0)
    noise = np.random.default_rng(seed).normal(0.0, 1e-4 * _START, scaled.shape)
    return np.ascontiguousarray(scaled + noise, np.float32)
