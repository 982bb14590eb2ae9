"""Images of more than 8 bits a channel: their own numbers, and what those numbers span."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

_MOST_VALUES = 2_000_000
"""So many values are looked at for the limits of a proposal."""
_TIFF_BITS, _TIFF_PLANES = 258, 284


@dataclass(frozen=True, kw_only=True)
class ImageDepth:
    """What the numbers of an image file are.

    Parameters
    ----------
    bits
        8, 16 or 32 a channel.
    floating
        Whether they are fractions.
    colour
        Whether there are several channels.
    lowest, highest
        Of all finite values, in the file's own numbers.
    proposed
        1st and 99th percentile, widened to all values where those are equal.
    """

    bits: int
    floating: bool = False
    colour: bool = False
    lowest: float
    highest: float
    proposed: tuple[float, float]

    @property
    def windowed(self) -> bool:
        """Whether an intensity window changes what is seen of it."""
        return self.bits > 8

    @property
    def title(self) -> str:
        """As in `16-bit grey`."""
        kind = "floating-point" if self.floating else f"{self.bits}-bit"
        return f"{kind} {'colour' if self.colour else 'grey'}"


def is_deep(image: Image.Image) -> bool:
    """Whether a picture, before it is loaded, has more than 8 bits a channel."""
    return image.mode == "F" or image.mode.startswith("I") or _is_deep_colour(image)


def has_deep_planes(image: Image.Image) -> bool:
    """Whether it is a TIFF with its deep channels one after the other, which Pillow garbles."""
    tags = getattr(image, "tag_v2", None)
    if tags is None or tags.get(_TIFF_PLANES) != 2:
        return False
    bits = tags.get(_TIFF_BITS, (8,))
    return any(each > 8 for each in (bits if isinstance(bits, tuple) else (bits,)))


def deep_grey(image: Image.Image) -> NDArray[np.float64]:
    """Values (H, W) of a loaded grey picture of more than 8 bits."""
    return np.asarray(image, np.float64)


def deep_colour(data: bytes) -> tuple[Image.Image, Image.Image] | None:
    """The high and the low bytes of a picture with 16 bits a channel; None if it is no such one.

    Pillow keeps the high byte of each channel only. Told that the bytes come in the other order,
    it keeps the low one: both together are the whole number, without another decoder.
    """
    high, low = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(data))
    if not _is_deep_colour(high):
        return None
    if all(_raw_mode(tile.args) == _GREY_ALPHA for tile in high.tile):
        high.tile = [tile._replace(args="RGBA") for tile in high.tile]
        grey, grey_low, alpha, alpha_low = high.split()
        return (
            Image.merge("RGBA", (grey, grey, grey, alpha)),
            Image.merge("RGBA", (grey_low, grey_low, grey_low, alpha_low)),
        )
    low.tile = [tile._replace(args=_swapped(tile.args)) for tile in low.tile]
    high.load()
    low.load()
    return high, low


def joined(high: Image.Image, low: Image.Image) -> NDArray[np.float64]:
    """Whole numbers (H, W, C) from their high and low bytes."""
    return np.asarray(high, np.float64) * 256 + np.asarray(low, np.float64)


def within(values: NDArray[Any], window: tuple[float, float]) -> NDArray[np.uint8]:
    """Values as 0..255: at or below the window black, at or above it white, NaN black."""
    low, high = window
    span = max(high - low, np.finfo(np.float64).tiny)
    with np.errstate(invalid="ignore", over="ignore"):
        parts = (np.asarray(values, np.float64) - low) / span
    return np.rint(np.clip(np.nan_to_num(parts, nan=0.0), 0, 1) * 255).astype(np.uint8)


def measure(
    values: NDArray[Any], *, bits: int, floating: bool = False, colour: bool = False
) -> ImageDepth:
    """What an image's values span."""
    flat = np.asarray(values, np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        flat = np.zeros(1)
    lowest, highest = float(flat.min()), float(flat.max())
    step = max(1, -(-len(flat) // _MOST_VALUES))
    low, high = (float(v) for v in np.percentile(flat[::step], (1, 99)))
    if not low < high:
        low, high = (lowest, highest) if lowest < highest else (lowest, lowest + 1)
    return ImageDepth(
        bits=bits, floating=floating, colour=colour, lowest=lowest, highest=highest,
        proposed=(low, high),
    )  # fmt: skip


def _is_deep_colour(image: Image.Image) -> bool:
    if not isinstance(image, ImageFile) or image.format not in ("PNG", "TIFF"):
        return False
    modes = [_raw_mode(tile.args) for tile in image.tile]
    return bool(modes) and all(mode in _OTHER_ORDER or mode == _GREY_ALPHA for mode in modes)


_GREY_ALPHA = "LA;16B"
"""Four bytes a pixel, as RGBA has: read as that, each byte is a channel."""

_OTHER_ORDER = {
    f"{mode};16{order}": f"{mode};16{'L' if order == 'B' else 'B'}"
    for mode in ("RGB", "RGBA", "RGBX")
    for order in ("B", "L")
} | {f"{mode};16N": f"{mode};16B" for mode in ("RGB", "RGBA", "RGBX")}
"""Raw mode to the one that takes the low byte; N is this machine's order, little-endian."""


def _raw_mode(args: object) -> str:
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _swapped(args: object) -> tuple[object, ...] | str:
    if isinstance(args, tuple):
        return (_OTHER_ORDER[_raw_mode(args)], *args[1:])
    return _OTHER_ORDER[_raw_mode(args)]
