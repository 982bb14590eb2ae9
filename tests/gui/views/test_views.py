"""Splitting, tearing off, pinning and restoring views in the real window."""

import json

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QLabel, QMenu, QWidget

from interp_gui.core.feature import Feature
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.dragging.drop_hint import DropHint
from interp_gui.gui.features.commands import feature_commands_of
from interp_gui.gui.views.tab_group import EMPTY, VIEW_MIME
from interp_gui.gui.widgets.flow import FlowRow

WEIGHTS = "b0353104" * 8


def unit(index, layer="features.14"):
    return Feature(layer=layer, units=(index,), model=WEIGHTS)


def layout(window):
    """Kinds of the views of every group."""
    return [[frame.key for frame in group.frames] for group in window.centre.desk.area.groups]


def trigger(window, name):
    window.actions_.refresh()
    action = window.actions_[f"view.{name}"]
    assert action.isEnabled(), name
    action.trigger()


@pytest.fixture
def desk(opened, qtbot):
    qtbot.waitExposed(opened)
    return opened.centre.desk


def test_four_views_are_there_at_first(opened, desk):
    assert layout(opened) == [["image", "wall", "unit", "atlas", "concepts"]]
    assert desk.active.kind == "image"
    assert not any(frame.state.pinned for frame in desk.frames)


def test_a_view_is_split_off_and_comes_back(opened, desk):
    opened.state.set_tab("unit")
    trigger(opened, "split_right")
    assert layout(opened) == [["image", "wall", "atlas", "concepts"], ["unit"]]
    assert desk.active.kind == "unit"
    assert all(group.isVisible() for group in desk.area.groups)
    trigger(opened, "split_below")  # alone in its group: a pinned copy goes below
    assert layout(opened) == [["image", "wall", "atlas", "concepts"], ["unit"], ["unit#2"]]
    assert desk.active.state.pinned
    trigger(opened, "close")
    assert layout(opened) == [["image", "wall", "atlas", "concepts"], ["unit"]]
    opened.state.set_tab("unit")
    trigger(opened, "move")
    assert layout(opened) == [["image", "wall", "atlas", "concepts", "unit"]]


def test_two_pages_of_units_side_by_side(opened, desk, client, qtbot):
    opened.state.open_feature(unit(7))
    trigger(opened, "copy_beside")
    assert layout(opened) == [["image", "wall", "unit", "atlas", "concepts"], ["unit#2"]]
    kept, follows = desk.frame("unit#2"), desk.frame("unit")
    opened.state.set_feature(unit(9))
    assert kept.content.feature == unit(7)
    assert follows.content.feature == unit(9)
    assert "features.14:7" in kept.strip.text.text()
    assert kept.strip.isVisible()
    assert not follows.strip.isVisible()
    assert desk.group_of(kept).tabToolTip(0).startswith("Pinned: features.14:7")


def test_pages_side_by_side_do_not_cancel_each_other(opened, desk, client, greet, qtbot):
    opened.state.open_feature(unit(7))
    trigger(opened, "copy_beside")
    first, second = desk.frame("unit"), desk.frame("unit#2")
    mine = first.bridge.run(_run(opened), view="unit-picture")
    theirs = second.bridge.run(_run(opened), view="unit-picture")
    assert ("cancel", mine) not in client.calls
    again = second.bridge.run(_run(opened), view="unit-picture")
    assert ("cancel", theirs) in client.calls
    desk.close(second)
    assert ("cancel", again) in client.calls
    assert ("cancel", mine) not in client.calls


def _run(window):
    from interp_gui.core.analysis import Inputs
    from interp_gui.engine.messages import Run

    return Run(analysis="x", model=window.state.model.handle, inputs=Inputs(layer="features.14"))


def test_the_pin_command_follows_the_active_view(opened, desk):
    opened.state.set_tab("wall")
    trigger(opened, "pin")
    assert desk.frame("wall").state.pinned
    assert not desk.frame("image").state.pinned
    opened.state.set_layer("features.1")
    assert desk.frame("wall").state.layer == "features.14"
    strip = desk.frame("wall").strip
    assert strip.text.text().startswith("Pinned: features.14")
    strip.follow.click()
    assert desk.frame("wall").state.layer == "features.1"
    assert strip.isHidden()


def test_what_to_pin_can_be_chosen(opened, desk, qtbot):
    opened.state.set_tab("wall")
    button = desk.active_group.pin
    menu = button.menu()
    menu.aboutToShow.emit()
    entries = {action.text().replace("&", ""): action for action in menu.actions()}
    assert list(entries) == ["Everything", "", "Model", "Image", "Target", "Layer", "Feature"]
    entries["Image"].trigger()
    assert desk.active.state.pins == {"image"}
    menu.aboutToShow.emit()
    ticked = [a.text() for a in menu.actions() if a.isChecked()]
    assert ticked == ["&Image"]
    assert button.isChecked()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(6, 10))
    assert not desk.active.state.pinned


def test_opening_a_unit_shows_a_page_that_follows(opened, desk):
    opened.state.open_feature(unit(7))
    trigger(opened, "pin")
    opened.state.open_feature(unit(9))
    assert desk.active.key == "unit#2"
    assert desk.active.content.feature == unit(9)
    assert desk.frame("unit").content.feature == unit(7)


def test_a_closed_view_is_opened_again_from_the_menu(opened, desk):
    for _ in range(5):
        trigger(opened, "close")
    assert desk.frames == []
    said = [w.text() for w in opened.centre.findChildren(QLabel) if w.isVisible()]
    assert EMPTY in said
    opened.actions_.refresh()
    assert not opened.actions_["view.close"].isEnabled()
    opened.actions_["view.tab.wall"].trigger()
    assert layout(opened) == [["wall"]]
    assert desk.active.content.isVisible()
    assert not any(w.isVisible() and w.text() == EMPTY for w in opened.centre.findChildren(QLabel))


def test_a_torn_off_view_follows_and_comes_home(opened, desk, qtbot):
    opened.state.set_tab("unit")
    trigger(opened, "tear_off")
    window = desk.windows[0]
    assert window.isVisible()
    assert window.isWindow()
    assert layout(opened) == [["image", "wall", "atlas", "concepts"]]
    opened.state.set_feature(unit(5))
    assert desk.frame("unit").content.feature == unit(5)
    assert opened.actions_["view.pin"] in window.actions()
    opened.state.set_tab("image")
    window.close()
    assert layout(opened) == [["image", "wall", "atlas", "concepts", "unit"]]
    assert desk.windows == []


def test_a_view_keeps_its_rows_of_controls_when_its_group_of_tabs_is_gone(opened, desk, qapp):
    opened.state.open_feature(unit(5))
    trigger(opened, "split_right")
    frame = desk.frame("unit")
    desk.group_of(frame).findChildren(QWidget)  # what is found is made to belong to the group
    trigger(opened, "tear_off")
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    rows = [row for row in frame.findChildren(FlowRow) if row.count() > 2]
    assert rows
    for row in rows:
        assert row.heightForWidth(20) >= row.heightForWidth(2000) > 0


def test_shortcuts_work_in_a_torn_off_window(opened, desk, qtbot):
    opened.state.open_feature(unit(5))
    trigger(opened, "tear_off")
    window = desk.windows[0]
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(
        desk.frame("unit").content, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier
    )
    assert opened.state.feature == unit(6)


def test_files_dropped_on_a_torn_off_window_are_opened(opened, desk, drop, pictures, qtbot):
    trigger(opened, "tear_off")
    drop(desk.windows[0], [pictures])
    qtbot.waitUntil(lambda: opened.state.dataset is not None)


def test_torn_off_windows_close_with_the_main_window(opened, desk, qtbot):
    trigger(opened, "tear_off")
    window = desk.windows[0]
    opened.close()
    assert not window.isVisible()


def test_a_tab_is_carried_to_another_side(opened, desk, qapp):
    opened.state.set_tab("unit")
    trigger(opened, "split_right")
    left, right = desk.area.groups
    data = QMimeData()
    data.setData(VIEW_MIME, b"wall")
    _carry(qapp, right, data, right.tabBar().rect().center())
    assert layout(opened) == [["image", "atlas", "concepts"], ["unit", "wall"]]
    _carry(qapp, left, _view("unit"), QPoint(left.width() - 5, left.height() // 2))
    assert layout(opened) == [["image", "atlas", "concepts"], ["unit"], ["wall"]]
    _carry(qapp, left, _view("wall"), QPoint(left.width() // 2, left.height() - 5))
    assert len(desk.area.groups) == 3
    assert ["image", "atlas", "concepts"] in layout(opened)
    _carry(qapp, left, _view("nonsense"), QPoint(5, 5))
    keys = sorted(key for keys in layout(opened) for key in keys)
    assert keys == ["atlas", "concepts", "image", "unit", "wall"]


def _view(key):
    data = QMimeData()
    data.setData(VIEW_MIME, key.encode())
    return data


def _carry(qapp, group, data, where):
    rest = (Qt.DropAction.MoveAction, data, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier)  # fmt: skip
    enter = QDragEnterEvent(where, *rest)
    qapp.sendEvent(group, enter)
    assert enter.isAccepted()
    qapp.sendEvent(group, QDropEvent(where.toPointF(), *rest))


def _over_tab(qapp, group, kind, data):
    """Carry something to the tab of a view; the view's sentence, and a way to let go."""
    bar = group.tabBar()
    frame = next(frame for frame in group.frames if frame.kind == kind)
    where = bar.tabRect(group.indexOf(frame)).center()
    rest = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier)  # fmt: skip
    qapp.sendEvent(bar, QDragEnterEvent(where, *rest))
    qapp.sendEvent(bar, QDragMoveEvent(where, *rest))
    hint = frame.content.findChild(DropHint)
    return hint, lambda: qapp.sendEvent(bar, QDropEvent(where.toPointF(), *rest))


def test_a_unit_dropped_on_a_tab_is_dropped_on_its_view(opened, desk, qapp, monkeypatch):
    group = desk.active_group
    data = mime_for([unit(3)])
    image, _ = _over_tab(qapp, group, "image", data)
    assert image.text.startswith("Show where") or image.refused
    page, let_go = _over_tab(qapp, group, "unit", data)
    assert image.text == "", "the sentence goes with the drag"
    assert page.text == "Show features.14:3 on this page"
    let_go()
    assert page.text == ""
    assert (opened.state.tab, opened.state.feature) == ("unit", unit(3))

    sorted_by = []
    wall = opened.centre.tab("wall")
    monkeypatch.setattr(wall, "sort_by_similarity", sorted_by.append)
    _, let_go = _over_tab(qapp, group, "wall", data)
    let_go()
    assert sorted_by == [unit(3)]
    assert opened.state.tab == "wall"


def test_a_unit_dropped_on_the_image_tab_shows_its_map(
    opened, desk, qapp, client, pictures, drop, qtbot
):
    drop(opened, [pictures])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    data = mime_for([unit(3)])
    hint, let_go = _over_tab(qapp, desk.active_group, "image", data)
    assert hint.text == "Show where features.14:3 responds"
    let_go()
    maps = [r for r in client.requests.values() if getattr(r, "analysis", "") == "activation-maps"]
    assert maps[-1].inputs.features == (unit(3),)


def test_a_unit_carried_past_the_tabs_leaves_nothing(opened, desk, qapp):
    group = desk.active_group
    before = opened.state.feature
    hint, let_go = _over_tab(qapp, group, "unit", mime_for([unit(3)]))
    qapp.sendEvent(group.tabBar(), QDragLeaveEvent())
    assert hint.text == ""
    let_go()
    assert opened.state.feature == before


def test_everything_is_in_the_menu_of_a_tab(opened, desk):
    group = desk.active_group
    bar = group.tabBar()
    bar.customContextMenuRequested.emit(bar.tabRect(1).center())
    menu = opened.centre.findChild(QMenu)
    texts = [a.text().replace("&", "") for a in menu.actions() if a.text()]
    assert texts == [
        "Split right", "Split below", "Move to the other side", "Tear off",
        "Pinned copy beside", "Pin", "Close",
    ]  # fmt: skip
    next(a for a in menu.actions() if a.text() == "Split &right").trigger()
    menu.close()
    assert layout(opened) == [["image", "unit", "atlas", "concepts"], ["wall"]]


def test_a_unit_is_opened_beside_from_its_menu(opened, desk):
    commands = feature_commands_of(opened.state)
    opened.state.set_feature(unit(1))
    assert commands.act("open-beside", (unit(7),))
    assert layout(opened) == [["image", "wall", "unit", "atlas", "concepts"], ["unit#2"]]
    assert desk.active.content.feature == unit(7)
    assert desk.active.state.pins >= {"model", "feature"}
    assert opened.state.feature == unit(1)


def test_a_map_is_asked_for_from_a_menu(opened, desk, client, pictures, drop, qtbot):
    drop(opened, [pictures])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    opened.state.set_tab("wall")
    assert feature_commands_of(opened.state).act("map", (unit(7),))
    assert opened.state.tab == "image"
    assert any(getattr(r, "analysis", "") == "activation-maps" for r in client.requests.values())


def test_units_are_stepped_through_from_anywhere(opened, desk):
    opened.state.set_feature(unit(7))
    opened.state.set_tab("image")
    trigger(opened, "next_unit")
    assert opened.state.feature == unit(8)
    trigger(opened, "previous_unit")
    trigger(opened, "previous_unit")
    assert opened.state.feature == unit(6)
    opened.state.open_feature(unit(7))
    trigger(opened, "copy_beside")  # pinned: it steps by itself
    trigger(opened, "next_unit")
    assert desk.active.content.feature == unit(8)
    assert opened.state.feature == unit(7)


def test_back_does_not_lead_from_side_to_side(opened, desk, qtbot):
    opened.state.set_tab("unit")
    trigger(opened, "split_right")
    qtbot.waitUntil(lambda: opened.state.history.length == 2)
    desk.activate(desk.frame("image"))
    desk.activate(desk.frame("unit"))
    qtbot.wait(20)
    assert opened.state.history.length == 2


# --- sessions ----------------------------------------------------------------------------------


def test_views_come_back_as_they_were(opened, desk):
    state, centre = opened.state, opened.centre
    state.open_feature(unit(7))
    trigger(opened, "copy_beside")
    centre.show_analysis("brightness")
    state.set_tab("wall")
    trigger(opened, "split_below")
    centre.tab("wall").filter.setText("3-9")
    state.set_tab("image")
    trigger(opened, "tear_off")
    saved = json.loads(json.dumps(centre.snapshot()))
    before = layout(opened)
    centre.reset()
    assert layout(opened) == [["image", "wall", "unit", "atlas", "concepts"]]
    assert desk.windows == []
    state.set_feature(unit(9))
    centre.restore(saved)
    assert layout(opened) == before
    assert [g.frames[0].key for g in (w.group for w in desk.windows)] == ["image"]
    assert desk.active.key == "image"
    assert desk.frame("unit#2").content.feature == unit(7)
    assert desk.frame("unit").content.feature == unit(9)
    assert centre.tab("wall").filter.text() == "3-9"
    again = json.loads(json.dumps(centre.snapshot()))
    assert again["views"] == saved["views"]


@pytest.mark.parametrize(
    "saved",
    [
        None, [], 3, {}, {"views": 3}, {"views": [None, 3, {"kind": "unit"}]},
        {"views": [{"kind": "no-such", "key": "no-such"}]},
        {"views": [{"kind": "unit", "key": "unit#" + "9" * 50}]},
        {"views": [{"kind": "unit", "key": "unit", "pins": 3, "settings": []}],
         "area": {"split": "sideways", "parts": [[]]}, "windows": [{"at": ["a"] * 4}],
         "active": []},
        {"views": [{"kind": "wall", "key": "wall", "settings": {"filter": 1, "size": 10**9}}],
         "area": {"split": "right", "sizes": ["a"], "parts": [{"tabs": ["wall", "wall", 4]}, 7]}},
    ],
)  # fmt: skip
def test_a_snapshot_that_makes_no_sense_leaves_views_to_work_with(opened, saved):
    opened.centre.restore(saved)
    desk = opened.centre.desk
    assert desk.frames
    assert desk.active is not None
    assert all(group.count() for group in desk.area.groups)
    keys = [frame.key for frame in desk.frames]
    assert len(keys) == len(set(keys))


def test_a_nest_of_splits_without_end_is_cut(opened):
    tree = {"tabs": ["unit"]}
    for _ in range(200):
        tree = {"split": "right", "parts": [tree]}
    opened.centre.restore({"views": [{"kind": "unit", "key": "unit"}], "area": tree})
    assert layout(opened) == [["unit"]]


def test_reset_layout_brings_views_back(opened, desk):
    trigger(opened, "close")
    trigger(opened, "tear_off")
    opened.actions_["view.reset_layout"].trigger()
    assert layout(opened) == [["image", "wall", "unit", "atlas", "concepts"]]
    assert desk.windows == []
    assert desk.active.kind == "image"
