"""Where one looks at a map, and the way from there to where one wants to look."""

import math
from dataclasses import dataclass, replace

from interp_gui.core.atlas.view import View

MARGIN_PX = 20.0
"""Around the whole map."""
BEYOND_PX = 60.0
"""How far one can pan past the map's edge."""
CLOSEST_CELL_PX = 280.0
"""Size of the finest cells when one is as close as can be: their points are seen one by one."""
STEPS_AN_OCTAVE = 4
"""Notches of a wheel that double the size of everything."""
EASE_S = 0.055
"""Time in which the way that is left shrinks to a third."""


@dataclass(frozen=True)
class Place:
    """Map coordinates of a window's corner, and pixels a side of the map."""

    left: float
    top: float
    scale: float


class Camera:
    """Moves over a map of side 1 that is looked at through a window of some pixels.

    Zooming keeps the place of the map that is at a given pixel there, also on the way.
    """

    def __init__(self, width: int = 1, height: int = 1) -> None:
        self.width, self.height = width, height
        self.finest_side = 0
        """Cells a side of the finest level, by which one can go only so close."""
        self.here = self.goal = self.home

    # --- limits -----------------------------------------------------------------------------

    @property
    def fit_scale(self) -> float:
        """Scale at which the whole map is seen."""
        return max(16.0, min(self.width, self.height) - 2 * MARGIN_PX)

    @property
    def most_scale(self) -> float:
        """Scale at which one is as close as can be."""
        return max(8 * self.fit_scale, CLOSEST_CELL_PX * self.finest_side)

    @property
    def home(self) -> Place:
        """The whole map in the middle."""
        scale = self.fit_scale
        return Place(0.5 - self.width / scale / 2, 0.5 - self.height / scale / 2, scale)

    def _held(self, place: Place) -> Place:
        """The nearest allowed one."""
        scale = min(self.most_scale, max(self.fit_scale, place.scale))
        corner = []
        for at, pixels in ((place.left, self.width), (place.top, self.height)):
            seen, beyond = pixels / scale, BEYOND_PX / scale
            # A direction in which all of the map is seen with room to spare stays in the middle.
            low = min(0.5, seen / 2 - beyond)
            high = max(0.5, 1 - seen / 2 + beyond)
            if seen >= 1:
                low = high = 0.5
            corner.append(min(high, max(low, at + seen / 2)) - seen / 2)
        return Place(corner[0], corner[1], scale)

    # --- moving -----------------------------------------------------------------------------

    def resize(self, width: int, height: int) -> None:
        """Keep the middle and how much closer one is than home."""
        kept = self.snapshot()
        self.width, self.height = max(1, width), max(1, height)
        self.restore(kept)

    def zoom(self, factor: float, x: float, y: float, *, snap: bool = False) -> None:
        """Aim at a scale so many times that which was aimed at, about a pixel.

        With `snap` at one of the steps of a wheel, so that painted tiles are used again.
        """
        scale = self.goal.scale * factor
        if snap:
            steps = round(STEPS_AN_OCTAVE * math.log2(scale / self.fit_scale))
            scale = self.fit_scale * 2.0 ** (steps / STEPS_AN_OCTAVE)
        scale = min(self.most_scale, max(self.fit_scale, scale))
        at_x, at_y = self.to_map(x, y)
        self.goal = self._held(Place(at_x - x / scale, at_y - y / scale, scale))

    def pan(self, dx: float, dy: float) -> None:
        """Move the map by so many pixels at once."""
        here = self.here
        moved = Place(here.left - dx / here.scale, here.top - dy / here.scale, here.scale)
        self.here = self.goal = self._held(moved)

    def glide(self, dx: float, dy: float) -> None:
        """Aim so many pixels farther."""
        goal = self.goal
        moved = Place(goal.left - dx / goal.scale, goal.top - dy / goal.scale, goal.scale)
        self.goal = self._held(moved)

    def look_at(self, left: float, top: float, right: float, bottom: float) -> None:
        """Aim at a rectangle of the map, with some room around it."""
        scale = 0.8 * min(
            self.width / max(1e-9, right - left), self.height / max(1e-9, bottom - top)
        )
        scale = min(self.most_scale, max(self.fit_scale, scale))
        x, y = (left + right) / 2, (top + bottom) / 2
        self.goal = self._held(
            Place(x - self.width / scale / 2, y - self.height / scale / 2, scale)
        )

    def go_home(self) -> None:
        """Aim at the whole map."""
        self.goal = self.home

    def arrive(self) -> None:
        """Be at the goal at once."""
        self.here = self.goal

    @property
    def is_moving(self) -> bool:
        """Whether the goal is not reached yet."""
        return self.here != self.goal

    def step(self, seconds: float) -> None:
        """Go on for so long."""
        here, goal = self.here, self.goal
        left = math.exp(-seconds / EASE_S)
        scale = goal.scale * (here.scale / goal.scale) ** left
        if abs(math.log(here.scale / goal.scale)) > 1e-6:
            # Corners move with 1 / scale: then one pixel stays where it is on the map.
            share = (1 / scale - 1 / here.scale) / (1 / goal.scale - 1 / here.scale)
        else:
            share = 1 - left
        x = here.left + (goal.left - here.left) * share
        y = here.top + (goal.top - here.top) * share
        away = max(abs(x - goal.left), abs(y - goal.top)) * goal.scale
        near = away < 0.25 and abs(scale / goal.scale - 1) < 5e-4
        self.here = goal if near else Place(x, y, scale)

    # --- reading ----------------------------------------------------------------------------

    def to_map(self, x: float, y: float) -> tuple[float, float]:
        """Where on the map a pixel is."""
        return self.here.left + x / self.here.scale, self.here.top + y / self.here.scale

    def to_pixel(self, x: float, y: float) -> tuple[float, float]:
        """At which pixel a place of the map is."""
        return (x - self.here.left) * self.here.scale, (y - self.here.top) * self.here.scale

    def view(self) -> View:
        """What is seen now."""
        here = self.here
        return View(
            left=here.left, top=here.top, scale=here.scale, width=self.width, height=self.height
        )

    def snapshot(self) -> dict[str, float]:
        """The goal without the window's size: the middle, and how much closer than home it is."""
        goal = self.goal
        return {
            "x": goal.left + self.width / goal.scale / 2,
            "y": goal.top + self.height / goal.scale / 2,
            "zoom": goal.scale / self.fit_scale,
        }

    def restore(self, kept: dict[str, float]) -> None:
        """Look where a snapshot was taken; what is no number is as at home."""
        values = []
        for name, usual in (("x", 0.5), ("y", 0.5), ("zoom", 1.0)):
            value = kept.get(name, usual)
            good = isinstance(value, (int, float)) and math.isfinite(value)
            values.append(float(value) if good else usual)
        x, y, zoom = values
        scale = self.fit_scale * max(1.0, zoom)
        place = Place(x - self.width / scale / 2, y - self.height / scale / 2, scale)
        self.here = self.goal = self._held(place)


def device_view(view: View, ratio: float) -> View:
    """The same view in a screen's own pixels."""
    return replace(
        view, scale=view.scale * ratio, width=round(view.width * ratio),
        height=round(view.height * ratio), ratio=ratio,
    )  # fmt: skip
