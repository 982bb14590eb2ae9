import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from interp_gui.core.result import Grid, GridItem, Picture, Table
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.shared import names_of, order_of
from interp_gui.gui.tabs.wall import LayerWall
from interp_gui.gui.tabs.wall_work import CHUNK


@pytest.fixture
def wall(state, bridge, actions, qtbot):
    widget = LayerWall(state, bridge, actions)
    qtbot.addWidget(widget)
    widget.resize(900, 520)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def grid(feature, noise, count=6):
    items = tuple(GridItem(title=str(i), pixels=noise(i), feature=feature) for i in range(count))
    return Grid(key=feature.text, title="Examples", items=items, feature=feature)


def picture(feature, noise, steps, final):
    return Picture(
        key=feature.text, title=feature.text, pixels=noise(9), numbers={"steps": steps},
        final=final, feature=feature,
    )  # fmt: skip


def test_says_what_to_do_while_empty(wall, state, model, qtbot):
    assert "Choose a layer" in wall.list.hint
    assert not wall.optimise.isEnabled()


def test_every_unit_is_a_card_and_examples_come_in_view_order(
    wall, state, engine, model, dataset, ready, qtbot, noise, unit
):
    state.set_layer("late")
    assert len(wall.list.cards) == 100
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    job = engine.newest("real-examples")
    asked = engine.submitted[job].inputs.features
    assert [f.units[0] for f in asked] == list(range(len(asked)))
    assert len(asked) <= CHUNK
    assert engine.submitted[job].dataset == "d1"
    assert engine.priority[job] == "visible"
    for feature in asked:
        engine.result(job, grid(feature, noise))
    engine.end(job)
    qtbot.waitUntil(lambda: not wall.list.card("late:0").main.isNull())
    assert len(wall.list.card("late:0").strip) == 4
    # the next chunk follows by itself, with what is in view
    qtbot.waitUntil(lambda: len(engine.jobs("real-examples")) == 2)
    after = engine.request("real-examples").inputs.features
    assert after[0].units[0] == len(asked)


def test_scrolling_drops_what_is_no_longer_seen(
    wall, state, engine, model, dataset, ready, qtbot, noise, unit
):
    state.set_layer("late")
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    first = engine.newest("real-examples")
    for feature in engine.submitted[first].inputs.features:
        engine.result(first, grid(feature, noise))
    engine.end(first)
    qtbot.waitUntil(lambda: len(engine.jobs("real-examples")) == 2)
    second = engine.newest("real-examples")
    bar = wall.list.verticalScrollBar()
    bar.setValue(bar.maximum())
    qtbot.waitUntil(lambda: second in engine.cancelled)
    third = engine.newest("real-examples")
    seen = set(wall.list.visible_keys())
    assert {f.text for f in engine.submitted[third].inputs.features} <= seen


def test_pictures_are_made_in_aligned_groups_and_refined(
    wall, state, engine, model, dataset, ready, qtbot, noise, unit
):
    state.set_layer("late")
    wall.list.set_card_width(160)
    wall.filter.setText("21-30")
    qtbot.mouseClick(wall.optimise, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(engine.jobs("feature-visualization")))
    job = engine.newest("feature-visualization")
    request = engine.submitted[job]
    assert [f.units[0] for f in request.inputs.features] == list(range(16, 24))
    assert request.parameters["steps"] == 64
    assert request.parameters["batch"] == 8
    assert engine.priority[job] == "background"
    engine.result(job, picture(unit(21), noise, 8, final=False))
    qtbot.waitUntil(lambda: wall.list.card("late:21").tag == "8 steps")
    engine.save(job, {"step": 64})
    engine.result(job, picture(unit(21), noise, 64, final=True))
    engine.end(job)
    qtbot.waitUntil(lambda: len(engine.jobs("feature-visualization")) == 2)
    qtbot.waitUntil(lambda: wall.list.card("late:21").tag == "")
    second = engine.newest("feature-visualization")
    assert engine.submitted[second].inputs.features[0].units == (24,)
    engine.end(second)
    qtbot.waitUntil(lambda: len(engine.jobs("feature-visualization")) == 3)
    refined = engine.request("feature-visualization")
    assert refined.parameters["steps"] == 256
    assert refined.state == {"step": 64}
    # switching it off cancels what is under way
    qtbot.mouseClick(wall.optimise, Qt.MouseButton.LeftButton)
    assert engine.newest("feature-visualization") in engine.cancelled


def test_the_last_group_is_as_short_as_the_layer(wall, state, engine, model, ready, unit, qtbot):
    state.set_layer("late")
    wall.work.want_pictures(["late:99"])
    units = [f.units[0] for f in engine.request("feature-visualization").inputs.features]
    assert units == [96, 97, 98, 99]


def test_real_examples_stay_beside_the_optimised_picture(
    wall, state, engine, model, dataset, ready, qtbot, noise, unit
):
    state.set_layer("early")
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    job = engine.newest("real-examples")
    engine.result(job, grid(unit(0, "early"), noise))
    qtbot.waitUntil(lambda: not wall.list.card("early:0").main.isNull())
    best = wall.list.card("early:0").main.pixel(3, 3)
    wall.work.want_pictures(["early:0"])
    visual = engine.newest("feature-visualization")
    engine.result(visual, picture(unit(0, "early"), noise, 64, final=True))
    qtbot.waitUntil(lambda: wall.list.card("early:0").main.pixel(3, 3) != best)
    assert wall.list.card("early:0").strip[0].pixel(3, 3) == best


def test_summary_sorts_and_marks_dead_units(wall, state, engine, model, image, ready, qtbot, unit):
    state.set_layer("early")
    job = engine.newest("layer-summary")
    cells = tuple((i, float(i), 1.0, i == 3) for i in range(12))
    table = Table(
        key="early", title="early", columns=("unit", "here_max", "peak", "dead"), cells=cells,
        features=tuple(unit(i, "early") for i in range(12)),
    )  # fmt: skip
    engine.result(job, table)
    qtbot.waitUntil(lambda: wall.list.card("early:3").tag == "dead")
    wall.sort.setCurrentIndex(wall.sort.findData("response"))
    assert [card.key for card in wall.list.cards][:2] == ["early:11", "early:10"]
    assert order_of(state).neighbour(unit(11, "early"), 1, units=12) == unit(10, "early")
    wall.filter.setText("dead")
    assert [card.key for card in wall.list.cards] == ["early:3"]
    assert "1 of 12 units" in wall.status.text()
    names_of(state).set_name(unit(3, "early"), "nothing")
    qtbot.waitUntil(lambda: "nothing" in wall.list.cards[0].title)


def test_results_of_a_layer_left_behind_are_dropped(
    wall, state, engine, model, dataset, ready, qtbot, noise, unit
):
    state.set_layer("late")
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    old = engine.newest("real-examples")
    state.set_layer("early")
    assert old in engine.cancelled
    engine.result(old, grid(unit(0), noise))
    qtbot.wait(30)
    assert wall.list.card("late:0") is None


def test_a_failure_is_told_once_and_not_tried_for_ever(
    wall, state, engine, model, dataset, ready, qtbot
):
    state.set_layer("early")
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    engine.end(engine.newest("real-examples"), "failed", "Disk on fire.")
    qtbot.waitUntil(lambda: wall.list.card("early:0").placeholder == "no examples")
    qtbot.wait(200)
    assert len(engine.jobs("real-examples")) == 1


def test_a_card_opens_its_unit_and_is_copied(wall, state, model, ready, qtbot, unit):
    state.set_layer("early")
    wall.list.set_current("early:5")
    qtbot.keyClick(wall.list, Qt.Key.Key_Return)
    assert state.feature == unit(5, "early")
    assert state.tab == "unit"
    wall.copy_current()
    assert features_from_mime(QGuiApplication.clipboard().mimeData()) == (unit(5, "early"),)


def test_what_is_selected_can_be_exported(
    wall, state, engine, model, dataset, ready, qtbot, noise, unit
):
    state.set_layer("early")
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    job = engine.newest("real-examples")
    for i in range(3):
        engine.result(job, grid(unit(i, "early"), noise))
    wall.work.want_pictures(["early:1"])
    engine.result(
        engine.newest("feature-visualization"), picture(unit(1, "early"), noise, 64, final=True)
    )
    qtbot.waitUntil(lambda: len(wall.exportables(["early:1"])) == 1)
    qtbot.waitUntil(lambda: len(wall.exportables(["early:0", "early:2"])) == 2)
    kinds = [e.result.kind for e in wall.exportables(["early:0", "early:1", "early:9"])]
    assert kinds == ["grid", "picture"]


def test_a_long_pass_is_listed_and_not_begun_again_once_cancelled(
    wall, state, bridge, engine, model, dataset, ready, qtbot, monkeypatch
):
    monkeypatch.setattr("interp_gui.gui.tabs.wall_work.MANY_IMAGES", 0)
    state.set_layer("early")
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    job = engine.newest("real-examples")
    assert "Looking through" in bridge.jobs[job].title
    engine.end(job, "cancelled")
    qtbot.waitUntil(lambda: wall.list.card("early:0").placeholder == "no examples")
    wall.work.look_at(wall.list.visible_keys())
    qtbot.wait(200)
    assert len(engine.jobs("real-examples")) == 1
