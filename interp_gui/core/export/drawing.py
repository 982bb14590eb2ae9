"""A small display list: what layouts make and every backend draws."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.export.fonts import text_width
from interp_gui.core.result import Pixels

INK = "#1c2128"
SOFT = "#626b77"
RULE = "#d5dae1"
ACCENT = "#2f6cb3"
PAPER = "#ffffff"
LINE_COLOURS = ("#2f6cb3", "#d1602c", "#2b8a63", "#8a4fa3", "#b08900", "#4b5563")

MARGIN = 24.0
TITLE_SIZE = 15.0
HEADING_SIZE = 11.5
TEXT_SIZE = 11.0
SMALL_SIZE = 9.5
HALO = 0.18
"""Width of the edge around letters over pictures, as a share of their size."""


@dataclass(frozen=True)
class ImageItem:
    """Pixels in a box; drawn exactly where the box has the size of the pixels."""

    x: float
    y: float
    width: float
    height: float
    pixels: Pixels
    opacity: float = 1.0


@dataclass(frozen=True)
class Rectangle:
    """A filled box."""

    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True)
class Polyline:
    """A line through two or more points."""

    points: tuple[tuple[float, float], ...]
    colour: str = RULE
    width: float = 1.0


@dataclass(frozen=True, eq=False)
class Discs:
    """Many filled circles.

    Parameters
    ----------
    xy
        (n, 2) centres.
    radius
        (n,) or one for all.
    rgb
        (n, 3) uint8.
    """

    xy: NDArray[np.floating[Any]]
    radius: NDArray[np.floating[Any]]
    rgb: NDArray[np.uint8]


@dataclass(frozen=True)
class Text:
    """One line of text; `y` is its baseline, `x` its start, middle or end as `anchor` says.

    `halo` is the colour of an edge around the letters, by which they are read over pictures.
    """

    x: float
    y: float
    text: str
    size: float = TEXT_SIZE
    colour: str = INK
    bold: bool = False
    anchor: str = "start"
    halo: str = ""

    @property
    def width(self) -> float:
        """Its length."""
        return text_width(self.text, self.size, bold=self.bold)


Item = ImageItem | Rectangle | Polyline | Discs | Text


@dataclass
class Drawing:
    """A page: its size and what is on it, in the order of painting.

    Parameters
    ----------
    width, height
        In CSS pixels (96 an inch).
    background
        Colour under everything; empty for none (a bare picture, which may be transparent).
    """

    width: float
    height: float
    title: str = ""
    background: str = PAPER
    items: list[Item] = field(default_factory=list)

    def add(self, *items: Item) -> None:
        """Paint these on top."""
        self.items.extend(items)
