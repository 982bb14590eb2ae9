import msgspec
import numpy as np
import pytest

from interp_gui.core.atlas.directions import (
    KINDS,
    RIDGE,
    cell_direction,
    direction,
    whitened,
    whitening,
)
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature


def with_moments(atlas):
    vectors = atlas.vectors.astype(np.float64)
    return msgspec.structs.replace(
        atlas, mean=vectors.mean(axis=0), covariance=np.cov(vectors.T, bias=True)
    )


def test_a_selection_leaves_as_its_mean_without_that_of_the_layer(make_atlas):
    atlas = with_moments(make_atlas(300))
    points = np.array([3, 8, 13, 200])
    found = direction(atlas, points)
    wanted = atlas.vectors[points].mean(axis=0) - atlas.mean
    assert found.matrix()[0] == pytest.approx(wanted, abs=1e-6)
    assert found.name == "4 points of features.14, centred"
    raw = direction(atlas, points, "raw", model="ab", name="my place")
    assert raw.matrix()[0] == pytest.approx(atlas.vectors[points].mean(axis=0), abs=1e-6)
    assert (raw.name, raw.model) == ("my place of features.14, raw", "ab")


def test_the_name_of_a_cell_tells_where_it_is_and_what_was_taken(make_atlas):
    atlas = with_moments(make_atlas())
    cell = int(atlas.level(20).count.argmax())
    x, y = atlas.level(20).x[cell], atlas.level(20).y[cell]
    for kind in KINDS:
        found = cell_direction(atlas, 20, cell, kind)
        assert found.name == f"cell {x},{y} of features.14, {kind}"
        found.check(layer_of(6))
    raw = cell_direction(atlas, 20, cell, "raw").matrix()[0]
    assert raw == pytest.approx(atlas.level(20).vectors[cell], abs=1e-6)
    finer = cell_direction(atlas, 40, 0)
    assert "(40 × 40)" in finer.name
    points = np.flatnonzero(atlas.cell_of(20) == cell)
    assert direction(atlas, points).matrix() == pytest.approx(
        cell_direction(atlas, 20, cell).matrix(), abs=1e-5
    )


def layer_of(units):
    from interp_gui.core.layer import LayerInfo

    return LayerInfo(name="features.14", kind="x", axes=("unit", "y", "x"), shape=(units, 4, 4))


def test_whitened_vectors_have_one_unit_of_square_length_for_each_unit():
    random = np.random.default_rng(0)
    x = random.normal(size=(5000, 9)) @ random.normal(size=(9, 9)) + 3.0
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / len(x)
    inverse = whitening(covariance)
    found = np.einsum("ni,ij,nj->n", centred, inverse, centred).mean()
    values = np.linalg.eigvalsh(covariance)
    ridge = RIDGE * values.mean()
    assert found == pytest.approx((values / (values + ridge)).sum(), rel=1e-9)
    # without a ridge, that is the number of units
    exact = np.linalg.inv(covariance)
    assert np.einsum("ni,ij,nj->n", centred, exact, centred).mean() == pytest.approx(9, rel=1e-9)
    # of a layer that varies alike everywhere, only the ridge is missing
    assert np.trace(whitening(np.eye(4)) @ np.eye(4)) == pytest.approx(4 / (1 + RIDGE))


def test_whitening_favours_what_varies_little_and_keeps_the_length():
    covariance = np.diag([100.0, 1.0, 1.0])
    found = whitened(np.array([5.0, 5.0, 0.0]), covariance)
    assert found[1] > 10 * found[0] > 0
    assert np.linalg.norm(found) == pytest.approx(np.sqrt(50))
    assert whitened(np.zeros((2, 3)), covariance).tolist() == [[0] * 3] * 2


def test_dead_units_and_more_units_than_points_leave_whitened_directions_finite():
    random = np.random.default_rng(1)
    x = random.normal(size=(10, 40))
    x[:, 7] = 2.5  # never varies
    covariance = np.cov(x.T, bias=True)
    found = whitened(x[:3].mean(axis=0) - x.mean(axis=0), covariance)
    assert np.isfinite(found).all()
    assert abs(found[7]) < 1e-9
    assert np.abs(found).max() < 10 * np.abs(x).max()


def test_what_has_no_direction_is_said(make_atlas):
    atlas = with_moments(make_atlas(60))
    with pytest.raises(InvalidValue, match="Nothing is selected"):
        direction(atlas, np.zeros(0, int))
    constant = msgspec.structs.replace(
        atlas, vectors=np.full((60, 6), 2.0, np.float32), mean=np.full(6, 2.0),
        covariance=np.zeros((6, 6)),
    )  # fmt: skip
    for kind in ("centred", "whitened"):
        with pytest.raises(InvalidValue, match="as the layer is on average"):
            direction(constant, np.arange(5), kind)
    assert direction(constant, np.arange(5), "raw").matrix()[0].tolist() == [2.0] * 6
    dead = msgspec.structs.replace(constant, vectors=np.zeros((60, 6), np.float32))
    with pytest.raises(InvalidValue, match="is zero"):
        direction(msgspec.structs.replace(dead, mean=np.zeros(6)), np.arange(5), "raw")


def test_it_survives_the_text_form(make_atlas):
    found = direction(with_moments(make_atlas(40)), np.arange(3))
    again = Feature.parse(found.text, vectors={found.vector_hash: found.matrix()})
    assert (again.matrix() == found.matrix()).all()


def test_layers_of_too_many_units_cannot_be_whitened(make_atlas):
    atlas = msgspec.structs.replace(with_moments(make_atlas(60)), covariance=np.zeros((0, 0)))
    with pytest.raises(InvalidValue, match="too many units"):
        direction(atlas, np.arange(5), "whitened")
    assert direction(atlas, np.arange(5)).vectors
