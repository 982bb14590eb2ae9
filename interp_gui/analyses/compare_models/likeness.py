"""How alike two layers are over the same samples: linear CKA without its bias, and distances.

Centred kernel alignment with a linear kernel (Kornblith et al. 2019, arXiv:1905.00414), with the
unbiased estimator of HSIC (Song et al. 2012, JMLR 13): the plain one tends to one as soon as a
layer has more units than there are samples, whatever the layers do.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_SAMPLES = 4
"""The unbiased estimator divides by n − 3."""


def gram(samples: NDArray[np.float32]) -> Floats:
    """Inner products (n, n) of centred samples (n, units), its diagonal zero."""
    x = samples.astype(np.float64)
    x -= x.mean(axis=0)
    products: Floats = x @ x.T
    np.fill_diagonal(products, 0.0)
    return products


def hsic(k: Floats, other: Floats) -> float:
    """Unbiased estimate of the Hilbert–Schmidt independence criterion of two Gram matrices."""
    n = len(k)
    k_sums, other_sums = k.sum(axis=1), other.sum(axis=1)
    trace = float((k * other).sum())
    rest = float(k_sums.sum() * other_sums.sum()) / ((n - 1) * (n - 2))
    cross = 2.0 * float(k_sums @ other_sums) / (n - 2)
    return (trace + rest - cross) / (n * (n - 3))


def cka(k: Floats, other: Floats) -> float | None:
    """Alignment of two Gram matrices of the same samples, about 0 (unrelated) to 1 (the same up
    to rotation and scale); None where a layer does not vary or there are too few samples.

    Being unbiased it may fall a little below 0.
    """
    if len(k) < FEWEST_SAMPLES:
        return None
    own, others = hsic(k, k), hsic(other, other)
    tiny = 1e-12 * max(float(np.abs(k).max(initial=0.0)), float(np.abs(other).max(initial=0.0)), 1)
    if own <= tiny**2 or others <= tiny**2:
        return None
    return float(hsic(k, other) / np.sqrt(own * others))


def relative_difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float | None:
    """‖second − first‖ / ‖first‖ over all values; None where the first is all zero."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    size = float(np.sqrt((a * a).sum()))
    return float(np.sqrt(((b - a) ** 2).sum())) / size if size else None


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float | None:
    """Cosine of all values together; None where one is all zero."""
    a, b = first.astype(np.float64).ravel(), second.astype(np.float64).ravel()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(a @ b / size, -1.0, 1.0)) if size else None
