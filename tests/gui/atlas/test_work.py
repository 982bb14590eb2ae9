import msgspec
import numpy as np
import pytest

from interp_gui.core.analysis import Progress
from interp_gui.core.atlas.kinds import CellPictures
from interp_gui.core.target import Target
from interp_gui.gui.atlas.pictures import CHUNK, AtlasPictures
from interp_gui.gui.atlas.work import AtlasWork, Kept


@pytest.fixture
def work(atlas_state, bridge, described, images, met):
    return AtlasWork(atlas_state, bridge, atlas_state)


def test_nothing_is_asked_without_a_layer_or_images(atlas_state, bridge):
    assert AtlasWork(atlas_state, bridge, atlas_state).request({}, seed=0) is None


def test_a_first_look_comes_before_the_map(work, engine, make_atlas, qtbot):
    request = work.request({"layout": "umap"}, seed=3)
    assert (request.inputs.layer, request.inputs.seed, request.dataset) == ("features.14", 3, "d1")
    shown = []
    work.came.connect(lambda: shown.append((work.kept.atlas.layout, work.is_preview)))
    work.make(request)
    job = engine.newest("activation-atlas")
    engine.progress(job, Progress(done=3, total=9, text="Looking at images"), 12.0)
    qtbot.waitUntil(lambda: work.left_s == 12.0)
    first = msgspec.structs.replace(make_atlas(), layout="pca", final=False)
    engine.result(job, first)
    engine.result(job, make_atlas())
    engine.end(job)
    qtbot.waitUntil(lambda: work.outcome == "finished")
    assert shown == [("pca", True), ("umap", False)]


def test_what_was_cancelled_goes_on_from_where_it_was(work, engine, qtbot):
    work.make(work.request({}, seed=0))
    job = engine.newest("activation-atlas")
    engine.save(job, {"images": 40})
    qtbot.wait(1)
    work.cancel()
    assert job in engine.cancelled
    engine.end(job, "cancelled")
    qtbot.waitUntil(lambda: work.can_go_on)
    work.go_on()
    assert engine.request("activation-atlas").state == {"images": 40}
    assert len(engine.jobs("activation-atlas")) == 2


def test_maps_are_kept_for_their_layer_and_settings(work, engine, make_atlas, qtbot, atlas_state):
    def made(seed):
        work.make(work.request({"layout": "umap"}, seed=seed))
        job = engine.newest("activation-atlas")
        engine.result(job, make_atlas())
        engine.end(job)
        qtbot.waitUntil(lambda: work.outcome == "finished")
        return work.kept

    first, second = made(0), made(1)
    atlas_state.set_layer("other")
    assert not work.follow(work.request({"layout": "umap"}, seed=0))
    assert work.kept is None
    assert work.outcome == ""
    atlas_state.set_layer("features.14")
    # what is explained colours the map, and makes no other of it
    atlas_state.set_target(Target(index=4))
    assert work.follow(work.request({"layout": "umap"}, seed=0))
    assert work.kept.request == first.request
    atlas_state.set_layer("other")
    work.follow(work.request({"layout": "umap"}, seed=0))
    atlas_state.set_layer("features.14")
    # settings that were never made: the map of the layer that was looked at last
    request = work.request({"layout": "umap"}, seed=7)
    assert work.follow(request)
    assert work.kept.request == first.request
    assert second is not None
    assert not work.shows(request)


def test_a_run_goes_on_while_another_layer_is_looked_at(
    work, engine, make_atlas, qtbot, atlas_state
):
    notes = []
    atlas_state.notified.connect(notes.append)
    work.make(work.request({}, seed=0))
    job = engine.newest("activation-atlas")
    atlas_state.set_layer("other")
    assert not work.follow(work.request({}, seed=0))
    assert work.is_running
    assert work.is_behind
    assert engine.cancelled == []
    engine.result(job, make_atlas())
    engine.end(job)
    qtbot.waitUntil(lambda: work.outcome == "finished")
    assert work.kept is None
    assert [note.message for note in notes] == ["The map of features.14 is made."]
    atlas_state.set_layer("features.14")
    assert work.follow(work.request({}, seed=0))


def test_a_run_that_nobody_sees_lets_others_go_first(work, engine):
    work.make(work.request({}, seed=0))
    job = engine.newest("activation-atlas")
    assert engine.client.options[job]["priority"] == "visible"
    work.wake(False)
    assert ("reprioritise", job, "background") in engine.client.calls


def test_labels_let_crops_of_the_map_go_first(work, engine, make_atlas, qtbot):
    work.make(work.request({"layout": "umap"}, seed=0))
    job = engine.newest("activation-atlas")
    later = ("reprioritise", job, "background")
    engine.result(job, msgspec.structs.replace(make_atlas(), layout="pca", final=False))
    qtbot.waitUntil(lambda: work.kept is not None)
    assert work.kept.is_first_look
    assert later not in engine.client.calls
    engine.result(job, msgspec.structs.replace(make_atlas(), final=False))
    qtbot.waitUntil(lambda: not work.kept.is_first_look)
    assert later in engine.client.calls
    work.wake(False)
    work.wake(True)
    assert ("reprioritise", job, "visible") not in engine.client.calls
    assert work.is_running


def test_pictures_of_the_map_stay_when_its_labels_come(work, engine, make_atlas, qtbot):
    work.make(work.request({}, seed=0))
    job = engine.newest("activation-atlas")
    first = make_atlas(sides=(10,))
    engine.result(job, msgspec.structs.replace(first, final=False))
    qtbot.waitUntil(lambda: work.kept is not None)
    work.kept.add(_crops([1, 2]))
    work.kept.fetched["a:b"] = np.zeros(3, np.float32)
    engine.result(job, make_atlas(sides=(10,)))
    engine.end(job)
    qtbot.waitUntil(lambda: not work.is_preview)
    assert work.kept.steps[10, "crop"] == {1: 0, 2: 0}
    assert "a:b" in work.kept.fetched
    # but not on a map that is laid out otherwise
    work.make(work.request({}, seed=1))
    other = msgspec.structs.replace(make_atlas(sides=(10,)), provenance={"atlas_sha256": "1" * 64})
    engine.result(engine.newest("activation-atlas"), other)
    qtbot.waitUntil(lambda: work.kept.request.inputs.seed == 1)
    assert work.kept.atlas.pictures == ()


def _crops(cells):
    pixels = np.zeros((len(cells), 8, 8, 3), np.uint8)
    return CellPictures(level=10, source="crop", cells=np.array(cells, np.int32), pixels=pixels)


def test_answers_that_nobody_waits_for_any_more_are_dropped(work, engine, make_atlas, qtbot):
    work.make(work.request({}, seed=0))
    job = engine.newest("activation-atlas")
    work.stop()
    engine.result(job, make_atlas())
    engine.end(job)
    qtbot.wait(5)
    assert work.kept is None
    assert work.outcome == ""


def test_a_failure_is_told(work, engine, qtbot):
    work.make(work.request({}, seed=0))
    engine.end(engine.newest("activation-atlas"), "failed", "Too few images.", "Open more.")
    qtbot.waitUntil(lambda: work.outcome == "failed")
    assert (work.error.message, work.error.hint) == ("Too few images.", "Open more.")
    assert not work.can_go_on


# --- pictures -----------------------------------------------------------------------------------


@pytest.fixture
def kept(work, make_atlas):
    return Kept(work.request({"layout": "umap"}, seed=0), make_atlas(sides=(10,)), None)


@pytest.fixture
def pictures(atlas_state, bridge, kept):
    found = AtlasPictures(atlas_state, bridge, atlas_state)
    found.begin(kept)
    return found


def test_crops_of_what_is_in_view_come_first_and_only_once(pictures, kept, engine, sheet, qtbot):
    cells = list(range(len(kept.atlas.level(10).x)))
    came = []
    pictures.came.connect(came.append)
    pictures.want(10, "crop", cells[5:8])
    request = engine.request("atlas-pictures")
    assert request.parameters["cells"] == "5-7"
    assert (request.parameters["level"], request.parameters["source"]) == (10, "crop")
    assert request.parameters["layout"] == "umap"
    job = engine.newest("atlas-pictures")
    engine.result(job, sheet(kept.atlas, 10, [5, 6, 7]))
    engine.end(job)
    qtbot.waitUntil(lambda: len(came) == 1)
    qtbot.wait(2)
    assert len(engine.jobs("atlas-pictures")) == 1
    pictures.want(10, "crop", cells[5:9])
    assert engine.request("atlas-pictures").parameters["cells"] == "8"
    assert sum(len(p.cells) for p in kept.atlas.pictures) == 3


def test_icons_are_made_cheaply_first_and_then_refined(pictures, kept, engine, sheet, qtbot):
    cells = list(range(CHUNK["icon"] + 2))
    pictures.want(10, "icon", cells)
    jobs = []
    for _ in range(4):
        job = engine.newest("atlas-pictures")
        request = engine.client.requests[job].parameters
        jobs.append((request["steps"], engine.client.options[job]["priority"]))
        low, _, high = request["cells"].partition("-")
        made = range(int(low), int(high or low) + 1)
        engine.result(job, sheet(kept.atlas, 10, made, source="icon", steps=request["steps"]))
        engine.end(job)
        qtbot.waitUntil(lambda before=job: not pictures.text or engine.newest(
            "atlas-pictures") != before)  # fmt: skip
    assert jobs == [(24, "visible")] * 2 + [(128, "background")] * 2
    assert set(kept.steps[10, "icon"].values()) == {128}
    assert pictures.text == ""


def test_another_view_drops_what_is_under_way(pictures, engine):
    pictures.want(10, "crop", [1, 2, 3])
    first = engine.newest("atlas-pictures")
    pictures.want(10, "crop", [3, 4])
    assert first not in engine.cancelled  # some of it is still in view
    pictures.want(10, "crop", [8, 9])
    assert first in engine.cancelled
    assert engine.request("atlas-pictures").parameters["cells"] == "8-9"


def test_pictures_say_what_they_wait_for(atlas_state, bridge, kept, engine, client, qtbot):
    from interp_gui.engine.messages import Started

    found = AtlasPictures(atlas_state, bridge, atlas_state)
    first = msgspec.structs.replace(kept.atlas, layout="pca", final=False)
    found.begin(Kept(kept.request, first, None))
    found.want(10, "crop", [1])
    assert found.text == "Crops wait for the map"
    assert engine.jobs("atlas-pictures") == []
    busy = bridge.run(kept.request, title="Optimising features.14:7")
    client.emit(Started(job=busy))
    qtbot.waitUntil(lambda: bridge.jobs[busy].state == "running")
    found.begin(kept)
    found.want(10, "crop", [1, 2])
    assert found.text == "Crops are waiting for: Optimising features.14:7…"
    job = engine.newest("atlas-pictures")
    client.emit(Started(job=job))
    qtbot.waitUntil(lambda: found.text == "Crops are being made: 2 cells")


def test_pictures_under_way_go_on_when_labels_come(pictures, kept, engine):
    pictures.want(10, "crop", [1, 2])
    pictures.begin(Kept(kept.request, msgspec.structs.replace(kept.atlas, names=()), None))
    assert engine.cancelled == []
    other = msgspec.structs.replace(kept.atlas, provenance={"atlas_sha256": "1" * 64})
    pictures.begin(Kept(kept.request, other, None))
    assert engine.cancelled == [engine.newest("atlas-pictures")]


def test_pictures_of_another_layout_are_passed_over(pictures, kept, engine, sheet, qtbot):
    pictures.want(10, "crop", [1])
    wrong = msgspec.structs.replace(sheet(kept.atlas, 10, [1]), atlas="f" * 64)
    engine.result(engine.newest("atlas-pictures"), wrong)
    engine.end(engine.newest("atlas-pictures"))
    qtbot.wait(5)
    assert kept.atlas.pictures == ()
    pictures.want(10, "crop", [1])
    assert len(engine.jobs("atlas-pictures")) == 1  # it did not come: not asked for for ever


def test_icons_say_why_there_are_none(pictures, atlas_state, described, engine):
    from interp_gui.gui.state import OpenModelState

    closed = msgspec.structs.replace(described, gradient_problem="It is an ONNX model.")
    atlas_state.set_model(OpenModelState("m1", closed, "/models/net.pt"))
    pictures.want(10, "icon", [1])
    assert "ONNX" in pictures.problem
    assert engine.jobs("atlas-pictures") == []


def test_nothing_is_made_for_a_map_that_nobody_sees(pictures, engine):
    pictures.wake(False)
    pictures.want(10, "crop", [1])
    assert engine.jobs("atlas-pictures") == []
    pictures.wake(True)
    assert engine.jobs("atlas-pictures")
