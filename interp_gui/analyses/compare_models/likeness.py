"""How alike two layers are over the same samples: linear CKA without its bias, and distances.

Centred kernel alignment with a linear kernel (Kornblith et al. 2019, arXiv:1905.00414), with the
unbiased estimator of HSIC (Song et al. 2012, JMLR 13): the plain one tends to one as soon as a
layer has more units than there are samples, whatever the layers do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


def all_alike(
    first: Sequence[NDArray[np.float32]], second: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """`cka` of each of the first with each of the second, (first, second); NaN for None.

    Parameters
    ----------
    first, second
        Samples (n, units) of each layer, n the same for all.
    """
    sides = []
    for layers in (first, second):
        flat = [_centred(gram(samples)) for samples in layers]
        sides.append(np.stack(flat))
    found: NDArray[np.float64] = sides[0] @ sides[1].T
    return found


def _centred(k: Floats) -> Floats:
    """A Gram matrix, centred so that inner products are the unbiased HSIC, at length one.

    The U-centring of Székely and Rizzo (2014, Ann. Statist. 42); NaN where nothing varies.
    """
    n = len(k)
    if cka(k, k) is None:
        return np.full(n * n, np.nan)
    sums = k.sum(axis=1)
    centred = k - (sums[:, None] + sums) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0.0)
    flat: Floats = centred.ravel() / np.linalg.norm(centred)
    return flat


@dataclass
class Sums:
    """Running sums over all values of two layers of the same shape."""

    own: float = 0.0
    other: float = 0.0
    both: float = 0.0
    difference: float = 0.0

    def add(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
        """Take in the values of one image."""
        x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
        self.own += float(x @ x)
        self.other += float(y @ y)
        self.both += float(x @ y)
        self.difference += float(((y - x) ** 2).sum())

    @property
    def relative_difference(self) -> float | None:
        """‖second − first‖ / ‖first‖; None where the first is all zero."""
        return math.sqrt(self.difference / self.own) if self.own else None

    @property
    def cosine(self) -> float | None:
        """Cosine of all values together; None where one is all zero."""
        size = math.sqrt(self.own) * math.sqrt(self.other)
        return max(-1.0, min(1.0, self.both / size)) if size else None
