"""Holding out by group, dealing labels, and directions, on plain numbers."""

import numpy as np
import pytest

from interp_gui.analyses.concept.fitting import Space, direction, weights_of
from interp_gui.analyses.concept.judging import (
    Dealt,
    deals,
    held_out,
    p_value,
    parts_of,
    shuffled,
    ways,
)
from interp_gui.analyses.concept.pooling import box_weights


def _planted(count=30, units=50, seed=0, strength=4.0):
    random = np.random.default_rng(seed)
    truth = random.standard_normal(units)
    truth /= np.linalg.norm(truth)
    labels = np.arange(count) % 2 == 0
    vectors = random.standard_normal((count, units)) + 3.0
    vectors[labels] += strength * truth
    return vectors, labels, truth


@pytest.mark.parametrize("method", ["mean-difference", "probe"])
@pytest.mark.parametrize("count", [30, 200], ids=["fewer than units", "more than units"])
def test_a_planted_direction_is_found(method, count):
    vectors, labels, truth = _planted(count, strength=12.0)
    found = direction(vectors[labels], vectors[~labels], method)
    assert found @ truth / np.linalg.norm(found) > 0.8
    space = Space(vectors)
    parts = parts_of(labels, np.arange(count), 5, 0)
    held = held_out(space.points, Dealt(labels=labels, parts=parts), method, ridge=0.01)
    assert held.auc == 1.0
    assert held.places[labels].mean() - held.places[~labels].mean() == pytest.approx(1.0, abs=0.2)


def test_the_space_of_few_examples_keeps_all_distances():
    vectors, labels, _ = _planted(10, 40)
    space = Space(vectors)
    assert space.points.shape == (10, 9)

    def lengths(x):
        return np.linalg.norm(x[:, None] - x[None], axis=2)

    np.testing.assert_allclose(lengths(space.points) * space.scale, lengths(vectors), atol=1e-9)
    exact = vectors[labels].mean(axis=0) - vectors[~labels].mean(axis=0)
    found = space.direction(weights_of(space.points, labels, "mean-difference"))
    np.testing.assert_allclose(found, exact, atol=1e-9)


def test_random_labels_come_to_one_half_on_average():
    vectors, labels, _ = _planted(24, strength=0.0)
    groups, space = np.arange(24), Space(vectors)
    aucs = [
        held_out(space.points, dealt, "mean-difference", ridge=0.01).auc
        for dealt in deals(labels, groups, wanted=4, count=200, seed=3)
    ]
    assert len(aucs) == 200
    assert abs(np.mean(aucs) - 0.5) < 0.03
    assert np.std(aucs) > 0.05


def test_groups_are_never_split_and_both_sides_stand_in_every_part():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), random.integers(1, 6, 20))
    labels = (groups % 2).astype(bool)
    for seed in range(5):
        parts = parts_of(labels, groups, 5, seed)
        assert set(parts) == set(range(5))
        for group in range(20):
            assert len(set(parts[groups == group])) == 1
        for part in range(5):
            assert len(set(labels[parts == part])) == 2


def test_labels_change_sides_by_group_and_places_within_mixed_ones():
    groups = np.array([0, 0, 0, 1, 1, 2, 3, 4, 4, 4, 4])
    labels = np.array([1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0], bool)
    random = np.random.default_rng(1)
    seen = set()
    for _ in range(300):
        found = shuffled(labels, groups, random)
        assert all(len(set(found[groups == g])) == 1 for g in range(4))
        assert sum(bool(found[groups == g][0]) for g in range(4)) == 2
        assert found[groups == 4].sum() == 2
        seen.add(tuple(found))
    assert len(seen) == ways(labels, groups) == 6 * 6


def test_no_group_to_spare_means_no_holding_out():
    labels = np.array([1, 1, 0, 0], bool)
    assert parts_of(labels, np.array([0, 0, 1, 2]), 5, 0) is None
    assert parts_of(labels, np.array([0, 1, 2, 3]), 5, 0).max() == 1


def test_p_counts_the_real_labels_among_the_deals():
    assert p_value(0.9, [0.5] * 99) == 0.01
    assert p_value(0.5, [0.5] * 9) == 1.0


def test_a_box_covers_cells_by_their_share():
    np.testing.assert_allclose(box_weights((0, 0, 0.5, 0.5), 2, 2), [[1, 0], [0, 0]])
    np.testing.assert_allclose(box_weights((0, 0, 0.75, 1), 2, 1), [[1], [0.5]])
    small = box_weights((0.30, 0.30, 0.31, 0.31), 4, 4)
    assert (small > 0).sum() == 1
    assert small[1, 1] > 0


def test_each_deal_is_held_out_in_parts_of_its_own():
    """Parts that suit the real labels would leave dealt ones uneven, and chance too low."""
    labels, groups = np.arange(16) < 8, np.arange(16)
    found = list(deals(labels, groups, wanted=4, count=20, seed=0))
    for dealt in found:
        for part in range(4):
            assert dealt.labels[dealt.parts == part].tolist().count(True) == 2
            assert (dealt.parts == part).sum() == 4
    assert len({tuple(dealt.parts) for dealt in found}) > 10
