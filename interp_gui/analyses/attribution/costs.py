"""What attributions will cost."""

from interp_gui.analyses.costs import forward_s
from interp_gui.core.analysis import Context
from interp_gui.core.layer import LayerInfo

TANGENT = 2.5
"""Values with their derivatives behind the layer, in passes without."""


def attribution_s(
    context: Context, layer: LayerInfo, *, positions: int, images: int, path: str = ""
) -> float:
    """Seconds of attributing so many positions, which lie in so many images.

    Parameters
    ----------
    path
        An image that a pass is timed with; an empty one if there is none.
    """
    whole_s = forward_s(context, path=path)
    before_s = min(whole_s, forward_s(context, layer=layer.name, path=path))
    return min(images, positions) * before_s + positions * TANGENT * (whole_s - before_s)
