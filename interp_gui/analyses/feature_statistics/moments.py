"""Mean, deviation and range of coordinates, taken in image by image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import EditProblem
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Of k coordinates, (k,) each; NaN where a coordinate was never a number.

    Parameters
    ----------
    images
        How many were read.
    """

    mean: Values
    deviation: Values
    low: Values
    high: Values
    images: int

    def of(self, picked: tuple[int, ...]) -> "Spread":
        """Some of the coordinates."""
        at = list(picked)
        return Spread(
            mean=self.mean[at], deviation=self.deviation[at], low=self.low[at],
            high=self.high[at], images=self.images,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """All of it, for the cache."""
        return dict(vars(self))

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Spread":
        """Rebuild from `state`."""
        arrays = {n: np.asarray(v, np.float64) for n, v in state.items() if n != "images"}
        return cls(**arrays, images=int(state["images"]))


class Moments:
    """Running mean, scatter and range; what is no finite number does not count.

    Notes
    -----
    Means and scatters of parts are joined as by Chan, Golub and LeVeque (1983), so that no digits
    are lost where the mean is far from zero.
    """

    def __init__(self) -> None:
        self._count = np.zeros(0, np.int64)
        self._mean = self._scatter = self._low = self._high = np.zeros(0)
        self._images = 0

    def update(self, coordinates: Values) -> None:
        """Take in one image, (positions, k)."""
        there = np.isfinite(coordinates)
        count = there.sum(axis=0)
        known = np.where(there, coordinates, 0.0)
        mean = known.sum(axis=0) / np.maximum(count, 1)
        scatter = (np.where(there, coordinates - mean, 0.0) ** 2).sum(axis=0)
        low = np.where(there, coordinates, np.inf).min(axis=0, initial=np.inf)
        high = np.where(there, coordinates, -np.inf).max(axis=0, initial=-np.inf)
        self._join(count, mean, scatter, low, high, images=1)

    def update_images(self, means: Values, variances: Values, lows: Values, highs: Values) -> None:
        """Take in images by their own figures, (n, k) each, over equally many positions."""
        for mean, variance, low, high in zip(means, variances, lows, highs, strict=True):
            there = np.isfinite(mean) & np.isfinite(variance)
            zero = np.where(there, 0.0, np.nan)
            self._join(
                there.astype(np.int64), np.nan_to_num(mean + zero), np.nan_to_num(variance + zero),
                np.where(there, low, np.inf), np.where(there, high, -np.inf), images=1,
            )  # fmt: skip

    def found(self) -> Spread:
        """What was taken in."""
        empty = np.where(self._count, 0.0, np.nan)
        deviation = np.sqrt(self._scatter / np.maximum(self._count, 1))
        return Spread(
            mean=self._mean + empty, deviation=deviation + empty, low=self._low + empty,
            high=self._high + empty, images=self._images,
        )  # fmt: skip

    def _join(
        self, count: NDArray[np.int64], mean: Values, scatter: Values, low: Values, high: Values,
        *, images: int,
    ) -> None:  # fmt: skip
        if not len(self._count):
            self._count, self._mean = np.zeros(len(count), np.int64), np.zeros(len(count))
            self._scatter = np.zeros(len(count))
            self._low, self._high = np.full(len(count), np.inf), np.full(len(count), -np.inf)
        total = np.maximum(self._count + count, 1)
        step = mean - self._mean
        self._scatter = self._scatter + scatter + step**2 * self._count * count / total
        self._mean = self._mean + step * count / total
        self._count = self._count + count
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        self._images += images


def coordinates_of(value: NDArray[Any], feature: Feature, layer: LayerInfo) -> Values:
    """Coordinates of one image's value at all positions, (positions, k).

    Of units (or heads) they are those of all units (heads) of the layer; of vectors theirs.
    """
    axis = layer.axes.index("head") if feature.heads else layer.unit_axis - 1
    x = np.moveaxis(np.asarray(value, np.float64), axis, -1)
    flat: Values = x.reshape(-1, x.shape[-1])
    return flat @ np.linalg.pinv(feature.basis(x.shape[-1])).T if feature.vectors else flat


def require_coordinates(feature: Feature) -> None:
    """Raise EditProblem for a whole layer, which has no coordinates of its own."""
    if feature.whole_layer:
        raise EditProblem(
            f"{feature.text} is a whole layer: it has no one strength.",
            hint="Name units or directions of it.",
        )
