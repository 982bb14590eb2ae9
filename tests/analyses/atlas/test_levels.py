import numpy as np
import pytest

from interp_gui.analyses.atlas.binning import binned
from interp_gui.analyses.atlas.levels import commonest, level, offered, shuffled_purity


def clouds(points, *, spread=0.1, seed=0):
    random = np.random.default_rng(seed)
    xy = random.uniform(0, 1, (points, 2)).astype(np.float32)
    vectors = random.normal(1.0, spread, (points, 7)).astype(np.float32)
    return xy, vectors


def test_a_cell_is_the_mean_of_its_points_and_counts_them():
    xy, vectors = clouds(2000)
    xy[:50] += 2  # outside
    for side in (5, 20, 40):
        found = level(binned(xy, side), vectors, vectors.mean(axis=0), examples=4)
        assert found.count.sum() == 1950
        for i in range(len(found.count)):
            own = (np.floor(xy * side) == (found.x[i], found.y[i])).all(axis=1)
            assert own.sum() == found.count[i]
            mean = vectors[own].astype(np.float64).mean(axis=0)
            assert np.abs(found.vectors[i] - mean).max() < 1e-6


def test_examples_are_the_nearest_to_the_cells_vector_without_the_layers_mean():
    xy, vectors = clouds(400)
    mean = np.full(7, 0.5)
    cells = binned(xy, 5)
    found = level(cells, vectors, mean, examples=6)
    for i in range(len(found.count)):
        own = np.flatnonzero((np.floor(xy * 5) == (found.x[i], found.y[i])).all(axis=1))
        middle = vectors[own].astype(np.float64).mean(axis=0) - mean
        apart = vectors[own] - mean
        cosine = apart @ middle / np.linalg.norm(apart, axis=1) / np.linalg.norm(middle)
        wanted = own[np.argsort(-cosine, kind="stable")][:6]
        assert found.examples[i][found.examples[i] >= 0].tolist() == wanted.tolist()
        assert found.spread[i] == pytest.approx((1 - cosine).mean(), abs=1e-6)
        assert (found.examples[i] >= 0).sum() == min(6, len(own))


def test_one_point_has_no_spread_and_equal_vectors_none_either():
    xy = np.array([[0.1, 0.1], [0.9, 0.9], [0.91, 0.9]], np.float32)
    vectors = np.array([[1, 2], [3, 1], [3, 1]], np.float32)
    found = level(binned(xy, 5), vectors, np.zeros(2), examples=2)
    assert found.count.tolist() == [1, 2]
    assert found.spread == pytest.approx([0, 0], abs=1e-7)
    assert found.examples.tolist() == [[0, -1], [1, 2]]


def test_vectors_that_are_the_layers_mean_have_no_direction_and_are_alike():
    xy = np.full((9, 2), 0.5, np.float32)
    vectors = np.full((9, 3), 2.0, np.float32)
    found = level(binned(xy, 20), vectors, np.full(3, 2.0), examples=3)
    assert found.spread.tolist() == [0.0]
    assert found.examples.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(("points", "sides"), [
    (20_000, (20, 40)), (100_000, (20, 40, 80)), (4000, (20,)), (900, (5, 10)), (300, (5,)),
])  # fmt: skip
def test_grids_are_offered_while_half_of_their_cells_hold_enough(points, sides):
    xy, _ = clouds(points)
    found = offered(xy, minimum=8)
    assert tuple(cells.side for cells in found.cells) == sides
    assert found.minimum == 8
    for cells in found.cells:
        assert (cells.count >= 8).mean() >= 0.5
    finer = binned(xy, found.cells[-1].side * 2)
    assert (finer.count >= 8).mean() < 0.5


@pytest.mark.parametrize(("holding", "sides"), [(4, (5, 10)), (5, (20,))])
def test_a_level_is_offered_from_half_of_its_cells_on(holding, sides):
    # ten cells of the grid of 20 hold points, in two of each cell of the grid of 10
    counts = np.full(10, 7)
    counts[:holding] = 8
    xy = np.repeat(np.stack([np.arange(10) / 20 + 0.025, np.full(10, 0.5)], axis=1), counts, axis=0)
    found = offered(xy.astype(np.float32), minimum=8, sides=(20,))
    assert tuple(cells.side for cells in found.cells) == sides
    assert found.minimum == 8


def test_fewer_images_than_cells_still_give_a_map():
    xy, _ = clouds(12)
    found = offered(xy, minimum=8)
    assert [cells.side for cells in found.cells] == [5]
    assert found.minimum == 1
    xy, _ = clouds(100)
    found = offered(xy, minimum=8)
    assert [cells.side for cells in found.cells] == [5]
    held = (found.cells[0].count >= found.minimum).mean()
    assert held >= 0.5
    assert (found.cells[0].count >= found.minimum + 1).mean() < 0.5


def test_the_commonest_label_and_its_share():
    xy = np.array([[0.1, 0.1]] * 5 + [[0.9, 0.1]] * 4 + [[0.5, 0.9]] * 2, np.float32)
    codes = np.array([2, 2, 2, 0, -1, 1, 0, 0, 1, -1, -1])
    found = commonest(binned(xy, 5), codes, 3)
    assert found.label.tolist() == [2, 0, -1]  # of equally common ones the first
    assert found.purity[:2] == pytest.approx([3 / 5, 0.5])
    assert np.isnan(found.purity[2])


def test_no_labels_at_all():
    found = commonest(binned(clouds(50)[0], 5), np.full(50, -1), 0)
    assert (found.label == -1).all()
    assert np.isnan(found.purity).all()


def test_shuffled_labels_lie_between_chance_and_the_true_ones():
    random = np.random.default_rng(1)
    xy = random.uniform(0, 1, (4000, 2)).astype(np.float32)
    codes = (xy[:, 0] * 4).astype(int)
    cells = binned(xy, 20)
    true = commonest(cells, codes, 4).purity.mean()
    assert true > 0.99
    dealt = shuffled_purity(cells, codes, 4, minimum=5)
    assert 0.3 < dealt < 0.6  # above a quarter: the commonest of a few is more than its share
