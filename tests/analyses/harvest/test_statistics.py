"""Figures over all images are those of everything at once, however many blocks there are."""

import numpy as np
import pytest

from interp_gui.analyses.harvest import statistics


@pytest.mark.parametrize("rows", [5, 8, 12])
def test_mean_and_variance_are_those_of_all_positions(rows):
    """Images of a kind come together, so that blocks of rows have means of their own."""
    random = np.random.default_rng(0)
    maps = random.normal(size=(12, 6, 30)) + np.repeat([0.0, 40.0, -7.0], 4)[:, None, None]
    averages = statistics._Averages(6)
    for start in range(0, 12, rows):
        some = maps[start : start + rows].astype(np.float32)
        averages.update(some.mean(axis=2), some.var(axis=2))
    mean, variance = averages.found()
    every = maps.transpose(1, 0, 2).reshape(6, -1)
    np.testing.assert_allclose(mean, every.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(variance, every.var(axis=1), rtol=1e-5)
