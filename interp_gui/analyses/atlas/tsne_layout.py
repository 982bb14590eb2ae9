"""t-SNE (van der Maaten, Hinton 2008) by scikit-learn, on a thread that can be left."""

import warnings
from collections.abc import Callable, Generator

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas.apart import apart
from interp_gui.analyses.atlas.neighbours import Neighbours, one_thread
from interp_gui.core.analysis import Progress

Places = NDArray[np.float32]


def tsne(
    near: Neighbours,
    start: Places,
    *,
    metric: str,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> Generator[Progress, None, Places]:
    """Lay points out by their k nearest ones: (N, 2); the perplexity is a third of k.

    It begins with `start`, (N, 2), as Kobak and Berens advise (2019): the seed matters little.
    """
    from scipy import sparse
    from sklearn.manifold import TSNE

    points, k = near.ends.shape
    # scikit-learn squares what it is given: of 1 − cosine it shall get the root
    distance = np.sqrt(near.distance) if metric == "cosine" else near.distance
    # each point first of its own, in rows sorted by distance: so a graph is read as it stands
    ends = np.concatenate([np.arange(points)[:, None], near.ends], axis=1)
    lengths = np.concatenate([np.zeros((points, 1)), distance], axis=1)
    graph = sparse.csr_matrix(
        (lengths.ravel(), ends.ravel(), np.arange(points + 1) * (k + 1)), shape=(points, points)
    )
    spread = float(start[:, 0].std())
    random = np.random.default_rng(seed)
    begin = start * (1e-4 / spread if spread > 0 else 0.0) + random.normal(0.0, 1e-6, start.shape)
    method = TSNE(
        perplexity=(k - 1) / 3, metric="precomputed", init=begin.astype(np.float32),
        learning_rate="auto", n_jobs=1,
    )  # fmt: skip

    def fit() -> Places:
        with warnings.catch_warnings(), one_thread(openmp=True)():
            warnings.filterwarnings("ignore", module=r"sklearn\..*")
            found: Places = np.asarray(method.fit_transform(graph), np.float32)
        return found

    return (yield from apart(fit, text="Laying the points out by t-SNE", check=check))
