"""What is painted of a view: level, pictures, dots; the same whether whole or in tiles."""

import numpy as np
import pytest

from interp_gui.core.atlas.display import display, display_scene, shown_side
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View

SIDES = (20, 40, 80, 160)
PICTURED = tuple((side, "crop") for side in SIDES)


@pytest.fixture
def atlas(make_atlas):
    return make_atlas(points=4000, sides=SIDES, pictures=PICTURED)


def windows(scale, count=12, seed=0):
    random = np.random.default_rng(seed)
    for left, top in random.uniform(0, 0.8, (count, 2)):
        yield View(left=left, top=top, scale=scale, width=640, height=400)


def test_finer_levels_as_one_zooms_in():
    scales = np.geomspace(100, 40_000, 300)
    sides = [shown_side(SIDES, View(left=0, top=0, scale=s, width=9, height=9)) for s in scales]
    assert sides == sorted(sides)
    assert set(sides) == set(SIDES)
    between = [s / side for s, side in zip(scales, sides, strict=True) if 900 < s < 10_000]
    assert min(between) > 40
    assert max(between) < 110
    dense = [
        shown_side(SIDES, View(left=0, top=0, scale=2 * s, width=9, height=9, ratio=2))
        for s in scales
    ]
    assert dense == sides


def test_a_level_can_be_asked_for(atlas):
    view = View.fit(400, 300, side=80)
    assert display(atlas, Look(), view).side == 80


def test_cells_of_the_view_are_placed_once_and_inside_their_place(atlas):
    for view in windows(3000):
        shown = display(atlas, Look(), view)
        level = atlas.level(shown.side)
        px = shown.view.scale / shown.side
        x0 = (level.x / shown.side - view.left) * view.scale
        y0 = (level.y / shown.side - view.top) * view.scale
        touching = (x0 + px > 0) & (y0 + px > 0) & (x0 < view.width) & (y0 < view.height)
        placed = shown.pictures
        assert set(np.flatnonzero(touching)) <= set(placed.cells.tolist())
        assert len(np.unique(placed.cells)) == len(placed.cells)
        assert (placed.x >= x0[placed.cells] - 0.51).all()
        assert (placed.y >= y0[placed.cells] - 0.51).all()
        assert (placed.x + placed.size <= x0[placed.cells] + px + 0.51).all()
        assert (placed.x < view.width + px).all()
        assert (placed.y + placed.size > -px).all()


def test_pictures_are_those_of_the_cells(atlas):
    shown = display(atlas, Look(), View.fit(900, 900))
    for i in range(0, len(shown.pictures.cells), 17):
        sheet = atlas.pictures[shown.pictures.sheet[i]]
        assert sheet.level == shown.side
        assert sheet.cells[shown.pictures.row[i]] == shown.pictures.cells[i]


@pytest.mark.parametrize("draw", ["auto", "points"])
@pytest.mark.parametrize("scale", [700.0, 2345.6, 30_000.0])
def test_tiles_show_together_what_the_whole_shows(make_atlas, draw, scale):
    atlas = make_atlas(points=3000, sides=(20, 40), pictures=((20, "crop"),))
    scene = Scene(atlas, Look(draw=draw, labels=False))
    whole = display_scene(
        scene, View(left=64 / scale, top=64 / scale, scale=scale, width=512, height=512)
    )
    cells, points = set(), set()
    for left in range(64, 576, 128):
        for top in range(64, 576, 128):
            tile = View(left=left / scale, top=top / scale, scale=scale, width=128, height=128)
            part = display_scene(scene, tile)
            for i, cell in enumerate(part.pictures.cells):
                cells.add((cell, round(part.pictures.x[i] + left), round(part.pictures.y[i] + top)))
            points |= set(part.dots.points.tolist())
    placed = whole.pictures
    expected = {
        (cell, round(placed.x[i] + 64), round(placed.y[i] + 64))
        for i, cell in enumerate(placed.cells)
    }
    assert cells == expected
    assert points == set(whole.dots.points.tolist())
    assert points or cells or scale > 20_000


def test_cells_without_a_picture_are_their_points(make_atlas):
    atlas = make_atlas(points=900, sides=(20,), pictures=((20, "crop"),))
    sheet = atlas.pictures[0]
    few = type(sheet)(
        level=20, source="crop", cells=sheet.cells[::2].copy(), pixels=sheet.pixels[::2].copy()
    )
    import msgspec

    atlas = msgspec.structs.replace(atlas, pictures=(few,))
    shown = display(atlas, Look(), View.fit(1320, 1320))
    assert set(shown.pictures.cells) == set(few.cells)
    cell = atlas.cell_of(20)
    bare = np.flatnonzero((cell >= 0) & ~np.isin(cell, few.cells))
    assert set(shown.dots.points) <= set(bare)
    assert len(shown.dots.points) > 0.9 * len(bare)  # but for some that lie beneath others


@pytest.mark.parametrize("scale", [500, 2000, 9000])
def test_no_more_dots_than_fit(make_atlas, scale):
    atlas = make_atlas(points=100_000, sides=(2,))
    scene = Scene(atlas, Look(draw="points"))
    for view in windows(scale, 4):
        shown = display_scene(scene, view).dots
        step = shown.radius
        assert len(shown.x) <= (view.width / step + 5) * (view.height / step + 5)
        squares = np.floor((shown.x + view.left * scale) / step + 1e-6) * 1_000_003 + np.floor(
            (shown.y + view.top * scale) / step + 1e-6
        )
        assert len(np.unique(squares)) >= len(squares) - 2
        assert (shown.x > -step - 2).all()
        assert (shown.y < view.height + step + 2).all()


def test_points_come_through_close_up_and_lie_over_fainter_pictures(atlas):
    fullest = atlas.level(160).count.argmax()
    x, y = atlas.level(160).x[fullest] / 160, atlas.level(160).y[fullest] / 160
    far = display(atlas, Look(), View(left=x, top=y, scale=160 * 100, width=400, height=400))
    near = display(atlas, Look(), View(left=x, top=y, scale=160 * 250, width=400, height=400))
    assert far.side == near.side == 160
    assert len(far.pictures.cells)
    assert not len(far.dots.points)
    assert len(near.dots.points)
    assert (near.dots.opacity == 1).all()
    assert (near.pictures.opacity < 0.5).all()


def test_only_what_is_shown_counts(atlas):
    shown = np.zeros(len(atlas.xy), bool)
    shown[:300] = True
    seen = display(atlas, Look(shown=shown), View.fit(1000, 1000))
    cell = atlas.cell_of(seen.side)[:300]
    assert set(seen.pictures.cells) == set(cell[cell >= 0])
    dots = display(atlas, Look(draw="points", shown=shown), View.fit(1000, 1000)).dots
    assert (dots.points < 300).all()


def test_fuller_cells_are_larger(atlas):
    level = atlas.level(20)
    seen = display(atlas, Look(), View.fit(1320, 1320)).pictures
    order = np.argsort(level.count[seen.cells])
    assert (np.diff(seen.size[order]) >= 0).all()
    assert seen.size.min() < 0.6 * seen.size.max()
    same = display(atlas, Look(sized=False), View.fit(1320, 1320)).pictures
    assert len(set(same.size)) == 1


def test_icons_come_before_crops_and_more_steps_before_fewer(make_atlas):
    atlas = make_atlas(points=900, sides=(20,), pictures=((20, "icon"), (20, "crop")))
    crop = atlas.pictures[1]
    scene = Scene(atlas)
    view = View.fit(1000, 1000)
    assert set(display_scene(scene, view).pictures.sheet) == {0}
    more = type(crop)(
        level=20, source="icon", cells=crop.cells[:5].copy(), pixels=crop.pixels[:5].copy(), steps=9
    )
    np.testing.assert_array_equal(scene.add_pictures(more), crop.cells[:5])
    rough = type(crop)(
        level=20, source="icon", cells=crop.cells[:9].copy(), pixels=crop.pixels[:9].copy(), steps=4
    )
    np.testing.assert_array_equal(scene.add_pictures(rough), crop.cells[5:9])
    sheets = dict(
        zip(
            *(getattr(display_scene(scene, view).pictures, n) for n in ("cells", "sheet")),
            strict=True,
        )
    )
    assert {sheets[c] for c in crop.cells[:5]} == {2}
    assert {sheets[c] for c in crop.cells[5:9]} == {3}
    crops = scene.with_look(Look(draw="crops"))
    assert set(display_scene(crops, view).pictures.sheet) == {1}
    assert len(scene.atlas.pictures) == 4


def test_an_atlas_without_levels_or_points_shows_nothing(make_atlas):
    import msgspec

    atlas = msgspec.structs.replace(make_atlas(points=50, sides=(2,)), levels=())
    seen = display(atlas, Look(), View.fit(300, 200))
    assert seen.side == 0
    assert len(seen.dots.points)
    assert not len(seen.pictures.cells)
    assert seen.labels.text == ()
    none = np.zeros(50, bool)
    assert not len(display(atlas, Look(shown=none), View.fit(300, 200)).dots.points)
