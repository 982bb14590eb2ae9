"""Points found by place are those that looking at all of them finds."""

import numpy as np
import pytest

from interp_gui.core.atlas.index import PointIndex


@pytest.mark.parametrize("count", [0, 1, 7, 3000])
def test_as_looking_at_all(count):
    random = np.random.default_rng(count)
    xy = random.uniform(-0.1, 1.1, (count, 2)).astype(np.float32)
    if count > 10:
        xy[:4] = ((0, 0), (1, 1), (0, 1), (np.nan, 0.5))
        xy[5] = xy[4]
    chosen = random.random(count) < 0.8
    index = PointIndex(xy, chosen)
    places = xy.astype(np.float64)
    there = chosen & ((places >= 0) & (places <= 1)).all(axis=1)
    assert len(index) == there.sum()
    for left, top in [(-0.2, -0.2), *random.uniform(-0.2, 1, (40, 2))]:
        right, bottom = left + random.random(), top + random.random() * 0.3
        x, y = places.T
        inside = there & (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        found = index.points[index.within(left, top, right, bottom)]
        assert sorted(found) == list(np.flatnonzero(inside))
    for at in random.uniform(-0.05, 1.05, (60, 2)):
        apart = np.where(there, np.hypot(*(places - at).T), np.inf)
        near = index.nearest(*at, 0.02)
        if count and apart.min() <= 0.02:
            assert near == apart.argmin()
        else:
            assert near == -1


@pytest.mark.parametrize("count", [40, 3000, 600_000])  # more bins than 16 bits can number
def test_points_of_a_bin_stand_together_however_many_bins_there_are(count):
    xy = np.random.default_rng(1).random((count, 2), np.float32)
    index = PointIndex(xy)
    column, row = np.minimum((xy[index.points].astype(np.float64) * index.side).astype(int),
                             index.side - 1).T  # fmt: skip
    bins = row * index.side + column
    assert (np.diff(bins) >= 0).all()
    assert (np.diff(index.points)[np.diff(bins) == 0] > 0).all()
