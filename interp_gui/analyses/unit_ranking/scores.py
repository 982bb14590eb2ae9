"""How much each unit responds in a place, and how much it speaks for the Target there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import Seen, check_number, main_output, run_edited
from interp_gui.analyses.gradients import layer_gradient
from interp_gui.analyses.unit_maps import Floats, region_weights, unit_maps
from interp_gui.core.analysis import Context
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import differentiable
from interp_gui.core.target import Target


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Numbers of all units of a layer for one image and place.

    Parameters
    ----------
    maps
        (units, h, w) activation.
    activation
        (units,) mean activation over the place.
    attribution
        (units,) sum over the place of activation × gradient of the Target: to first order, by
        how much the Target would fall if the unit were zero there. None without gradients.
    target
        Value of the Target.
    value
        The layer's value (…) with all its axes.
    """

    maps: Floats
    activation: NDArray[np.float64]
    attribution: NDArray[np.float64] | None
    target: float
    value: Floats

    def order(self, by: str) -> list[int]:
        """Units, highest `activation` or `attribution` first, ties by index."""
        by_activation = by == "activation" or self.attribution is None
        numbers = self.activation if by_activation else self.attribution
        assert numbers is not None
        return [int(u) for u in np.argsort(-numbers, kind="stable")]

    def attributed(self, unit: int) -> float | None:
        """Attribution of one unit; None without gradients."""
        return None if self.attribution is None else float(self.attribution[unit])


def score_units(
    context: Context,
    seen: Seen,
    layer: LayerInfo,
    target: Target,
    region: tuple[tuple[float, ...], ...],
) -> Scores:
    """One pass through the network under the edits asked for, and back where it has gradients.

    Parameters
    ----------
    region
        Brushed weights over the network's input; empty for everywhere. Everywhere includes
        class tokens, a region does not.
    """
    array, slope, value = _passed(context, seen, layer, target)
    maps = unit_maps(array, layer, seen.size)[0]
    weights = region_weights(region, layer, seen.size).astype(np.float64)
    total = max(float(weights.sum()), 1e-12)
    attribution = None
    if slope is not None and region and layer.spatial:
        products = unit_maps(array * slope, layer, seen.size)[0]
        attribution = (products * weights).sum(axis=(1, 2))
    elif slope is not None:
        others = tuple(i for i in range(array.ndim) if i != layer.unit_axis)
        attribution = (array.astype(np.float64) * slope).sum(axis=others)
    return Scores(
        maps=maps,
        activation=(maps * weights).sum(axis=(1, 2)) / total,
        attribution=attribution,
        target=value,
        value=array[0],
    )


def _passed(
    context: Context, seen: Seen, layer: LayerInfo, target: Target
) -> tuple[Floats, Floats | None, float]:
    """The layer's value (1, …), its gradient if there is one, and the Target."""
    if differentiable(context.model) is not None:
        found = layer_gradient(context, seen.batch, layer, target)
        return found.value, found.gradient, float(found.target[0])
    ran = run_edited(context, seen.batch, capture=[layer.name])
    name = main_output(context)
    rows = ran.outputs[name] if name in ran.outputs else next(iter(ran.outputs.values()))
    value = target.evaluate(rows)
    check_number(value)
    return ran.captured[layer.name], None, float(value[0])
