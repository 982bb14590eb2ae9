"""Images of any number of planes: arranged, scaled, and made visible as pictures for people.

A network may look at more than colours: infrared, depth, several stains. Its images are as many
planes as it has channels, in the file's own order, and nothing is ever made up for a plane that
a file does not have.
"""

from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import ImageProblem

Planes = NDArray[np.uint8 | np.float32]
"""(H, W, C): uint8 counts from 0 to 255, float32 as the network's values before its mean and
deviation, 0..1 as a rule."""


class UnsuitableImage(ImageProblem):
    """A sound file that this network cannot be shown: its planes, or their range, are others."""


MOST_PLANES = 512
GAP_PX = 2
GAP_LEVEL = 24


def hint(count: int) -> str:
    """What files can hold so many planes."""
    kinds = "a NumPy array (.npy, .npz) or a TIFF"
    beside = {2: ", or PNG of grey with transparency", 4: ", or PNG of colours with transparency"}
    return f"Give it {kinds} with {in_words(count)}{beside.get(count, '')}."


def in_words(count: int) -> str:
    """`1 plane`, `6 planes`."""
    return f"{count} plane{'' if count == 1 else 's'}"


def arranged(array: NDArray[Any], name: str, count: int = 0) -> NDArray[Any]:
    """Values with planes on the last axis, (H, W, C).

    Parameters
    ----------
    array
        (H, W), (H, W, C) or (C, H, W).
    count
        C; where it is not known (0), the shorter one of the first and the last axis holds planes.

    Raises
    ------
    ImageProblem
        No axis has that length, or the first and the last have.
    """
    if array.ndim == 2:
        array = array[:, :, None]
    first, last = array.shape[0], array.shape[2]
    if not count:
        count = min(first, last)
        if count > MOST_PLANES:
            raise ImageProblem(f"'{name}' has more than {MOST_PLANES} planes.")
        return array if last == count else np.moveaxis(array, 0, 2)
    if first == last == count and count > 1:
        raise ImageProblem(
            f"'{name}' is {count} long on its first and its last axis: which one holds the planes "
            "cannot be told."
        )
    if last == count:
        return array
    if first == count:
        return np.moveaxis(array, 0, 2)
    raise mismatch(name, min(first, last), count)


def mismatch(name: str, has: int, wanted: int, what: str = "") -> UnsuitableImage:
    """What is said of a file with another number of planes than the network looks at."""
    return UnsuitableImage(
        f"'{name}' has {what or in_words(has)}, but this network looks at {in_words(wanted)}.",
        hint=hint(wanted),
    )


def scaled(values: NDArray[Any], name: str, window: tuple[float, float] | None = None) -> Planes:
    """Values as a network gets them, before its mean and deviation.

    8 bits stay as they are. 16 bits without sign count in full range, fractions as they are, as
    torchvision's `ToTensor` does; a window, in the file's own numbers, becomes 0..1 for both.

    Raises
    ------
    ImageProblem
        Some are no numbers, or nothing says which of them is white.
    """
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    wide = values.astype(np.float64)
    if values.dtype.kind == "f" and not np.isfinite(wide).all():
        raise ImageProblem(
            f"'{name}' holds values that are no numbers (NaN or infinite).",
            hint="Put a number in their place before the file is saved.",
        )
    if window is not None and values.dtype.kind != "b":
        low, high = window
        with np.errstate(over="ignore"):
            wide = np.clip((wide - low) / (high - low), 0, 1)
    elif values.dtype.kind in "iu":
        if values.dtype != np.uint16:
            raise UnsuitableImage(
                f"'{name}' holds {values.dtype.name}, and nothing says which value is white.",
                hint="Set the window under Preprocessing, or save fractions from 0 to 1.",
            )
        wide /= 65535
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise ImageProblem(f"'{name}' holds values that are too large.")
    return np.ascontiguousarray(narrow)


def composite(planes: Planes) -> NDArray[np.uint8]:
    """A colour picture (H, W, 3) of planes: their first three; one or two as grey, their mean.

    Fractions beyond 0..1 are brought within by their own lowest and highest value.
    """
    shown: NDArray[Any] = planes[:, :, :3]
    if shown.shape[2] == 2:
        shown = shown.astype(np.float32).mean(axis=2, keepdims=True)
    if planes.dtype != np.uint8:
        low, high = float(shown.min()), float(shown.max())
        if low < 0 or high > 1:
            span = max(high - low, float(np.finfo(np.float32).tiny))
            shown = (shown.astype(np.float64) - low) / span
        shown = shown * 255
    levels = np.rint(shown).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(levels, (*levels.shape[:2], 3)))


def shown_note(count: int) -> str:
    """What a mosaic shows."""
    if count == 2:
        return "The network looks at 2 planes: plane 1 is shown on the left, plane 2 on the right."
    return (
        f"The network looks at {count} planes: the first three as a colour picture, then planes "
        f"1 to {count} in grey, row by row."
    )


def mosaic(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All planes in one picture (H, W, 3): each in grey, behind a colour picture of three.

    One plane is a grey picture and three are a colour picture: nothing stands beside them.
    """
    height, width, count = planes.shape
    if count in (1, 3):
        return composite(planes)
    tiles = [composite(planes)] if count > 2 else []
    tiles += [composite(planes[:, :, i : i + 1]) for i in range(count)]
    square = ceil(sqrt(len(tiles)))
    wide = [len(tiles)] if len(tiles) < 4 else range(square, square + square // 2 + 1)
    columns = min(wide, key=lambda n: (-len(tiles) % n, n))  # as few empty places as may be
    rows = ceil(len(tiles) / columns)
    size = (rows * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 3)
    canvas = np.full(size, GAP_LEVEL, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = (i // columns) * (height + GAP_PX), (i % columns) * (width + GAP_PX)
        canvas[y : y + height, x : x + width] = tile
    return canvas
