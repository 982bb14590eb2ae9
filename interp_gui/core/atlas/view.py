"""Which part of a map is shown, and what is painted of it: plain arrays, no painting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class View:
    """A rectangle of a map of side 1, as large as so many pixels.

    Parameters
    ----------
    left, top
        Place on the map of the rectangle's corner.
    scale
        Pixels a side of the whole map.
    width, height
        Pixels of the rectangle.
    ratio
        Pixels that a length of one pixel takes: 2 on a screen of double density, or for a picture
        twice as large of the same things. Level, text and dots follow the size without it.
    side
        Cells a side of the level to show; 0: the one that fits the scale.
    """

    left: float
    top: float
    scale: float
    width: int
    height: int
    ratio: float = 1.0
    side: int = 0

    @classmethod
    def fit(
        cls, width: int, height: int, *, margin: float = 0.0, ratio: float = 1.0, side: int = 0
    ) -> "View":
        """The whole map in the middle of so many pixels, with a margin in pixels around it."""
        scale = max(1.0, min(width, height) - 2 * margin)
        return cls(
            left=0.5 - width / scale / 2, top=0.5 - height / scale / 2, scale=scale,
            width=width, height=height, ratio=ratio, side=side,
        )  # fmt: skip

    @property
    def right(self) -> float:
        """Where the rectangle ends on the map."""
        return self.left + self.width / self.scale

    @property
    def bottom(self) -> float:
        """Where the rectangle ends on the map."""
        return self.top + self.height / self.scale

    def to_pixels(self, xy: NDArray[np.floating]) -> Numbers:
        """Places on the map (…, 2) in pixels from the rectangle's corner."""
        return (np.asarray(xy, np.float64) - (self.left, self.top)) * self.scale

    def to_map(self, xy: NDArray[np.floating]) -> Numbers:
        """Pixels (…, 2) from the rectangle's corner as places on the map."""
        return np.asarray(xy, np.float64) / self.scale + (self.left, self.top)


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """Pictures of n cells of one level; none covers another.

    Parameters
    ----------
    cells
        (n,) int32 indices into the level's arrays.
    x, y, size
        (n,) left and top corner and side, in pixels of the view; they are whole numbers counted
        from the map's corner.
    opacity
        (n,) 0 to 1.
    sheet, row
        (n,) int32: pixels are `atlas.pictures[sheet].pixels[row]`.
    rgb
        (n, 3) uint8: what the cell's value is coloured as.
    coloured
        (n,) bool: whether it has a colour. It is laid over the picture with `TINT` opacity, and as
        a frame of `frame_px(size)` pixels.
    """

    cells: NDArray[np.int32]
    x: Numbers
    y: Numbers
    size: Numbers
    opacity: Numbers
    sheet: NDArray[np.int32]
    row: NDArray[np.int32]
    rgb: NDArray[np.uint8]
    coloured: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dots:
    """n points, each a disc; later ones lie over earlier ones.

    Parameters
    ----------
    points
        (n,) int64 indices of the atlas's points; of several at one place the last.
    x, y
        (n,) centres in pixels of the view.
    radius
        In pixels, the same for all.
    rgb
        (n, 3) uint8.
    opacity
        (n,) 0 to 1.
    edged
        Whether an edge of `EDGE` keeps colours near those of the background apart from it.
    """

    points: NDArray[np.int64]
    x: Numbers
    y: Numbers
    radius: float
    rgb: NDArray[np.uint8]
    opacity: Numbers
    edged: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """n lines of text, none of which touches another.

    Parameters
    ----------
    x, y
        (n,) middle of the text in pixels of the view.
    text
        Shortened to fit.
    size
        (n,) height of the font in pixels.
    width
        (n,) pixels that the text may take; what is wider in the font at hand is to be shortened.
    """

    x: Numbers
    y: Numbers
    text: tuple[str, ...]
    size: Numbers
    width: Numbers

    @property
    def height(self) -> Numbers:
        """(n,) pixels that a line takes."""
        return self.size * LINE


@dataclass(frozen=True, kw_only=True, eq=False)
class Display:
    """Everything that is painted of a view, in this order: pictures, dots, labels."""

    view: View
    side: int
    pictures: Placed
    dots: Dots
    labels: Labels


TINT = 0.38
"""How much of a cell's colour lies over its picture."""
EDGE = (128, 128, 128)
"""Colour of the edge of dots; one pixel wide at `View.ratio` 1."""
LINE = 1.3
"""Height of a line of text in parts of its font's."""


def frame_px(size: Numbers) -> Numbers:
    """Width of the coloured frame inside pictures of such a side."""
    return np.maximum(1.0, np.rint(size * 0.06))
