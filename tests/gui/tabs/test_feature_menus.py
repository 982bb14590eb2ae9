"""What menus and drops of features do where they are shown."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu

from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars, Grid, GridItem
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.dragging.drop_hint import DropHint
from interp_gui.gui.export_ui import connect_export
from interp_gui.gui.tabs.image_tab import ImageTab
from interp_gui.gui.widgets.bars import BarsView
from interp_gui.gui.widgets.grid import GridView


def entries(view):
    menus = [menu for menu in view.findChildren(QMenu) if menu.isVisible()]
    return {a.objectName() or a.text(): a for menu in menus for a in menu.actions()}


def test_cards_of_a_grid_have_the_menu_of_every_feature(qtbot, state, model, unit, noise):
    view = GridView()
    qtbot.addWidget(view)
    connect_export(view, state)
    items = tuple(
        GridItem(title=str(i), pixels=noise(i), feature=unit(i, layer="early")) for i in range(3)
    )
    view.set_result(Grid(key="g", title="Cards", items=items))
    view.list.select_all()
    view.list.menu_requested.emit(view.list.cards[1].key, QPoint(5, 5))
    found = entries(view)
    assert {"feature.unit", "feature.keep", "feature.rename", "Export…"} <= set(found)
    assert not found["feature.rename"].isEnabled(), "three are chosen"
    found["feature.copy"].trigger()
    assert QGuiApplication.clipboard().mimeData().hasImage()
    assert QGuiApplication.clipboard().text().splitlines() == ["early:1", "early:0", "early:2"]
    found["feature.unit"].trigger()
    assert state.feature == unit(1, layer="early")


def test_bars_of_features_have_it_too(qtbot, state, model, unit):
    view = BarsView()
    qtbot.addWidget(view)
    connect_export(view, state)
    view.set_result(Bars(key="b", title="b", labels=("a",), values=(1.0,), features=(unit(1),)))
    view.show()
    where = QPoint(10, 8)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, where, view.mapToGlobal(where))
    QApplication.sendEvent(view, event)
    assert "feature.unit" in entries(view)
    for menu in view.findChildren(QMenu):
        menu.close()


@pytest.fixture
def tab(qtbot, state, bridge, actions, ready, model, image):
    tab = ImageTab(state, bridge, actions)
    qtbot.addWidget(tab)
    tab.resize(900, 600)
    tab.show()
    qtbot.waitUntil(lambda: tab._shown is not None)
    return tab


def over(canvas, kind, features):
    place, mime = QPoint(50, 50), mime_for(features)  # the event does not keep it
    place = QPointF(place) if kind is QDropEvent else place
    event = kind(
        place, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)
    return event


def test_the_image_says_what_a_dropped_unit_does(tab, unit, engine):
    hint = next(c for c in tab.canvas.children() if isinstance(c, DropHint))
    over(tab.canvas, QDragEnterEvent, [unit(7)])
    assert hint.text == "Show where late:7 responds"
    over(tab.canvas, QDropEvent, [unit(7)])
    assert engine.request("activation-maps").inputs.features == (unit(7),)


def test_the_image_refuses_units_without_places(tab, state, engine, model):
    import msgspec

    from interp_gui.core.layer import LayerInfo
    from interp_gui.gui.state import OpenModelState

    flat = LayerInfo(name="flat", kind="Linear", axes=("unit",), shape=(4,), depth=2)
    changed = msgspec.structs.replace(model, layers=(*model.layers, flat))
    state.set_model(OpenModelState("m1", changed, "/models/net.pt"))
    hint = next(c for c in tab.canvas.children() if isinstance(c, DropHint))
    feature = Feature(layer="flat", units=(1,))
    event = over(tab.canvas, QDragEnterEvent, [feature])
    assert hint.text == "This layer has no places: there is no map."
    assert event.dropAction() == Qt.DropAction.IgnoreAction
    over(tab.canvas, QDropEvent, [feature])
    assert engine.jobs("activation-maps") == []
