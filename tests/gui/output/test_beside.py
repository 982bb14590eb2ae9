import msgspec
import pytest

from interp_gui.core.result import Bars
from interp_gui.engine.messages import Produced, Run
from interp_gui.gui.output.beside import BesideAnswers
from interp_gui.gui.state import OpenModelState


@pytest.fixture
def two(state, describe):
    models = tuple(
        OpenModelState(
            handle, msgspec.structs.replace(describe(), name=f"{handle}.pth"), f"/x/{handle}.pth"
        )
        for handle in ("one", "two")
    )
    for model in models[::-1]:
        state.set_model(model)
    return models


@pytest.fixture
def beside(state, bridge, client, greet, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: bridge.is_ready)
    panel = BesideAnswers(state, bridge)
    qtbot.addWidget(panel)
    return panel


def test_it_is_there_only_with_two_models(beside, state, two):
    assert not beside.isHidden()
    state.set_models(two[:1])
    assert beside.isHidden()


def test_the_second_model_answers_the_same_image(beside, state, two, client, qtbot):
    state.set_image("/x/cat.png")
    runs = [each for each in client.requests.values() if isinstance(each, Run)]
    assert not runs  # nothing is chosen yet
    beside.box.choose("two")
    job = client.last(Run)
    request = client.requests[job]
    assert (request.model, request.inputs.images) == ("two", ("/x/cat.png",))
    bars = Bars(key="0", title="Answer", labels=("cat", "dog"), values=(0.7, 0.3))
    client.emit(Produced(job=job, generation=client.options[job]["generation"], result=bars))
    qtbot.waitUntil(lambda: beside.bars is not None)
    assert not beside.bars.isHidden()
    state.set_image("/x/dog.png")
    assert client.requests[client.last(Run)].inputs.images == ("/x/dog.png",)


def test_the_current_model_is_no_second_one(beside, state, two):
    beside.box.choose("two")
    state.set_model(two[1])  # now the other one is current
    titles = [beside.box.itemText(row) for row in range(beside.box.count())]
    assert titles == ["No other model", "one.pth"]
    assert beside.box.opened is None
