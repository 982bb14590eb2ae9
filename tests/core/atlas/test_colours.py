"""Colours by what is looked at."""

import numpy as np
import pytest

from interp_gui.core.atlas.colours import FAINTEST, kind_colours, limits
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.colormaps import apply_colormap


@pytest.fixture
def atlas(make_atlas):
    return make_atlas(points=1000, sides=(10,), pictures=((10, "crop"),))


def means(atlas, values):
    cell = atlas.cell_of(10)
    return np.array([np.nanmean(values[cell == i]) for i in range(len(atlas.level(10).x))])


@pytest.mark.parametrize("symmetric", [False, True])
def test_cells_take_the_colour_of_the_mean_of_their_points(atlas, symmetric):
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) + atlas.xy[:, 0]
    look = Look(values=values, symmetric=symmetric)
    low, high = limits(look)
    if symmetric:
        assert low == -high
    seen = Scene(atlas, look).cells(10)
    name = "diverging" if symmetric else "sequential"
    expected = apply_colormap(means(atlas, values), name, low, high)
    assert np.abs(seen.shades.rgb.astype(int) - expected).max() <= 3
    assert seen.shades.coloured.all()


def test_faint_where_there_is_little(atlas):
    values = np.clip(atlas.xy[:, 0], 0, 1).astype(np.float32)
    seen = Scene(atlas, Look(values=values, fade=True)).cells(10)
    order = np.argsort(means(atlas, values))
    assert (np.diff(seen.shades.opacity[order]) > -1e-6).all()
    assert seen.shades.opacity.min() >= FAINTEST
    assert not seen.shades.coloured.any()  # its picture keeps its colours


def test_what_is_not_known_has_no_colour(atlas):
    values = np.full(1000, np.nan, np.float32)
    scene = Scene(atlas, Look(values=values))
    assert not scene.cells(10).shades.coloured.any()
    assert len(np.unique(scene.shades.rgb, axis=0)) == 1


def test_cells_take_the_commonest_kind(atlas):
    kinds = (np.arange(1000) % 5).astype(np.int32)  # as the clouds are
    kinds[::7] = -1
    seen = Scene(atlas, Look(categories=kinds)).cells(10)
    cell = atlas.cell_of(10)
    for i in range(len(seen.count)):
        there = kinds[cell == i]
        if (there >= 0).any():
            expected = np.bincount(there[there >= 0]).argmax()
            np.testing.assert_array_equal(seen.shades.rgb[i], kind_colours(5)[expected])


def test_many_kinds_differ():
    colours = kind_colours(36)
    assert len(np.unique(colours, axis=0)) == 36
    np.testing.assert_array_equal(colours[:12], kind_colours(12))


def test_a_scene_keeps_what_another_look_does_not_change(atlas):
    scene = Scene(atlas)
    other = scene.with_look(Look(draw="points"))
    assert other.index is scene.index
    assert other.grid(10) is scene.grid(10)
    half = np.arange(1000) < 500
    fewer = scene.with_look(Look(shown=half))
    assert len(fewer.index) < len(scene.index)
