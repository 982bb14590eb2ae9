import msgspec
import numpy as np
import pytest

from interp_gui.analyses.unit_maps import (
    feature_maps,
    map_size,
    region_place,
    region_weights,
    require_positions,
    token_grid,
    unit_maps,
)
from interp_gui.core.errors import MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo

RANDOM = np.random.default_rng(0)


def layer(axes, shape):
    return LayerInfo(name="l", kind="K", axes=axes, shape=shape)


@pytest.mark.parametrize(
    ("tokens", "size", "expected"),
    [
        (197, (224, 224), (14, 14, 1)),
        (50, (224, 224), (7, 7, 1)),
        (201, (224, 224), (14, 14, 5)),
        (196, (224, 224), (14, 14, 0)),
        (393, (224, 448), (14, 28, 1)),
        (17, (32, 32), (4, 4, 1)),
    ],
)
def test_patches_lie_on_a_grid_of_the_inputs_shape(tokens, size, expected):
    assert token_grid(tokens, size) == expected


def test_every_order_of_axes_gives_the_same_maps():
    maps = RANDOM.normal(size=(2, 5, 3, 4)).astype(np.float32)
    size = (30, 40)
    first = layer(("unit", "y", "x"), (5, 3, 4))
    last = layer(("y", "x", "unit"), (3, 4, 5))
    tokens = layer(("token", "unit"), (13, 5))
    np.testing.assert_array_equal(unit_maps(maps, first, size), maps)
    np.testing.assert_array_equal(unit_maps(maps.transpose(0, 2, 3, 1), last, size), maps)
    sequence = maps.reshape(2, 5, 12).transpose(0, 2, 1)
    with_class = np.concatenate([np.full((2, 1, 5), 99.0), sequence], axis=1)
    np.testing.assert_array_equal(unit_maps(with_class, tokens, size), maps)
    flat = layer(("unit",), (5,))
    assert unit_maps(maps[:, :, 0, 0], flat, size).shape == (2, 5, 1, 1)
    heads = layer(("head", "unit", "y", "x"), (2, 5, 3, 4))
    stacked = np.stack([maps, maps - 1], axis=1)
    np.testing.assert_array_equal(unit_maps(stacked, heads, size), maps)


def test_a_feature_is_read_in_the_coordinates_that_edits_use():
    maps = RANDOM.normal(size=(1, 4, 2, 2)).astype(np.float32)
    one = feature_maps(maps, Feature(layer="l", units=(2,)))
    np.testing.assert_array_equal(one, maps[:, 2])
    long = feature_maps(maps, Feature(layer="l", vectors=((0.0, 0.0, 2.0, 0.0),)))
    np.testing.assert_allclose(long, maps[:, 2] / 2, rtol=1e-6)
    whole = feature_maps(maps, Feature(layer="l"))
    np.testing.assert_allclose(whole, np.sqrt((maps**2).mean(axis=1)), rtol=1e-6)


def test_a_brushed_place_reaches_the_same_cells_in_both_kinds_of_layers():
    region = tuple(tuple(float(y >= 2 and x < 2) for x in range(4)) for y in range(4))
    grid = layer(("unit", "y", "x"), (5, 4, 4))
    tokens = layer(("token", "unit"), (17, 5))
    weights = region_weights(region, grid, (32, 32))
    assert weights.sum() == 4
    assert weights[3, 0] == 1
    place = region_place(region, tokens, (32, 32))
    assert place.tokens == tuple(1 + y * 4 + x for y in (2, 3) for x in (0, 1))
    assert region_place(region, grid, (32, 32)).kind == "region"
    assert region_place((), grid, (32, 32)).kind == "everywhere"
    dot = tuple(tuple(float((y, x) == (5, 9)) for x in range(32)) for y in range(32))
    assert region_place(dot, tokens, (32, 32)).tokens == (2,)


def test_layers_without_positions_are_refused():
    with pytest.raises(MissingAbility):
        require_positions(layer(("unit",), (5,)))
    with pytest.raises(MissingAbility):
        require_positions(layer(("y", "x"), (5, 5)))


def test_tokens_lie_where_a_describer_followed_them():
    maps = RANDOM.normal(size=(2, 3, 2, 8)).astype(np.float32)
    sequence = maps.reshape(2, 3, 16).transpose(0, 2, 1)
    registers = np.full((2, 5, 3), 99.0, np.float32)
    value = np.concatenate([registers, sequence], axis=1)
    known = msgspec.structs.replace(
        layer(("token", "unit"), (21, 3)), token_grid=(2, 8), prefix_tokens=5
    )
    np.testing.assert_array_equal(unit_maps(value, known, (32, 32)), maps)
    assert map_size(known, (32, 32)) == (2, 8)


def test_a_heads_map_is_how_much_it_writes():
    known = msgspec.structs.replace(
        layer(("token", "head", "unit"), (5, 2, 3)), token_grid=(2, 2), prefix_tokens=1
    )
    value = RANDOM.normal(size=(1, 5, 2, 3)).astype(np.float32)
    got = unit_maps(value, known, (8, 8), heads=True)
    assert got.shape == (1, 2, 2, 2)
    expected = np.sqrt((value[0, 1:, 1] ** 2).mean(-1)).reshape(2, 2)
    np.testing.assert_allclose(got[0, 1], expected, rtol=1e-6)


def test_tokens_of_windows_have_no_map_but_a_peak():
    windows = layer(("other", "token", "head", "unit"), (4, 9, 2, 3))
    value = RANDOM.normal(size=(2, 4, 9, 2, 3)).astype(np.float32)
    got = unit_maps(value, windows, (32, 32))
    assert got.shape == (2, 3, 1, 1)
    np.testing.assert_array_equal(got[..., 0, 0], value.max(axis=(1, 2, 3)))
