import os
import signal
import sys
import time

import psutil
import pytest

from interp_gui.core.analysis import Inputs
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.engine.messages import Run

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]

LONG = {"steps": 5000, "size": 224}


@pytest.fixture
def opened(running, checkpoint, pictures):
    if running.window.state.model is None:
        running.open(checkpoint, pictures)
    running.notes.clear()
    return running


def optimise(running, ended, **parameters):
    """Run feature visualisation on a unit; `ended` collects how it ends."""
    state = running.window.state
    feature = Feature(layer=state.layer, units=(1,), model=state.model.description.weights_sha256)
    request = Run(
        analysis="feature-visualization", model=state.model.handle,
        inputs=Inputs(layer=state.layer, features=(feature,)), parameters=parameters,
    )  # fmt: skip
    seen = []
    job = running.window.bridge.run(
        request, title="Optimise a unit", on_end=ended.append,
        on_progress=lambda progress, _left: seen.append(progress.done),
    )  # fmt: skip
    return job, seen


def test_a_checkpoint_and_a_folder_open(opened, wait):
    window = opened.window
    model = window.state.model.description
    assert model.architecture == "mobilenet_v3_small"
    assert model.class_count == 3
    assert any(layer.worthwhile for layer in model.layers)
    assert window.state.dataset.labels == ("blobs", "stripes")
    assert "torch" not in sys.modules, "the engine's libraries stay out of the window"
    wait(lambda: window.output.bars is not None, "the answer is shown")
    labels = window.output.bars.result.labels
    assert len(labels) == 3
    assert sum(window.output.bars.result.values) == pytest.approx(1, abs=1e-3)
    assert opened.errors == []


def test_another_image_gets_another_answer(opened, wait):
    window = opened.window
    wait(lambda: window.output.bars is not None, "the answer is shown")
    first = window.output.bars.result.values
    paths = [entry.path for entry in window.state.dataset.images if "broken" not in entry.path]
    window.state.set_image(paths[-1])
    wait(lambda: window.output.bars.result.values != first, "the answer changes")
    window.state.set_image(paths[0])
    wait(lambda: window.output.bars.result.values == first, "the first answer comes back")


def test_a_broken_file_is_marked_and_the_others_are_used(opened, wait):
    images = opened.window.images
    entries = opened.window.state.dataset.images
    broken = next(entry for entry in entries if "broken" in entry.path)
    wait(lambda: images.model.problem(broken), "the broken file is found")
    good = [entry for entry in entries if entry is not broken]
    assert not any(images.model.problem(entry) for entry in good)
    images.view.setCurrentIndex(images.model.index(images.model.place_of(broken.path)))
    assert opened.window.state.image != broken.path


def test_preprocessing_changes_what_the_network_sees_and_answers(opened, wait):
    window = opened.window
    before = window.state.model.description.preprocessing
    wait(lambda: window.output.bars is not None, "the answer is shown")
    values = window.output.bars.result.values
    window.documents.set_preprocessing(Preprocessing(size=(64, 64), resize_px=64))
    wait(lambda: window.state.model.description.preprocessing != before, "it is applied")
    wait(lambda: window.output.bars.result.values != values, "the answer changes")
    window.documents.set_preprocessing(before)
    wait(lambda: window.output.bars.result.values == values, "the answer comes back")
    assert opened.errors == []


def test_a_running_job_is_paused_resumed_and_cancelled(opened, wait):
    bridge, ended = opened.window.bridge, []
    job, seen = optimise(opened, ended, **LONG)
    wait(lambda: len(seen) > 3, "it makes progress")
    bridge.pause(job)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        wait(lambda: True, "")
        time.sleep(0.02)
    held = len(seen)
    end = time.monotonic() + 0.5
    wait(lambda: time.monotonic() > end, "")
    assert len(seen) == held, "a paused job makes no progress"
    bridge.resume(job)
    wait(lambda: len(seen) > held, "it goes on")
    bridge.cancel(job)
    wait(lambda: bool(ended), "it is cancelled", 10)
    assert ended[0].outcome == "cancelled"
    assert bridge.jobs[job].state == "cancelled"


def test_an_unreadable_checkpoint_is_a_toast_and_nothing_is_lost(opened, tmp_path, wait):
    window = opened.window
    before = window.state.model
    (tmp_path / "not.pth").write_bytes(b"hello")
    window.files.open([str(tmp_path / "not.pth")])
    wait(lambda: bool(opened.errors), "a toast is shown")
    assert opened.errors[0].message
    assert "Traceback" not in opened.errors[0].message
    assert window.state.model is before


def test_the_wall_fills_with_units(opened, wait):
    window = opened.window
    window.state.set_tab("wall")
    wall = window.centre.tab("wall")
    layer = window.state.model.description.layer(window.state.layer)
    wait(lambda: wall.isVisible(), "the wall is in front")
    wait(lambda: len(wall.list.cards) == layer.units, "every unit has a card")
    assert opened.errors == []


def test_a_killed_engine_comes_back_with_its_model(own_window, checkpoint, pictures, wait):
    own_window.open(checkpoint, pictures)
    window = own_window.window
    wait(lambda: window.output.bars is not None, "the answer is shown")
    values = window.output.bars.result.values
    pid = own_window.client.pid
    os.kill(pid, signal.SIGKILL)
    wait(lambda: not window.bridge.is_ready, "the loss is noticed")
    wait(lambda: window.bridge.is_ready, "the engine is back", 60)
    assert own_window.client.pid != pid
    answers = []
    window.bridge.run(
        Run(
            analysis="predict", model=window.state.model.handle,
            inputs=Inputs(images=(window.state.image,)),
        ),
        on_result=lambda result, _recipe: answers.append(result.values),
    )  # fmt: skip
    wait(lambda: bool(answers), "the reopened model answers")
    assert answers[0] == values


def test_closing_in_the_middle_of_a_job_leaves_nothing(own_window, checkpoint, wait):
    own_window.open(checkpoint)
    ended = []
    _, seen = optimise(own_window, ended, **LONG)
    wait(lambda: len(seen) > 1, "it runs")
    pid = own_window.client.pid
    own_window.close()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
