"""Shares, entropy and divergence against their definitions."""

import numpy as np
import pytest

from interp_gui.core.interventions.measures import divergence_of, entropy_of, shares_of


def softmax(values):
    e = np.exp(values - np.max(values))
    return e / e.sum()


def test_softmax():
    one, other = np.array([0.3, -2.0, 5.0, 1.0]), np.array([1.0, 0.0, 2.0, -1.0])
    p, q = softmax(one), softmax(other)
    np.testing.assert_allclose(shares_of(one, "softmax"), p)
    assert entropy_of(one, "softmax") == pytest.approx(-(p * np.log(p)).sum())
    assert divergence_of(one, other, "softmax") == pytest.approx((p * np.log(p / q)).sum())
    assert divergence_of(one, other, "softmax") != pytest.approx(
        divergence_of(other, one, "softmax")
    )
    assert divergence_of(one, one + 3.0, "softmax") == pytest.approx(0.0, abs=1e-12)


def test_sigmoid_is_the_mean_over_classes():
    one, other = np.array([0.3, -2.0, 5.0]), np.array([1.0, 0.0, 2.0])
    p, q = 1 / (1 + np.exp(-one)), 1 / (1 + np.exp(-other))
    np.testing.assert_allclose(shares_of(one, "sigmoid"), p)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()
    assert entropy_of(one, "sigmoid") == pytest.approx(entropy)
    divergence = (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean()
    assert divergence_of(one, other, "sigmoid") == pytest.approx(divergence)


@pytest.mark.parametrize("kind", ["scalar", "embedding", "map"])
def test_what_is_no_classes_has_none(kind):
    values = np.array([1.0, 2.0])
    assert shares_of(values, kind) is None
    assert entropy_of(values, kind) is None
    assert divergence_of(values, values, kind) is None


def test_extremes_stay_finite():
    sure, other = np.array([1000.0, -1000.0]), np.array([-1000.0, 1000.0])
    for kind in ("softmax", "sigmoid"):
        assert entropy_of(sure, kind) == pytest.approx(0.0, abs=1e-9)
        assert divergence_of(sure, sure, kind) == 0.0
        assert divergence_of(sure, other, kind) == pytest.approx(2000.0, rel=0.6)
    assert np.isnan(shares_of(np.array([np.nan, 1.0]), "softmax")).all()
    assert divergence_of(np.array([np.nan, 1.0]), sure, "softmax") is None
