"""What the user said that outputs are holds for the weights, wherever they are opened."""

import hashlib
from dataclasses import dataclass

import msgspec
import pytest

from interp_gui.core.choices import (
    KnownCode,
    remember_outputs,
    remembered_code,
    remembered_outputs,
)
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.engine.messages import OpenModel, SetOutputs
from interp_gui.engine.workspace import Workspace

GUESS = (OutputInfo(size=14),)
SIGMOID = (OutputInfo(kind="sigmoid", size=14),)
WEIGHTS = "cd" * 32


@dataclass(frozen=True)
class Network:
    description: ModelDescription

    def with_outputs(self, outputs):
        return Network(msgspec.structs.replace(self.description, outputs=outputs))


def opener(request, labelled, device, check):
    yield from ()
    said = SIGMOID if request.choice.output == "sigmoid" else GUESS
    return Network(
        ModelDescription(
            name="net.pth", format="torch-zip", architecture="a", library="l", parameters=1,
            weights_sha256=WEIGHTS, preprocessing=Preprocessing(size=(8, 8), resize="exact"),
            outputs=said, choice=request.choice,
        )
    )  # fmt: skip


@pytest.fixture
def do():
    workspace = Workspace(analyses=(), open_model=opener)

    def run(request):
        steps = workspace.execute(request)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                return stop.value

    return run


def test_what_was_said_holds_at_the_next_opening_until_it_is_taken_back(do):
    assert do(OpenModel(model="m", path="p")).outputs == GUESS
    said = do(SetOutputs(model="m", outputs=SIGMOID, keep=True))
    assert (said.outputs, said.guessed_outputs) == (SIGMOID, GUESS)
    again = do(OpenModel(model="n", path="elsewhere"))
    assert (again.outputs, again.guessed_outputs) == (SIGMOID, GUESS)
    back = do(SetOutputs(model="n", outputs=again.guessed_outputs, keep=True))
    assert (back.outputs, back.guessed_outputs) == (GUESS, ())
    assert do(OpenModel(model="o", path="p")).outputs == GUESS


def test_what_a_recipe_or_a_session_says_is_not_what_the_user_said(do):
    do(OpenModel(model="m", path="p", outputs=SIGMOID))
    do(SetOutputs(model="m", outputs=SIGMOID))
    assert remembered_outputs(WEIGHTS) == ()
    do(SetOutputs(model="m", outputs=SIGMOID, keep=True))
    told = do(OpenModel(model="n", path="p", outputs=GUESS))
    assert told.outputs == GUESS, "what is said now goes before what was said"


def test_what_was_asked_for_when_it_opened_holds_too(do):
    do(OpenModel(model="m", path="p", choice=OpenChoice(output="sigmoid")))
    assert do(OpenModel(model="n", path="p")).outputs == SIGMOID


def test_outputs_of_another_shape_are_passed_over(do):
    do(OpenModel(model="m", path="p"))
    remember_outputs(WEIGHTS, (OutputInfo(kind="sigmoid", size=3),))
    assert do(OpenModel(model="m", path="p")).outputs == GUESS


def test_the_file_that_made_a_network_is_known_and_is_not_run_again_by_itself(do, tmp_path):
    path, digest = str(tmp_path / "net.py"), hashlib.sha256(b"x").hexdigest()
    do(OpenModel(model="m", path="p", choice=OpenChoice(code=path, code_sha256=digest)))
    assert remembered_code(WEIGHTS) == KnownCode(path=path, sha256=digest)
    assert do(OpenModel(model="n", path="p")).choice == OpenChoice()
