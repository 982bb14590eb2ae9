import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_gui.analyses.atlas.binning import binned, inside, normalised


def test_points_on_a_border_are_in_one_cell_only():
    at = np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32)
    xy = np.array([(x, y) for y in at for x in at], np.float32)
    cells = binned(xy, 4)
    assert cells.count.sum() == len(xy)
    # 0.25 belongs to the second cell; 1.0 to the last one, together with 0.75
    assert cells.count.reshape(4, 4).tolist() == [[1, 1, 1, 2]] * 3 + [[2, 2, 2, 4]]
    assert cells.x.tolist()[:4] == [0, 1, 2, 3]
    assert cells.y.tolist()[:4] == [0, 0, 0, 0]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 20, 160]))
def test_each_point_on_the_map_is_in_exactly_one_cell(seed, side):
    random = np.random.default_rng(seed)
    xy = random.uniform(-0.2, 1.2, (300, 2)).astype(np.float32)
    # also exactly on borders, as float32 has them
    xy[:100] = (random.integers(0, side + 1, (100, 2)) / side).astype(np.float32)
    cells = binned(xy, side)
    assert cells.count.sum() == inside(xy).sum() == len(cells.points)
    assert sorted(cells.points) == np.flatnonzero(inside(xy)).tolist()
    where = np.floor(xy[cells.points].astype(np.float64) * side).clip(0, side - 1)
    assert (where[:, 0] == cells.x[cells.of_points]).all()
    assert (where[:, 1] == cells.y[cells.of_points]).all()
    key = cells.y.astype(int) * side + cells.x
    assert (np.diff(key) > 0).all()  # row by row, each once


def test_margins_are_alike_at_both_ends():
    xy = np.stack([np.linspace(3, 7, 101), np.linspace(-50, 50, 101)], axis=1).astype(np.float32)
    found = normalised(xy, percentile=0.0, margin=0.1)
    # the range takes 1 of 1.2 parts: the upper end lies as far from the edge as the lower one
    assert found.min(axis=0) == pytest.approx([0.1 / 1.2] * 2, abs=1e-6)
    assert found.max(axis=0) == pytest.approx([1.1 / 1.2] * 2, abs=1e-6)


def test_stray_points_lie_outside_and_are_not_clipped():
    random = np.random.default_rng(0)
    xy = random.uniform(0, 1, (1000, 2)).astype(np.float32)
    xy[7] = (50.0, 0.5)
    found = normalised(xy, percentile=1.0, margin=0.1)
    assert found[7, 0] > 10
    assert inside(found).sum() == 999
    assert binned(found, 20).count.sum() == 999


def test_an_axis_without_extent_lies_in_the_middle():
    xy = np.full((20, 2), 3.25, np.float32)
    assert (normalised(xy, percentile=1.0, margin=0.1) == 0.5).all()
    xy[:, 1] = np.arange(20)
    found = normalised(xy, percentile=0.0, margin=0.1)
    assert (found[:, 0] == 0.5).all()
    assert found[0, 1] == pytest.approx(0.1 / 1.2)


def test_one_stray_point_among_many_of_one_place_does_not_leave_the_map():
    xy = np.zeros((1000, 2), np.float32)
    xy[3] = (4.0, -2.0)
    found = normalised(xy, percentile=1.0, margin=0.1)
    assert inside(found).all()
    assert (found[3] != found[4]).all()


def test_nothing_gives_an_empty_map():
    assert normalised(np.zeros((0, 2), np.float32), percentile=1.0, margin=0.1).shape == (0, 2)
    assert len(binned(np.zeros((0, 2), np.float32), 20).x) == 0
