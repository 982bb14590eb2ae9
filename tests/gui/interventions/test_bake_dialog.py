"""The dialog that bakes edits: what it asks, shows and opens."""

import pytest
from shiboken6 import isValid

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.result import Table
from interp_gui.engine.messages import ErrorInfo, Produced, Run
from interp_gui.gui.interventions.bake_dialog import open_bake_dialog, suggested_name

STACK = EditStack(edits=(Edit(feature=Feature(layer="features.14", units=(3,)), kind="ablate"),))


class Opener:
    def __init__(self):
        self.paths = []

    def open_model(self, path):
        self.paths.append(path)


@pytest.fixture
def documents():
    return Opener()


@pytest.fixture
def dialog(qtbot, state, bridge, client, model, documents):
    state.set_models((model,))
    state.set_model(model)
    state.set_edits(STACK)
    state.set_watched(("/x/cat.png",))
    found = open_bake_dialog(None, state, bridge, documents)
    yield found
    if isValid(found):  # it goes once it is closed
        found.done(0)
    qtbot.wait(1)


def answer(client, qtbot, dialog, *baked, written=False, error=None):
    job = client.last(Run)
    outcomes = [
        {"index": i, "edit": f"Switch off {i}", "baked": good, "how": "in what reads it: fc.weight",
         "why": "" if good else "a limit is not linear"}
        for i, good in enumerate(baked)
    ]  # fmt: skip
    if outcomes:
        table = Table(
            key="baked", title="Baked edits", columns=("edit",), cells=(),
            notes=("Within 1e-07.",), provenance={"bake": {"outcomes": outcomes}},
        )  # fmt: skip
        generation = client.options[job]["generation"]
        client.emit(Produced(job=job, generation=generation, result=table, recipe=None))
    client.end(job, "failed" if error else "finished", error=error)
    qtbot.waitUntil(lambda: not dialog._busy)


def test_it_asks_how_edits_would_be_baked_and_writes_nothing(dialog, client, qtbot):
    request = client.requests[client.last(Run)]
    assert (request.analysis, request.parameters["path"]) == ("bake", "")
    assert request.inputs.images == ("/x/cat.png",)
    assert request.inputs.edits == STACK
    assert not dialog.write_button.isEnabled()
    answer(client, qtbot, dialog, True)
    assert dialog.table.item(0, 2).text() == "In what reads it: fc.weight"
    assert dialog.write_button.isEnabled()
    assert not dialog.partial.isVisible()
    assert not dialog.open_button.isVisible()


def test_what_is_refused_has_to_be_left_out_by_hand(dialog, client, qtbot):
    answer(client, qtbot, dialog, True, False)
    assert dialog.partial.isVisible()
    assert not dialog.write_button.isEnabled()
    dialog.partial.click()
    assert dialog.write_button.isEnabled()
    dialog.write_button.click()
    assert client.requests[client.last(Run)].parameters["partial"] is True


def test_it_writes_and_opens_what_was_written(dialog, client, qtbot, documents, tmp_path):
    answer(client, qtbot, dialog, True)
    target = str(tmp_path / "mine.safetensors")
    dialog.path.setText(target)
    dialog.write_button.click()
    assert client.requests[client.last(Run)].parameters["path"] == target
    assert not dialog.write_button.isEnabled()
    answer(client, qtbot, dialog, True)
    assert dialog.message.text().startswith("Written to mine.safetensors.")
    dialog.open_button.click()
    assert documents.paths == [target]


def test_a_failure_is_told_and_nothing_can_be_opened(dialog, client, qtbot):
    answer(client, qtbot, dialog, True)
    dialog.write_button.click()
    error = ErrorInfo(cause="user", message="The disk is full.", hint="Free some space.")
    answer(client, qtbot, dialog, error=error)
    assert dialog.message.text() == "The disk is full. Free some space."
    assert not dialog.open_button.isVisible()
    assert dialog.write_button.isEnabled()


def test_another_format_is_looked_at_anew(dialog, client, qtbot):
    answer(client, qtbot, dialog, True)
    dialog.format.setCurrentIndex(1)
    request = client.requests[client.last(Run)]
    assert request.parameters["format"] == "onnx"
    assert dialog.path.text().endswith("small-baked.onnx")
    answer(client, qtbot, dialog, True)


def test_without_edits_it_says_so(state, bridge, model, documents):
    told = []
    state.notified.connect(told.append)
    state.set_models((model,))
    state.set_model(model)
    assert open_bake_dialog(None, state, bridge, documents) is None
    assert told


def test_names_are_suggested_by_what_the_original_is(describe):
    assert suggested_name(describe(), onnx=False) == "small-baked.safetensors"
    assert suggested_name(describe(), onnx=True) == "small-baked.onnx"
    folder = describe(name="vit.base", format="huggingface")
    assert suggested_name(folder, onnx=False) == "vit.base-baked"
