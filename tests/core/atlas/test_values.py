"""Numbers for the points of an atlas that follow from the atlas alone."""

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.unit_maps import feature_maps
from interp_gui.core.atlas.values import coordinate, density
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature, as_vectors

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize(
    "feature",
    [
        Feature(layer="a", units=(2,)),
        Feature(layer="a", units=(0, 4)),
        Feature(layer="a", vectors=as_vectors(RANDOM.normal(size=6))),
        Feature(layer="a", vectors=as_vectors(RANDOM.normal(size=(2, 6)))),
        Feature(layer="a"),
    ],
    ids=lambda feature: f"{len(feature.units)} units, {len(feature.vectors)} directions",
)
def test_a_point_holds_as_much_of_a_feature_as_its_map_shows_there(feature):
    vectors = RANDOM.normal(size=(40, 6)).astype(np.float32)
    expected = feature_maps(vectors[:, :, None, None], feature)[:, 0, 0]
    found = coordinate(vectors, feature)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_head_is_no_feature_of_points():
    with pytest.raises(InvalidValue, match="is a head"):
        coordinate(np.zeros((2, 6)), Feature(layer="a", units=(1,), heads=True))


@pytest.mark.parametrize("radius", [0.02, 0.3])
def test_density_counts_the_other_points_within_a_radius(make_atlas, radius):
    atlas = make_atlas(points=700, seed=5)
    there = atlas.xy.astype(np.float64)
    distances = np.linalg.norm(there[:, None] - there[None], axis=2)
    expected = (distances <= radius).sum(axis=1) - 1
    assert expected.max() > 10
    np.testing.assert_array_equal(density(atlas, radius=radius), expected)


def test_density_in_pieces_is_the_same(make_atlas, monkeypatch):
    atlas = make_atlas(points=700)
    whole = density(atlas, radius=0.1)
    monkeypatch.setattr("interp_gui.core.atlas.values._PAIRS", 1000)
    np.testing.assert_array_equal(density(atlas, radius=0.1), whole)


def test_density_of_no_points_and_of_one_place(make_atlas):
    atlas = make_atlas(points=30)
    empty = msgspec.structs.replace(atlas, xy=np.zeros((0, 2), np.float32))
    assert density(empty).shape == (0,)
    one = msgspec.structs.replace(atlas, xy=np.full((30, 2), 0.5, np.float32))
    assert density(one).tolist() == [29] * 30
    with pytest.raises(InvalidValue, match="above 0"):
        density(atlas, radius=0)
