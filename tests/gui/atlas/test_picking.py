"""What is under a pixel, and what within a line, as looking at everything finds it."""

import numpy as np
import pytest

from interp_gui.core.atlas.display import dot_radius, dots, shown_side
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View
from interp_gui.gui.atlas.lasso import Lasso, points_within
from interp_gui.gui.atlas.picking import REACH_PX, Hit, nearest_cell, neighbour, pick, wanted


@pytest.fixture
def atlas(make_atlas):
    return make_atlas(points=3000, sides=(20, 40), pictures=((20, "crop"),))


@pytest.mark.parametrize("draw", ["auto", "points"])
@pytest.mark.parametrize("scale", [760.0, 2600.0, 14_000.0])
def test_as_looking_at_everything(atlas, draw, scale):
    scene = Scene(atlas, Look(draw=draw, shown=np.arange(3000) % 3 > 0))
    view = View(left=0.3, top=0.2, scale=scale, width=1000, height=600)
    side = shown_side(scene.sides, view)
    cell_of, level = atlas.cell_of(side), atlas.level(side)
    xy = view.to_pixels(atlas.xy)
    bare = scene.look.shown & ((atlas.xy >= 0) & (atlas.xy <= 1)).all(axis=1)
    if draw == "auto" and side == 20:
        bare &= cell_of < 0
    reach = dot_radius(scene, view, side) + REACH_PX
    random, kinds = np.random.default_rng(0), set()
    near = xy[(xy > 0).all(axis=1) & (xy[:, 0] < 1000) & (xy[:, 1] < 600)][:100]
    for x, y in [*random.uniform((0, 0), (1000, 600), (200, 2)), *(near + random.normal(0, 3))]:
        apart = np.where(bare, np.hypot(*(xy - (x, y)).T), np.inf)
        hit = pick(scene, view, x, y)
        if apart.min() <= reach:
            point = int(apart.argmin())
            assert hit == Hit(int(cell_of[point]), side, point)
        else:
            column, row = (int(v * side) for v in (view.left + x / scale, view.top + y / scale))
            there = np.flatnonzero((level.x == column) & (level.y == row))
            pictured = side == 20 or draw == "points"
            alive = len(there) and scene.look.shown[cell_of == there[0]].any()
            assert hit == (Hit(int(there[0]), side) if alive and pictured else None)
        kinds.add("none" if hit is None else "cell" if hit.point < 0 else "point")
    assert len(kinds) > 1


def test_points_are_meant_before_pictures_close_up(atlas):
    scene = Scene(atlas, Look(draw="crops"))
    scene.sides = (20,)
    view = View(left=0.4, top=0.4, scale=20 * 260, width=1000, height=600)
    shown = dots(scene, view, 20)
    hit = pick(scene, view, shown.x[-1], shown.y[-1])
    assert hit.point == shown.points[-1]


def test_cells_without_pictures_are_wanted_nearest_first(atlas):
    scene = Scene(atlas)
    far = View.fit(800, 800)
    assert len(wanted(scene, far).cells) == 0
    view = View(left=0.2, top=0.2, scale=2600, width=1000, height=900)
    found = wanted(scene, view)
    level = atlas.level(40)
    assert (found.side, found.source) == (40, "crop")
    assert len(found.cells) > 3
    assert (level.count[found.cells] >= atlas.minimum).all()
    middle = np.array([(view.left + view.right) / 2, (view.top + view.bottom) / 2])
    places = np.stack([level.x[found.cells] + 0.5, level.y[found.cells] + 0.5], axis=1) / 40
    assert (np.diff(np.hypot(*(places - middle).T)) >= 0).all()
    assert wanted(scene.with_look(Look(draw="icons")), far).source == "icon"
    assert wanted(scene.with_look(Look(draw="points")), far) is None


def test_arrows_reach_every_cell(atlas):
    scene = Scene(atlas)
    level = atlas.level(20)
    start = nearest_cell(scene, 20, 0.5, 0.5)
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            there = neighbour(scene, 20, here, dx, dy)
            if there != here:
                step = np.array([level.x[there], level.y[there]], int) - (
                    level.x[here],
                    level.y[here],
                )
                assert step @ (dx, dy) > 0
            if there not in seen:
                seen.add(there)
                todo.append(there)
    assert len(seen) == len(level.x)


def brute(xy, corners):
    """Even-odd rule, point by point."""
    inside = []
    for i, (x, y) in enumerate(xy):
        odd = False
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if (y0 <= y) != (y1 <= y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                odd = not odd
        if odd:
            inside.append(i)
    return inside


@pytest.mark.parametrize("seed", range(6))
def test_a_line_encloses_what_it_should(seed):
    from interp_gui.core.atlas.index import PointIndex

    random = np.random.default_rng(seed)
    xy = random.random((400, 2))
    angles = np.sort(random.uniform(0, 2 * np.pi, 30))
    reach = random.uniform(0.05, 0.5, 30)
    corners = 0.5 + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]
    if seed % 2:  # one that crosses itself
        random.shuffle(corners)
    xy[:5, 1] = corners[:5, 1]  # as high as a corner
    chosen = random.random(400) < 0.7
    found = points_within(PointIndex(xy, chosen), corners)
    assert found.tolist() == [i for i in brute(xy, corners) if chosen[i]]
    assert 5 < len(found) < 300


def test_a_line_of_too_few_corners_encloses_nothing():
    from interp_gui.core.atlas.index import PointIndex

    lasso = Lasso(0, 0)
    assert not lasso.add(0.001, 0.001, 1000)
    assert lasso.add(0.9, 0, 1000)
    assert not len(points_within(PointIndex(np.full((9, 2), 0.2)), lasso.corners))
