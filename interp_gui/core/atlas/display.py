"""What is painted of a view of an atlas: the same for the window and for exported files."""

import math

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.atlas.labels import block_size, kept_inside, no_labels, place_labels
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Cells, Scene
from interp_gui.core.atlas.view import Display, Dots, Labels, Placed, View

CELL_PX = 66.0
"""The size of cells by which the level is chosen; with levels of double the cells they take 0.7 to
1.4 times as much."""
NEAR_PX, NEARER_PX = 130.0, 200.0
"""Size of the finest cells from which on points begin to be seen over pictures, and are wholly."""
_GAP, _MOST_GAP_PX = 0.06, 6.0
_SMALLEST = 0.36
_BEHIND_POINTS = 0.45
_AROUND_PX = 2.0
"""Room for the edge of a dot, or for a mark around it."""
_BESIDE_RADIUS, _BESIDE_OPACITY = 0.62, 0.6
"""Of points in cells that are too thin for a picture, among cells that have one."""


def display(atlas: Atlas, look: Look, view: View) -> Display:
    """What is painted of a view. To paint many views of one look, keep a `Scene`."""
    return display_scene(Scene(atlas, look), view)


def display_scene(scene: Scene, view: View) -> Display:
    """What is painted of a view of a scene."""
    side = shown_side(scene.sides, view)
    return Display(
        view=view, side=side, pictures=placed(scene, view, side), dots=dots(scene, view, side),
        labels=kept_inside(labels(scene, view, side), view.width, view.height),
    )  # fmt: skip


def shown_side(sides: tuple[int, ...], view: View) -> int:
    """Cells a side of the level that a view shows; 0 if there is no level."""
    if view.side in sides or not sides:
        return view.side if sides else 0
    scale = view.scale / view.ratio
    return min(sides, key=lambda side: (abs(math.log(scale / side / CELL_PX)), side))


def nearness(scene: Scene, view: View, side: int) -> float:
    """How far points are seen over the pictures, 0 to 1: they are close up."""
    if not side or view.side or side != scene.sides[-1]:
        return 0.0
    cell = view.scale / view.ratio / side
    return min(1.0, max(0.0, (cell - NEAR_PX) / (NEARER_PX - NEAR_PX)))


def cells_within(scene: Scene, view: View, side: int, *, margin: float = 0.0) -> NDArray[np.int32]:
    """Cells with points that count in a view, or no farther than a margin on the map from it."""
    grid = scene.grid(side)
    first_x, first_y = (max(0, math.floor((v - margin) * side)) for v in (view.left, view.top))
    last_x, last_y = (math.ceil((v + margin) * side) for v in (view.right, view.bottom))
    cells = grid.table[first_y : max(0, last_y), first_x : max(0, last_x)].ravel()
    cells = cells[cells >= 0]
    found: NDArray[np.int32] = cells[scene.cells(side).count[cells] > 0]
    return found


def placed(scene: Scene, view: View, side: int) -> Placed:
    """Pictures of the cells in a view."""
    if not side or scene.look.draw == "points":
        return _placed(scene, view, np.zeros(0, np.int32), None)
    seen = scene.cells(side)
    cells = cells_within(scene, view, side)
    return _placed(scene, view, cells[seen.pictured[cells]], seen)


def picture_px(cell: float, ratio: float) -> float:
    """Side of the largest picture in a cell of so many pixels; not rounded."""
    return cell - max(1.0, min(cell * _GAP, _MOST_GAP_PX * ratio))


def _placed(scene: Scene, view: View, cells: NDArray[np.int32], seen: Cells | None) -> Placed:
    if seen is None or not len(cells):
        nothing, none = np.zeros(0), np.zeros(0, np.int32)
        return Placed(
            cells=none, x=nothing, y=nothing, size=nothing, opacity=nothing, sheet=none, row=none,
            rgb=np.zeros((0, 3), np.uint8), coloured=np.zeros(0, bool),
        )  # fmt: skip
    level = seen.grid.level
    place = view.scale / level.side
    largest = picture_px(place, view.ratio)
    size = np.maximum(1.0, np.rint(largest * np.maximum(_SMALLEST, seen.grown[cells])))
    # Whole pixels from the map's corner on: crisp, and the same in every tile.
    x = np.rint((level.x[cells] + 0.5) * place - size / 2) - view.left * view.scale
    y = np.rint((level.y[cells] + 0.5) * place - size / 2) - view.top * view.scale
    near = nearness(scene, view, level.side)
    return Placed(
        cells=cells, x=x, y=y, size=size,
        opacity=seen.shades.opacity[cells] * (1 - near * (1 - _BEHIND_POINTS)),
        sheet=seen.sheet[cells], row=seen.row[cells], rgb=seen.shades.rgb[cells],
        coloured=seen.shades.coloured[cells],
    )  # fmt: skip


def dot_radius(scene: Scene, view: View, side: int) -> float:
    """Radius of dots in pixels: larger where there is room, and where there are few."""
    scale = view.scale / view.ratio
    radius = min(5.0, max(1.5, 0.3 * scale / math.sqrt(max(1, len(scene.index)))))
    if _beside_pictures(scene, side):
        radius = max(
            1.5, radius * (_BESIDE_RADIUS + (1 - _BESIDE_RADIUS) * nearness(scene, view, side))
        )
    return view.ratio * radius


def _beside_pictures(scene: Scene, side: int) -> bool:
    """Whether dots are what is left over, and must not drown the pictures."""
    return bool(side) and scene.look.draw != "points" and bool(scene.cells(side).pictured.any())


def dots(scene: Scene, view: View, side: int) -> Dots:
    """Points in a view that are drawn as such; no more than fit."""
    radius = dot_radius(scene, view, side)
    near = nearness(scene, view, side)
    step = radius / view.scale
    # Whole squares of the thinning below, so that every tile leaves out the same points.
    beside = radius + _AROUND_PX * view.ratio
    reach = (beside + radius) / view.scale
    index = scene.index
    found = index.within(
        math.floor((view.left - reach) / step) * step, math.floor((view.top - reach) / step) * step,
        math.ceil((view.right + reach) / step) * step,
        math.ceil((view.bottom + reach) / step) * step,
    )  # fmt: skip
    over = np.zeros(len(found), bool)
    if side and scene.look.draw != "points":
        cell = scene.grid(side).cell[index.points[found]]
        over = (cell >= 0) & scene.cells(side).pictured[cell]
        if not near:
            found, over = found[~over], over[~over]
    found, over = _thinned(index.x[found], index.y[found], step, found, over)
    x = (index.x[found] - view.left) * view.scale
    y = (index.y[found] - view.top) * view.scale
    seen = (x > -beside) & (y > -beside) & (x < view.width + beside) & (y < view.height + beside)
    found, over, x, y = found[seen], over[seen], x[seen], y[seen]
    points = index.points[found]
    order = np.argsort(points)  # over one another in the same way in every tile
    points, x, y, over = points[order], x[order], y[order], over[order]
    plain = scene.look.values is None and scene.look.categories is None
    soft = _BESIDE_OPACITY if plain and _beside_pictures(scene, side) else 1.0
    return Dots(
        points=points, x=x, y=y, radius=radius, rgb=scene.shades.rgb[points],
        opacity=scene.shades.opacity[points] * np.where(over, near, soft + (1 - soft) * near),
        edged=scene.look.values is not None,
    )  # fmt: skip


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], step: float, found: NDArray[np.int64],
    over: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:  # fmt: skip
    """One point of each square of so long a side: what lies beneath others is not painted."""
    if not len(found):
        return found, over
    column, row = np.floor(x / step).astype(np.int64), np.floor(y / step).astype(np.int64)
    column -= column.min()
    row -= row.min()
    width = int(column.max()) + 1
    table = np.full(width * (int(row.max()) + 1), -1, np.int64)
    table[row * width + column] = np.arange(len(found))
    kept = table[table >= 0]
    return found[kept], over[kept]


def labels(scene: Scene, view: View, side: int) -> Labels:
    """Names of the cells in a view; those at its edges are cut, unless `kept_inside` moves them."""
    if not side or not scene.look.labels or not scene.atlas.names:
        return no_labels()
    width, height = block_size(view)
    # Whole blocks, and two more around, on which names hang: so they stay while one pans.
    whole = View(
        left=(math.floor(view.left / width) - 2) * width,
        top=(math.floor(view.top / height) - 2) * height,
        scale=view.scale, ratio=view.ratio,
        width=math.ceil(view.width + 5 * width * view.scale),
        height=math.ceil(view.height + 5 * height * view.scale),
    )  # fmt: skip
    cells = cells_within(scene, whole, side)
    level = scene.grid(side).level
    middle = np.stack([level.x[cells] + 0.5, level.y[cells] + 0.5], axis=1) / side
    return place_labels(
        view, middle, level.label[cells], scene.cells(side).count[cells], scene.atlas.names,
        least=scene.atlas.minimum, cell=1 / side,
    )  # fmt: skip


__all__ = ["Display", "View", "display", "display_scene"]
