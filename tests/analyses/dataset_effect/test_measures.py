import numpy as np
import pytest

from interp_gui.analyses.dataset_effect.measures import (
    accuracy,
    changed_confusions,
    class_figures,
    flips,
    grouped,
    mean_balanced,
    mean_of,
    mean_recall,
)

TRUE = np.array([0, 0, 0, 1, 1, 2, -1, 2], np.int32)
PREDICTED = np.array([0, 0, 1, 1, 2, 2, 2, -1], np.int32)


def test_figures_of_a_class_by_hand():
    # known pairs: (0,0) (0,0) (0,1) (1,1) (1,2) (2,2)
    zero = class_figures(PREDICTED, TRUE, 0)
    assert (zero.images, zero.answered) == (3, 2)
    assert zero.recall == pytest.approx(2 / 3)
    assert zero.specificity == 1.0
    assert zero.balanced == pytest.approx(5 / 6)
    one = class_figures(PREDICTED, TRUE, 1)
    assert (one.images, one.recall, one.specificity) == (2, 0.5, 0.75)
    two = class_figures(PREDICTED, TRUE, 2)
    assert (two.images, two.recall, two.specificity) == (1, 1.0, 0.8)
    assert accuracy(PREDICTED, TRUE) == pytest.approx(4 / 6)
    assert mean_balanced(PREDICTED, TRUE) == pytest.approx((5 / 6 + 0.625 + 0.9) / 3)
    assert mean_recall(PREDICTED, TRUE) == pytest.approx((2 / 3 + 0.5 + 1) / 3)


def test_balanced_accuracy_agrees_with_another_implementation():
    from sklearn.metrics import balanced_accuracy_score

    random = np.random.default_rng(0)
    true = random.integers(0, 5, 300).astype(np.int32)
    predicted = np.where(random.random(300) < 0.6, true, random.integers(0, 5, 300))
    for index in range(5):
        wanted = balanced_accuracy_score(true == index, predicted == index)
        assert class_figures(predicted, true, index).balanced == pytest.approx(wanted)
    assert mean_recall(predicted, true) == pytest.approx(balanced_accuracy_score(true, predicted))


@pytest.mark.parametrize("answer", range(3))
def test_a_constant_answer_has_a_balanced_accuracy_of_one_half(answer):
    predicted = np.full(len(TRUE), answer, np.int32)
    for index in range(3):
        assert class_figures(predicted, TRUE, index).balanced == 0.5


def test_what_cannot_be_said_is_none():
    nothing = np.full(4, -1, np.int32)
    assert accuracy(nothing, nothing) is None
    assert mean_balanced(nothing, nothing) is None
    only = class_figures(np.zeros(3, np.int32), np.zeros(3, np.int32), 0)
    assert (only.recall, only.specificity, only.balanced) == (1.0, None, None)
    assert mean_of(np.array([np.nan])) is None
    assert mean_of(np.array([1.0, np.nan, 3.0])) == 2.0


def test_confusions_that_changed_are_counted_both_ways():
    true = np.array([0, 0, 0, 1, 1, -1], np.int32)
    before = np.array([0, 0, 0, 1, 0, 0], np.int32)
    after = np.array([1, 1, 0, 1, 0, 1], np.int32)
    assert changed_confusions(before, after, true) == [(0, 0, 3, 1), (0, 1, 0, 2)]
    assert flips(before, after).tolist() == [True, True, False, False, False, True]
    assert not flips(before, np.full(6, -1, np.int32)).any()


def test_groups_are_in_order_and_leave_out_what_has_no_value():
    found = grouped(["b", "", "a", "b"])
    assert list(found) == ["a", "b"]
    assert found["b"].tolist() == [0, 3]
