import pytest

from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.engine.messages import (
    CloseModel,
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


# --- several models ----------------------------------------------------------------------------


@pytest.fixture
def two(opened, client, tmp_path, describe, qtbot):
    """A window with two checkpoints open, the second one current."""
    other = tmp_path / "tuned.pth"
    other.write_bytes(b"other weights")
    opened.files.open([str(other)])
    tuned = describe(name="tuned.pth", weights_sha256="cc" * 32)
    client.end(client.last(OpenModel), description=tuned)
    qtbot.waitUntil(lambda: len(opened.state.models) == 2)
    return opened


def closed(client):
    return [r.model for r in client.requests.values() if isinstance(r, CloseModel)]


def test_a_second_model_is_opened_beside_the_first(two, client):
    first, second = two.state.models
    assert two.state.model is second
    assert two.state.layer == "features.14", "the layer that was looked at is there too"
    assert closed(client) == []
    box = two.model_panel.models
    assert [box.itemText(i) for i in range(box.count())] == ["small.pth", "tuned.pth"]
    assert box.currentText() == "tuned.pth"
    box.activated.emit(0)
    assert two.state.model is first


def test_a_model_shows_again_what_was_looked_at_in_it(two):
    first, second = two.state.models
    two.state.set_feature(Feature(layer="features.1", units=(2,)))
    two.documents.models.choose(first.handle)
    assert two.state.layer == "features.14"
    two.state.set_layer("features.0")
    two.documents.models.choose(second.handle)
    assert two.state.feature == Feature(layer="features.1", units=(2,))
    two.documents.models.choose(first.handle)
    assert (two.state.layer, two.state.feature) == ("features.0", None)


def test_back_leads_to_the_model_before(two, qtbot):
    first, second = two.state.models
    qtbot.waitUntil(lambda: two.state.history.current.model == second.handle)
    two.state.back()
    assert two.state.model is first
    two.state.forward()
    assert two.state.model is second


def test_a_closed_model_is_freed_and_the_other_becomes_current(two, client, qtbot):
    first, second = two.state.models
    two.actions_.refresh()
    two.actions_["file.close_model"].trigger()
    assert closed(client) == [second.handle]
    assert two.state.model is first
    assert two.state.models == (first,)
    qtbot.waitUntil(lambda: not two.actions_["view.forward"].isEnabled())
    two.model_panel.close_model.click()
    assert closed(client) == [second.handle, first.handle]
    assert two.state.model is None
    assert two.centre.currentWidget() is two.centre.welcome


def test_a_view_pinned_to_a_closed_model_says_so_and_reopens_it(two, client, describe, qtbot):
    first, second = two.state.models
    two.documents.models.choose(first.handle)
    two.state.set_tab("wall")
    frame = two.centre.desk.active
    frame.state.pin_all()
    two.documents.models.choose(second.handle)
    assert frame.state.model is first
    two.documents.close_model(first.handle)
    assert "Its model was closed" in frame.strip.text.text()
    assert not frame.content.isEnabled()
    frame.strip.reopen.click()
    request = client.requests[client.last(OpenModel)]
    assert request.path == first.path
    client.end(client.last(OpenModel), description=describe())
    qtbot.waitUntil(lambda: not frame.state.is_closed)
    assert frame.content.isEnabled()
    assert frame.state.model in two.state.models


def test_several_checkpoints_dropped_at_once_are_all_opened(ready, client, tmp_path, describe,
                                                            drop, qtbot):  # fmt: skip
    paths = [tmp_path / f"m{i}.pth" for i in range(3)]
    for path in paths:
        path.write_bytes(path.name.encode())
    drop(ready, paths)
    for i in range(3):
        qtbot.waitUntil(
            lambda i=i: sum(isinstance(r, OpenModel) for r in client.requests.values()) == i + 1
        )
        client.end(client.last(OpenModel), description=describe(name=f"m{i}.pth"))
    qtbot.waitUntil(lambda: len(ready.state.models) == 3)
    assert [model.path for model in ready.state.models] == [str(path) for path in paths]


def test_a_file_that_is_open_already_is_chosen_unless_it_changed(two, client, checkpoint, qtbot):
    first, _ = two.state.models
    before = len(client.requests)
    two.files.open([checkpoint])
    assert two.state.model is first
    assert not any(isinstance(client.requests[j], OpenModel) for j in range(before + 1,
                   len(client.requests) + 1))  # fmt: skip
    with open(checkpoint, "ab") as file:
        file.write(b"trained on")
    two.files.open([checkpoint])
    assert client.requests[client.last(OpenModel)].path == checkpoint
    assert client.last(OpenModel) > before


def test_a_large_third_model_is_the_users_choice(two, client, tmp_path, monkeypatch, messages):
    monkeypatch.setattr("interp_gui.gui.opening.model_list.free_memory_bytes", lambda: 100)
    large = tmp_path / "large.pth"
    large.write_bytes(b"x" * 60)
    before = len(client.requests)
    two.files.open([str(large)])
    assert len(client.requests) == before
    toast = two.toasts.shown[-1]
    assert "may not fit into the free memory" in toast.note.message
    assert toast.note.action == "Open it too"
    toast.note.on_action()
    assert client.requests[client.last(OpenModel)].path == str(large)


def test_preprocessing_of_one_model_leaves_the_other_alone(two, client, describe, qtbot):
    first, second = two.state.models
    wanted = Preprocessing(size=(96, 96))
    two.documents.set_preprocessing(wanted)
    two.documents.models.choose(first.handle)
    changed = describe(name="tuned.pth", weights_sha256="cc" * 32, preprocessing=wanted)
    client.end(client.last(SetPreprocessing), description=changed)
    qtbot.waitUntil(lambda: two.state.models[1].description.preprocessing == wanted)
    assert two.state.model is first
    assert two.state.models[1].handle == second.handle
