import dataclasses

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from interp_gui.core.result import Grid, GridItem, Heatmap, Table
from interp_gui.core.target import Target
from interp_gui.gui.tabs.image_tab import ImageTab
from interp_gui.gui.widgets.region import GRID

COLUMNS = ("unit", "activation", "activation × gradient", "fall of target",
           "percentile of controls", "moved", "role")  # fmt: skip


def ranking(unit, *, final=True):
    rows = ((7, 2.0, 0.9, 0.1, 20.0, 1.0, "ranked"), (3, 5.0, 0.5, 0.8, 100.0, 1.0, "ranked"),
            (9, 1.0, 0.4, None, None, None, "ranked"), (50, 1.0, 0.0, 0.01, None, 1.0, "control"),
            )  # fmt: skip
    return Table(
        key="ranking", title="Units of late for the logit of cat", columns=COLUMNS, cells=rows,
        features=tuple(unit(r[0]) for r in rows), final=final,
        numbers={"control_change_largest": 0.02},
    )  # fmt: skip


@pytest.fixture
def tab(state, bridge, actions, qtbot):
    widget = ImageTab(state, bridge, actions)
    qtbot.addWidget(widget)
    widget.resize(900, 520)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def asked(tab, state, engine, model, image, dataset, ready, qtbot):
    state.set_layer("late")
    qtbot.waitUntil(lambda: not tab.canvas.image.isNull())
    qtbot.waitUntil(lambda: bool(engine.jobs("unit-ranking")))
    return engine.newest("unit-ranking")


def test_shows_what_the_network_sees(tab, asked):
    assert (tab.canvas.image.width(), tab.canvas.image.height()) == (64, 64)


def test_a_brushed_place_is_ranked(tab, engine, asked, qtbot):
    assert engine.submitted[asked].inputs.region == ()
    shown = tab.canvas.image_rect()
    place = shown.topLeft() + QPoint(shown.width() // 4, shown.height() // 2)
    qtbot.mouseClick(tab.canvas, Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: len(engine.jobs("unit-ranking")) == 2)
    assert asked in engine.cancelled
    region = np.asarray(engine.request("unit-ranking").inputs.region)
    assert region.shape == (GRID, GRID)
    assert region[GRID // 2, GRID // 4] == 1
    qtbot.mouseClick(tab.clear, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(engine.jobs("unit-ranking")) == 3)
    assert engine.request("unit-ranking").inputs.region == ()


def test_cards_have_numbers_and_can_be_ordered_by_effect(tab, engine, asked, qtbot, unit):
    engine.result(asked, ranking(unit))
    qtbot.waitUntil(lambda: len(tab.list.cards) == 3)  # random units are no cards
    assert [c.key for c in tab.list.cards] == ["late:7", "late:3", "late:9"]
    assert tab.list.card("late:3").tag == "confirmed"
    assert tab.list.card("late:7").tag == "like random"
    assert "−0.8" in tab.list.card("late:3").caption
    assert "100 % of random units" in tab.list.card("late:3").tooltip
    assert tab.list.card("late:9").tag == ""
    assert "at most 0.02" in tab.ranking.notes.text()
    tab.order.setCurrentIndex(tab.order.findData("effect"))
    assert [c.key for c in tab.list.cards] == ["late:3", "late:7", "late:9"]
    assert len(engine.jobs("unit-ranking")) == 1
    tab.order.setCurrentIndex(tab.order.findData("activation"))
    qtbot.waitUntil(lambda: len(engine.jobs("unit-ranking")) == 2)
    assert engine.request("unit-ranking").parameters == {"order": "activation"}


def test_cards_show_pictures_of_the_grid(tab, engine, asked, qtbot, unit, noise):
    engine.result(asked, ranking(unit, final=False))
    items = (GridItem(title="7", pixels=noise(), feature=unit(7)),)
    engine.result(asked, Grid(key="units", title="Units", items=items))
    qtbot.waitUntil(lambda: len(tab.list.cards) == 3)
    qtbot.waitUntil(lambda: not tab.list.card("late:7").main.isNull())


def test_a_chosen_card_lies_over_the_image(tab, engine, asked, qtbot, unit, noise):
    engine.result(asked, ranking(unit))
    qtbot.waitUntil(lambda: len(tab.list.cards) == 3)
    tab.list.set_current("late:3")
    job = engine.newest("activation-maps")
    assert engine.submitted[job].inputs.features == (unit(3),)
    values = np.ones((7, 7), np.float32)
    engine.result(
        job, Heatmap(key="late:3", title="Activation of late:3", values=values, image=noise())
    )
    qtbot.waitUntil(lambda: tab.canvas.has_map)
    qtbot.mouseClick(tab.hide_map, Qt.MouseButton.LeftButton)
    assert not tab.canvas.has_map
    tab.canvas.feature_dropped.emit(unit(9))
    assert engine.request("activation-maps").inputs.features == (unit(9),)


def test_follows_target_and_layer(tab, state, engine, asked, qtbot):
    state.set_target(Target(index=3))
    qtbot.waitUntil(lambda: len(engine.jobs("unit-ranking")) == 2)
    assert engine.request("unit-ranking").inputs.target.index == 3
    state.set_layer("early")
    qtbot.waitUntil(lambda: len(engine.jobs("unit-ranking")) == 3)
    assert engine.request("unit-ranking").inputs.layer == "early"


def test_a_broken_image_is_said_to_be_broken(tab, state, model, ready, tmp_path, qtbot):
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG not really")
    state.set_image(str(path))
    qtbot.waitUntil(lambda: "broken.png" in tab.canvas.hint)
    assert tab.canvas.image.isNull()


def test_a_failure_is_told_where_the_answer_would_be(tab, engine, asked, qtbot):
    engine.end(asked, "failed", "This model cannot differentiate.")
    qtbot.waitUntil(lambda: "cannot differentiate" in tab.ranking.heading.text())
    assert not tab.list.hint, "nothing is looked for any more"


def test_every_control_has_a_name(tab):
    for widget in (tab.canvas, tab.brush, tab.opacity, tab.layers, tab.order, tab.list,
                   tab.ranking.export, tab.hide_map, *tab.tool_buttons.values()):  # fmt: skip
        assert widget.accessibleName()


def test_order_by_gradients_is_greyed_out_where_there_are_none(tab, state, model):
    assert tab.ranking.order.currentData() == "attribution"
    opened = state.model
    without = msgspec.structs.replace(model, gradient_problem="'Odd' is not known")
    state.set_model(dataclasses.replace(opened, description=without))
    order = tab.ranking.order
    item = order.model().item(order.findData("attribution"))
    assert not item.isEnabled()
    assert "'Odd'" in item.toolTip()
    assert order.currentData() == "activation"
    state.set_model(opened)
    assert order.model().item(order.findData("attribution")).isEnabled()
