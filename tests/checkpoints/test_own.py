"""Networks of interp-gui itself: known by their header, which is checked before it is believed."""

import json

import pytest
import torch
from safetensors.torch import save_file

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.checkpoints.own import OwnModel
from interp_gui.checkpoints.shapes_cnn import ShapesCNN
from interp_gui.core.errors import FileProblem, InvalidValue, UnknownArchitecture
from interp_gui.core.model import Preprocessing

NAMES = ("ring", "moon", "star")
PREPROCESSING = Preprocessing(
    size=(32, 32), resize="exact", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)
)
WIDTHS = (4, 5, 6, 7, 8)


@pytest.fixture
def module():
    torch.manual_seed(1)
    module = ShapesCNN(len(NAMES), WIDTHS)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.1, 1.0)
    return module.eval()


@pytest.fixture
def header():
    own = OwnModel(class_names=NAMES, preprocessing=PREPROCESSING, training={"seed": 3})
    return own.as_header()


@pytest.fixture
def write(tmp_path, module, header):
    def make(tensors=None, **entries):
        path = tmp_path / "own.safetensors"
        found = {key: value for key, value in {**header, **entries}.items() if value is not None}
        save_file(tensors or module.state_dict(), path, metadata=found)
        return path

    return make


def test_it_opens_with_all_that_belongs_to_it(write, module):
    opened = open_checkpoint(write())
    found = opened.description
    assert (found.library, found.architecture) == ("interp_gui", "shapes_cnn")
    assert found.class_names == NAMES
    assert found.preprocessing == PREPROCESSING
    assert found.config == {"num_classes": 3}
    assert found.parameters == sum(p.numel() for p in module.parameters())
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(opened.module(x), module(x))
    assert not opened.module.training
    assert not any(p.requires_grad for p in opened.module.parameters())


def test_another_preprocessing_can_be_asked_for(write):
    other = Preprocessing(size=(48, 48))
    assert open_checkpoint(write(), preprocessing=other).description.preprocessing == other
    with pytest.raises(InvalidValue):
        open_checkpoint(write(), preprocessing=Preprocessing(std=(0.0, 0.0, 0.0)))


def test_the_weights_hash_does_not_depend_on_the_header(write):
    one = open_checkpoint(write()).description.weights_sha256
    assert open_checkpoint(write(training="{}")).description.weights_sha256 == one


def test_half_precision_is_told(write, module):
    halves = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    found = open_checkpoint(write(halves)).description
    assert found.notes == ("Weights of kind float16 were converted to float32.",)


@pytest.mark.parametrize("library", [None, "timm", "INTERP_GUI"])
def test_a_file_that_does_not_claim_to_be_ours_goes_the_usual_way(write, library):
    with pytest.raises(UnknownArchitecture, match="no known architecture"):
        open_checkpoint(write(library=library))


def test_one_of_a_newer_version_is_refused_in_words(write):
    with pytest.raises(FileProblem, match="newer version of interp-gui"):
        open_checkpoint(write(version="2"))


@pytest.mark.parametrize(
    "entries",
    [
        {"version": "9" * 5000},
        {"version": "one"},
        {"version": None},
        {"architecture": "../../etc"},
        {"architecture": None},
        {"class_names": "[1, 2, 3]"},
        {"class_names": '{"a": 1}'},
        {"class_names": "["},
        {"class_names": "[]"},
        {"class_names": "[" * 100_000},
        {"class_names": json.dumps(["a", "b\u202e", "c"])},
        {"class_names": json.dumps(["a" * 5000, "b", "c"])},
        {"class_names": None},
        {"preprocessing": "[]"},
        {"preprocessing": '{"size": [0, 0]}'},
        {"preprocessing": '{"std": [0, 0, 0]}'},
        {"preprocessing": '{"channels": "L", "mean": [0.5], "std": [0.2]}'},
        {"training": "[]"},
    ],
)
def test_a_header_that_cannot_be_used_is_refused_in_words(write, entries):
    with pytest.raises(FileProblem, match="network of interp-gui, but"):
        open_checkpoint(write(**entries))


@pytest.mark.parametrize("names", [("ring", "moon"), ("a", "b", "c", "d")])
def test_names_of_another_number_than_the_outputs_are_refused(write, names):
    with pytest.raises(UnknownArchitecture, match="not those of shapes_cnn"):
        open_checkpoint(write(class_names=json.dumps(names)))


def test_weights_that_are_not_its_own_are_refused(write, module):
    state = dict(module.state_dict())
    for change in (
        {"block1.conv.weight": torch.zeros(10**9, 0, 5, 5)},
        {"block1.conv.weight": torch.zeros(0, 3, 5, 5)},
        {"block1.conv.weight": torch.tensor(1.0)},
        {"block9.conv.weight": torch.zeros(2)},
        {"head.weight": torch.zeros(3, 9)},
    ):
        with pytest.raises(UnknownArchitecture, match="not those of shapes_cnn"):
            open_checkpoint(write({**state, **change}))
    del state["head.bias"]
    with pytest.raises(UnknownArchitecture, match="not those of shapes_cnn"):
        open_checkpoint(write(state))
