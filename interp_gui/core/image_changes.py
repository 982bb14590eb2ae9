"""Changes of an image's pixels: a region hidden, blurred or taken from another image.

They are made on what the network sees, after resizing and cropping and before normalisation, so
that a region means the same place whatever the size of the file.
"""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InvalidValue
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.place import resample_by_area
from interp_gui.core.planes import Planes

_GREY = np.array([0.299, 0.587, 0.114])
_REACH = 3.0
"""A blur reaches so many standard deviations."""


def changes_of(stack: EditStack, image_sha256: str) -> tuple[ImageEdit, ...]:
    """The changes in force of one image, in order."""
    return tuple(edit for edit in stack.active_image_edits if edit.image == image_sha256)


def changed_pixels(
    pixels: Planes, edits: Sequence[ImageEdit], others: Mapping[str, Planes]
) -> Planes:
    """Make changes of an image, in order.

    Parameters
    ----------
    pixels
        (h, w, C), what the network sees before normalisation; left alone.
    edits
        Only those that are switched on are made. Where a region's weight is between 0 and 1,
        the pixel is that share of the new value, the rest of the old one.
    others
        What the network sees of other images, by SHA-256, for `swap`.

    Returns
    -------
    Of the shape and type of `pixels`. Outside the regions every value is the same.

    Raises
    ------
    InvalidValue
        The other image of a swap is not in `others`, or is of another size.
    """
    whole = pixels.dtype == np.uint8
    values = np.asarray(pixels, np.float32)
    touched = np.zeros(values.shape[:2], bool)
    for edit in edits:
        if not edit.enabled:
            continue
        share = weights_over(edit.region, *values.shape[:2])
        new = _replacement(edit, values, pixels, others)
        values = values + share[:, :, None] * (new - values)
        touched |= share > 0
    if whole:
        rounded = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
        return np.where(touched[:, :, None], rounded, pixels)
    return np.where(touched[:, :, None], values, pixels).astype(np.float32)


def weights_over(region: Sequence[Sequence[float]], height: int, width: int) -> NDArray[np.float32]:
    """Weights of a region, (height, width) within 0..1, on the grid of an image's pixels.

    A finer grid gives its mean over each pixel, a coarser one is read between the centres of its
    cells, so that a brushed edge is soft; constants stay constant.
    """
    grid = np.clip(np.nan_to_num(np.asarray(region, np.float64)), 0.0, 1.0)
    rows, columns = grid.shape
    if rows > height or columns > width:
        # by area along the axis that is too fine, and nothing yet along the other one
        grid = resample_by_area(grid, min(rows, height), min(columns, width))
    grid = _between(height, grid.shape[0]) @ grid @ _between(width, grid.shape[1]).T
    return np.clip(grid, 0.0, 1.0).astype(np.float32)


def _between(target: int, source: int) -> NDArray[np.float64]:
    """Weights of linear interpolation between the centres of cells, (target, source)."""
    at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = np.floor(at).astype(int)
    weights = np.zeros((target, source))
    weights[np.arange(target), low] = 1.0 - (at - low)
    weights[np.arange(target), np.minimum(low + 1, source - 1)] += at - low
    return weights


def _replacement(
    edit: ImageEdit,
    values: NDArray[np.float32],
    original: Planes,
    others: Mapping[str, Planes],
) -> NDArray[np.float32]:
    if edit.kind == "blur":
        return blurred(values, edit.radius_px)
    if edit.kind == "occlude":
        return _colour(edit, original)
    other = others.get(edit.source)
    if other is None:
        raise InvalidValue(
            "A region is swapped with an image that is not at hand.",
            hint="Open the image that it was swapped with.",
        )
    if other.shape != original.shape:
        raise InvalidValue(
            f"A region of an image of {_size(original)} cannot be swapped with one of "
            f"{_size(other)}.",
            hint="Switch cropping on, or resize to an exact size.",
        )
    return np.asarray(other, np.float32)


def _colour(edit: ImageEdit, original: Planes) -> NDArray[np.float32]:
    """What a region is hidden by, as it is counted in the image; None: its own mean."""
    if edit.colour is None:
        mean: NDArray[np.float64] = np.asarray(original, np.float64).mean(axis=(0, 1))
        return mean.astype(np.float32)
    rgb = np.asarray(edit.colour, np.float64)
    levels = rgb if original.shape[2] == 3 else np.full(original.shape[2], rgb @ _GREY)
    return (levels if original.dtype == np.uint8 else levels / 255).astype(np.float32)


def blurred(values: NDArray[np.float32], radius_px: float) -> NDArray[np.float32]:
    """A Gaussian blur of (h, w, C) along rows and columns, its edges continued outward.

    Parameters
    ----------
    radius_px
        Standard deviation; 0 changes nothing.
    """
    found = values
    for axis in (0, 1):
        length = values.shape[axis]
        found = np.moveaxis(np.tensordot(_kernel(length, radius_px), found, (1, axis)), 0, axis)
    return found.astype(np.float32)


def _kernel(length: int, radius_px: float) -> NDArray[np.float32]:
    """The blur along one axis as a matrix: (length, length), each row sums to 1."""
    if radius_px <= 0:
        return np.eye(length, dtype=np.float32)
    reach = ceil(_REACH * radius_px)
    steps = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (steps / radius_px) ** 2)
    matrix = np.zeros((length, length))
    at = np.clip(np.arange(length)[:, None] + steps, 0, length - 1)
    np.add.at(matrix, (np.arange(length)[:, None], at), taps / taps.sum())
    return matrix.astype(np.float32)


def _size(pixels: Planes) -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]} pixels"


def words_for(edits: Sequence[ImageEdit]) -> str:
    """`2 regions hidden, 1 region blurred`; empty for none."""
    verbs = {"occlude": "hidden", "blur": "blurred", "swap": "swapped"}
    found = []
    for kind, verb in verbs.items():
        count = sum(edit.kind == kind for edit in edits)
        if count:
            found.append(f"{count} region{'' if count == 1 else 's'} {verb}")
    return ", ".join(found)
