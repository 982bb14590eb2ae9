import numpy as np
import pytest

from interp_gui.analyses.top_examples.choosing import (
    Ranking,
    at_quantile,
    by_value,
    drawn,
    least,
    order,
)


def peaks(n=200, seed=0, levels=40):
    """Values with many ties, some images without one."""
    random = np.random.default_rng(seed)
    values = np.rint(random.normal(size=n) * levels / 4).astype(np.float32) / 8
    values[random.choice(n, n // 20, replace=False)] = np.nan
    return values


def lots(n, seed=3):
    return np.random.default_rng(seed).permutation(n)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_is_that_of_a_full_sort_with_ties_by_index(seed):
    values = peaks(seed=seed)
    full = sorted((-v, i) for i, v in enumerate(values.tolist()) if v == v)
    assert order(values).tolist() == [i for _, i in full]
    assert len(set(values[np.isfinite(values)].tolist())) < len(full), "there must be ties"


def test_what_is_not_finite_is_never_chosen():
    values = np.array([np.nan, 1.0, -np.inf, np.inf, 0.5], np.float32)
    numbers = lots(5)
    assert order(values).tolist() == [1, 4]
    assert least(values, numbers, 9).tolist() == [4, 1]
    assert drawn(values, numbers, 9).tolist() == [1, 4]
    assert Ranking(values).count == 2


@pytest.mark.parametrize("k", [2, 3, 4, 9])
@pytest.mark.parametrize("percent", [0, 1, 25, 33.3, 50, 75, 90, 99, 99.9, 100])
@pytest.mark.parametrize("n", [2, 7, 101, 190])
def test_examples_of_a_quantile_enclose_it(n, percent, k):
    values = np.random.default_rng(n).normal(size=n).astype(np.float32)
    ordered = order(values)
    chosen = at_quantile(ordered, percent, k)
    assert len(chosen) == min(k, n)
    exact = np.quantile(values.astype(np.float64), percent / 100)
    assert Ranking(values).quantile(percent) == exact
    got = values[chosen].astype(np.float64)
    assert got.min() - 1e-7 <= exact <= got.max() + 1e-7
    places = np.flatnonzero(np.isin(ordered, chosen))
    assert (np.diff(places) == 1).all(), "they are neighbours in rank"
    assert (np.diff(got) <= 0).all()


def test_a_single_example_of_a_quantile_is_the_nearest_rank():
    ordered = order(np.arange(11, dtype=np.float32))
    assert [int(at_quantile(ordered, q, 1)[0]) for q in (100, 50, 0)] == [10, 5, 0]
    assert at_quantile(ordered[:0], 50, 3).tolist() == []


def test_equal_smallest_values_come_by_their_lots():
    values = np.zeros(50, np.float32)
    values[:10] = 1.0
    values[13] = -1.0
    numbers = lots(50)
    chosen = least(values, numbers, 5)
    assert chosen[0] == 13
    zeros = [i for i in np.argsort(numbers) if values[i] == 0]
    assert chosen[1:].tolist() == zeros[:4]
    assert Ranking(values[values != -1]).lowest_shared == 39


def test_random_ones_depend_on_the_lots_alone():
    values, numbers = peaks(), lots(200)
    chosen = drawn(values, numbers, 8)
    finite = [i for i in np.argsort(numbers) if np.isfinite(values[i])]
    assert set(chosen.tolist()) == set(finite[:8])
    assert (np.diff(values[chosen]) <= 0).all()
    shuffled = np.random.default_rng(1).permutation(200)
    moved = drawn(values[shuffled], numbers[shuffled], 8)
    assert set(shuffled[moved].tolist()) == set(chosen.tolist())


def test_the_strongest_of_each_value():
    values = peaks(60)
    columns = [("cat", "dog", "cow", "")[i % 4] for i in range(60)]
    found, known = by_value(order(values), columns, 3, 2)
    assert known == 3
    assert len(found) == 2
    for value, chosen in found:
        rows = [i for i in order(values).tolist() if columns[i] == value]
        assert chosen.tolist() == rows[:3]
    firsts = [float(values[chosen[0]]) for _, chosen in found]
    rest = next(v for v in ("cat", "dog", "cow") if v not in dict(found))
    last = max(v for v, c in zip(values, columns, strict=True) if c == rest and v == v)
    assert firsts[0] >= firsts[1] >= last


def test_rank_and_percentile_count_strictly():
    ranking = Ranking(np.array([3, 1, 1, 0, np.nan], np.float32))
    assert [ranking.rank(v) for v in (3, 2, 1, 0)] == [1, 2, 2, 4]
    assert [ranking.percentile(v) for v in (3, 1, 0)] == [100.0, pytest.approx(100 / 3), 0.0]
    assert Ranking(np.array([5.0], np.float32)).percentile(5.0) == 100.0
    assert np.isnan(Ranking(np.array([np.nan], np.float32)).quantile(50))
