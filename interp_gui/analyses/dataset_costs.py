"""What analyses that ask about every image at hand will cost."""

from collections.abc import Callable, Sequence

from interp_gui.analyses.costs import forward_s, spread, within
from interp_gui.analyses.dataset_pass import Known, identified, images_at_hand
from interp_gui.core.analysis import Context
from interp_gui.core.cost import Cost

_TIMED = 2
_UNCOUNTED = "What is known of these images already is not counted."


def asking_cost(
    context: Context,
    *,
    left: Callable[[Sequence[Known]], int],
    most: int,
    layer: str = "",
    times: int = 1,
    bytes_an_image: int = 0,
) -> Cost:
    """Finding out which images these are, and running those that are not known yet.

    Parameters
    ----------
    left
        How many of the images at hand are to be run; asked where they are identified in time.
    most
        How many where they are not.
    layer
        Where the run stops; empty for the end.
    times
        Runs an image.
    bytes_an_image
        What the cache keeps of each.
    """
    paths = images_at_hand(context).paths
    found, seconds = within(identified(context, {}), len(paths))
    count = min(most, len(paths)) if found is None else min(most, left(found))
    if count:
        timed = spread(paths, _TIMED)
        one_s = sum(forward_s(context, layer=layer, path=path) for path in timed) / len(timed)
        seconds += count * times * one_s
    return Cost(
        seconds=seconds,
        disk_bytes=count * bytes_an_image,
        note=_UNCOUNTED if found is None and bytes_an_image else "",
    )
