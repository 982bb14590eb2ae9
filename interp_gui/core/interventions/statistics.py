"""How strongly a feature occurs in images: what strengths and baselines are measured in."""

import msgspec

from interp_gui.core.edit import Observed
from interp_gui.core.feature import Feature


class FeatureStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Coordinates ``B⁺x`` of a feature over images and positions, one number a basis vector.

    Parameters
    ----------
    mean, deviation
        Mean and standard deviation over all positions of all images.
    low, high
        Least and greatest value observed.
    images
        How many images were read.
    source
        SHA-256 of the set of images.
    """

    feature: Feature
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    images: int = 0
    source: str = ""

    @property
    def observed(self) -> Observed:
        """Its range, as edits carry it."""
        return Observed(low=self.low, high=self.high, images=self.images)
