"""Maps of a layer kept from one pass to the next, so that another direction needs no network.

Who looks at an atlas opens one direction of a layer after the other. Where the maps of all images
together are small, the first pass leaves them in the cache, batch by batch, and the others only
read them.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context
from interp_gui.core.layer import LayerInfo

MOST_BYTES = 2**28
"""Maps of more are not kept: they would drive everything else out of the cache."""
_MAPS_VERSION = 1


class Maps(NamedTuple):
    """Maps of some images.

    Parameters
    ----------
    rows
        Which of the images asked for could be read.
    values
        (rows, units, h, w) by layer.
    broken
        Sentence for each of the others, by its place among those asked for.
    """

    rows: list[int]
    values: dict[str, NDArray[np.float32]]
    broken: dict[int, str]


class KeptMaps:
    """The maps of one pass in the cache.

    Parameters
    ----------
    count
        Images of the pass.
    batch
        Images a step: it makes the last digits.
    runner
        What computes them.
    """

    def __init__(
        self,
        context: Context,
        layers: Sequence[LayerInfo],
        count: int,
        *,
        batch: int,
        runner: str,
    ) -> None:
        self._layers = tuple(layers)
        values = sum(math.prod(layer.shape) for layer in layers)
        self.keeps = context.cache is not None and 4 * count * values <= MOST_BYTES
        self._shared = {
            "kind": "layer-maps", "version": _MAPS_VERSION, "batch": batch,
            **identity(context, runner=runner),
        } if self.keeps else {}  # fmt: skip

    def get(self, context: Context, images: Sequence[Known]) -> Maps | None:
        """The maps of a step's images; None where those of any layer are not known."""
        if not self.keeps:
            return None
        found: dict[str, NDArray[np.float32]] = {}
        for layer in self._layers:
            kept = context.recall(self._key(layer, images))
            if kept is None:
                return None
            found[layer.name] = np.asarray(kept["maps"], np.float32)
        return Maps(list(range(len(images))), found, {})

    def put(self, context: Context, images: Sequence[Known], maps: Maps) -> None:
        """Keep the maps of a step's images, if all of them could be read."""
        if not self.keeps or context.cache is None or maps.broken:
            return
        for layer in self._layers:
            context.cache.put(self._key(layer, images), {"maps": maps.values[layer.name]})

    def _key(self, layer: LayerInfo, images: Sequence[Known]) -> dict[str, Any]:
        hashes = [image.sha256 for image in images]
        return {**self._shared, "layer": layer.name, "images": hashes}
