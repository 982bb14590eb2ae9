"""The direction that leads from examples without something to examples with it."""

import warnings

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.concept.settings import Method

Doubles = NDArray[np.float64]
_MOST_STEPS = 1000
_NOTHING = 1e-7


class Space:
    """Vectors in as few coordinates as they need, in which all distances are the same.

    Both methods depend on distances only, so what is fitted there is what would be fitted in the
    layer's own units, in a fraction of the time where there are fewer examples than units.

    Parameters
    ----------
    vectors
        (N, C).

    Attributes
    ----------
    points
        (N, r) with r ≤ min(N, C), about their mean; their mean square length is 1.
    """

    def __init__(self, vectors: NDArray[np.floating]) -> None:
        exact = np.asarray(vectors, np.float64)
        centred = exact - exact.mean(axis=0)
        length = float(np.sqrt((centred**2).sum(axis=1).mean()))
        self.scale = length if length > 0 else 1.0
        centred /= self.scale
        self._back: Doubles | None = None
        if len(centred) >= centred.shape[1]:
            self.points: Doubles = centred
            return
        values, vectors_ = np.linalg.eigh(centred @ centred.T)
        kept = values > values.max(initial=0.0) * 1e-10
        root = np.sqrt(values[kept])
        self.points = vectors_[:, kept] * root
        self._back = (centred.T @ vectors_[:, kept]) / root

    @property
    def nothing(self) -> bool:
        """Whether all vectors are the same."""
        return not bool(self.points.any())

    def direction(self, weights: Doubles) -> Doubles:
        """Weights (r,) in the layer's own units, (C,)."""
        found = weights if self._back is None else self._back @ weights
        return np.asarray(found * self.scale, np.float64)


def weights_of(
    points: Doubles, labels: NDArray[np.bool_], method: Method, *, ridge: float = 0.01
) -> Doubles:
    """The direction (r,) from those that are False to those that are True.

    Its length is such that the means of the two lie 1 apart in its coordinate ``w·x / w·w``:
    added once it moves the one mean, along it, as far as the other lies.
    """
    apart: Doubles = points[labels].mean(axis=0) - points[~labels].mean(axis=0)
    if method == "mean-difference":
        return apart
    fitted = _logistic(points, labels, ridge)
    square = float(fitted @ fitted)
    if square <= 0.0:
        return np.zeros_like(apart)
    scaled: Doubles = fitted * (float(fitted @ apart) / square)
    return scaled


def direction(
    with_vectors: NDArray[np.floating],
    without_vectors: NDArray[np.floating],
    method: Method = "mean-difference",
    *,
    ridge: float = 0.01,
) -> Doubles:
    """The concept's direction (C,) from vectors (N, C) with and without it; see `weights_of`."""
    space = Space(np.concatenate([with_vectors, without_vectors]))
    labels = np.arange(len(with_vectors) + len(without_vectors)) < len(with_vectors)
    return space.direction(weights_of(space.points, labels, method, ridge=ridge))


def is_nothing(vector: Doubles, vectors: NDArray[np.floating]) -> bool:
    """Whether a direction is no more than rounding of the vectors that it comes from."""
    size = float(np.abs(vectors).max(initial=0.0))
    return not np.isfinite(vector).all() or float(np.abs(vector).max()) <= _NOTHING * size


def _logistic(points: Doubles, labels: NDArray[np.bool_], ridge: float) -> Doubles:
    """Weights of a logistic regression with an intercept; both classes count alike.

    The ridge is that of points of mean square length 1 (scikit-learn's ``1 / C``).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=1.0 / ridge, class_weight="balanced", max_iter=_MOST_STEPS, tol=1e-6
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(points, labels)
    return np.asarray(model.coef_[0], np.float64)
