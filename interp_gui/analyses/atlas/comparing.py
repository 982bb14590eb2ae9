"""How alike two maps of the same points are."""

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float32]
Ends = NDArray[np.int64]


def procrustes(a: Places, b: Places) -> float:
    """What is left of the difference of two maps (N, 2) once one is moved, turned and scaled.

    0: the same map. 1: nothing in common. Mirror images count as the same (Gower, "Generalized
    Procrustes analysis", 1975; sum of squares, both maps scaled to 1).
    """
    x, y = _unit(a), _unit(b)
    if not x.any() or not y.any():
        return 0.0 if x.any() == y.any() else 1.0
    shared = float(np.linalg.svd(x.T @ y, compute_uv=False).sum())
    return max(0.0, 1.0 - shared**2)


def _unit(xy: Places) -> NDArray[np.float64]:
    centred = xy - xy.mean(axis=0, dtype=np.float64)
    size = float(np.linalg.norm(centred))
    return centred / size if size > 0 else np.zeros_like(centred)


def near_on_map(xy: Places, k: int) -> Ends:
    """(N, k) the nearest of each point on a map, the point itself left out; k below N."""
    from scipy.spatial import cKDTree

    count = len(xy)
    own = np.arange(count)[:, None]
    found = cKDTree(xy.astype(np.float64)).query(xy.astype(np.float64), k=k + 1)[1]
    found = np.asarray(found, np.int64).reshape(count, k + 1)
    # where many lie on one spot, a point need not be the first of its own
    order = np.argsort(found == own, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(found, order, axis=1)


def shared(a: Ends, b: Ends) -> NDArray[np.float32]:
    """(N,) share of the nearest points (N, k) that each point keeps from one to the other."""
    count, k = a.shape
    if not k:
        return np.ones(count, np.float32)
    own = np.arange(count)[:, None] * np.int64(count)
    both = np.intersect1d((own + a).ravel(), (own + b).ravel(), assume_unique=True)
    kept: NDArray[np.int64] = np.bincount(both // count, minlength=count)
    return np.asarray(kept / k, np.float32)
