"""Streaming mean, variance and covariance against numpy's of everything at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_gui.analyses.harvest.moments import BLOCK, Covariance
from interp_gui.core.errors import InvalidValue


def rows_of(n, units, seed, offset=0.0):
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(units, units))
    return (random.normal(size=(n, units)) @ mixed + offset).astype(np.float32)


def same(one, two):
    for (name, a), b in zip(one.state().items(), two.state().values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4 * BLOCK), st.integers(1, 6), st.integers(1, 2 * BLOCK),
       st.integers(0, 9999), st.sampled_from((0.0, 1e3)))  # fmt: skip
def test_covariance_is_that_of_all_rows_whatever_the_batches(n, units, batch, seed, offset):
    values = rows_of(n, units, seed, offset)
    whole, parts = Covariance(units), Covariance(units)
    whole.update(values)
    for start in range(0, n, batch):
        parts.update(values[start : start + batch])
        if start == batch:
            parts = Covariance.restored(parts.state())
    same(whole, parts)
    exact = values.astype(np.float64)
    assert parts.count == n
    np.testing.assert_allclose(parts.mean, exact.mean(axis=0), rtol=1e-12, atol=1e-12)
    true = np.cov(exact, rowvar=False, bias=True).reshape(units, units)
    scale = np.abs(true).max() + 1e-9
    assert np.abs(parts.covariance - true).max() <= 1e-9 * scale
    second = exact.T @ exact / n
    np.testing.assert_allclose(parts.second_moment, second, rtol=1e-9, atol=1e-9 * (1 + scale))
    same(whole, parts)  # asking changes nothing


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 2 * BLOCK), min_size=1, max_size=5), st.integers(0, 9999))
def test_parts_and_orders_agree_to_rounding(lengths, seed):
    values = rows_of(sum(lengths), 3, seed)
    ends = np.cumsum(lengths)
    merged = Covariance(3)
    for n, end in zip(lengths, ends, strict=True):
        part = Covariance(3)
        part.update(values[end - n : end])
        merged.merge(part)
    whole, turned = Covariance(3), Covariance(3)
    whole.update(values)
    turned.update(values[::-1])
    assert merged.count == whole.count == len(values)
    if len(values):
        for other in (merged, turned):
            np.testing.assert_allclose(other.mean, whole.mean, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(
                other.covariance, whole.covariance, rtol=1e-9, atol=1e-9 * whole.covariance.max()
            )


def test_rows_that_are_no_numbers_are_left_out_and_counted():
    values = rows_of(20, 2, 0)
    values[3, 1], values[7, 0] = np.nan, np.inf
    found, clean = Covariance(2), Covariance(2)
    found.update(values)
    clean.update(np.delete(values, [3, 7], axis=0))
    assert (found.count, found.left_out) == (18, 2)
    np.testing.assert_array_equal(found.covariance, clean.covariance)


def test_nothing_has_no_moments():
    empty = Covariance(2)
    assert np.isnan(empty.mean).all()
    assert np.isnan(empty.covariance).all()
    with pytest.raises(InvalidValue):
        empty.update(np.zeros((3, 4)))
    with pytest.raises(InvalidValue):
        empty.merge(Covariance(3))
