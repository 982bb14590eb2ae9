"""Maps of a layer kept from one pass to the next, so that another direction needs no network.

Who looks at an atlas opens one direction of a layer after the other. Where the maps of all images
together are small, the first pass leaves them in the cache, chunk by chunk, and the others only
read them.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context
from interp_gui.core.layer import LayerInfo

LayerValues = dict[str, NDArray[np.float32]]
"""Maps (images, units, h, w) by layer."""
MOST_BYTES = 2**28
"""Maps of more are not kept: they would drive everything else out of the cache."""
CHUNK_BYTES = 2**22
_MAPS_VERSION = 1


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

    Attributes
    ----------
    chunk
        Images that are kept together: whole steps.
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
        image_bytes = 4 * sum(math.prod(layer.shape) for layer in layers)
        self.keeps = context.cache is not None and count * image_bytes <= MOST_BYTES
        self.chunk = batch * max(1, CHUNK_BYTES // max(1, batch * image_bytes))
        self._held: list[LayerValues] | None = None
        self._shared = {
            "kind": "layer-maps", "version": _MAPS_VERSION, "batch": batch,
            **identity(context, runner=runner),
        } if self.keeps else {}  # fmt: skip

    def get(self, context: Context, images: Sequence[Known], start: int) -> LayerValues | None:
        """The maps of the chunk of `images` that begins at `start`.

        None where those of any layer are not known, and where no chunk begins there.
        """
        if not self.keeps or start % self.chunk:
            return None
        found: LayerValues = {}
        for layer in self._layers:
            kept = context.recall(self._key(layer, images[start : start + self.chunk]))
            if kept is None:
                return None
            found[layer.name] = np.asarray(kept["maps"], np.float32)
        return found

    def add(
        self, context: Context, images: Sequence[Known], step: range, maps: LayerValues | None
    ) -> None:
        """Take in the maps of a step; a chunk is kept when it is full.

        A chunk in which an image cannot be read (None), or whose beginning was not seen, is not.
        """
        if not self.keeps or context.cache is None:
            return
        if step.start % self.chunk == 0:
            self._held = []
        if self._held is None or maps is None:
            self._held = None
            return
        self._held.append(maps)
        if step.stop % self.chunk and step.stop < len(images):
            return
        first = (step.stop - 1) // self.chunk * self.chunk
        for layer in self._layers:
            whole = np.concatenate([each[layer.name] for each in self._held])
            key = self._key(layer, images[first : step.stop])
            context.cache.put(key, {"maps": whole})
        self._held = None

    def _key(self, layer: LayerInfo, images: Sequence[Known]) -> dict[str, Any]:
        hashes = [image.sha256 for image in images]
        return {**self._shared, "layer": layer.name, "images": hashes}
