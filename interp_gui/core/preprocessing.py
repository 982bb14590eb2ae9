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
from interp_gui.core.images import Pixels, read_image, read_planes
from interp_gui.core.model import Preprocessing
from interp_gui.core.planes import Planes, composite, in_words

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
    if p.channels in ("RGB", "BGR") and len(p.mean) != 3:
        raise InvalidValue(
            f"{p.channels} has 3 channels, but mean and deviation have {len(p.mean)}.",
            hint="Choose L for networks that look at grey pictures, planes for other numbers.",
        )
    if p.window is not None and not (np.isfinite(p.window).all() and p.window[0] < p.window[1]):
        raise InvalidValue(
            "The window's lowest value must be below its highest.",
            hint="Both are numbers as the image file holds them.",
        )


def read_for(path: str | os.PathLike[str], p: Preprocessing) -> Planes:
    """Decode an image file as a network wants it, in its intensity window.

    Returns
    -------
    uint8 (H, W, 3), RGB, as by `read_image`; for `planes` what `read_planes` gives, (H, W, C).
    """
    if p.channels == "planes":
        return read_planes(path, len(p.mean), window=p.window)
    return read_image(path, window=p.window, colours=True)


def preprocess(pixels: Planes, p: Preprocessing) -> NDArray[np.float32]:
    """Normalised input of a network.

    Parameters
    ----------
    pixels
        As `read_for` gives them.

    Returns
    -------
    float32 (C, h, w) with C the length of `p.mean`.
    """
    return normalised(cropped(pixels, p), p)


def cropped(pixels: Planes, p: Preprocessing) -> Planes:
    """An image in the size that the network sees, before normalisation.

    Returns
    -------
    (h, w, C): RGB for `RGB` and `BGR`, one plane for `L`, all of them for `planes`.
    """
    check_preprocessing(p)
    if p.channels == "planes":
        return _fitted_planes(pixels, p)
    seen = np.asarray(_fitted(pixels, p))
    return seen[:, :, None] if seen.ndim == 2 else seen


def normalised(levels: Planes, p: Preprocessing) -> NDArray[np.float32]:
    """What `cropped` gives as a network's input, float32 (C, h, w)."""
    mean, std = _columns(p)
    if p.channels == "planes":
        whole = levels.dtype == np.uint8
        planes = levels.transpose(2, 0, 1).astype(np.float32)
        return np.ascontiguousarray(((planes / np.float32(255) if whole else planes) - mean) / std)
    if p.channels == "L":
        channels = np.repeat(levels.transpose(2, 0, 1), len(p.mean), axis=0)
    else:
        channels = levels.transpose(2, 0, 1)[:: -1 if p.channels == "BGR" else 1]
    # in place on planes one behind the other: a sixth of the time, and the same bits
    values = np.ascontiguousarray(channels).astype(np.float32)
    values /= np.float32(255)
    values -= mean
    values /= std
    return values


def as_seen(pixels: Planes, p: Preprocessing) -> Pixels:
    """What the network sees, before normalisation: uint8 (h, w, 3), RGB.

    Of more than three planes the first three are shown, of two their mean in grey.
    """
    return as_shown(cropped(pixels, p), p)


def as_shown(levels: Planes, p: Preprocessing) -> Pixels:
    """What `cropped` gives as a picture, uint8 (h, w, 3), RGB; see `as_seen`."""
    if p.channels == "planes":
        return composite(levels)
    return np.array(np.repeat(levels, 3, axis=2) if levels.shape[2] == 1 else levels)


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
    if p.channels == "planes":
        return composite(np.clip(np.nan_to_num(values), 0, 1).transpose(1, 2, 0))
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


def _fitted(pixels: Planes, p: Preprocessing) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if p.channels == "L":
        image = image.convert("L")
    return _sized(image, p, _mean_colour(p))


def _fitted_planes(pixels: Planes, p: Preprocessing) -> Planes:
    """Each plane by itself, as a grey picture of 8 bits or of fractions."""
    if pixels.shape[2] != len(p.mean):
        raise InvalidValue(
            f"An image of {in_words(pixels.shape[2])} was given to a network that looks at "
            f"{len(p.mean)}."
        )
    whole = pixels.dtype == np.uint8
    fitted = []
    for plane, mean in zip(np.moveaxis(pixels, 2, 0), p.mean, strict=True):
        fill = _level(mean) if whole else mean
        fitted.append(np.asarray(_sized(Image.fromarray(np.ascontiguousarray(plane)), p, fill)))
    return np.stack(fitted, axis=2)


def _sized(image: Image.Image, p: Preprocessing, fill: float | tuple[int, ...]) -> Image.Image:
    size = _resized_size(image.size, p)
    if size != image.size:
        image = image.resize(size, _RESAMPLING[p.interpolation])
    return _centre(image, p, fill) if p.crop else image


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


def _centre(image: Image.Image, p: Preprocessing, fill: float | tuple[int, ...]) -> Image.Image:
    height, width = p.size
    short_x, short_y = max(width - image.width, 0), max(height - image.height, 0)
    if short_x or short_y:
        padded = Image.new(image.mode, (image.width + short_x, image.height + short_y), fill)
        padded.paste(image, (short_x // 2, short_y // 2))
        image = padded
    left = round((image.width - width) / 2)
    top = round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _mean_colour(p: Preprocessing) -> int | tuple[int, ...]:
    levels = [_level(value) for value in p.mean]
    if p.channels == "L":
        return levels[0]
    return tuple(levels[::-1] if p.channels == "BGR" else levels)


def _level(value: float) -> int:
    return round(min(max(value, 0.0), 1.0) * 255)
