"""Vectors laid out on a plane: by principal components, UMAP or t-SNE."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas.neighbours import Neighbours, Rows, nearest, one_thread, prepared
from interp_gui.core.analysis import Progress

Places = NDArray[np.float32]
LAYOUT_VERSION = 2
"""Raised whenever the same vectors would give another map; part of cache keys."""

FEWEST = 5
"""With fewer different points than this, nearest points say nothing that components do not."""
_EXACT = 512
"""Up to so many units the components are found exactly."""
_LOOKED_AT, _MULTIPLIED = 1024, 8192
"""Rows between two looks at whether to go on: some 30 ms."""
_EXTRA, _TURNS = 10, 12
"""Of the randomised search: directions beside the two wanted, and how often they are refined."""


@dataclass(frozen=True)
class Laid:
    """Where points lie.

    Parameters
    ----------
    xy
        (N, 2) float32 in units of the layout's own.
    layout
        What they were laid out by in the end.
    distinct
        Different vectors among them; points of the same vector lie on one spot.
    shown
        Share of the variance that the two axes hold, where they are principal components.
    notes
        What has to be said of it.
    """

    xy: Places
    layout: str
    distinct: int
    shown: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distinct:
    """The different rows of a matrix, in the order of their first appearance.

    Parameters
    ----------
    first
        (M,) where each is met first.
    back
        (N,) which of them each row is.
    """

    first: NDArray[np.int64]
    back: NDArray[np.int64]


def distinct(vectors: Rows) -> Distinct:
    """Find rows that are the same number by number."""
    plain = np.ascontiguousarray(vectors + np.float32(0.0))  # −0 is 0
    words = plain.view(np.uint32)
    factors = np.random.default_rng(0).integers(1, 2**63, words.shape[1], np.uint64) | np.uint64(1)
    keys = np.empty(len(words), np.uint64)
    for start in range(0, len(words), _LOOKED_AT):
        keys[start : start + _LOOKED_AT] = words[start : start + _LOOKED_AT] @ factors
    _, first, back = np.unique(keys, return_index=True, return_inverse=True)
    # some ten times as fast as to sort whole rows; two rows of one key are all but impossible
    repeated = np.flatnonzero(first[back] != np.arange(len(words)))
    if (words[repeated] != words[first[back[repeated]]]).any():
        whole = plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()
        _, first, back = np.unique(whole, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return Distinct(first[order].astype(np.int64), rank[back.ravel()])


def principal(rows: Rows, check: Callable[[], None] = lambda: None) -> tuple[Places, float]:
    """The two principal components of each row, and the share of the variance that they hold.

    Notes
    -----
    Signs are fixed: of each axis, the unit that weighs most weighs positively. Above `_EXACT`
    units the axes are found by subspace iteration from a fixed start (Halko, Martinsson, Tropp
    2011), which agrees with the exact ones where the variance falls off.
    """
    middle = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = rows - middle
    total = float(np.einsum("ij,ij->", centred, centred, dtype=np.float64))
    if total <= 0.0 or not np.isfinite(total):
        return np.zeros((len(rows), 2), np.float32), 0.0
    with one_thread()():
        axes = _axes(centred, check)
        found = centred @ axes
    share = float((found.astype(np.float64) ** 2).sum() / total)
    places = np.zeros((len(rows), 2), np.float32)
    places[:, : found.shape[1]] = found
    return places, min(share, 1.0)


def _axes(centred: Rows, check: Callable[[], None]) -> Rows:
    """(C, 2 or 1) unit vectors, that of the largest variance first."""
    units = centred.shape[1]
    if units <= _EXACT:
        products = np.zeros((units, units))
        for start in range(0, len(centred), _MULTIPLIED):
            check()
            part = centred[start : start + _MULTIPLIED]
            products += part.T @ part
        values, vectors = np.linalg.eigh(products)
    else:
        random = np.random.default_rng(0)
        basis = random.normal(size=(units, 2 + _EXTRA)).astype(np.float32)
        for _ in range(_TURNS):
            check()
            basis = np.linalg.qr(centred.T @ (centred @ basis))[0].astype(np.float32)
        small = centred @ basis
        values, vectors = np.linalg.eigh((small.T @ small).astype(np.float64))
        vectors = basis @ vectors
    axes = vectors[:, np.argsort(values)[::-1][:2]]
    leading = np.abs(axes).argmax(axis=0)
    signs = np.where(axes[leading, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    return np.ascontiguousarray(axes * signs, np.float32)


class Plan:
    """What several layouts of the same vectors share, each part made when it is first asked for.

    Parameters
    ----------
    vectors
        (N, C) finite.
    metric
        `cosine` or `euclidean`.
    """

    def __init__(self, vectors: Rows, *, metric: str) -> None:
        self.metric = metric
        self.vectors = vectors
        self.distinct = distinct(vectors)
        self.rows = prepared(vectors[self.distinct.first], metric) if len(vectors) else vectors
        self._near: Neighbours | None = None
        self._asked = 0
        self._principal: tuple[Places, float] | None = None

    @property
    def count(self) -> int:
        """Different vectors."""
        return len(self.distinct.first)

    def principal(self, check: Callable[[], None] = lambda: None) -> tuple[Places, float]:
        """See `principal`; of the different vectors."""
        if self._principal is None:
            self._principal = principal(self.rows, check)
        return self._principal

    def near(
        self, k: int, check: Callable[[], None] = lambda: None
    ) -> Generator[Progress, None, Neighbours]:
        """The k nearest of each among the different vectors, or all where there are fewer."""
        if self._near is None or self._asked < k:
            self._near = yield from nearest(self.rows, k, metric=self.metric, check=check)
            self._asked = k
        return Neighbours(self._near.ends[:, :k], self._near.distance[:, :k])


def laid_out(
    plan: Plan,
    layout: str,
    *,
    seed: int,
    neighbours: int = 50,
    min_dist: float = 0.05,
    check: Callable[[], None] = lambda: None,
) -> Generator[Progress, None, Laid]:
    """Lay the vectors of a plan out.

    Parameters
    ----------
    neighbours
        UMAP: points that each one is laid out by, itself included. t-SNE: the perplexity.

    Notes
    -----
    Points of the same vector lie on one spot. Where there are too few different ones for the
    layout asked for, they are laid out by their principal components, which is said.
    """
    notes: tuple[str, ...] = ()
    if plan.count < FEWEST and layout != "pca":
        names = {"umap": "UMAP", "tsne": "t-SNE"}
        notes = (
            f"Only {plan.count} of the points differ, too few for {names[layout]}: laid out by "
            "principal components.",
        )
        layout = "pca"
    shown: float | None = None
    yield Progress(text="Laying the points out")
    if layout == "pca":
        places, shown = plan.principal(check)
    else:
        k = neighbours - 1 if layout == "umap" else 3 * neighbours + 1
        near = yield from plan.near(k, check)
        start, _ = plan.principal(check)
        check()
        if layout == "umap":
            from interp_gui.analyses.atlas.umap_layout import fuzzy_graph, umap

            yield Progress(text="Joining the nearest of each point")
            graph = fuzzy_graph(near, check)
            places = yield from umap(graph, start, min_dist=min_dist, seed=seed, check=check)
        else:
            from interp_gui.analyses.atlas.tsne_layout import tsne

            places = yield from tsne(near, start, metric=plan.metric, seed=seed, check=check)
    repeated = len(plan.distinct.back) - plan.count
    if repeated and layout != "pca":
        notes += (f"{repeated} points repeat the vector of another one and lie on its spot.",)
    return Laid(places[plan.distinct.back], layout, plan.count, shown, notes)
