import numpy as np
import pytest

from interp_gui.gui.atlas import looking as looking_of
from interp_gui.gui.atlas.tab import AtlasTab


@pytest.fixture
def tab(atlas_state, bridge, actions, qtbot, described, images, met, engine, make_atlas):
    tab = AtlasTab(atlas_state, bridge, actions)
    qtbot.addWidget(tab)
    tab.show()
    qtbot.waitExposed(tab)
    tab.work.make(tab.request())
    engine.result(engine.newest("activation-atlas"), make_atlas(600, sides=(10,)))
    engine.end(engine.newest("activation-atlas"))
    qtbot.waitUntil(lambda: tab.work.outcome == "finished")
    return tab


def test_a_name_is_looked_for_once(tab, monkeypatch):
    asked = []
    find = looking_of.where_lives
    monkeypatch.setattr(
        looking_of, "where_lives", lambda atlas, name: asked.append(name) or find(atlas, name)
    )
    tab.looking.search("name 1")
    tab.tools.labels.toggle()
    tab.sidebar.colours.choose("density")
    assert asked == ["name 1"]
    marked = np.flatnonzero(tab.canvas.look.values)
    assert np.array_equal(marked, np.flatnonzero(tab.canvas.atlas.image % 5 == 1))
    tab.looking.search("name 2")
    assert asked == ["name 1", "name 2"]
    assert not np.intersect1d(marked, np.flatnonzero(tab.canvas.look.values)).size
