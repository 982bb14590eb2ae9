"""The same weights in every disguise that training programs and wrappers give them."""

import argparse
import pickle
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.core.errors import FileProblem


class Net(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.BatchNorm2d(4))
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.fc = nn.Linear(4, classes)


@pytest.fixture
def net():
    torch.manual_seed(0)
    module = Net()
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.normal_()
    return module


def read(tmp_path, content, **options):
    path = tmp_path / "a.pth"
    torch.save(content, path, **options)
    return read_contents(inspect_file(path))


def prefixed(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def same(found, expected):
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], value) for key, value in expected.items())
    assert all(found[key].dtype == value.dtype for key, value in expected.items())


EXTRA = {
    "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(5)}}, "param_groups": [{}]},
    "args": argparse.Namespace(lr=0.1, output=np.float64(2)), "scaler": {"scale": torch.ones(1)},
    "lr_scheduler": {"last_epoch": 3}, "best_loss": torch.tensor(3.0),
}  # fmt: skip


@pytest.mark.parametrize(
    "key",
    ["state_dict", "model", "model_state_dict", "net", "network", "weights", "module", "params"]
    + ["generator", "classifier_weights"],
)
def test_under_any_key_beside_other_things(tmp_path, net, key):
    (only,) = read(tmp_path, {**EXTRA, key: net.state_dict()}).sets
    same(only.tensors, net.state_dict())
    assert set(only.ignored) == set(EXTRA)
    assert any(f"'{key}'" in note for note in only.notes)
    assert any("argparse.Namespace" in note for note in only.notes)


def test_deep_inside(tmp_path, net):
    content = {"trainer": {"models": [{"student_weights": {"state_dict": net.state_dict()}}]}}
    (only,) = read(tmp_path, content).sets
    same(only.tensors, net.state_dict())


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "model.", "backbone.", "encoder.", "module._orig_mod.model."]
    + ["_orig_mod.module.", "model.backbone.encoder.", "student.module.", "my_classifier_net."],
)
def test_prefixes_in_any_order(tmp_path, net, prefix):
    (only,) = read(tmp_path, {"state_dict": prefixed(prefix, net.state_dict())}).sets
    same(only.tensors, net.state_dict())
    assert any(f"'{prefix}'" in note for note in only.notes)


@pytest.mark.parametrize("name", ["vit_b_16", "squeezenet1_1", "densenet121"])
def test_what_networks_call_their_own_parts_stays(tmp_path, name):
    import torchvision

    options = {"image_size": 32} if name.startswith("vit") else {}
    with torch.device("meta"):
        shapes = torchvision.models.get_model(name, weights=None, **options).state_dict()
    state = {key: torch.zeros(1) for key in shapes}
    (only,) = read(tmp_path, state).sets
    assert only.tensors.keys() == state.keys()
    headless = {key: value for key, value in state.items() if key.startswith("features.")}
    if headless:
        (only,) = read(tmp_path, headless).sets
        assert only.tensors.keys() == headless.keys()


def test_averages_are_offered_after_the_plain_weights(tmp_path, net):
    average = {key: value + 1 for key, value in net.state_dict().items()}
    content = {"state_dict_ema": average, "arch": "resnet18", "state_dict": net.state_dict()}
    found = read(tmp_path, content)
    assert [each.name for each in found.sets] == ["state_dict", "state_dict_ema"]
    same(found.sets[0].tensors, net.state_dict())
    same(found.sets[1].tensors, average)
    assert any("averages" in note and "state_dict_ema" in note for note in found.sets[0].notes)
    assert found.hints.architecture == "resnet18"


def test_teacher_and_student_with_projectors(tmp_path, net):
    other = {key: value + 1 for key, value in net.state_dict().items()}
    head = {f"head.mlp.{n}.weight": torch.ones(4, 4) for n in range(3)}
    content = {
        "student": prefixed("module.", {**prefixed("backbone.", other), **head}),
        "teacher": {**prefixed("backbone.", net.state_dict()), **head},
        "dino_loss": {"center": torch.ones(1, 4)},
    }
    first, second = read(tmp_path, content).sets
    assert (first.name, second.name) == ("teacher", "student")
    same(first.tensors, net.state_dict())
    same(second.tensors, other)
    assert "head (3 tensors)" in first.ignored
    assert "dino_loss" in first.ignored


def test_two_encoders_in_one_dict(tmp_path, net):
    other = {key: value + 1 for key, value in net.state_dict().items()}
    content = {
        **prefixed("module.encoder_q.", net.state_dict()),
        **prefixed("module.encoder_k.", other),
        "module.queue": torch.ones(3, 9), "module.queue_ptr": torch.zeros(1),
    }  # fmt: skip
    first, second = read(tmp_path, {"state_dict": content}).sets
    same(first.tensors, net.state_dict())
    same(second.tensors, other)
    assert {"queue", "queue_ptr"} <= set(first.ignored)


def outside(state, head="fc"):
    """A body under a prefix, its classifier beside it."""
    return {
        f"{head}.{key[3:]}" if key.startswith("fc.") else f"backbone.{key}": value
        for key, value in state.items()
    }


def test_a_head_outside_the_prefix_belongs_to_the_network(tmp_path, net):
    first, second = read(tmp_path, outside(net.state_dict())).sets
    same(first.tensors, net.state_dict())
    assert any("outside" in note for note in first.notes)
    assert second.name == "without head"
    assert not any(key.startswith("fc.") for key in second.tensors)


@pytest.mark.parametrize("beside", ["projector.0.weight", "predictor.0.weight", "queue"])
def test_a_probe_beside_a_network_that_learned_without_labels_is_offered(tmp_path, net, beside):
    first, second = read(tmp_path, {**outside(net.state_dict()), beside: torch.ones(4, 4)}).sets
    assert not any(key.startswith("fc.") for key in first.tensors)
    assert "fc (2 tensors)" in first.ignored
    assert second.name == "with head"
    same(second.tensors, net.state_dict())


def test_a_head_without_bias_is_offered(tmp_path, net):
    state = {key: value for key, value in net.state_dict().items() if key != "fc.bias"}
    first, second = read(tmp_path, outside(state)).sets
    assert not any(key.startswith("fc.") for key in first.tensors)
    same(second.tensors, state)


def test_a_body_of_a_network_that_ends_in_maps_is_not_taken_out(tmp_path, net):
    state = {**outside(net.state_dict()), "classifier.0.weight": torch.ones(4, 4, 3, 3)}
    (only,) = read(tmp_path, state).sets
    same(only.tensors, state)


@pytest.mark.parametrize("name", ["_orig_mod", "_fsdp_wrapped_module._checkpoint_wrapped_module"])
def test_wrappers_between_the_parts_of_names(tmp_path, net, name):
    state = net.state_dict()
    wrapped = {key.replace("layer1.0.", f"layer1.{name}.0."): v for key, v in state.items()}
    assert wrapped.keys() != state.keys()
    (only,) = read(tmp_path, wrapped).sets
    same(only.tensors, state)


def test_what_serves_training_beside_the_parts_of_a_network(tmp_path, net):
    aside = {
        "projection_head.0.weight": torch.ones(4, 4), "prototypes.weight": torch.ones(4, 4),
        "criterion.weight": torch.ones(3), "train_acc.tp": torch.ones(3),
        "queue_ptr": torch.ones(1),
    }  # fmt: skip
    (only,) = read(tmp_path, {**net.state_dict(), **aside}).sets
    same(only.tensors, net.state_dict())
    assert {"projection_head (1 tensors)", "queue_ptr"} <= set(only.ignored)


def test_the_two_networks_of_a_running_average(tmp_path, net):
    other = {key: value + 1 for key, value in net.state_dict().items()}
    content = {
        **prefixed("online_model.", net.state_dict()), **prefixed("ema_model.", other),
        "initted": torch.tensor(True), "step": torch.tensor(3),
    }  # fmt: skip
    first, second = read(tmp_path, content).sets
    same(first.tensors, net.state_dict())
    same(second.tensors, other)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda net: net, nn.DataParallel, lambda net: {"model": net, "ema": None, "epoch": 1},
        lambda net: types.SimpleNamespace(net=net, step=3), lambda net: [net, 3],
        lambda net: {"model": nn.Sequential(OrderedDict(model=net))},
    ],
)  # fmt: skip
def test_whole_networks(tmp_path, net, wrap, legacy):
    found = read(tmp_path, wrap(net), _use_new_zipfile_serialization=not legacy)
    same(found.sets[0].tensors, net.state_dict())
    assert any("stand-ins" in note for note in found.sets[0].notes)


def test_tensors_of_other_kinds_and_layouts(tmp_path):
    base = torch.arange(24.0)
    state = {
        "half": base.half(), "bfloat": base.bfloat16(), "double": base.double(),
        "eight": base.to(torch.float8_e4m3fn), "wide": torch.ones(2, dtype=torch.uint16),
        "truth": base > 3, "whole": base.long(), "complex": torch.complex(base, base),
        "view": base[3:9].reshape(2, 3), "turned": base.reshape(4, 6).T, "one": base.sum(),
        "none": base[:0].reshape(0, 7), "spread": torch.ones(1).expand(5),
        "last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "parameter": nn.Parameter(base), "buffer": nn.Buffer(base),
    }  # fmt: skip
    for options in ({}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 5}):
        (only,) = read(tmp_path, state, **options).sets
        for key, value in state.items():
            found = only.tensors[key]
            assert (found.dtype, found.shape) == (value.dtype, value.shape)
            assert torch.equal(found.double() if key == "eight" else found,
                               value.double() if key == "eight" else value)  # fmt: skip
            assert found.is_contiguous()
            assert found.untyped_storage().nbytes() == found.numel() * found.element_size()


def test_what_torch_would_read_is_what_is_read(tmp_path, net):
    path = tmp_path / "a.pth"
    torch.save({"state_dict": net.state_dict(), "epoch": 4}, path)
    theirs = torch.load(path, weights_only=True)["state_dict"]
    same(read_contents(inspect_file(path)).sets[0].tensors, theirs)


def test_plain_pickles_of_tensors_and_arrays(tmp_path, net):
    path = tmp_path / "a.pkl"
    for protocol in (2, 3, 4, 5):
        path.write_bytes(pickle.dumps(net.state_dict(), protocol=protocol))
        same(read_contents(inspect_file(path)).sets[0].tensors, net.state_dict())
        arrays = {key: value.numpy() for key, value in net.state_dict().items()}
        path.write_bytes(pickle.dumps(arrays, protocol=protocol))
        same(read_contents(inspect_file(path)).sets[0].tensors, net.state_dict())


@pytest.mark.parametrize(
    "said",
    [
        {"classes": ["cat", "dog", "owl"]}, {"names": {0: "cat", 1: "dog", 2: "owl"}},
        {"hyper_parameters": {"class_to_idx": {"dog": 1, "owl": 2, "cat": 0}}},
        {"meta": {"CLASSES": ("cat", "dog", "owl")}},
        {"args": argparse.Namespace(id2label={"0": "cat", "1": "dog", "2": "owl"})},
    ],
)  # fmt: skip
def test_class_names_are_found(tmp_path, net, said):
    hints = read(tmp_path, {"state_dict": net.state_dict(), **said}).hints
    assert hints.class_names == ("cat", "dog", "owl")


def test_lightning(tmp_path, net):
    content = {
        "state_dict": prefixed("model.", net.state_dict()), "pytorch-lightning_version": "2.1.0",
        "hyper_parameters": {"arch": "resnet50", "lr": 0.1}, "callbacks": {}, "loops": {},
    }  # fmt: skip
    found = read(tmp_path, content)
    same(found.sets[0].tensors, net.state_dict())
    assert found.hints.architecture == "resnet50"
    assert "callbacks" in found.sets[0].ignored


@pytest.mark.parametrize("content", [[], {}, [1, 2], {"epoch": 3}, "text", {"a": {"b": 1}}])
def test_no_weights(tmp_path, content):
    with pytest.raises(FileProblem, match="holds no named weights"):
        read(tmp_path, content)


def test_high_byte_first(tmp_path, net):
    path, turned = tmp_path / "a.pth", tmp_path / "b.pth"
    state = {"a.weight": torch.randn(3, 4), "b": torch.arange(5)}
    torch.save(state, path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(turned, "w") as target:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("byteorder"):
                content = b"big"
            elif "/data/" in name:
                width = 4 if name.endswith("0") else 8
                content = np.frombuffer(content, f"u{width}").byteswap().tobytes()
            target.writestr(name, content)
    same(read_contents(inspect_file(turned)).sets[0].tensors, state)
