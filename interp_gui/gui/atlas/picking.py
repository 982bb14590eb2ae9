"""What of an atlas is at a place of the window."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.display import cells_within, dot_radius, nearness, shown_side
from interp_gui.core.atlas.kinds import Source
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View

REACH_PX = 4.0
"""How far beside a dot one can point and still mean it."""


@dataclass(frozen=True)
class Hit:
    """A cell, or a point close up.

    Parameters
    ----------
    cell
        Index into the arrays of the level of `side` cells a side; −1 where a point is in none.
    side
        Cells a side of the level that was seen; 0 without levels.
    point
        Index of the point, −1 where the cell as a whole is meant.
    """

    cell: int
    side: int
    point: int = -1


@dataclass(frozen=True, eq=False)
class Wanted:
    """Cells that are seen, but have no picture of a kind yet; nearest the middle first."""

    side: int
    source: Source
    cells: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))


def pick(scene: Scene, view: View, x: float, y: float) -> Hit | None:
    """What is drawn at a pixel of a view: a dot before the picture beneath it."""
    side = shown_side(scene.sides, view)
    at_x, at_y = view.left + x / view.scale, view.top + y / view.scale
    reach = (dot_radius(scene, view, side) + REACH_PX * view.ratio) / view.scale
    point = _drawn_point(scene, view, side, (at_x, at_y, reach))
    if point >= 0:
        cell = int(scene.grid(side).cell[point]) if side else -1
        return Hit(cell, side, point)
    cell = cell_at(scene, side, at_x, at_y)
    if cell < 0 or (scene.look.draw != "points" and not scene.cells(side).pictured[cell]):
        return None
    return Hit(cell, side)


def cell_at(scene: Scene, side: int, x: float, y: float) -> int:
    """The cell with points that count at a place of the map; −1 if there is none."""
    if not side or not (0 <= x <= 1 and 0 <= y <= 1):
        return -1
    column, row = (min(side - 1, math.floor(v * side)) for v in (x, y))
    cell = int(scene.grid(side).table[row, column])
    return cell if cell >= 0 and scene.cells(side).count[cell] > 0 else -1


def _drawn_point(scene: Scene, view: View, side: int, at: tuple[float, float, float]) -> int:
    x, y, reach = at
    index = scene.index
    near = index.within(x - reach, y - reach, x + reach, y + reach)
    if side and scene.look.draw != "points" and nearness(scene, view, side) < 0.3:
        cell = scene.grid(side).cell[index.points[near]]
        near = near[~((cell >= 0) & scene.cells(side).pictured[cell])]
    if not len(near):
        return -1
    apart = (index.x[near] - x) ** 2 + (index.y[near] - y) ** 2
    best = int(np.lexsort((index.points[near], apart))[0])
    return int(index.points[near[best]]) if apart[best] <= reach * reach else -1


def wanted(scene: Scene, view: View) -> Wanted | None:
    """Which pictures would be seen that are not there; None where no pictures are seen."""
    side = shown_side(scene.sides, view)
    if not side or scene.look.draw == "points":
        return None
    cells = cells_within(scene, view, side)
    level, seen = scene.grid(side).level, scene.cells(side)
    cells = cells[(level.count[cells] >= scene.atlas.minimum) & ~seen.pictured[cells]]
    middle_x, middle_y = (view.left + view.right) / 2, (view.top + view.bottom) / 2
    apart = np.hypot(
        (level.x[cells] + 0.5) / side - middle_x, (level.y[cells] + 0.5) / side - middle_y
    )
    return Wanted(side, scene.source(), cells[np.argsort(apart, kind="stable")])


def nearest_cell(scene: Scene, side: int, x: float, y: float) -> int:
    """The cell with points that count whose middle is nearest to a place; −1 without any."""
    if not side:
        return -1
    level = scene.grid(side).level
    cells = np.flatnonzero(scene.cells(side).count > 0)
    if not len(cells):
        return -1
    apart = ((level.x[cells] + 0.5) / side - x) ** 2 + ((level.y[cells] + 0.5) / side - y) ** 2
    return int(cells[apart.argmin()])


def neighbour(scene: Scene, side: int, cell: int, dx: int, dy: int) -> int:
    """The next cell in a direction, or the nearest within 45° of it; the same one at the edge."""
    level = scene.grid(side).level
    along = (level.x.astype(int) - int(level.x[cell])) * dx
    along += (level.y.astype(int) - int(level.y[cell])) * dy
    aside = np.abs((level.x.astype(int) - int(level.x[cell])) * dy)
    aside += np.abs((level.y.astype(int) - int(level.y[cell])) * dx)
    ahead = np.flatnonzero((along > 0) & (aside <= along) & (scene.cells(side).count > 0))
    if not len(ahead):
        return cell
    return int(ahead[np.lexsort((aside[ahead], along[ahead] + 2 * aside[ahead]))[0]])
