import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from interp_gui.core.proportions import holm, mcnemar_exact, wilson

COUNTS = st.integers(0, 3000)


@given(COUNTS, COUNTS)
def test_intervals_are_those_of_scipy(right, wrong):
    low, high = wilson(right, right + wrong)
    if right + wrong == 0:
        assert (low, high) == (0, 1)
        return
    expected = stats.binomtest(right, right + wrong).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= low <= right / (right + wrong) <= high <= 1


@given(COUNTS, COUNTS)
def test_mcnemar_is_the_exact_binomial_test(first, second):
    p = mcnemar_exact(first, second)
    if first + second == 0:
        assert p == 1
        return
    assert p == pytest.approx(stats.binomtest(first, first + second).pvalue, rel=1e-6, abs=1e-280)
    assert p == mcnemar_exact(second, first)


def test_mcnemar_by_hand():
    assert mcnemar_exact(0, 6) == pytest.approx(2 / 2**6)
    assert mcnemar_exact(1, 5) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar_exact(3, 3) == 1


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.9]) == [1, 1]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_p_and_keeps_its_order(p_values):
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert all(
        corrected[a] <= corrected[b] or math.isclose(corrected[a], corrected[b])
        for a, b in itertools.pairwise(order)
    )
