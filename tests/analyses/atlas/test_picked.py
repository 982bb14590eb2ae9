"""Which of the recorded vectors become points."""

from types import SimpleNamespace

import numpy as np

from interp_gui.analyses.atlas.picked import rows_of


def rows(points, seed, order=slice(None)):
    """Hashes and places of the points drawn from 40 images of two vectors each."""
    names = [f"{i:02x}" * 32 for i in range(40)][order]
    found = SimpleNamespace(images=[SimpleNamespace(sha256=name) for name in names])
    record = SimpleNamespace(
        vector_image=np.repeat(np.arange(40), 2), vector_place=np.tile([3, 9], 40)
    )
    steps = rows_of(record, found, points, seed=seed)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            drawn = stop.value
            assert (np.diff(drawn) > 0).all()
            return {(names[record.vector_image[r]], record.vector_place[r]) for r in drawn}


def test_points_are_drawn_by_content_and_seed():
    first = rows(30, seed=0)
    assert len(first) == 30
    assert rows(30, seed=0, order=slice(None, None, -1)) == first
    assert rows(20, seed=0) < first
    other = rows(30, seed=1)
    assert len(other) == 30
    assert 2 < len(first & other) < 25
    assert rows(80, seed=0) == rows(80, seed=1)
