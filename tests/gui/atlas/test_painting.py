"""Dots, pictures and names as pixels."""

import numpy as np
import pytest
from PySide6.QtGui import QColor, QFontMetricsF, QImage

from interp_gui.core.atlas.display import display_scene
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View
from interp_gui.gui.atlas.painting import draw_name, name_font, paint_tile
from interp_gui.gui.atlas.splat import paint_dots, pixels_of
from interp_gui.gui.widgets.pixels import to_array


def dots_on(x, y, radius, rgb, **options):
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(QColor(255, 255, 255))
    paint_dots(
        pixels_of(image), np.array(x, float), np.array(y, float), radius,
        np.array(rgb, np.uint8), np.ones(len(x)), **options,
    )  # fmt: skip
    return to_array(image)


@pytest.mark.parametrize("radius", [1.5, 3.0, 6.25])
def test_a_dot_is_as_large_as_it_should_be(radius):
    pixels = dots_on([20.3], [14.6], radius, [[0, 0, 0]])
    ink = (255 - pixels[..., 0]) / 255
    assert ink.sum() == pytest.approx(np.pi * radius**2, rel=0.08)
    rows, columns = np.mgrid[:30, :40] + 0.5
    assert (ink * columns).sum() / ink.sum() == pytest.approx(20.3, abs=0.2)
    assert (ink * rows).sum() / ink.sum() == pytest.approx(14.6, abs=0.2)


def test_later_dots_lie_over_earlier_ones():
    pixels = dots_on([15, 18], [15, 15], 5, [[255, 0, 0], [0, 0, 255]])
    assert pixels[15, 12].tolist() == [255, 0, 0]
    assert pixels[15, 16].tolist() == [0, 0, 255]
    turned = dots_on([18, 15], [15, 15], 5, [[0, 0, 255], [255, 0, 0]])
    assert turned[15, 16].tolist() == [255, 0, 0]


def test_dots_at_the_edge_are_cut_and_those_outside_do_nothing():
    pixels = dots_on([0, 39.5, -50, 700], [0, 29.5, 5, 5], 4, [[0, 0, 0]] * 4)
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[29, 39].tolist() == [0, 0, 0]
    assert (pixels[10:20, 10:30] == 255).all()


def test_an_edge_and_a_ring():
    pixels = dots_on([20.5], [15.5], 6, [[255, 255, 255]], edge=(0, 128, 0), edge_px=2.0)
    assert pixels[15, 20].tolist() == [255, 255, 255]
    assert pixels[15, 27].tolist() == [0, 128, 0]
    ring = dots_on([20.5], [15.5], 6, [[9, 9, 9]], edge_px=2.0, hollow=True)
    assert ring[15, 20].tolist() == [255, 255, 255]
    assert ring[15, 25].tolist() == [9, 9, 9]


def test_transparent_pixels_stay_premultiplied():
    image = QImage(20, 20, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    paint_dots(
        pixels_of(image), np.array([10.2]), np.array([9.7]), 3.0,
        np.array([[255, 120, 0]], np.uint8), np.array([0.5]),
    )  # fmt: skip
    pixels = pixels_of(image).astype(int)
    assert (pixels[..., :3] <= pixels[..., 3:] + 1).all()
    assert 120 < pixels[9, 10, 3] < 135


def test_pictures_are_painted_where_they_are_placed(qapp, make_atlas):
    atlas = make_atlas(points=900, sides=(20,), pictures=((20, "crop"),))
    view = View.fit(800, 800)
    scene = Scene(atlas)
    pixels = to_array(paint_tile(scene, view, QColor(1, 2, 3)))
    shown = display_scene(scene, view).pictures
    for i in range(0, len(shown.cells), 7):
        inside = pixels[
            round(shown.y[i]) : round(shown.y[i] + shown.size[i]),
            round(shown.x[i]) : round(shown.x[i] + shown.size[i]),
        ]
        colour = atlas.pictures[0].pixels[shown.row[i], 0, 0]
        assert (inside == colour).all()


def test_a_tint_lets_the_picture_through(qapp, make_atlas):
    atlas = make_atlas(points=900, sides=(20,), pictures=((20, "crop"),))
    values = np.ones(900, np.float32)
    view = View.fit(800, 800)
    plain = Scene(atlas)
    shown = display_scene(plain, view).pictures
    tinted = to_array(paint_tile(plain.with_look(Look(values=values)), view, QColor(1, 2, 3)))
    middles = np.array([
        tinted[round(y + s / 2), round(x + s / 2)]
        for x, y, s in zip(shown.x, shown.y, shown.size, strict=True)
    ])  # fmt: skip
    frames = np.array([tinted[round(y), round(x)] for x, y in zip(shown.x, shown.y, strict=True)])
    assert len(np.unique(frames, axis=0)) == 1
    assert len(np.unique(middles, axis=0)) == 5  # as many as there are pictures


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_names_take_no_more_room_than_was_set_aside(qapp, make_atlas, ratio):
    import msgspec

    names = (
        "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww",
        "MWMWMWMWMWMW",
        "tabby cat",
        "il",
        "coral reef",
    )
    atlas = msgspec.structs.replace(make_atlas(points=2000), names=names)
    labels = display_scene(Scene(atlas), View.fit(900, 700)).labels
    assert labels.text
    white, black = QColor(255, 255, 255), QColor(0, 0, 0)
    for i, text in enumerate(labels.text):
        size, width = float(labels.size[i]), float(labels.width[i])
        image = draw_name(text, qapp.font(), size, width, black, white, ratio)
        assert image.width() / ratio <= width + 8
        metrics = QFontMetricsF(name_font(qapp.font(), size))
        if metrics.horizontalAdvance(text) <= width:
            assert image.width() / ratio >= metrics.horizontalAdvance(text)


def test_names_have_a_halo(qapp):
    white, black = QColor(255, 255, 255), QColor(0, 0, 0)
    image = draw_name("name", qapp.font(), 14.0, 100.0, black, white, 1.0)
    ground = QImage(image.size(), QImage.Format.Format_RGB32)
    ground.fill(QColor(20, 20, 20))
    from PySide6.QtGui import QPainter

    painter = QPainter(ground)
    painter.drawImage(0, 0, image)
    painter.end()
    pixels = to_array(ground)[..., 0].astype(int)
    assert pixels.min() < 20  # the letters, black on near black
    assert pixels.max() > 200  # and what sets them off
