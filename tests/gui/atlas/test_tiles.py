"""Tiles: no seams, no more than fit, the same picture as without them."""

import math

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage, QPainter

from interp_gui.core.atlas.display import shown_side
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View
from interp_gui.gui.atlas.painting import paint_tile
from interp_gui.gui.atlas.tiles import PAD_PX, TILE_PX, TileLayer
from interp_gui.gui.widgets.pixels import to_array

RED = QColor(255, 0, 0)


def drawn(layer, view, rung, **options):
    image = QImage(view.width, view.height, QImage.Format.Format_RGB32)
    image.fill(RED)
    painter = QPainter(image)
    done = layer.draw(painter, view, rung, until_s=math.inf, **options)
    painter.end()
    return to_array(image), done


@pytest.fixture
def grey(qapp):
    """A layer in which every tile is grey."""

    def paint(view):
        image = QImage(TILE_PX, TILE_PX, QImage.Format.Format_RGB32)
        image.fill(QColor(90, 90, 90))
        return image

    return TileLayer(paint, most_bytes=2**26)


@pytest.mark.parametrize("stretch", [1.0, 0.71, 0.8406, 1.1892, 1.37, 2.003, 5.5])
@pytest.mark.parametrize("left", [0.05, 0.123456, 0.31])
def test_no_seams_at_any_zoom(grey, stretch, left):
    rung = 3000.0
    view = View(left=left, top=0.07, scale=rung * stretch, width=900, height=600)
    pixels, done = drawn(grey, view, rung)
    assert done
    assert (pixels == 90).all()


def test_a_missing_tile_is_stretched_from_a_coarser_one(grey):
    view = View(left=0.2, top=0.2, scale=760.0, width=400, height=400)
    drawn(grey, view, 760.0)
    close = View(left=0.3, top=0.3, scale=6080.3, width=700, height=500)
    image = QImage(700, 500, QImage.Format.Format_RGB32)
    image.fill(RED)
    painter = QPainter(image)
    before = grey.made
    done = grey.draw(painter, close, 6080.3, until_s=0.0)
    painter.end()
    assert not done
    assert grey.made == before + 1  # one however little time there is
    assert (to_array(image) == 90).all()
    assert grey.draw(QPainter(image), close, 6080.3, until_s=0.0, must=False) is False
    assert grey.made == before + 1


def test_tiles_nearest_to_the_focus_are_made_first(qapp):
    made = []

    def paint(view):
        made.append((view.left + 128 / view.scale, view.top + 128 / view.scale))

    layer = TileLayer(paint, most_bytes=2**26)
    view = View(left=0.2, top=0.2, scale=4000, width=1200, height=800)
    drawn(layer, view, 4000.0, focus=(900.0, 200.0))
    focus = np.array([0.2 + 900 / 4000, 0.2 + 200 / 4000])
    apart = np.hypot(*(np.array(made) - focus).T)
    assert len(made) > 12
    assert (np.diff(apart) > -1e-3).all()


@pytest.mark.parametrize("draw", ["auto", "points"])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_together_they_are_the_picture_painted_at_once(qapp, make_atlas, draw, ratio):
    atlas = make_atlas(points=2500, sides=(20, 40), pictures=((20, "crop"), (40, "crop")))
    scene = Scene(atlas, Look(draw=draw, values=atlas.xy[:, 0].copy()))
    background = QColor(250, 250, 250)
    layer = TileLayer(lambda view: paint_tile(scene, view, background), most_bytes=2**26)
    for scale in (800.0, 1717.3, 5000.0):
        scale *= ratio
        # from a whole pixel on, as in a window at rest
        x, y = atlas.xy[7].tolist()
        left, top = round(x * scale - 350) / scale, round(y * scale - 250) / scale
        view = View(left=left, top=top, scale=scale, width=700, height=500, ratio=ratio)
        pixels, _ = drawn(layer, view, scale)
        whole = to_array(paint_tile(scene, view, background))
        bare = (pixels == (255, 0, 0)).all(axis=2)  # where no tile has anything
        assert (whole[bare] == 250).all()
        np.testing.assert_array_equal(pixels[~bare], whole[~bare])
        assert (~bare).mean() > 0.2


def test_what_was_not_seen_for_longest_goes_first(grey):
    grey._most_bytes = 30 * TILE_PX * TILE_PX * 4
    grey.kept_rung = 600.0
    drawn(grey, View(left=0, top=0, scale=600, width=600, height=600), 600.0)
    kept = len(grey)
    for left in np.linspace(0, 0.9, 12):
        drawn(grey, View(left=left, top=left, scale=9000, width=900, height=600), 9000.0)
        assert grey.size_bytes <= 30 * TILE_PX * TILE_PX * 4
    drawn(grey, View(left=0, top=0, scale=600, width=600, height=600), 600.0)
    before = grey.made
    drawn(grey, View(left=0.9, top=0.9, scale=9000, width=900, height=600), 9000.0)
    assert grey.made == before
    assert kept < len(grey)
    grey.clear()
    assert (len(grey), grey.size_bytes) == (0, 0)


def test_only_tiles_of_changed_cells_are_made_anew(grey):
    sides = (20, 40)

    def shows(rung):
        return shown_side(sides, View(left=0, top=0, scale=rung, width=1, height=1))

    near = View(left=0.2, top=0.2, scale=2600, width=900, height=600)
    far = View.fit(800, 800)
    drawn(grey, far, far.scale)
    drawn(grey, near, 2600.0)
    before = grey.made
    changed = np.zeros((40, 40), bool)
    changed[12, 14] = True
    grey.outdate_cells(40, changed, shows)
    drawn(grey, far, far.scale)
    assert grey.made == before
    drawn(grey, near, 2600.0)
    low = (np.array([12, 14]) * 2600 / 40 + PAD_PX) // TILE_PX
    high = (np.array([13, 15]) * 2600 / 40 + PAD_PX) // TILE_PX
    most = int(np.prod(high - low + 1))
    assert 1 <= grey.made - before <= most
