"""From pixels to a network's input and back.

Sizes, rounding and resampling are those of torchvision's classification presets on PIL images
(``torchvision.transforms.functional.resize`` and ``center_crop``), so that a network answers here
as it does there.
"""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interp_gui.core.errors import InvalidValue
from interp_gui.core.images import Pixels, read_image
from interp_gui.core.model import Preprocessing

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def check_preprocessing(p: Preprocessing) -> None:
    """Raise InvalidValue unless the parts of a preprocessing fit together."""
    if min(p.size) < 1 or p.resize_px < 1:
        raise InvalidValue("Sizes of the input must be at least one pixel.")
    if len(p.mean) != len(p.std) or not p.mean:
        raise InvalidValue("Mean and deviation need one value for each channel.")
    if not all(np.isfinite(v) for v in p.mean) or not all(np.isfinite(v) and v > 0 for v in p.std):
        raise InvalidValue("Deviations must be above 0, and all values finite.")
    if p.channels != "L" and len(p.mean) != 3:
        raise InvalidValue(
            f"{p.channels} has 3 channels, but mean and deviation have {len(p.mean)}.",
            hint="Choose L for networks that look at grey pictures.",
        )
    if p.window is not None and not (np.isfinite(p.window).all() and p.window[0] < p.window[1]):
        raise InvalidValue(
            "The window's lowest value must be below its highest.",
            hint="Both are numbers as the image file holds them.",
        )


def read_for(path: str | os.PathLike[str], p: Preprocessing) -> Pixels:
    """Decode an image file as a network wants it, in its intensity window; see `read_image`."""
    return read_image(path, window=p.window)


def preprocess(pixels: Pixels, p: Preprocessing) -> NDArray[np.float32]:
    """Normalised input of a network.

    Parameters
    ----------
    pixels
        uint8 (H, W, 3), RGB.

    Returns
    -------
    float32 (C, h, w) with C the length of `p.mean`.
    """
    check_preprocessing(p)
    seen = np.asarray(_fitted(pixels, p), np.float32) / np.float32(255)
    if p.channels == "L":
        values = np.repeat(seen[None], len(p.mean), axis=0)
    else:
        values = seen.transpose(2, 0, 1)[:: -1 if p.channels == "BGR" else 1]
    mean, std = _columns(p)
    return np.ascontiguousarray((values - mean) / std)


def as_seen(pixels: Pixels, p: Preprocessing) -> Pixels:
    """What the network sees, before normalisation: uint8 (h, w, 3), RGB."""
    check_preprocessing(p)
    return np.array(_fitted(pixels, p).convert("RGB"))


def load_input(path: str | os.PathLike[str], p: Preprocessing) -> NDArray[np.float32]:
    """Input of one image file, float32 (C, h, w); ImageProblem if it cannot be decoded."""
    return preprocess(read_for(path, p), p)


def load_batch(paths: Sequence[str | os.PathLike[str]], p: Preprocessing) -> NDArray[np.float32]:
    """Inputs of several image files, float32 (N, C, h, w).

    Raises
    ------
    ImageProblem
        One of them cannot be decoded; the message names it.
    InvalidValue
        They end up in different sizes, because nothing crops or stretches them.
    """
    if not paths:
        return np.zeros((0, len(p.mean), *p.size), np.float32)
    inputs = [load_input(path, p) for path in paths]
    if len({each.shape for each in inputs}) > 1:
        raise InvalidValue(
            "These images have different sizes after preprocessing.",
            hint="Switch cropping on, or resize to an exact size.",
        )
    return np.stack(inputs)


def to_picture(x: NDArray[np.floating], p: Preprocessing) -> Pixels:
    """Undo the normalisation of one input (C, h, w): uint8 (h, w, 3), RGB, clipped to 0..255."""
    mean, std = _columns(p)
    values = np.asarray(x, np.float32) * std + mean
    if p.channels == "L":
        values = np.repeat(values.mean(axis=0, keepdims=True), 3, axis=0)
    elif p.channels == "BGR":
        values = values[::-1]
    levels = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255)
    return np.ascontiguousarray(levels.transpose(1, 2, 0).astype(np.uint8))


def _columns(p: Preprocessing) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return (
        np.asarray(p.mean, np.float32)[:, None, None],
        np.asarray(p.std, np.float32)[:, None, None],
    )


def _fitted(pixels: Pixels, p: Preprocessing) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if p.channels == "L":
        image = image.convert("L")
    size = _resized_size(image.size, p)
    if size != image.size:
        image = image.resize(size, _RESAMPLING[p.interpolation])
    return _centre(image, p) if p.crop else image


def _resized_size(size: tuple[int, int], p: Preprocessing) -> tuple[int, int]:
    width, height = size
    if p.resize == "exact":
        return p.size[1], p.size[0]
    if p.resize == "square":
        return p.resize_px, p.resize_px
    if p.resize == "none":
        return size
    short, long = min(size), max(size)
    # int() cuts off as torchvision does; rounding would shift some pictures by a pixel
    new_long = int(p.resize_px * long / short)
    return (p.resize_px, new_long) if width <= height else (new_long, p.resize_px)


def _centre(image: Image.Image, p: Preprocessing) -> Image.Image:
    height, width = p.size
    short_x, short_y = max(width - image.width, 0), max(height - image.height, 0)
    if short_x or short_y:
        padded = Image.new(
            image.mode, (image.width + short_x, image.height + short_y), _mean_colour(p)
        )
        padded.paste(image, (short_x // 2, short_y // 2))
        image = padded
    left = round((image.width - width) / 2)
    top = round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _mean_colour(p: Preprocessing) -> int | tuple[int, ...]:
    levels = [round(min(max(value, 0.0), 1.0) * 255) for value in p.mean]
    if p.channels == "L":
        return levels[0]
    return tuple(levels[::-1] if p.channels == "BGR" else levels)
