"""Which cells are drawn together, and when."""

import numpy as np
import pytest

from interp_gui.analyses.atlas_pictures.order import blocks, cell_range, level_of, wanted_first
from interp_gui.core.errors import InvalidValue


def test_a_range_keeps_the_order_in_which_it_was_written():
    assert cell_range("7,2-4,3, 0", 10) == [7, 2, 3, 4, 0]
    assert cell_range(" ", 3) == [0, 1, 2]


@pytest.mark.parametrize("text", ["3-", "x", "1,,2", "12", "5-3"])
def test_a_wrong_range_is_refused(text):
    with pytest.raises(InvalidValue):
        cell_range(text, 10)


def test_levels_by_their_side(make_atlas):
    atlas = make_atlas(sides=(20, 40))
    assert level_of(atlas, 0).side == 20
    assert level_of(atlas, 40).side == 40
    with pytest.raises(InvalidValue, match="no level of 30") as caught:
        level_of(atlas, 30)
    assert "20, 40" in caught.value.hint
    with pytest.raises(InvalidValue, match="no cells"):
        level_of(make_atlas(sides=()), 0)


def test_blocks_hold_each_kept_cell_once_and_lie_together(make_atlas):
    level = make_atlas(points=6000, sides=(20,)).levels[0]
    made = blocks(level, minimum=8, size=8)
    assert sorted(np.concatenate(made)) == list(np.flatnonzero(level.count >= 8))
    assert [len(block) for block in made[:-1]] == [8] * (len(made) - 1)

    def reach(cells):
        return np.ptp(level.x[cells]) + np.ptp(level.y[cells])

    in_rows = np.concatenate(made).copy()
    in_rows.sort()
    rows = [in_rows[i : i + 8] for i in range(0, len(in_rows), 8)]
    assert np.mean([reach(b) for b in made]) < 0.9 * np.mean([reach(b) for b in rows])


def test_blocks_of_wanted_cells_come_in_their_order(make_atlas):
    level = make_atlas(points=4000, sides=(20,)).levels[0]
    made = blocks(level, minimum=1, size=8)
    cells = [int(made[3][5]), int(made[1][0]), int(made[3][1])]
    assert wanted_first(made, cells) == [made[3], made[1]]
    few = np.flatnonzero(level.count < 8)
    assert wanted_first(blocks(level, minimum=8, size=8), [int(cell) for cell in few]) == []
