"""What is shown before the map itself is there."""

import msgspec
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from interp_gui.gui.atlas.picking import Hit
from interp_gui.gui.atlas.tab import AtlasTab
from interp_gui.gui.atlas.work import maps_of


@pytest.fixture
def tab(atlas_state, bridge, actions, qtbot, described, images, met):
    tab = AtlasTab(atlas_state, bridge, actions)
    qtbot.addWidget(tab)
    tab.resize(1000, 640)
    tab.show()
    qtbot.waitExposed(tab)
    return tab


@pytest.fixture
def looked(tab, engine, make_atlas, qtbot):
    """A tab that shows a first look, whose map is still being made."""
    tab.work.make(tab.request())
    atlas = msgspec.structs.replace(make_atlas(sides=(10,)), layout="pca", final=False)
    engine.result(engine.newest("activation-atlas"), atlas)
    qtbot.waitUntil(lambda: tab.looking.kept is not None)
    return tab


def menu_of(tab):
    tab.canvas.menu_requested.emit(None, QPoint(10, 10))
    menu = tab.findChildren(QMenu)[-1]
    found = {action.text(): (action.isEnabled(), action.toolTip()) for action in menu.actions()}
    menu.close()
    return found


def test_a_first_look_leaves_only_when_it_is_the_map(looked, engine, make_atlas, qtbot):
    reason = "This is a first look by PCA, not the map that was asked for."
    job = engine.newest("activation-atlas")
    for end in (None, "cancelled"):
        if end is not None:
            engine.end(job, end)
            qtbot.waitUntil(lambda: looked.work.outcome == "cancelled")
            assert looked.make.text() == "Go on"
        assert looked.exportables() == looked.keepables() == []
        assert looked.why_no_keepables() == reason
        assert not looked.tools.export.isEnabled()
        assert looked.tools.export.toolTip() == reason
        menu = menu_of(looked)
        assert menu["Export the map…"] == (False, reason)
        assert menu["Keep the map for the report"] == (False, reason)
    looked.run()
    job = engine.newest("activation-atlas")
    engine.result(job, make_atlas(sides=(10,)))
    engine.end(job)
    qtbot.waitUntil(lambda: looked.work.outcome == "finished")
    assert [each.result.layout for each in looked.keepables()] == ["umap"]
    assert looked.tools.export.isEnabled()
    assert looked.tools.export.toolTip() == "Export the map"
    assert menu_of(looked)["Export the map…"][0]
    assert looked.make.text() == "Make again"


def test_a_first_look_whose_map_failed_is_not_made_again_but_made(looked, engine, qtbot):
    engine.end(engine.newest("activation-atlas"), "failed", "Too few images.", "Open more.")
    qtbot.waitUntil(lambda: looked.work.outcome == "failed")
    assert looked.make.text() == "Make atlas"
    assert looked.exportables() == []


def test_a_map_without_its_labels_is_not_the_map_either(tab, engine, make_atlas, qtbot):
    tab.work.make(tab.request())
    unlabelled = msgspec.structs.replace(make_atlas(sides=(10,)), final=False)
    engine.result(engine.newest("activation-atlas"), unlabelled)
    qtbot.waitUntil(lambda: tab.looking.kept is not None)
    assert tab.keepables() == []
    assert "named after" in tab.tools.export.toolTip()


def test_what_is_not_finished_is_not_kept_with_the_window(looked, atlas_state, engine):
    looked.looking.choose(looked.looking.of_hit(Hit(3, 10)))
    assert "chosen" not in looked.snapshot()  # a cell of another map
    assert not maps_of(atlas_state).all
