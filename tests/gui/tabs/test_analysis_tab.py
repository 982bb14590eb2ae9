import dataclasses

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QWidget

from interp_gui.analyses.builtin import builtin_analyses
from interp_gui.core.analysis import Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Bars, Heatmap
from interp_gui.core.target import Target
from interp_gui.gui.tabs.analysis_tab import AnalysisTab
from interp_gui.gui.tabs.fitting import maybe_linear, target_words, why_unfit
from interp_gui.gui.tabs.layers import LayerBox
from interp_gui.gui.tabs.origin import Origin
from interp_gui.gui.tabs.unit_examples import UnitExamples


@pytest.fixture
def tab(state, bridge, actions, ready, qtbot):
    widget = AnalysisTab(state, bridge, actions, bridge.analyses["grad-cam"])
    qtbot.addWidget(widget)
    widget.resize(900, 520)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def running(tab, state, engine, model, image, qtbot):
    state.set_layer("late")
    qtbot.mouseClick(tab.run_button, Qt.MouseButton.LeftButton)
    return engine.newest("grad-cam")


def heat(noise, key="cam"):
    return Heatmap(key=key, title="Map", values=np.ones((7, 7), np.float32), image=noise())


def test_says_what_is_missing_one_thing_after_the_other(tab, state, model, image):
    assert "layer" in tab.missing.text().lower()
    assert not tab.run_button.isEnabled()
    state.set_image(None)
    assert "image" in tab.missing.text().lower()
    state.set_model(None)
    assert "model" in tab.missing.text().lower()


def test_runs_by_declaration_alone(tab, state, engine, running, image, noise, qtbot):
    request = engine.submitted[running]
    assert request.analysis == "grad-cam"
    assert request.model == "m1"
    assert request.inputs.images == (str(image),)
    assert request.inputs.layer == "late"
    assert request.parameters == {"steps": 512}
    assert tab.cancel_button.isVisible()
    engine.progress(running, Progress(done=1, total=4, text="Working"), 3.0)
    engine.result(running, heat(noise))
    engine.end(running)
    qtbot.waitUntil(lambda: not tab.cancel_button.isVisible())
    assert [v.result.kind for v in tab.board.views] == ["heatmap"]
    assert tab.export_button.isEnabled()


def test_later_versions_replace_in_place_and_old_results_go(tab, engine, running, noise, qtbot):
    engine.result(running, heat(noise))
    engine.result(running, heat(noise, "second"))
    qtbot.waitUntil(lambda: len(tab.board.views) == 2)
    view = tab.board.views[0]
    engine.result(running, heat(noise))
    engine.end(running)
    qtbot.waitUntil(lambda: not tab.cancel_button.isVisible())
    assert tab.board.views[0] is view
    qtbot.mouseClick(tab.run_button, Qt.MouseButton.LeftButton)
    job = engine.newest("grad-cam")
    assert len(tab.board.views) == 2  # kept until there is something new
    engine.result(job, Bars(key="cam", title="Other", labels=("a",), values=(1.0,)))
    engine.end(job)
    qtbot.waitUntil(lambda: not tab.cancel_button.isVisible())
    assert [v.result.kind for v in tab.board.views] == ["bars"]


def test_pause_and_cancel(tab, engine, running, qtbot):
    qtbot.mouseClick(tab.pause_button, Qt.MouseButton.LeftButton)
    assert engine.paused == [running]
    qtbot.mouseClick(tab.pause_button, Qt.MouseButton.LeftButton)
    assert engine.resumed == [running]
    qtbot.mouseClick(tab.cancel_button, Qt.MouseButton.LeftButton)
    assert engine.cancelled == [running]
    engine.end(running, "cancelled")
    qtbot.waitUntil(lambda: tab.status.text() == "Cancelled.")


def test_follows_when_asked_to(tab, state, engine, running, qtbot):
    tab.follow.setChecked(True)
    state.set_target(Target(index=2))
    qtbot.waitUntil(lambda: len(engine.jobs("grad-cam")) == 2)
    assert engine.request("grad-cam").inputs.target.index == 2
    assert running in engine.cancelled
    tab.form.set_values({"steps": 9})
    qtbot.waitUntil(lambda: len(engine.jobs("grad-cam")) == 3)


def test_a_failure_is_a_toast_with_details(tab, state, engine, running, qtbot):
    told = []
    state.notified.connect(told.append)
    engine.end(running, "failed", "No gradient here.")
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].message == "No gradient here."
    assert "No gradient here." in tab.status.text()


def test_a_closed_tab_gives_up_its_run(tab, engine, running):
    tab.close()
    assert running in engine.cancelled


def test_what_is_brushed_reaches_analyses_that_use_it(
    state, bridge, actions, ready, model, image, qtbot
):
    import msgspec

    from interp_gui.core.examples import Example
    from interp_gui.gui.concepts.brushed import brushed_of

    info = bridge.analyses["grad-cam"]
    uses = msgspec.structs.replace(info, uses=("region",))
    tabs = [AnalysisTab(state, bridge, actions, each) for each in (info, uses)]
    for each in tabs:
        qtbot.addWidget(each)
    state.set_layer("late")
    plain, placed = tabs
    assert "nothing is brushed" in placed._values["Place"][0].text()
    rows = ((0.0, 1.0), (0.0, 0.0))
    brushed_of(state).set(Example(state.image, (0.0, 0.5, 0.5, 1.0)), rows)
    qtbot.waitUntil(lambda: "is brushed on" in placed._values["Place"][0].text())
    assert placed.request().inputs.region == rows
    assert plain.request().inputs.region == ()
    brushed_of(state).set(Example("/pictures/another.png", (0.0, 0.5, 0.5, 1.0)), rows)
    assert placed.request().inputs.region == ()


def test_no_form_opens_a_window_of_its_own(state, bridge, actions, engine, ready, model, image,
                                           qtbot, qapp):  # fmt: skip
    edit = Edit(feature=Feature(layer="late", units=(3,)), kind="ablate")
    state.set_edits(EditStack((edit,)))
    seen = _Windows()
    qapp.installEventFilter(seen)
    try:
        for analysis in builtin_analyses():
            tab = AnalysisTab(state, bridge, actions, analysis.info())
            qtbot.addWidget(tab)
            qapp.processEvents()
            state.set_edits(EditStack())
            state.set_edits(EditStack((edit,)))
        page = UnitExamples(state, bridge)
        qtbot.addWidget(page)
        qapp.processEvents()
    finally:
        qapp.removeEventFilter(seen)
    assert seen.shown == []


class _Windows(QObject):
    """Writes down what comes up as a window."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(f"{type(watched).__name__}: {watched.accessibleName()}")
        return False


def test_old_results_say_what_they_are_of(tab, state, engine, running, noise, qtbot):
    engine.result(running, heat(noise))
    engine.end(running)
    qtbot.waitUntil(lambda: not tab.cancel_button.isVisible())
    assert not tab.origin.isVisible()
    edit = Edit(feature=Feature(layer="late", units=(1,)), kind="ablate")
    state.set_edits(EditStack((edit,)))
    state.set_follows_edits(True)
    qtbot.waitUntil(tab.origin.isVisible)
    name = state.model.description.name
    assert tab.origin.text().startswith(f"Of {name} without edits.")
    state.set_edits(EditStack())
    qtbot.waitUntil(lambda: not tab.origin.isVisible())
    state.set_layer("early")
    assert tab.origin.text().startswith(f"Of {name} without edits, at late.")


def test_what_results_are_of_is_told_beside_another_model_or_other_edits():
    edit = Edit(feature=Feature(layer="late", units=(1,)), kind="ablate")
    five = EditStack((edit,) * 5)
    then = Origin(model="m1", name="marker.safetensors", edits=five)
    told = "Of marker.safetensors with 5 edits"
    assert then.differs(then) == ""
    assert then.differs(None).startswith(f"{told}.")
    assert then.differs(Origin(model="m2", name="b", edits=EditStack())).startswith(f"{told}.")
    now = Origin(model="m1", name="marker.safetensors", edits=EditStack((edit,) * 4))
    assert then.differs(now).startswith(f"{told}.")
    other = Edit(feature=Feature(layer="late", units=(2,)), kind="ablate")
    now = Origin(model="m1", name="marker.safetensors", edits=EditStack((other,) * 5))
    assert then.differs(now).startswith(f"{told} as they were then.")


def test_what_an_analysis_would_refuse_is_said_before_it_is_run(state, model, tmp_path):
    block = LayerInfo(name="late", kind="Block", axes=("unit",), shape=(4,), role="block")
    linear = LayerInfo(name="fc", kind="Linear", axes=("unit",), shape=(4,), role="linear")
    opened = state.model
    described = msgspec.structs.replace(opened.description, layers=(block, linear))
    other = dataclasses.replace(opened, description=described)
    state.set_models((other,))
    state.set_model(other)
    state.set_layer("late")
    assert "1×1 convolution" in why_unfit("rank-one-edit", state, {})
    assert why_unfit("grad-cam", state, {}) == ""
    state.set_layer("fc")
    assert why_unfit("rank-one-edit", state, {}) == ""
    box = LayerBox(state, accepts=maybe_linear, every=True)
    assert [box.itemData(i) for i in range(box.count())] == ["fc"]
    assert "labelled images" in why_unfit("ablation-sweep", state, {"accuracy": True})
    assert why_unfit("ablation-sweep", state, {"accuracy": False}) == ""
    images = (ImageEntry(path=str(tmp_path / "a.png"), label="cat"),)
    state.set_dataset(Dataset(images=images, classes={}), "d")
    assert "labelled images" in why_unfit("ablation-sweep", state, {"accuracy": True})
    state.set_dataset(Dataset(images=images, classes={"cat": 1}), "d")
    assert why_unfit("ablation-sweep", state, {"accuracy": True}) == ""


def test_the_target_that_patching_takes_is_named(state, model):
    state.set_target(Target())
    assert "source's answer" in target_words("activation-patching", state)
    assert target_words("grad-cam", state) == ""
    state.set_target(Target(index=3))
    assert target_words("activation-patching", state) == ""
