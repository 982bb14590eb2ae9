"""Thousands of dots painted into an image at once, in numpy."""

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

Buffer = NDArray[np.uint8]
_AT_ONCE = 400_000


def pixels_of(image: QImage) -> Buffer:
    """(H, W, 4) of an image of four bytes a pixel: blue, green, red, alpha; writes go into it."""
    rows = np.frombuffer(image.bits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 4].reshape(image.height(), image.width(), 4)


def paint_dots(
    buffer: Buffer, x: NDArray[np.float64], y: NDArray[np.float64], radius: float,
    rgb: NDArray[np.uint8], opacity: NDArray[np.float64], *,
    edge: tuple[int, int, int] | None = None, edge_px: float = 1.0, hollow: bool = False,
) -> None:  # fmt: skip
    """Paint discs; later ones lie over earlier ones.

    Parameters
    ----------
    buffer
        (H, W, 4) with premultiplied alpha.
    edge
        Colour of a ring of `edge_px` around each, which keeps it apart from what lies beneath.
    hollow
        Whether only the outermost `edge_px` of the discs are painted.
    """
    around = edge_px if edge is not None else 0.0
    reach = math.ceil(radius + around + 0.5)
    span = np.arange(-reach, reach + 1)
    down, across = (each.ravel() for each in np.meshgrid(span, span, indexing="ij"))
    step = max(1, _AT_ONCE // len(across))
    for first in range(0, len(x), step):
        some = slice(first, first + step)
        _paint_some(
            buffer, x[some], y[some], (across, down), radius, rgb[some], opacity[some],
            edge=edge, around=around, inside=radius - edge_px if hollow else 0.0,
        )  # fmt: skip


def _paint_some(
    buffer: Buffer, x: NDArray[np.float64], y: NDArray[np.float64],
    offsets: tuple[NDArray[np.int64], NDArray[np.int64]], radius: float, rgb: NDArray[np.uint8],
    opacity: NDArray[np.float64], *, edge: tuple[int, int, int] | None, around: float,
    inside: float,
) -> None:  # fmt: skip
    height, width = buffer.shape[:2]
    column = np.floor(x).astype(np.int32)[:, None] + offsets[0].astype(np.int32)
    row = np.floor(y).astype(np.int32)[:, None] + offsets[1].astype(np.int32)
    apart = np.hypot(
        (column + np.float32(0.5)) - x.astype(np.float32)[:, None],
        (row + np.float32(0.5)) - y.astype(np.float32)[:, None],
    )
    outer = np.clip(np.float32(radius + around + 0.5) - apart, 0, 1)
    used = (outer > 0) & (column >= 0) & (row >= 0) & (column < width) & (row < height)
    dot, _ = np.nonzero(used)  # dot by dot, so that of several at one pixel the last stays
    place = (row * width + column)[used]
    last = np.full(height * width, -1, np.int64)
    last[place] = np.arange(len(place))
    kept = last[last >= 0]
    place, dot, apart, outer = place[kept], dot[kept], apart[used][kept], outer[used][kept]
    disc = np.clip(np.float32(radius + 0.5) - apart, 0, 1)
    if inside > 0:
        disc = disc * np.clip(apart - np.float32(inside - 0.5), 0, 1)
        outer = disc
    bgr = rgb[dot, ::-1].astype(np.float32)
    if edge is not None:
        ring = np.array(edge[::-1], np.float32)
        bgr = ring + (bgr - ring) * (disc / np.maximum(outer, 1e-6))[:, None]
    strength = (outer * opacity[dot].astype(np.float32))[:, None]
    flat = buffer.reshape(-1, 4)
    colour = np.concatenate([bgr, np.full((len(bgr), 1), 255, np.float32)], axis=1)
    flat[place] = np.rint(flat[place] * (1 - strength) + colour * strength).astype(np.uint8)
