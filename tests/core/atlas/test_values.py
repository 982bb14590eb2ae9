"""Numbers for the points of an atlas that follow from the atlas alone."""

import warnings

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.unit_maps import feature_maps
from interp_gui.core.atlas.values import attributed, coordinate, density
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


def _by_class(atlas, points):
    """Attribution of each point to each class, the finest level that tells it over the others."""
    values = np.full((len(points), len(atlas.classes)), np.nan, np.float32)
    for level in atlas.levels:
        cells = atlas.cell_of(level.side)[points]
        there = np.where(cells[:, None] >= 0, level.attribution[cells], np.nan)
        np.copyto(values, there, where=np.isfinite(there))
    return values


@pytest.mark.parametrize("holes", [(), (0, 3, 9)])
def test_attributions_of_all_classes_are_those_of_each_points_finest_cell(make_atlas, holes):
    atlas = make_atlas(400, sides=(5, 10))
    coarse, fine = atlas.levels
    known = fine.attribution.copy()
    known[list(holes)] = np.nan
    known[5, 2] = known[1, 0] if holes == () else np.nan  # a class alone that was not looked at
    coarser = coarse.attribution.copy()
    coarser[2] = np.nan
    atlas = msgspec.structs.replace(atlas, levels=(
        msgspec.structs.replace(coarse, attribution=coarser),
        msgspec.structs.replace(fine, attribution=known),
    ))  # fmt: skip
    for points in (np.arange(400), np.arange(50, 90), np.array([7]), np.zeros(0, np.int64)):
        found, values = attributed(atlas, points), _by_class(atlas, points)
        rows = np.append(found.rows, np.full((1, 5), np.nan, np.float32), axis=0)[found.of]
        np.testing.assert_array_equal(rows, values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing
            np.testing.assert_allclose(found.means(), np.nanmean(values, axis=0), rtol=1e-5)
    values = _by_class(atlas, np.arange(400))[:, [1, 4]]
    strong = (values > np.nanmax(values, axis=0) / 2).any(axis=1)
    np.testing.assert_array_equal(attributed(atlas, classes=[1, 4]).strongest(), strong)


def test_a_map_without_attributions_has_none(make_atlas):
    atlas = make_atlas(100, sides=(5,))
    bare = msgspec.structs.replace(atlas.levels[0], attribution=np.zeros((0, 0), np.float32))
    bare = msgspec.structs.replace(atlas, classes=(), class_names=(), levels=(bare,))
    assert attributed(bare).means().size == 0
    assert not attributed(bare).strongest().any()
