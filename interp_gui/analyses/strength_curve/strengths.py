"""Strengths of one edit: which they are, and which lie beyond what was observed."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.feature_statistics.gathering import statistics_of
from interp_gui.analyses.feature_statistics.moments import Moments, coordinates_of
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import Edit
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import Change
from interp_gui.core.layer import LayerInfo
from interp_gui.core.place import Place

Kind = Literal["scale", "steer", "clamp"]

RANGES: dict[str, tuple[float, float]] = {"scale": (-1.0, 3.0), "steer": (-4.0, 4.0)}
"""Where nobody names one; that of a limit is what was observed."""
LABELS = {
    "scale": "factor", "steer": "strength (standard deviations)", "clamp": "upper limit",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Observed:
    """How strong a feature is where it was looked at, one number a basis vector.

    Parameters
    ----------
    sentence
        Where that was.
    """

    deviation: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    sentence: str


def observed(
    context: Context, feature: Feature, layer: LayerInfo, value: NDArray[np.float32], *, most: int
) -> Generator[Progress, None, Observed]:
    """Over the images at hand; over the current image's positions where there are none.

    Parameters
    ----------
    value
        The layer's value for the current image.
    """
    dataset = context.inputs.dataset
    if dataset is not None and dataset.images:
        (found,) = yield from statistics_of(context, (feature,), most=most)
        things = "image" if found.images == 1 else "images"
        return Observed(
            deviation=found.deviation, low=found.low, high=found.high,
            sentence=f"Observed over all positions of {found.images} {things} at hand.",
        )  # fmt: skip
    moments = Moments()
    moments.update(coordinates_of(value, feature, layer))
    spread = moments.found()
    own = spread.of(feature.units) if feature.units else spread
    return Observed(
        deviation=tuple(own.deviation.tolist()), low=tuple(own.low.tolist()),
        high=tuple(own.high.tolist()),
        sentence="Observed over the positions of this image alone: no images are at hand.",
    )  # fmt: skip


def strengths(
    kind: Kind, low: float, high: float, steps: int, seen: Observed
) -> NDArray[np.float64]:
    """Evenly spaced strengths, from `low` to `high` or over what suits the kind."""
    if low == high == 0.0:
        low, high = RANGES.get(kind, (min(seen.low), max(seen.high)))
    if not low < high:
        raise InvalidValue(
            "The lowest strength is not below the highest.",
            hint="Leave both at 0 for what suits the kind.",
        )
    return np.linspace(low, high, steps)


def edit_of(kind: Kind, feature: Feature, strength: float, place: Place, seen: Observed) -> Edit:
    """The edit of one strength."""
    if kind == "scale":
        return Edit(feature=feature, kind="scale", amount=strength, place=place)
    if kind == "clamp":
        return Edit(feature=feature, kind="clamp", high=strength, place=place)
    return Edit(
        feature=feature, kind="add", amount=strength, deviation=seen.deviation, place=place
    )  # fmt: skip


def is_beyond(change: Change, seen: Observed) -> bool:
    """Whether a changed value lies outside of what was observed."""
    values = change.new_coordinates[np.broadcast_to(change.weights > 0, change.delta.shape)]
    values = values.reshape(-1, change.delta.shape[-1])
    room = 1e-6 * np.maximum(1.0, np.abs([*seen.low, *seen.high]).max(initial=0.0))
    moved = change.delta.any()
    low, high = np.array(seen.low) - room, np.array(seen.high) + room
    return bool(moved and ((values < low) | (values > high)).any())


def span_of(x: NDArray[np.float64], beyond: list[bool]) -> tuple[float, float] | None:
    """Least and greatest strength within what was observed; None where all or none are."""
    within = [float(each) for each, outside in zip(x, beyond, strict=True) if not outside]
    if not within or len(within) == len(x):
        return None
    return min(within), max(within)
