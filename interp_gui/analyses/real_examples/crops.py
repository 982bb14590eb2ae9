"""Pictures of a unit's strongest images: cut to what the unit can see, dimmed where it is quiet."""

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interp_gui.analyses.asked import run_edited, see
from interp_gui.analyses.unit_maps import Floats, unit_maps
from interp_gui.core.analysis import Context
from interp_gui.core.errors import ImageProblem
from interp_gui.core.images import image_sha256
from interp_gui.core.layer import LayerInfo
from interp_gui.core.overlays import active_area, crop, dim, upsample
from interp_gui.core.runtime import differentiable

Box = tuple[int, int, int, int]
Pixels = NDArray[np.uint8]


class LayerMaps:
    """Unit maps of one layer for images of the dataset, the least recently used ones forgotten.

    Images run one by one: a batch would make the last digits of a map, and with them a pixel
    here and there, depend on which pictures were asked for before.

    Parameters
    ----------
    limit_bytes
        Most that is kept.
    """

    def __init__(self, context: Context, layer: LayerInfo, *, limit_bytes: int = 2**28) -> None:
        self._context = context
        self._layer = layer
        self._limit = limit_bytes
        self._held: OrderedDict[str, tuple[Pixels, Floats]] = OrderedDict()
        self._bytes = 0

    def get(self, path: str, sha256: str = "") -> tuple[Pixels, Floats]:
        """What the network sees of an image, (H, W, 3), and the layer's maps, (units, h, w).

        ImageProblem where it cannot be read, or its content is not that of `sha256`, if given.
        """
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        seen = see(self._context, path)
        if sha256 and image_sha256(path) != sha256:  # looked at behind the reading
            raise ImageProblem(f"'{os.path.basename(path)}' has changed since it was recorded.")
        name = self._layer.name
        captured = run_edited(self._context, seen.batch, capture=[name], until=name).captured[name]
        found = seen.pixels, unit_maps(captured, self._layer, seen.size)[0]
        self._held[path] = found
        self._bytes += found[0].nbytes + found[1].nbytes
        while self._bytes > self._limit and len(self._held) > 1:
            _, (pixels, maps) = self._held.popitem(last=False)
            self._bytes -= pixels.nbytes + maps.nbytes
        return found


def field_box(context: Context, layer: LayerInfo, position: tuple[int, int], size: Any) -> Box:
    """What a unit at a position can see: (top, left, bottom, right), clipped to the input.

    The whole input for layers without positions, and for runtimes that cannot differentiate.
    """
    whole = (0, 0, int(size[0]), int(size[1]))
    runtime = differentiable(context.model) if layer.spatial else None
    if runtime is None:
        return whole
    from interp_gui.runtimes.receptive_field import receptive_field

    box = receptive_field(
        runtime, layer.name, position, check=context.check  # type: ignore[arg-type]
    )  # fmt: skip
    top, left = max(int(box[0]), 0), max(int(box[1]), 0)
    bottom, right = min(int(box[2]), whole[2]), min(int(box[3]), whole[3])
    return (top, left, bottom, right) if bottom > top and right > left else whole


@dataclass(frozen=True)
class Cut:
    """A picture of an example, and the part of the image that it shows; None for all of it."""

    pixels: Pixels
    box: tuple[float, float, float, float] | None

    def arrays(self, suffix: str = "") -> dict[str, NDArray[Any]]:
        """As the store keeps it."""
        found: dict[str, NDArray[Any]] = {f"picture{suffix}": self.pixels}
        return found if self.box is None else {**found, f"box{suffix}": np.array(self.box)}

    @classmethod
    def of(cls, stored: Mapping[str, Any], suffix: str = "") -> "Cut":
        """What `arrays` gave."""
        box = stored.get(f"box{suffix}")
        pixels = np.asarray(stored[f"picture{suffix}"], np.uint8)
        if box is None:
            return cls(pixels, None)
        top, left, bottom, right = (float(side) for side in np.asarray(box))
        return cls(pixels, (top, left, bottom, right))


def shares_of(box: Box, size: Any) -> tuple[float, float, float, float] | None:
    """A box of pixels as shares of a picture of a size (H, W); None for all of it."""
    height, width = int(size[0]), int(size[1])
    if tuple(box) == (0, 0, height, width):
        return None
    return box[0] / height, box[1] / width, box[2] / height, box[3] / width


def example_picture(
    pixels: Pixels, values: Floats, box: Box, *, size_px: int, floor: float, shaded: bool
) -> Pixels:
    """Cut one example out and dim what the unit does not respond to.

    Parameters
    ----------
    values
        The unit's map (h, w) over the whole image.
    size_px
        Length of the longer side of the picture.
    floor
        Value of the unit at rest; half of the way from it to the map's peak is the border of the
        active area.
    shaded
        Whether to dim at all.
    """
    cut = crop(pixels, box)
    if shaded and values.size > 1:
        over = crop(upsample(values, pixels.shape[:2]), box)
        cut = dim(cut, active_area(over, peak=float(values.max()), floor=floor))
    return fit(cut, size_px)


def fit(pixels: Pixels, size_px: int) -> Pixels:
    """Scale a picture so that its longer side has `size_px` pixels."""
    height, width = pixels.shape[:2]
    scale = size_px / max(height, width)
    if scale == 1:
        return np.ascontiguousarray(pixels)
    target = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    resampling = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS
    return np.asarray(image.resize(target, resampling))
