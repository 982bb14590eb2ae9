"""Looking about on a map: what stays where it is, and how far one can go."""

import numpy as np
import pytest

from interp_gui.gui.atlas.camera import BEYOND_PX, CLOSEST_CELL_PX, MARGIN_PX, Camera


@pytest.fixture
def camera():
    camera = Camera()
    camera.resize(1280, 800)
    camera.finest_side = 160
    return camera


def test_home_shows_the_whole_map(camera):
    view = camera.view()
    assert (view.left, view.top) < (0, 0)
    assert view.right > 1
    assert view.bottom > 1
    assert camera.here.scale == 800 - 2 * MARGIN_PX
    assert not camera.is_moving


@pytest.mark.parametrize("factor", [1.19, 3.0, 0.7])
def test_zooming_keeps_the_place_under_the_cursor_all_the_way(camera, factor):
    camera.zoom(6, 640, 400)
    camera.arrive()
    at = camera.to_map(700, 350)
    camera.zoom(factor, 700, 350)
    frames = 0
    while camera.is_moving:
        camera.step(1 / 60)
        np.testing.assert_allclose(camera.to_pixel(*at), (700, 350), atol=0.3)
        frames += 1
    assert 5 < frames < 60
    assert camera.here.scale == pytest.approx(6 * 760 * factor)


def test_more_turns_on_the_way_end_where_they_would_one_by_one(camera):
    for _ in range(6):
        camera.zoom(2**0.25, 640, 400, snap=True)
        camera.step(1 / 60)
    assert camera.goal.scale == pytest.approx(760 * 2**1.5)
    for _ in range(6):
        camera.zoom(2**-0.25, 640, 400, snap=True)
    assert camera.goal.scale == camera.fit_scale  # to the last bit: tiles are used again


def test_the_way_does_not_hang_on_the_number_of_frames(camera):
    places = []
    for steps in (1, 10):
        camera.go_home()
        camera.arrive()
        camera.zoom(4, 500, 300)
        for _ in range(steps):
            camera.step(0.1 / steps)
        places.append((camera.here.left, camera.here.top, np.log(camera.here.scale)))
    np.testing.assert_allclose(places[0], places[1], atol=1e-9)


def test_one_cannot_leave_the_map(camera):
    camera.zoom(4, 640, 400)
    camera.arrive()
    for dx, dy in ((10_000, 10_000), (-20_000, -20_000)):
        camera.pan(dx, dy)
        view = camera.view()
        assert view.left >= -(BEYOND_PX + 1) / view.scale
        assert view.top >= -(BEYOND_PX + 1) / view.scale
        assert view.right <= 1 + (BEYOND_PX + 1) / view.scale
        assert view.bottom <= 1 + (BEYOND_PX + 1) / view.scale
    camera.zoom(1e9, 0, 0)
    assert camera.goal.scale == camera.most_scale == 160 * CLOSEST_CELL_PX
    camera.zoom(1e-9, 0, 0)
    assert camera.goal == camera.home


def test_a_view_comes_back_in_a_window_of_any_size(camera):
    camera.zoom(5, 300, 500)
    camera.arrive()
    here, kept = camera.here, camera.snapshot()
    camera.go_home()
    camera.arrive()
    camera.restore(kept)
    np.testing.assert_allclose(
        (camera.here.left, camera.here.top, camera.here.scale), (here.left, here.top, here.scale)
    )
    camera.resize(600, 400)
    again = camera.snapshot()
    assert again == pytest.approx(kept)


@pytest.mark.parametrize(
    "broken", [{}, {"x": float("nan"), "y": None, "zoom": "wide"}, {"zoom": -3.0}, {"x": 1e300}]
)
def test_a_broken_snapshot_does_no_harm(camera, broken):
    camera.restore(broken)
    assert np.isfinite((camera.here.left, camera.here.top, camera.here.scale)).all()
    assert camera.here.scale == camera.fit_scale


def test_looking_at_a_rectangle(camera):
    camera.look_at(0.4, 0.5, 0.5, 0.52)
    camera.arrive()
    view = camera.view()
    assert view.left < 0.4
    assert view.right > 0.5
    assert view.right - view.left < 0.14
    assert (view.top + view.bottom) / 2 == pytest.approx(0.51)
