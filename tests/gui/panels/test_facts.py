import msgspec
import pytest

from interp_gui.core.model import OutputInfo
from interp_gui.core.opening import Candidate, OpenChoice
from interp_gui.core.target import Target
from interp_gui.engine.messages import SetOutputs
from interp_gui.gui.panels.facts import FactsView, facts
from interp_gui.gui.state import OpenModelState


@pytest.fixture
def view(qtbot):
    view = FactsView()
    qtbot.addWidget(view)
    return view


def test_kinds_of_outputs_are_shown_and_chosen(view, describe, qtbot):
    view.show_model(describe(), "/x/net.pth")
    (box,) = view.kinds
    assert box.currentText() == "10 classes, one of them is right"
    kinds = [box.itemData(row) for row in range(box.count())]
    assert kinds == ["softmax", "sigmoid", "scalar", "embedding"]  # ten numbers are no map
    with qtbot.waitSignal(view.outputs_chosen) as caught:
        box.setCurrentIndex(kinds.index("embedding"))
        box.activated.emit(kinds.index("embedding"))
    assert [output.kind for output in caught.args[0]] == ["embedding"]


def test_one_number_is_no_choice_between_classes(view, describe):
    view.show_model(
        msgspec.structs.replace(describe(), outputs=(OutputInfo(kind="scalar", size=1),)), ""
    )
    (box,) = view.kinds
    assert "softmax" not in [box.itemData(row) for row in range(box.count())]
    assert box.currentData() == "scalar"


def test_decisions_are_told(view, describe, qtbot):
    decided = msgspec.structs.replace(
        describe(),
        choice=OpenChoice(architecture="timm:resnet50", weights="model_ema"),
        alternatives=(Candidate(architecture="resnetaa50", library="timm"),),
        ignored=("optimizer", "epoch"),
        gradient_problem="its graph has an operator without a gradient",
    )
    rows = dict(facts(decided))
    assert rows["Chosen"] == "by you, as timm:resnet50"
    assert rows["Set of weights"] == "model_ema"
    assert rows["Gradients"].startswith("none: its graph")
    view.show_model(decided, "")
    with qtbot.waitSignal(view.reconsidered):
        view.other.click()


def test_a_change_of_outputs_reaches_the_engine_and_can_be_undone(opened, describe, client, qtbot):
    state = opened.state
    before = describe()
    state.set_model(OpenModelState("m", before, "/x"))
    state.set_target(Target(kind="probability", index=2))
    wanted = (msgspec.structs.replace(before.outputs[0], kind="embedding"),)
    opened.model_panel.facts.outputs_chosen.emit(wanted)
    job = client.last(SetOutputs)
    assert client.requests[job].outputs == wanted
    client.end(job, description=msgspec.structs.replace(before, outputs=wanted))
    qtbot.waitUntil(lambda: state.model.description.outputs == wanted)
    assert state.target == Target(kind="scalar", index=0)  # there are no classes any more
    state.undo.undo()
    assert client.requests[client.last(SetOutputs)].outputs == before.outputs


def test_what_is_only_assumed_is_said_and_what_was_chosen_can_be_taken_back(view, describe, qtbot):
    guessed = describe()
    view.show_model(guessed, "")
    assert view.told.startswith("Taken for one of 10 classes")
    assert view.back is None
    sigmoid = (msgspec.structs.replace(guessed.outputs[0], kind="sigmoid"),)
    chosen = msgspec.structs.replace(guessed, outputs=sigmoid, guessed_outputs=guessed.outputs)
    view.show_model(chosen, "")
    assert view.told == "Chosen by you."
    with qtbot.waitSignal(view.outputs_chosen) as caught:
        view.back.click()
    assert caught.args[0] == guessed.outputs


@pytest.mark.parametrize(
    "told", [{"format": "onnx"}, {"format": "huggingface"}, {"outputs": (OutputInfo(size=1000),)}]
)
def test_what_a_file_tells_is_not_called_assumed(view, describe, told):
    view.show_model(msgspec.structs.replace(describe(), **told), "")
    assert view.told == ""
