"""Outlines of the objects, as signed distances: negative inside, in pixels.

Polygons follow the usual exact distance to a closed polygon: least distance to an edge, signed by
the number of edges that a ray crosses. https://iquilezles.org/articles/distfunctions2d/
"""

from collections.abc import Callable
from functools import cache
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
Outline = Callable[[Field, Field], Field]

REACH = 1.2
"""No outline reaches farther from its centre than this, in units of the object's size."""


def _circle(y: Field, x: Field) -> Field:
    return np.hypot(y, x) - 0.92


def _ring(y: Field, x: Field) -> Field:
    return np.abs(np.hypot(y, x) - 0.74) - 0.22


def _moon(y: Field, x: Field) -> Field:
    return np.maximum(np.hypot(y, x) - 1.0, 0.8 - np.hypot(y, x - 0.52))


@cache
def _corners(name: str) -> NDArray[np.float64]:
    """Corners (y, x) of an object that is a polygon."""
    if name == "square":
        points = [(-0.8, -0.8), (-0.8, 0.8), (0.8, 0.8), (0.8, -0.8)]
    elif name == "triangle":
        points = [(-1.15 * cos(t), 1.15 * sin(t)) for t in (0, 2 * pi / 3, 4 * pi / 3)]
    elif name == "star":
        spikes = ((1.18 if i % 2 == 0 else 0.5, i * pi / 5) for i in range(10))
        points = [(-r * cos(t), r * sin(t)) for r, t in spikes]
    elif name == "cross":
        a, b = 0.33, 1.02
        points = [(-b, -a), (-b, a), (-a, a), (-a, b), (a, b), (a, a), (b, a), (b, -a), (a, -a),
                  (a, -b), (-a, -b), (-a, -a)]  # fmt: skip
    else:  # heart
        turns = [2 * pi * i / 28 for i in range(28)]
        points = [
            (-(13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t) + 2.5) / 15.5,
             16 * sin(t) ** 3 / 15.5)
            for t in turns
        ]  # fmt: skip
    return np.array(points)


def _polygon(name: str) -> Outline:
    def distance(y: Field, x: Field) -> Field:
        corners = _corners(name)
        ends = np.roll(corners, 1, axis=0)
        nearest = np.full(y.shape, np.inf)
        inside = np.zeros(y.shape, bool)
        for (ay, ax), (by, bx) in zip(corners, ends, strict=True):
            ey, ex, wy, wx = by - ay, bx - ax, y - ay, x - ax
            along = np.clip((wy * ey + wx * ex) / (ey * ey + ex * ex), 0, 1)
            nearest = np.minimum(nearest, (wy - ey * along) ** 2 + (wx - ex * along) ** 2)
            crossed = (ay > y) != (by > y)
            if ey != 0:
                inside ^= crossed & (x < ex * wy / ey + ax)
        found: Field = np.where(inside, -1.0, 1.0) * np.sqrt(nearest)
        return found

    return distance


OUTLINES: dict[str, Outline] = {
    "circle": _circle,
    "ring": _ring,
    "square": _polygon("square"),
    "triangle": _polygon("triangle"),
    "star": _polygon("star"),
    "cross": _polygon("cross"),
    "heart": _polygon("heart"),
    "moon": _moon,
}
"""Objects by name: distance at places given in units of the object's size."""


def coverage(name: str, y: Field, x: Field, size_px: float) -> Field:
    """How much of each pixel an object covers, 0 to 1.

    Parameters
    ----------
    name
        One of `OUTLINES`.
    y, x
        Places in the object's own frame, in pixels from its centre.
    size_px
        The object's size: about its radius.
    """
    found: Field = np.clip(0.5 - OUTLINES[name](y / size_px, x / size_px) * size_px, 0, 1)
    return found
