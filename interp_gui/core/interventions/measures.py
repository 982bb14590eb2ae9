"""How far one answer is from another, in numbers that both processes show."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def shares_of(values: NDArray[Any], kind: str) -> Values | None:
    """Probabilities of one image's outputs (C,); None where the outputs are no classes.

    Parameters
    ----------
    kind
        As of `core.model.OutputInfo`.
    """
    rows = np.asarray(values, np.float64)
    if kind == "softmax":
        top = rows.max(initial=-np.inf)
        if not np.isfinite(top):
            return np.full(rows.shape, np.nan)
        shares: Values = np.exp(rows - top)
        shares /= shares.sum()
        return shares
    if kind == "sigmoid":
        # exp of the negative magnitude cannot overflow
        small = np.exp(-np.abs(rows))
        return np.where(rows >= 0, 1.0, small) / (1.0 + small)
    return None


def entropy_of(values: NDArray[Any], kind: str) -> float | None:
    """Entropy of an answer in nats: of all classes together (softmax), or the mean over classes of
    each one's own (sigmoid); None where the outputs are no classes.
    """
    logs = _logs(values, kind)
    if logs is None:
        return None
    # 0 · log 0 counts as 0
    terms = -np.where(np.isneginf(logs), 0.0, np.exp(logs) * _finite(logs))
    return float(terms.sum(axis=0).mean())


def divergence_of(after: NDArray[Any], before: NDArray[Any], kind: str) -> float | None:
    """Kullback-Leibler divergence of `after` from `before` in nats, Σ a · log(a / b).

    Of independent classes (sigmoid) it is the mean over classes of the divergence of each one's
    yes and no. None where the outputs are no classes.
    """
    one, other = _logs(after, kind), _logs(before, kind)
    if one is None or other is None:
        return None
    with np.errstate(invalid="ignore"):
        terms = np.where(np.isneginf(one), 0.0, np.exp(one) * (_finite(one) - other))
    return max(0.0, float(terms.sum(axis=0).mean()))


def _logs(values: NDArray[Any], kind: str) -> Values | None:
    """Logarithms of the shares that go together, (of each kind of outcome, of independent ones)."""
    rows = np.asarray(values, np.float64).reshape(-1)
    if kind == "softmax":
        if not rows.size or not np.isfinite(rows.max()):
            return None
        shifted = rows - rows.max()
        logs: Values = (shifted - np.log(np.exp(shifted).sum()))[:, None]
        return logs
    if kind == "sigmoid":
        # log σ(x) = −log(1 + e^−x), written so that nothing overflows
        return -np.stack([np.logaddexp(0.0, -rows), np.logaddexp(0.0, rows)])
    return None


def _finite(logs: Values) -> Values:
    return np.where(np.isneginf(logs), 0.0, logs)
