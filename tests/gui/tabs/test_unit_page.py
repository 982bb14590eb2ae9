import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from interp_gui.core.analysis import Progress
from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Grid, GridItem, Picture
from interp_gui.engine.messages import Estimate
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.shared import names_of, order_of
from interp_gui.gui.tabs.unit_page import UnitPage


@pytest.fixture
def page(state, bridge, actions, qtbot):
    widget = UnitPage(state, bridge, actions)
    qtbot.addWidget(widget)
    widget.resize(900, 560)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def started(page, state, engine, model, dataset, ready, unit, qtbot):
    state.set_feature(unit(7))
    qtbot.waitUntil(lambda: bool(engine.jobs("feature-visualization")))
    return engine.newest("feature-visualization")


def picture(unit, noise, steps, *, final=False):
    return Picture(
        key=unit.text, title=unit.text, pixels=noise(steps), final=final, feature=unit,
        numbers={"activation": 3.5, "rank_percent": 0.2, "steps": steps},
    )  # fmt: skip


def test_says_what_to_do_while_empty(page):
    assert "layer wall" in page.panel.picture.hint
    assert not page.name.isEnabled()


def test_picture_and_examples_come_together(page, engine, started, unit, noise, qtbot):
    assert engine.submitted[started].inputs.features == (unit(7),)
    assert engine.submitted[started].dataset == "d1"
    engine.result(started, picture(unit(7), noise, 8))
    qtbot.waitUntil(lambda: page.panel.numbers.text("rank_percent") == "0.2")
    engine.progress(started, Progress(done=8, total=512), 30.0)
    qtbot.waitUntil(lambda: page.panel.bar.value() == 8)
    examples = engine.newest("real-examples")
    items = (GridItem(title="a", pixels=noise(), numbers={"activation": 2.0}, image="/x.png"),)
    engine.result(examples, Grid(key="late:7", title="Examples", items=items))
    qtbot.waitUntil(lambda: len(page.examples.list.cards) == 1)


def test_a_picture_that_is_not_done_has_a_recipe_of_the_steps_taken(
    page, engine, started, unit, noise, qtbot
):
    identity = ModelIdentity(name="n", weights_sha256="a" * 64, architecture="n", library="t")
    recipe = Recipe(
        analysis="feature-visualization", model=identity, preprocessing=Preprocessing(),
        parameters={"steps": 5000},
    )  # fmt: skip
    shown = page.panel.picture
    engine.result(started, picture(unit(7), noise, 8), recipe)
    qtbot.waitUntil(lambda: shown.recipe is not None)
    assert shown.recipe.parameters == {"steps": 8}
    engine.result(started, picture(unit(7), noise, 5000, final=True), recipe)
    qtbot.waitUntil(lambda: shown.recipe == recipe)


def test_pause_resume_cancel_and_go_on(page, engine, started, unit, noise, qtbot):
    panel = page.panel
    qtbot.mouseClick(panel.hold, Qt.MouseButton.LeftButton)
    assert engine.paused == [started]
    assert panel.hold.accessibleName() == "Resume"
    qtbot.mouseClick(panel.hold, Qt.MouseButton.LeftButton)
    assert engine.resumed == [started]
    engine.result(started, picture(unit(7), noise, 40))
    engine.save(started, {"step": 40})
    qtbot.mouseClick(panel.cancel, Qt.MouseButton.LeftButton)
    assert engine.cancelled == [started]
    engine.end(started, "cancelled")
    qtbot.waitUntil(lambda: panel.more.isVisible())
    assert panel.picture.result is not None  # what is there stays
    qtbot.mouseClick(panel.more, Qt.MouseButton.LeftButton)
    again = engine.newest("feature-visualization")
    assert engine.submitted[again].state == {"step": 40}
    assert engine.submitted[again].parameters["steps"] == 512
    engine.save(again, {"step": 512})
    engine.result(again, picture(unit(7), noise, 512, final=True))
    engine.end(again)
    qtbot.waitUntil(lambda: panel.more.isVisible())
    qtbot.mouseClick(panel.more, Qt.MouseButton.LeftButton)
    further = engine.request("feature-visualization")
    assert further.state == {"step": 512}
    assert further.parameters["steps"] == 512 + 256


def test_settings_and_seed_are_used(page, engine, started, qtbot):
    page.panel.form.set_values({"steps": 64})
    page.panel.seed.setValue(5)
    engine.end(started)
    qtbot.waitUntil(lambda: page.panel.run.isVisible())
    qtbot.mouseClick(page.panel.run, Qt.MouseButton.LeftButton)
    request = engine.request("feature-visualization")
    assert request.parameters["steps"] == 64
    assert request.inputs.seed == 5
    assert request.state is None


def test_arrows_step_in_the_walls_order(page, state, started, unit, qtbot):
    qtbot.keyClick(page, Qt.Key.Key_Right)
    assert state.feature == unit(8)
    order_of(state).set([unit(8), unit(2), unit(50)])
    qtbot.keyClick(page, Qt.Key.Key_Right)
    assert state.feature == unit(2)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert state.feature == unit(8)  # the end of the wall


def test_stepping_fast_asks_only_for_the_last(page, state, engine, started, unit, qtbot):
    for index in range(20, 30):
        state.set_feature(unit(index))
    qtbot.waitUntil(lambda: len(engine.jobs("feature-visualization")) == 2)
    assert engine.request("feature-visualization").inputs.features == (unit(29),)
    assert started in engine.cancelled


def test_very_many_images_are_looked_through_only_when_asked(
    page, state, engine, model, ready, unit, monkeypatch, qtbot
):
    monkeypatch.setattr("interp_gui.gui.views.pass_leave.ASK_FROM", 10)
    entries = tuple(ImageEntry(path=f"/{i}.png") for i in range(12))
    state.set_dataset(Dataset(name="many", images=entries), "d2")
    state.set_feature(unit(7))
    qtbot.waitUntil(lambda: bool(engine.jobs("feature-visualization")))
    assert engine.request("feature-visualization").dataset == ""
    assert not engine.jobs("real-examples")
    assert "12 images" in page.real.ask.text.text()
    estimate = [j for j, r in engine.submitted.items() if isinstance(r, Estimate)][-1]
    engine.cost(estimate, Cost(seconds=2400))
    engine.end(estimate)
    qtbot.waitUntil(lambda: "40 min" in page.real.ask.text.text())
    qtbot.mouseClick(page.real.ask.start, Qt.MouseButton.LeftButton)
    assert engine.request("real-examples").dataset == "d2"
    assert page.real.ask.isHidden()


def test_a_pass_that_the_cache_holds_is_not_asked_about(
    page, state, engine, model, ready, unit, monkeypatch, qtbot
):
    monkeypatch.setattr("interp_gui.gui.views.pass_leave.ASK_FROM", 10)
    entries = tuple(ImageEntry(path=f"/{i}.png") for i in range(12))
    state.set_dataset(Dataset(name="many", images=entries), "d2")
    state.set_feature(unit(7))
    qtbot.waitUntil(lambda: any(isinstance(r, Estimate) for r in engine.submitted.values()))
    estimate = [j for j, r in engine.submitted.items() if isinstance(r, Estimate)][-1]
    engine.cost(estimate, Cost(seconds=0.2))
    engine.end(estimate)
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))


def test_a_name_is_shared(page, state, started, unit, qtbot):
    assert page.title.text() == "late:7"
    assert page.address.isHidden()
    page.name.setText("wheels")
    page.name.editingFinished.emit()
    assert page.title.text() == "wheels"
    assert page.address.text() == "late:7"
    assert page.address.isVisible()
    assert names_of(state).name(unit(7)) == "wheels"


def test_a_failure_is_told_on_the_page(page, engine, started, qtbot):
    engine.end(started, "failed", "Out of memory.")
    qtbot.waitUntil(lambda: page.panel.notes.text() == "Out of memory.")
    assert page.panel.run.isVisible()


def test_an_example_leads_to_its_image(page, state, engine, started, noise, qtbot):
    examples = engine.newest("real-examples")
    items = (GridItem(title="a", pixels=noise(), image="/tmp/other.png"),)
    engine.result(examples, Grid(key="late:7", title="Examples", items=items))
    qtbot.waitUntil(lambda: len(page.examples.list.cards) == 1)
    page.examples.list.activated.emit(page.examples.list.cards[0].key)
    assert state.image == "/tmp/other.png"
    assert state.tab == "image"


def test_a_job_held_in_the_jobs_panel_is_held_on_the_page(page, bridge, engine, started, qtbot):
    bridge.pause(started)
    assert page.panel.hold.accessibleName() == "Resume"
    qtbot.mouseClick(page.panel.hold, Qt.MouseButton.LeftButton)
    assert engine.resumed == [started]
    bridge.pause(started)
    bridge.resume(started)
    assert page.panel.hold.accessibleName() == "Pause"


def test_arrows_over_the_examples_step_until_one_is_chosen(
    page, state, engine, started, unit, noise, qtbot
):
    grid = page.examples.list
    items = tuple(GridItem(title=t, pixels=noise(), image=f"/{t}.png") for t in "ab")
    engine.result(engine.newest("real-examples"), Grid(key="late:7", title="Examples", items=items))
    qtbot.waitUntil(lambda: len(grid.cards) == 2)
    grid.select_all()
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert state.feature == unit(7)
    page.examples.clear()
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert state.feature == unit(8)


def test_a_long_pass_over_the_images_is_listed_among_the_jobs(page, state, bridge, started, unit):
    entries = tuple(ImageEntry(path=f"/{i}.png") for i in range(1000))
    state.set_dataset(Dataset(name="many", images=entries), "d2")
    assert "Looking through 1,000 images for late:7" in [row.title for row in bridge.active]


def test_a_feature_dropped_on_the_page_is_shown_there(page, state, started, unit, qapp):
    data = mime_for((unit(12),))
    rest = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier)  # fmt: skip
    enter = QDragEnterEvent(QPoint(60, 60), *rest)
    qapp.sendEvent(page, enter)
    assert enter.isAccepted()
    assert page.drop.text == "Show late:12 on this page"
    qapp.sendEvent(page, QDropEvent(QPoint(60, 60).toPointF(), *rest))
    assert state.feature == unit(12)
