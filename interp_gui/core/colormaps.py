"""Colour maps whose steps look equally large, and heat maps laid over images.

Both maps are computed in OKLab (Ottosson 2020, "A perceptual color space for image processing"):
lightness runs linearly, hue along an arc, and chroma is taken back where sRGB ends.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interp_gui.core.errors import unknown_name

COLORMAPS = ("sequential", "diverging")
"""`sequential`: dark violet over teal to light yellow. `diverging`: blue, white, red."""

DEFAULT_OPACITY = 0.6

Values = NDArray[np.floating]
Rgb = NDArray[np.uint8]


def colormap(name: str) -> Rgb:
    """The 256 colours of a map, (256, 3) uint8, lowest value first."""
    return _table_of(name).copy()


def value_range(values: Values, *, symmetric: bool = False) -> tuple[float, float]:
    """Limits of a map's colours, so that zero is always among them.

    Parameters
    ----------
    values
        Any shape; what is not finite does not count.
    symmetric
        Whether zero is the middle.

    Returns
    -------
    `low` < `high`; 0 and 1 (or −1 and 1) where all values are zero.
    """
    finite = np.asarray(values)[np.isfinite(values)]
    low = min(float(finite.min()), 0.0) if finite.size else 0.0
    high = max(float(finite.max()), 0.0) if finite.size else 0.0
    if symmetric:
        reach = max(-low, high) or 1.0
        return -reach, reach
    return (low, high) if high > low else (0.0, 1.0)


def apply_colormap(values: Values, name: str, low: float, high: float) -> Rgb:
    """Colours (…, 3) of values (…); values outside `low`..`high` take the end colours.

    What is not a number takes the lowest colour.
    """
    shares = (np.asarray(values, np.float64) - low) / ((high - low) or 1.0)
    shares = np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0)
    return _table_of(name)[np.rint(np.clip(shares, 0.0, 1.0) * 255).astype(np.intp)]


def resize_values(values: Values, height: int, width: int) -> NDArray[np.float32]:
    """Bilinear resampling by the centres of the cells; constants stay constant."""
    finite = np.nan_to_num(np.asarray(values, np.float32))
    if finite.shape == (height, width):
        return finite
    resized = Image.fromarray(finite).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)


def overlay(
    image: Rgb, values: Values, *, symmetric: bool = False, opacity: float = DEFAULT_OPACITY
) -> Rgb:
    """Lay a map of values over the grey version of an image.

    The image loses its colours so that every colour seen is one of the map's.

    Parameters
    ----------
    image
        (H, W, 3 or 4) uint8.
    values
        (h, w), covering the whole image.
    symmetric
        Whether zero is the middle of the (then diverging) colour map.
    opacity
        Share of the map's colour, 0 to 1.

    Returns
    -------
    (H, W, 3) uint8.
    """
    height, width = image.shape[:2]
    low, high = value_range(values, symmetric=symmetric)
    name = "diverging" if symmetric else "sequential"
    colours = apply_colormap(resize_values(values, height, width), name, low, high)
    return blend(colours, grey(image)[..., None], opacity)


def grey(image: Rgb) -> NDArray[np.float64]:
    """Luma (H, W) of an image, in 0..255."""
    luma: NDArray[np.float64] = image[..., :3] @ np.array([0.299, 0.587, 0.114])
    return luma


def blend(colours: Rgb, under: NDArray[np.floating] | float, opacity: float) -> Rgb:
    """`opacity` of the colours and the rest of what lies under them, as uint8."""
    mixed = colours * opacity + np.asarray(under) * (1.0 - opacity)
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def _table_of(name: str) -> Rgb:
    if name not in COLORMAPS:
        raise unknown_name("colour map", name, COLORMAPS)
    return _table(name)


@cache
def _table(name: str) -> Rgb:
    t = np.linspace(0.0, 1.0, 4096)
    lightness, chroma, hue = _path(name, t)
    chroma = _within_srgb(lightness, chroma, hue)
    if name == "sequential":
        chroma = _within_srgb(lightness, _smooth(chroma), hue)
        # entries stand at equal distances along the path, not at equal t
        lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
        walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(lab, axis=0), axis=1))])
        at = np.interp(np.linspace(0.0, walked[-1], 256), walked, t)
    else:
        at = np.linspace(0.0, 1.0, 256)
    lightness, _, hue = _path(name, at)
    chroma = np.interp(at, t, chroma)
    result: Rgb = np.rint(_to_srgb(lightness, chroma, hue) * 255).astype(np.uint8)
    result.setflags(write=False)
    return result


def _path(
    name: str, t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lightness, wished chroma and hue of a map."""
    if name == "sequential":
        chroma = 0.16 * np.sin(np.pi * (0.1 + 0.72 * t)) ** 0.5
        return 0.17 + 0.76 * t, chroma, np.radians(308.0 - 208.0 * t)
    away = np.abs(2.0 * t - 1.0)
    return 0.97 - 0.5 * away, 0.165 * away, np.radians(np.where(t < 0.5, 256.0, 27.0))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round off the corners where the path meets the edge of sRGB."""
    reach = len(values) // 6
    window = np.hanning(2 * reach + 1)
    padded = np.pad(values, reach, mode="edge")
    result: NDArray[np.float64] = np.convolve(padded, window / window.sum(), mode="valid")
    return result


def _within_srgb(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The largest chroma up to the wished one that sRGB can show, found by bisection."""
    low, high = np.zeros_like(chroma), chroma.copy()
    for _ in range(24):
        middle = (low + high) / 2
        linear = _to_linear(lightness, middle, hue)
        inside = ((linear >= 0.0) & (linear <= 1.0)).all(axis=1)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return low


def _to_linear(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    """OKLCH to linear sRGB, (n, 3)."""
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    to_lms = np.array(
        [[1.0, 0.3963377774, 0.2158037573],
         [1.0, -0.1055613458, -0.0638541728],
         [1.0, -0.0894841775, -1.2914855480]]
    )  # fmt: skip
    to_rgb = np.array(
        [[4.0767416621, -3.3077115913, 0.2309699292],
         [-1.2684380046, 2.6097574011, -0.3413193965],
         [-0.0041960863, -0.7034186147, 1.7076147010]]
    )  # fmt: skip
    linear: NDArray[np.float64] = (lab @ to_lms.T) ** 3 @ to_rgb.T
    return linear


def _to_srgb(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    linear = np.clip(_to_linear(lightness, chroma, hue), 0.0, 1.0)
    low = linear <= 0.0031308
    return np.where(low, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
