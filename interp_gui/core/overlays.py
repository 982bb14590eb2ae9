"""Bringing a layer's map back onto the image: upsampling, crops, dimming.

A map's cell (i, j) stands for an equal share of the image, so that cell centres are at half
pixels; beyond the outermost centres the edge value is kept. Padding with zeros instead, as some
tools do, makes a constant map fall to a third of its value in the corners, and units near the
border are missed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


def upsampling_matrix(target: int, source: int) -> Floats:
    """Weights (target, source) of bilinear interpolation along one axis; each row sums to 1."""
    centres = (np.arange(target) + 0.5) * (source / target) - 0.5
    centres = np.clip(centres, 0.0, source - 1.0)
    low = np.minimum(np.floor(centres).astype(int), max(source - 2, 0))
    high = np.minimum(low + 1, source - 1)
    share = centres - low
    weights = np.zeros((target, source), np.float64)
    rows = np.arange(target)
    np.add.at(weights, (rows, low), 1.0 - share)
    np.add.at(weights, (rows, high), share)
    return weights.astype(np.float32)


def upsample(values: NDArray[np.floating[Any]], size: tuple[int, int]) -> Floats:
    """Interpolate maps (…, h, w) bilinearly to `size` = (H, W).

    A constant stays constant, and a peak lands at its cell's centre.

    Returns
    -------
    float32 array (…, H, W).
    """
    maps = np.asarray(values, np.float32)
    rows = upsampling_matrix(size[0], maps.shape[-2])
    columns = upsampling_matrix(size[1], maps.shape[-1])
    result: Floats = np.matmul(np.matmul(rows, maps), columns.T).astype(np.float32)
    return result


def crop(array: NDArray[Any], box: tuple[int, int, int, int]) -> NDArray[Any]:
    """Cut `box` = (top, left, bottom, right) out of (H, W, …), clipped at the borders.

    At least one pixel is returned, also for a box that lies outside.
    """
    height, width = array.shape[:2]
    top, left = min(max(box[0], 0), height - 1), min(max(box[1], 0), width - 1)
    bottom, right = max(min(box[2], height), top + 1), max(min(box[3], width), left + 1)
    return array[top:bottom, left:right]


def active_area(values: Floats, *, peak: float, floor: float = 0.0, level: float = 0.5) -> Floats:
    """Soft mask in 0..1 of where a map is above `level` of the way from `floor` to `peak`.

    Parameters
    ----------
    values
        Map of any shape.
    peak, floor
        The values that count as fully active and as not active at all.
    level
        Share of the way at which the mask is one half; 0.5 is the half maximum.

    Notes
    -----
    The edge is a ramp of a quarter of the range, so that the border of the active area can be
    seen without a hard line that the image does not have.
    """
    reach = peak - floor
    if not np.isfinite(reach) or reach <= 0:
        return np.zeros_like(values, np.float32)
    share = (values - floor) / reach
    mask: Floats = np.clip((share - level) / 0.25 + 0.5, 0.0, 1.0).astype(np.float32)
    return mask


def dim(image: Pixels, mask: Floats, *, remaining: float = 0.6) -> Pixels:
    """Fade an image (H, W, 3) where `mask` (H, W) is 0, and leave it where it is 1.

    What is faded loses `1 - remaining` of its brightness and of its colour: enough to tell the
    two apart, and still light enough to be recognised.
    """
    pixels = image.astype(np.float32)
    grey = pixels @ np.asarray((0.299, 0.587, 0.114), dtype=np.float32)
    faded = remaining * (grey[..., None] + remaining * (pixels - grey[..., None]))
    weight = mask[..., None]
    mixed = weight * pixels + (1.0 - weight) * faded
    dimmed: Pixels = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return dimmed
