import numpy as np
import pytest

from interp_gui.analyses.unit_set_study.passing import log_odds
from interp_gui.analyses.unit_set_study.sets import (
    Plan,
    importance,
    random_orders,
    scores,
    sizes_of,
)
from interp_gui.core.errors import InvalidValue


def test_sizes_go_up_to_the_layer():
    assert sizes_of("", 64) == (1, 2, 3, 4, 5, 10, 20, 64)
    assert sizes_of("", 100) == (1, 2, 3, 4, 5, 10, 20, 64, 100)
    assert sizes_of("8, 2,200", 12) == (2, 8, 12)
    for wrong in ("0", "a", "-1,2"):
        with pytest.raises(InvalidValue, match="sizes of sets"):
            sizes_of(wrong, 12)


def test_sets_of_a_plan_are_the_first_and_the_rest_of_each_order():
    plan = Plan(
        sizes=(1, 3, 4),
        ranking=np.array([2, 0, 3, 1]),
        orders=random_orders(np.arange(4), 2, seed=0),
    )
    assert plan.ranked == ((2,), (0, 2, 3), (0, 1, 2, 3), (0, 1, 3), (1,), ())
    assert len(plan.random) == 2 * 2 * 3
    for removed, kept in zip(plan.random[:3], plan.random[3:6], strict=True):
        assert sorted((*removed, *kept)) == [0, 1, 2, 3]
    np.testing.assert_array_equal(random_orders(np.arange(4), 3, seed=0)[:2], plan.orders)
    assert not np.array_equal(
        random_orders(np.arange(9), 3, seed=1), random_orders(np.arange(9), 3, seed=2)
    )


def test_scores_by_hand():
    truths = np.array([0, 0, 1, 2], np.int32)
    answers = np.array([[0, 1], [1, 1], [1, 1], [0, 1]], np.int32)
    odds = np.array([[2.0, 0], [1.0, 0], [-1.0, 0], [0.5, 0]], np.float32)
    found = scores(answers, odds, truths, 0)
    np.testing.assert_allclose(found.balanced, [(0.5 + 0.5) / 2, 0.5])
    np.testing.assert_allclose(found.odds, [1.5, 0])  # those of the other images do not count
    np.testing.assert_allclose(found.accuracy, [0.5, 0.25])


@pytest.mark.parametrize("answer", range(3))
def test_a_constant_answer_scores_exactly_one_half(answer):
    truths = np.array([0, 0, 0, 1, 2, 2, 1], np.int32)
    answers = np.full((7, 1), answer, np.int32)
    for index in range(3):
        assert scores(answers, np.zeros((7, 1), np.float32), truths, index).balanced[0] == 0.5


def test_units_are_ordered_by_what_they_cost_and_equal_ones_by_its_odds():
    def made(balanced, odds):
        zeros = np.zeros(len(balanced))
        return type(whole)(balanced=np.array(balanced), odds=np.array(odds), accuracy=zeros)

    whole = scores(
        np.array([[0], [1]], np.int32), np.array([[1.0], [0.0]], np.float32), np.array([0, 1]), 0
    )
    alone = made([1.0, 0.5, 1.0, 1.0 - 1e-15], [0.5, 0.5, 0.1, 0.5])
    assert importance(alone, whole).tolist() == [1, 2, 0, 3]


def test_log_odds_agree_with_probabilities_and_do_not_overflow():
    logits = np.random.default_rng(0).normal(size=(5, 4)) * 3
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = np.log(p[:, 2] / (1 - p[:, 2]))
    np.testing.assert_allclose(log_odds(logits, 2, "softmax"), wanted, rtol=1e-9)
    np.testing.assert_array_equal(log_odds(logits, 2, "sigmoid"), logits[:, 2])
    assert log_odds(np.array([[2000.0, 0.0]]), 0, "softmax")[0] == 2000.0
