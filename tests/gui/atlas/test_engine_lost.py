"""A map whose engine ended, or whose model was closed, while it was made."""

import pytest

from interp_gui.engine.messages import Ended, EngineLost, ErrorInfo
from interp_gui.gui.atlas.tab import AtlasTab
from interp_gui.gui.atlas.work import AtlasWork

DIED = "The engine crashed (SIGSEGV)."


@pytest.fixture
def work(atlas_state, bridge, described, images, met):
    return AtlasWork(atlas_state, bridge, atlas_state)


@pytest.fixture
def die(engine, client):
    """Ends the engine in which the newest map is made."""

    def die(*, respawning=True):
        client.emit(EngineLost(reason=DIED, respawning=respawning))
        job = engine.newest("activation-atlas")
        error = ErrorInfo(cause="EngineLost", message=DIED, hint="Ask for smaller pictures.")
        generation = client.options[job]["generation"]
        client.emit(Ended(job=job, generation=generation, outcome="failed", error=error))

    return die


def test_it_goes_on_by_itself_once(work, engine, die, qtbot, atlas_state):
    notes = []
    atlas_state.notified.connect(notes.append)
    work.make(work.request({}, seed=5))
    engine.save(engine.newest("activation-atlas"), {"images": 40})
    die()
    qtbot.waitUntil(lambda: len(engine.jobs("activation-atlas")) == 2)
    again = engine.request("activation-atlas")
    assert (again.state, again.inputs.seed) == ({"images": 40}, 5)
    assert work.is_running
    assert "what was recorded is kept" in f"{notes[0]}"
    die()
    qtbot.waitUntil(lambda: work.can_go_on)
    assert len(engine.jobs("activation-atlas")) == 2
    work.go_on()
    assert engine.request("activation-atlas").state == {"images": 40}
    die()  # what a person took up again may be taken up once more
    qtbot.waitUntil(lambda: len(engine.jobs("activation-atlas")) == 4)


def test_an_engine_that_is_not_started_again_is_waited_for(work, engine, die, qtbot):
    work.make(work.request({}, seed=0))
    die(respawning=False)
    qtbot.waitUntil(lambda: work.can_go_on)
    assert len(engine.jobs("activation-atlas")) == 1


def test_another_failure_is_not_gone_on_with(work, engine, qtbot):
    work.make(work.request({}, seed=0))
    engine.end(engine.newest("activation-atlas"), "failed", "Too few images.", "Open more.")
    qtbot.waitUntil(lambda: work.outcome == "failed")
    assert len(engine.jobs("activation-atlas")) == 1
    assert not work.can_go_on


def test_what_goes_on_by_itself_does_not_take_the_place_of_another_layer(
    work, engine, die, make_atlas, qtbot, atlas_state
):
    work.make(work.request({}, seed=0))
    atlas_state.set_layer("other")
    work.follow(work.request({}, seed=0))
    die()
    qtbot.waitUntil(lambda: len(engine.jobs("activation-atlas")) == 2)
    assert work.is_behind
    engine.result(engine.newest("activation-atlas"), make_atlas())
    qtbot.wait(5)
    assert work.kept is None


def test_the_view_says_that_it_can_go_on(
    atlas_state, bridge, actions, described, images, met, engine, client, infos, die, qtbot
):
    from interp_gui.engine.messages import Hello

    tab = AtlasTab(atlas_state, bridge, actions)
    qtbot.addWidget(tab)
    tab.resize(1000, 640)
    tab.show()
    qtbot.waitExposed(tab)
    tab.work.make(tab.request())
    die(respawning=False)
    client.emit(Hello(protocol=1, device="cpu", device_reason="", analyses=tuple(infos)))
    qtbot.waitUntil(lambda: tab.empty.button.text() == "Go on")
    assert tab.make.text() == "Go on"
    assert tab.empty.title.text() == DIED
    assert "What was recorded is kept" in tab.empty.text.text()
    assert "What was recorded is kept" in tab.status.text()
    assert "smaller" not in tab.status.text()
    tab.run()
    assert len(engine.jobs("activation-atlas")) == 2


def test_a_run_ends_with_its_model(work, engine, make_atlas, qtbot, atlas_state, described):
    from interp_gui.gui.atlas.work import maps_of
    from interp_gui.gui.state import OpenModelState

    notes = []
    atlas_state.notified.connect(notes.append)
    work.make(work.request({}, seed=0))
    engine.result(engine.newest("activation-atlas"), make_atlas())
    engine.end(engine.newest("activation-atlas"))
    qtbot.waitUntil(lambda: work.outcome == "finished")
    work.make(work.request({}, seed=1))
    job = engine.newest("activation-atlas")
    atlas_state.set_model(OpenModelState("m2", described, "/models/other.pt"))
    work.follow(None)
    assert work.is_running  # another model is merely looked at
    assert engine.cancelled == []
    assert len(maps_of(atlas_state).all) == 1
    atlas_state.set_models(tuple(m for m in atlas_state.models if m.handle == "m2"))
    assert job in engine.cancelled
    assert (work.outcome, work.is_running, work.can_go_on) == ("", False, False)
    assert not maps_of(atlas_state).all
    engine.result(job, make_atlas())
    engine.end(job)
    qtbot.wait(5)
    assert not maps_of(atlas_state).all
    assert notes == []


def test_the_view_forgets_a_closed_model(
    atlas_state, bridge, actions, described, images, met, engine, make_atlas, qtbot
):
    tab = AtlasTab(atlas_state, bridge, actions)
    qtbot.addWidget(tab)
    tab.show()
    qtbot.waitExposed(tab)
    tab.work.make(tab.request())
    job = engine.newest("activation-atlas")
    atlas_state.set_models(())
    atlas_state.set_model(None)
    assert job in engine.cancelled
    assert not tab.bar.isVisible()
    assert tab.empty.title.text() == "No model is open."
