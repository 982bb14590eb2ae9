"""Shares and means of derivatives, beside those along random directions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.concept_sensitivity.asked import Direction
from interp_gui.analyses.concept_sensitivity.removing import Removed

Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One direction.

    Parameters
    ----------
    derivative
        (N,) of each image's Target, for the direction added once everywhere; None without
        gradients.
    random
        (n, N) the same along random directions of equal length.
    removed
        None where nothing was taken away.
    """

    direction: Direction
    derivative: Doubles | None
    random: Doubles
    removed: Removed | None

    @property
    def share(self) -> float | None:
        """Share of images whose Target rises along it."""
        return None if self.derivative is None else float(share_positive(self.derivative))

    @property
    def magnitude(self) -> float | None:
        """Part of all derivatives' size that is of the positive ones; None where all are zero."""
        if self.derivative is None or not self.derivative.any():
            return None
        size = np.abs(self.derivative)
        return float(size[self.derivative > 0].sum() / size.sum())

    @property
    def mean(self) -> float | None:
        """Mean derivative."""
        return None if self.derivative is None else float(self.derivative.mean())

    @property
    def random_shares(self) -> Doubles:
        """(n,) share of images whose Target rises, along each random direction."""
        return share_positive(self.random)

    @property
    def p_share(self) -> float | None:
        """Two-sided: random directions whose share lies as far from one half.

        None where they are saturated: then no share is far, whatever the direction is.
        """
        if self.share is None or not len(self.random) or self.saturated:
            return None
        return p_far(self.share - 0.5, self.random_shares - 0.5)

    @property
    def p_mean(self) -> float | None:
        """Two-sided: random directions whose mean derivative is as large."""
        if self.mean is None or not len(self.random):
            return None
        return p_far(self.mean, self.random.mean(axis=1))

    @property
    def saturated(self) -> bool:
        """Whether random directions, too, mostly have all images on one side."""
        shares = self.random_shares
        return bool(len(shares)) and float((np.abs(shares - 0.5) > 0.45).mean()) > 0.25


def share_positive(derivatives: Doubles) -> Doubles:
    """Share above zero along the last axis; zeros count as half, so that −v has one minus it."""
    half: Doubles = 0.5 * (1.0 + np.sign(derivatives)).mean(axis=-1)
    return half


def p_far(value: float, controls: Doubles) -> float:
    """Share of the controls, the value among them, that lie as far from zero."""
    reached = int((np.abs(controls) >= abs(value) - 1e-12).sum())
    return (1 + reached) / (1 + len(controls))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Values of p corrected for their number (Holm, 1979); None stays and does not count."""
    known = sorted((p, i) for i, p in enumerate(values) if p is not None)
    found: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        found[i] = highest
    return found
