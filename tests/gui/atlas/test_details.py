import numpy as np
import pytest

from interp_gui.gui.atlas import details as details_of
from interp_gui.gui.atlas.selection import Chosen


@pytest.fixture
def details(atlas_state, qtbot):
    found = details_of.CellDetails(atlas_state)
    qtbot.addWidget(found)
    return found


def test_what_is_known_is_asked_once_for_all_directions_and_pictures(
    details, make_atlas, monkeypatch
):
    asked = []
    told = details_of.facts
    monkeypatch.setattr(details_of, "facts", lambda *args: asked.append(1) or told(*args))
    atlas = make_atlas(400, sides=(10,), pictures=((10, "crop"),))
    chosen = Chosen(np.arange(5, 25))
    details.show_chosen(atlas, chosen, None)
    labels = details.bars.result.labels
    details.show_chosen(atlas, chosen, None)  # as when another kind of direction is chosen
    details.refresh(atlas.with_pictures(atlas.pictures[0]), None)
    assert len(asked) == 1
    assert details.bars.result.labels == labels
    details.show_chosen(atlas, Chosen(np.arange(5, 30)), None)
    assert details.title.text() == "25 points chosen"
    details.show_chosen(make_atlas(400, sides=(5,)), chosen, None)
    assert details.title.text() == "20 points chosen"
    details.clear()
    details.show_chosen(atlas, chosen, None)
    assert len(asked) == 4
