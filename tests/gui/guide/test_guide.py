"""The guided start, walked by clicks and keys on the real window, with an engine that is played."""

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.feature import Feature
from interp_gui.engine.messages import OpenModel
from interp_gui.gui.guide.callout import Callout, Outline
from interp_gui.gui.guide.start import Guide
from interp_gui.gui.shelf import shelf_of
from interp_gui.samples import places

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    monkeypatch.setattr(places, "PICTURES", 8)


@pytest.fixture
def ready(window, client, greet, qtbot):
    infos = tuple(
        AnalysisInfo(id=name, title=name, summary="x.", needs=(), produces=(), parameters=())
        for name in ("unit-ranking", "real-examples", "layer-summary")
    )
    client.emit(greet(analyses=infos))
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    window.resize(1440, 900)
    return window


@pytest.fixture
def guide(ready):
    QTest.mouseClick(ready.centre.welcome.guide, LEFT)
    guide = ready.findChild(Guide)
    yield guide
    for left in ready.findChildren(Guide):
        left.end()


def outlines(window):
    return [o for o in window.findChildren(Outline) if o.isVisible()]


def press(button):
    QTest.mouseClick(button, LEFT)


def place_of(widget, window):
    return QRect(widget.mapTo(window, QPoint()), widget.size())


def open_shapes(window, client, describe, qtbot):
    qtbot.waitUntil(lambda: any(isinstance(r, OpenModel) for r in client.requests.values()))
    client.end(client.last(OpenModel), description=describe())
    qtbot.waitUntil(lambda: window.state.model is not None and window.state.image is not None)


def test_the_whole_way_by_doing_what_it_says(ready, guide, client, describe, qtbot):
    state, callout = ready.state, guide.callout
    assert callout.isVisible()
    assert callout.count.text() == "Step 1 of 6"
    card = ready.centre.welcome.cards[0]
    assert outlines(ready)[0].geometry().contains(place_of(card, ready))

    QTest.mouseClick(card, LEFT)
    open_shapes(ready, client, describe, qtbot)
    qtbot.waitUntil(lambda: guide.number == 2)
    assert len(outlines(ready)) == 2, "the images and the output"

    state.set_image(state.dataset.paths[3])
    qtbot.waitUntil(lambda: guide.number == 3)

    canvas = ready.centre.tab("image").canvas
    qtbot.waitUntil(lambda: not canvas.image_rect().isEmpty())
    QTest.mouseClick(canvas, LEFT, pos=canvas.image_rect().center())
    qtbot.waitUntil(lambda: guide.number == 4)

    state.open_feature(Feature(layer="features.14", units=(7,)))
    qtbot.waitUntil(lambda: guide.number == 5)

    state.set_tab("wall")
    qtbot.waitUntil(lambda: guide.number == 6)
    assert callout.next.text() == "Finish"

    shelf_of(state).collect([Feature(layer="features.14", units=(7,))])
    qtbot.waitUntil(lambda: not ready.findChildren(Guide))
    assert ready.findChildren(Callout) == []
    assert outlines(ready) == []
    assert any("guided start" in t.note.message for t in ready.toasts.shown)


def test_the_button_leads_on_also_where_something_is_open_already(
    ready, client, describe, model, pictures, qtbot
):
    ready.state.set_models((model,))
    ready.state.set_model(model)
    ready.files.open([str(pictures)])
    qtbot.waitUntil(lambda: ready.state.image is not None)
    ready.actions_["help.guided_start"].trigger()
    guide = ready.findChild(Guide)
    guide.look()
    assert guide.number == 1
    press(guide.callout.act)
    assert guide.number == 1, "it is not open yet"
    qtbot.waitUntil(lambda: any(isinstance(r, OpenModel) for r in client.requests.values()))
    client.end(client.last(OpenModel), description=describe())
    qtbot.waitUntil(lambda: guide.number == 2)
    guide.end()


def test_next_and_back_lead_through_all_steps(ready, guide):
    callout = guide.callout
    assert not callout.back.isEnabled()
    titles = []
    for number in range(1, 7):
        assert guide.number == number
        assert callout.accessibleName().startswith(f"Guided start, step {number} of 6")
        titles.append(callout.title.text())
        if number < 6:
            press(callout.next)
    assert len(set(titles)) == 6
    for number in (5, 4, 3, 2, 1):
        press(callout.back)
        assert guide.number == number
        assert callout.title.text() == titles[number - 1]


def test_finish_ends_it(ready, guide, qtbot):
    for _ in range(6):
        press(guide.callout.next)
    qtbot.waitUntil(lambda: not ready.findChildren(Guide))
    assert ready.findChildren(Callout) == []


@pytest.mark.parametrize("how", ["escape", "leave", "again"])
def test_it_can_be_left_at_any_time(ready, guide, how, qtbot):
    press(guide.callout.next)
    if how == "escape":
        ready.centre.setFocus()
        QTest.keyClick(ready, Qt.Key.Key_Escape)
    elif how == "leave":
        press(guide.callout.skip)
    else:
        ready.actions_["help.guided_start"].trigger()
    if how == "again":
        qtbot.waitUntil(lambda: len(ready.findChildren(Guide)) == 1)
        assert ready.findChild(Guide).number == 1
        ready.findChild(Guide).end()
    qtbot.waitUntil(lambda: not ready.findChildren(Guide))
    assert [c for c in ready.findChildren(Callout) if c.isVisible()] == []
    assert outlines(ready) == []


def test_the_button_does_the_thing(ready, guide, client, describe, qtbot):
    assert guide.callout.act.text() == "Open Shapes"
    press(guide.callout.act)
    open_shapes(ready, client, describe, qtbot)
    qtbot.waitUntil(lambda: guide.number == 2)
    assert not guide.callout.act.isVisible()


def test_what_was_done_before_it_began_does_not_count(ready, client, describe, qtbot):
    ready.files.open_sample("shapes")
    open_shapes(ready, client, describe, qtbot)
    ready.actions_["help.guided_start"].trigger()
    guide = ready.findChild(Guide)
    for _ in range(3):
        guide.look()
    assert guide.number == 1, "a model was open already, so it waits for Next"
    assert len(outlines(ready)) == 1
    guide.end()


def test_a_hidden_panel_is_said_and_brought_back(ready, guide, client, describe, qtbot):
    press(guide.callout.act)
    open_shapes(ready, client, describe, qtbot)
    qtbot.waitUntil(lambda: guide.number == 2)
    ready.docks["images"].hide()
    ready.docks["output"].hide()
    qtbot.waitUntil(lambda: guide.callout.act.text() == "Show it")
    assert guide.callout.isVisible()
    assert guide.callout.text.text().startswith("The Images panel is hidden")
    assert guide.callout.side == ""
    assert outlines(ready) == []
    press(guide.callout.act)
    qtbot.waitUntil(lambda: bool(outlines(ready)))
    assert ready.docks["images"].isVisible()
    assert not guide.callout.text.text().startswith("The Images panel is hidden")


def test_a_panel_that_was_torn_off_is_outlined_in_its_own_window(
    ready, guide, client, describe, qtbot
):
    press(guide.callout.act)
    open_shapes(ready, client, describe, qtbot)
    ready.docks["images"].setFloating(True)
    qtbot.waitUntil(lambda: any(o.window() is ready.docks["images"] for o in outlines(ready)))
    assert guide.callout.window() is ready
    ready.docks["images"].setFloating(False)
    qtbot.waitUntil(lambda: all(o.window() is ready for o in outlines(ready)))


def test_it_takes_the_focus_only_from_who_pressed_its_buttons(
    ready, guide, client, describe, qtbot
):
    assert ready.focusWidget() is guide.callout.next
    ready.images.setFocus()
    ready.files.open_sample("shapes")
    open_shapes(ready, client, describe, qtbot)
    qtbot.waitUntil(lambda: guide.number == 2)
    focused = ready.focusWidget()
    assert focused is None or not guide.callout.isAncestorOf(focused)


@pytest.mark.parametrize("size", [(1024, 700), (2560, 1440)])
def test_the_callout_stays_in_the_window_and_beside_what_it_speaks_of(ready, guide, size, qtbot):
    ready.resize(*size)
    for _ in range(6):
        qtbot.wait(20)
        guide.look()
        callout = guide.callout
        assert ready.rect().contains(callout.geometry())
        if callout.side:
            shown = outlines(ready)[0].geometry().adjusted(8, 8, -8, -8)
            assert not shown.intersects(callout.geometry())
        guide.next()


def test_it_ends_with_the_window(ready, guide, qtbot):
    ready.close()
    qtbot.waitUntil(lambda: not guide_runs(ready))


def guide_runs(window):
    return any(guide._timer.isActive() for guide in window.findChildren(Guide))


def test_it_never_comes_unasked(ready):
    assert ready.findChildren(Guide) == []
