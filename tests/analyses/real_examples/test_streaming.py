import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_gui.analyses.real_examples.streaming import TopK, UnitStatistics
from interp_gui.core.errors import InvalidValue


def full_sort(values, k):
    """Items of the k largest values of each column; ties by item."""
    return np.argsort(-values, axis=0, kind="stable")[:k].T


@settings(deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 5), st.integers(1, 12), st.integers(1, 9),
    st.integers(0, 10_000),
)  # fmt: skip
def test_streaming_equals_a_full_sort_with_ties_by_index(n, units, k, batch, seed):
    random = np.random.default_rng(seed)
    values = random.integers(-3, 3, (n, units)).astype(np.float32)  # many ties
    positions = random.integers(0, 49, (n, units))
    top = TopK(units, k)
    for start in range(0, n, batch):
        items = np.arange(start, min(start + batch, n))
        top.update(values[items], items, positions[items])
    expected = full_sort(values, k)
    kept = min(n, k)
    np.testing.assert_array_equal(top.items[:, :kept], expected)
    np.testing.assert_array_equal(top.values[:, :kept], np.take_along_axis(values.T, expected, 1))
    np.testing.assert_array_equal(
        top.positions[:, :kept], np.take_along_axis(positions.T, expected, 1)
    )
    assert (top.items[:, kept:] == -1).all()
    assert np.isneginf(top.values[:, kept:]).all()


@given(st.integers(0, 10_000))
def test_the_order_of_updates_does_not_matter(seed):
    random = np.random.default_rng(seed)
    values = random.integers(0, 3, (12, 4)).astype(np.float32)
    straight, shuffled = TopK(4, 5), TopK(4, 5)
    zeros = np.zeros((1, 4), int)
    for i in range(12):
        straight.update(values[i : i + 1], np.array([i]), zeros)
    for i in random.permutation(12):
        shuffled.update(values[i : i + 1], np.array([i]), zeros)
    np.testing.assert_array_equal(straight.items, shuffled.items)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 90), st.integers(1, 200), st.integers(0, 10_000))
def test_many_kept_of_many_with_several_positions_an_item(k, batch, n, seed):
    random = np.random.default_rng(seed)
    values = random.integers(-2, 3, (n, 3)).astype(np.float32)
    values[random.random((n, 3)) < 0.3] *= -0.0  # both zeros are one value
    values[random.random((n, 3)) < 0.1] = -np.inf
    items = np.sort(random.integers(0, n, n)) if seed % 2 else np.arange(n)
    positions = random.integers(0, 49, (n, 3))
    top = TopK(3, k)
    for start in range(0, n, batch):
        part = slice(start, start + batch)
        top.update(values[part], items[part], positions[part])
        if seed % 3 == 0:
            assert top.values.shape == (3, k)  # looking does not change it
    for unit in range(3):
        order = [i for i in full_sort(values, n)[unit] if values[i, unit] > -np.inf][:k]
        assert top.items[unit, : len(order)].tolist() == items[order].tolist()
        assert top.values[unit, : len(order)].tolist() == values[order, unit].tolist()
        assert top.positions[unit, : len(order)].tolist() == positions[order, unit].tolist()
        assert (top.items[unit, len(order) :] == -1).all()


def test_signs_and_infinities_are_in_order():
    values = np.array([-1.5, np.inf, 0.25, -0.25, -np.inf, 3e38, -3e38, 1e-45], np.float32)
    top = TopK(1, 8)
    top.update(values[:, None], np.arange(8), np.zeros((8, 1)))
    assert top.items[0].tolist() == [1, 5, 2, 7, 3, 0, 6, -1]


def test_not_a_number_is_no_value():
    top = TopK(2, 2)
    top.update(np.array([[np.nan, 1.0], [-5.0, np.nan]], np.float32), np.arange(2), np.ones((2, 2)))
    assert top.items.tolist() == [[1, -1], [0, -1]]


@pytest.mark.parametrize("batch", [1, 3, 7, 20])
def test_statistics_are_bit_equal_for_every_batch_size(batch):
    maps = np.random.default_rng(1).normal(size=(20, 6, 5, 4)).astype(np.float32)
    maps[:, 4] = 0.25
    maps[:, 5] = -1.0
    whole, parts = UnitStatistics(6, 9), UnitStatistics(6, 9)
    whole.update(maps, np.arange(20))
    for start in range(0, 20, batch):
        items = np.arange(start, min(start + batch, 20))
        parts.update(maps[items], items)
    for name, value in whole.state().items():
        np.testing.assert_array_equal(value, parts.state()[name], err_msg=name)
    flat = maps.reshape(20, 6, -1)
    np.testing.assert_allclose(parts.mean, flat.mean(axis=(0, 2)), atol=1e-6)
    np.testing.assert_array_equal(parts.maximum, flat.max(axis=(0, 2)))
    np.testing.assert_array_equal(parts.active, (flat.max(axis=2) > 0).sum(axis=0))
    assert parts.dead.tolist() == [False] * 4 + [True] * 2
    best = parts.top
    for unit in range(4):
        image, place = best.items[unit, 0], best.positions[unit, 0]
        assert flat[image, unit, place] == flat[:, unit].max() == best.values[unit, 0]


def test_an_interrupted_pass_continues_where_it_stopped():
    maps = np.random.default_rng(2).normal(size=(10, 3, 2, 2)).astype(np.float32)
    straight, first = UnitStatistics(3, 4), UnitStatistics(3, 4)
    straight.update(maps, np.arange(10))
    first.update(maps[:4], np.arange(4))
    second = UnitStatistics.restored(first.state())
    second.update(maps[4:], np.arange(4, 10))
    for name, value in straight.state().items():
        np.testing.assert_array_equal(value, second.state()[name])


def test_scaling_a_unit_changes_no_rank():
    maps = np.random.default_rng(3).normal(size=(30, 2, 3, 3)).astype(np.float32)
    maps[:, 1] = 4.0 * maps[:, 0]
    statistics = UnitStatistics(2, 9)
    statistics.update(maps, np.arange(30))
    np.testing.assert_array_equal(statistics.top.items[0], statistics.top.items[1])
    np.testing.assert_array_equal(statistics.top.positions[0], statistics.top.positions[1])


def test_nothing_to_keep_is_refused():
    with pytest.raises(InvalidValue):
        TopK(3, 0)
