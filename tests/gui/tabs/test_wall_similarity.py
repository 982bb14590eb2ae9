import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMenu

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.result import Table
from interp_gui.engine.messages import Hello
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.tabs.wall import LayerWall

from .conftest import INFOS

SIMILAR = AnalysisInfo(
    id="unit-similarity", title="Similar units", summary="x.", needs=("layer",),
    produces=("table",), parameters=(),
)  # fmt: skip


@pytest.fixture
def wall(state, bridge, actions, engine, model, dataset, qtbot):
    with qtbot.waitSignal(bridge.ready):
        engine.relay(Hello(protocol=1, device="cpu", device_reason="", analyses=(*INFOS, SIMILAR)))
    widget = LayerWall(state, bridge, actions)
    qtbot.addWidget(widget)
    widget.resize(900, 520)
    widget.show()
    qtbot.waitExposed(widget)
    state.set_layer("early")
    return widget


def drag(kind, features):
    data = mime_for(features)
    event = kind(
        QPoint(90, 200) if kind is QDragEnterEvent else QPoint(90, 200).toPointF(),
        Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    return event, data


def similar(unit, values):
    return Table(
        key="x", title="Units like it", columns=("unit", "similarity"),
        cells=tuple(enumerate(values)),
        features=tuple(unit(i, "early") for i in range(len(values))),
    )  # fmt: skip


def test_a_feature_dropped_on_the_wall_sorts_it_by_similarity(
    wall, state, engine, unit, qapp, qtbot
):
    other = unit(7, "late")
    enter, _kept = drag(QDragEnterEvent, (other,))
    qapp.sendEvent(wall, enter)
    assert enter.isAccepted()
    assert wall.drop.text == "Sort the wall by similarity to late:7"
    event, _data = drag(QDropEvent, (other,))
    qapp.sendEvent(wall, event)
    assert wall.sort.currentText() == "Similarity to late:7"
    request = engine.request("unit-similarity")
    assert (request.inputs.layer, request.inputs.features) == ("early", (other,))
    assert request.dataset == "d1"
    job = engine.newest("unit-similarity")
    engine.result(job, similar(unit, (0.1, None, 0.9, -0.4)))
    engine.end(job)
    qtbot.waitUntil(lambda: wall.list.cards[0].key == "early:2")
    assert [card.key for card in wall.list.cards[:3]] == ["early:2", "early:0", "early:3"]
    wall.contents.describe(wall.list.cards[0])
    assert "like it 0.9" in wall.list.cards[0].caption


def test_another_layer_is_compared_to_the_same_feature(wall, state, engine, unit):
    wall.sort_by_similarity(unit(7, "late"))
    state.set_layer("late")
    request = engine.request("unit-similarity")
    assert (request.inputs.layer, request.inputs.features) == ("late", (unit(7, "late"),))
    wall.sort.choose("index")
    assert engine.newest("unit-similarity") in engine.cancelled


def test_a_unit_of_another_model_is_no_measure(wall, engine, unit):
    import msgspec

    foreign = msgspec.structs.replace(unit(7, "late"), model="f" * 64)
    wall.sort_by_similarity(foreign)
    assert not engine.jobs("unit-similarity")
    assert "belongs to another model" in wall.status.text()


def test_sorting_and_filter_come_back(wall, state, bridge, actions, unit, qtbot):
    wall.filter.setText("2-9")
    wall.zoom.setValue(200)
    wall.sort_by_similarity(unit(7, "late"))
    found = wall.snapshot()
    again = LayerWall(state, bridge, actions)
    qtbot.addWidget(again)
    again.restore(found)
    assert again.snapshot() == found
    again.restore({"filter": 3, "size": "big", "sort": "similarity", "similar": {"layer": 1}})
    assert again.snapshot() == found


def test_the_menu_of_a_card_is_the_menu_of_its_feature(wall, state, unit, qtbot):
    wall.list.menu_requested.emit("early:3", QPoint(5, 5))
    menu = wall.findChild(QMenu)
    names = [action.objectName() for action in menu.actions()]
    assert "feature.unit" in names
    assert "Optimise picture" in [action.text() for action in menu.actions()]
    next(a for a in menu.actions() if a.objectName() == "feature.unit").trigger()
    assert state.feature == unit(3, "early")
    menu.close()
