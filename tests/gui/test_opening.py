from interp_gui.core.model import Preprocessing
from interp_gui.engine.messages import (
    ErrorInfo,
    OpenModel,
    RegisterDataset,
    Run,
    SetPreprocessing,
)


def test_a_checkpoint_dropped_before_the_engine_is_ready_waits_for_it(
    window, client, greet, checkpoint, describe, qtbot, drop
):
    drop(window, [checkpoint])
    assert client.requests == {}
    assert "engine is starting" in window.centre.welcome.text.text()
    assert window.engine_badge.text.text() == "Engine starting…"
    client.emit(greet())
    qtbot.waitUntil(lambda: bool(client.requests))
    job = client.last(OpenModel)
    assert client.requests[job].path == checkpoint
    client.end(job, description=describe())
    qtbot.waitUntil(lambda: window.state.model is not None)
    assert window.centre.currentWidget() is window.centre.desk.area
    assert window.state.layer == "features.14", "the last layer with places is shown first"
    assert window.settings.values.recent_models[0].path == checkpoint


def test_a_model_that_cannot_be_opened_keeps_the_one_that_is(
    opened, client, checkpoint, qtbot, messages
):
    before = opened.state.model
    opened.documents.open_model(f"{checkpoint}.other")
    error = ErrorInfo(cause="FileProblem", message="It is truncated.", hint="Copy it.", details="x")
    client.end(client.last(OpenModel), "failed", error=error)
    qtbot.waitUntil(lambda: "It is truncated." in messages(opened))
    assert opened.state.model is before
    assert opened.documents.opening == ""


def test_dropped_folders_become_images_and_the_engine_is_told(ready, client, pictures, qtbot, drop):
    drop(ready, [pictures])
    qtbot.waitUntil(lambda: ready.state.dataset is not None)
    assert len(ready.state.dataset.images) == 7
    assert ready.state.dataset.labels == ("cat", "dog")
    request = client.requests[client.last(RegisterDataset)]
    assert request.dataset == ready.state.dataset_handle
    assert request.value == ready.state.dataset
    assert ready.state.image.endswith("cat0.png")


def test_images_opened_before_the_engine_are_told_when_it_is_ready(
    window, client, greet, pictures, qtbot, drop
):
    drop(window, [pictures])
    qtbot.waitUntil(lambda: window.state.dataset is not None)
    assert client.requests == {}
    client.emit(greet())
    qtbot.waitUntil(lambda: bool(client.requests))
    assert client.requests[client.last(RegisterDataset)].value == window.state.dataset


def test_a_missing_file_is_said(ready, qtbot, messages):
    ready.files.open(["/nowhere/model.pth"])
    assert "There is no file '/nowhere/model.pth'." in messages(ready)


def test_an_empty_folder_is_said(ready, tmp_path, qtbot, messages):
    (tmp_path / "empty").mkdir()
    ready.files.open([str(tmp_path / "empty")])
    qtbot.waitUntil(lambda: any("no images" in text for text in messages(ready)))


def test_the_current_answer_is_asked_for(opened, client, pictures, qtbot, drop):
    drop(opened, [pictures / "cat"])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    runs = [r for r in client.requests.values() if isinstance(r, Run) and r.analysis == "predict"]
    assert runs[-1].inputs.images == (opened.state.image,)


def test_preprocessing_is_applied_and_taken_back(opened, client, describe, qtbot):
    form = opened.model_panel.preprocessing
    assert not form.apply.isEnabled()
    form.height_px.setValue(96)
    form.width_px.setValue(96)
    form.apply.click()
    wanted = Preprocessing(size=(96, 96))
    job = client.last(SetPreprocessing)
    assert client.requests[job].preprocessing == wanted
    client.end(job, description=describe(preprocessing=wanted))
    qtbot.waitUntil(lambda: opened.state.model.description.preprocessing == wanted)
    assert not form.apply.isEnabled()
    assert opened.state.layer == "features.14"
    form.reset.click()
    assert client.requests[client.last(SetPreprocessing)].preprocessing == Preprocessing()
