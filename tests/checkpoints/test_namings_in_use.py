"""Namings that training programs outside the libraries give the same networks."""

import msgspec
import pytest
import torch
from torch import nn

from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.opening import OpenChoice
from tests.checkpoints.conftest import randomised

RESNET = OpenChoice(architecture="torchvision:resnet18")


def saved(tmp_path, content):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    return path


def sets_of(tmp_path, content):
    return read_contents(inspect_file(saved(tmp_path, content))).sets


def prefixed(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def same(found, expected):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@torch.inference_mode()
def agrees(opened, expected, side=64):
    image = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    wanted, found = expected(image), opened.module(image)
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_settings_that_name_built_in_classes_are_not_dangerous(tmp_path, state):
    # protocol 2 writes `int` as Python 2's `long`, as in settings of omegaconf
    content = {"state_dict": state, "hyper_parameters": {"kinds": [int, str, float, range]}}
    (only,) = sets_of(tmp_path, content)
    same(only.tensors, state)


def test_a_network_beside_its_copy_for_attacks(tmp_path, state):
    content = {
        **prefixed("module.model.", state), **prefixed("module.attacker.model.", state),
        "module.normalizer.new_mean": torch.zeros(3, 1, 1),
        "module.attacker.normalize.new_mean": torch.zeros(3, 1, 1),
    }  # fmt: skip
    (only,) = sets_of(tmp_path, {"model": content})
    same(only.tensors, state)


def test_a_list_of_names_and_tensors(tmp_path, state):
    (only,) = sets_of(tmp_path, list(state.items()))
    same(only.tensors, state)


def test_a_head_outside_two_prefixes(tmp_path, state):
    body = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    head = {"head.weight": torch.ones(5, 512), "head.bias": torch.ones(5)}
    first, bare = sets_of(tmp_path, {**prefixed("encoder.module.", body), **head})
    same(first.tensors, {**body, **head})
    same(bare.tensors, body)


@pytest.mark.parametrize(
    "around",
    [
        lambda net: {**prefixed("module.base_encoder.", net), **prefixed("module.momentum_encoder.",
                     net), "module.predictor.0.weight": torch.ones(4, 4)},
        lambda net: {**prefixed("encoder.", net), "predictor.0.weight": torch.ones(4, 4)},
        lambda net: {**prefixed("encoder_q.", net), "queue": torch.ones(4, 4)},
    ],
)  # fmt: skip
def test_a_projector_in_the_place_of_the_classifier_is_left_out(tmp_path, state, around):
    projector = {
        "head.0.weight": torch.ones(8, 4), "head.1.weight": torch.ones(8),
        "head.1.bias": torch.ones(8), "head.3.weight": torch.ones(4, 8),
    }  # fmt: skip
    first = sets_of(tmp_path, around({**state, **projector}))[0]
    same(first.tensors, state)
    assert "head (4 tensors)" in first.ignored


def test_a_head_of_several_layers_stays_where_labels_were_learned(tmp_path, state):
    head = {"head.0.weight": torch.ones(8, 4), "head.2.weight": torch.ones(4, 8)}
    (only,) = sets_of(tmp_path, prefixed("model.", {**state, **head}))
    same(only.tensors, {**state, **head})


@pytest.mark.parametrize("pair", [("teacher_backbone", "student_backbone"),
                                  ("backbone", "backbone_momentum")])  # fmt: skip
def test_two_bodies_that_learn_from_each_other_are_two_sets(tmp_path, state, pair):
    other = {key: value + 1 for key, value in state.items()}
    content = {
        **prefixed(f"{pair[1]}.", other), **prefixed(f"{pair[0]}.", state),
        "projection_head_momentum.layers.0.weight": torch.ones(4, 4),
    }  # fmt: skip
    first, second = sets_of(tmp_path, content)
    same(first.tensors, state)
    same(second.tensors, other)


@pytest.mark.parametrize(
    "head", [None, nn.Linear(512, 5), nn.Sequential(nn.Dropout(), nn.Linear(512, 5))]
)
def test_a_resnet_whose_parts_stand_in_a_row(tmp_path, reference, head):
    net = reference("resnet18", num_classes=5)
    body = nn.Sequential(*list(net.children())[:-1])
    content = body.state_dict()
    expected = nn.Sequential(body, nn.Flatten())
    if head is not None:
        content = {**prefixed("feature_extractor.", content),
                   **prefixed("classifier.", head.state_dict())}  # fmt: skip
        expected = nn.Sequential(expected, head).eval()
    opened = open_checkpoint(saved(tmp_path, content), choice=RESNET)
    assert agrees(opened, expected)
    assert any("in a row" in note for note in opened.description.notes)


def test_the_body_of_a_network_that_stands_alone_in_a_row(tmp_path, reference):
    net = reference("mobilenet_v3_small")
    body = nn.Sequential(*list(net.children())[:-1])
    opened = open_checkpoint(saved(tmp_path, body.state_dict()))
    assert opened.description.architecture == "mobilenet_v3_small"
    assert agrees(opened, nn.Sequential(body, nn.Flatten()))


@pytest.mark.parametrize("classes", [5, 0])
def test_a_transformer_that_classifies_the_mean_of_its_tokens(tmp_path, classes):
    import timm

    net = timm.create_model(
        "vit_tiny_patch16_224", img_size=64, global_pool="avg", num_classes=classes
    ).eval()
    randomised(net)
    opened = open_checkpoint(saved(tmp_path, {"model": net.state_dict()}))
    assert opened.description.config["global_pool"] == "avg"
    assert agrees(opened, net)


@pytest.mark.parametrize("names", [("resnet", "fc"), ("features", "classifier"),
                                   ("body", "output_layer"), ("backbone", "final")])  # fmt: skip
def test_a_body_and_a_head_under_names_of_the_author(tmp_path, reference, names):
    net = reference("resnet18", num_classes=5)
    body = {key: value for key, value in net.state_dict().items() if not key.startswith("fc.")}
    content = {**prefixed(f"{names[0]}.", body), **prefixed(f"{names[1]}.", net.fc.state_dict())}
    opened = open_checkpoint(saved(tmp_path, content), choice=RESNET)
    assert agrees(opened, net)


def test_a_layer_beside_a_body_that_is_no_head_is_not_taken_for_one(tmp_path, reference):
    net = reference("resnet18", num_classes=5)
    body = {key: value for key, value in net.state_dict().items() if not key.startswith("fc.")}
    content = {**prefixed("resnet.", body), **prefixed("gate.", net.fc.state_dict())}
    with pytest.raises(UnknownArchitecture) as refused:
        open_checkpoint(saved(tmp_path, content))
    assert not any(each.certain for each in refused.value.question.candidates)


def test_a_head_for_training_may_keep_the_classes_it_had(tmp_path, reference):
    net = reference("googlenet", num_classes=1000, transform_input=True, init_weights=False)
    net.fc = nn.Linear(1024, 5)
    opened = open_checkpoint(saved(tmp_path, net.state_dict()))
    assert opened.description.config["aux_logits"] is False
    notes = [note for note in opened.description.notes if "left out" in note]
    assert len(notes) == 1
    assert "aux1 and aux2" in notes[0]
    assert agrees(opened, net.eval(), side=96)


@pytest.mark.parametrize("behind", ["sigmoid", "nothing", "said"])
def test_a_lone_layer_in_a_sequence_may_have_had_an_activation_behind(tmp_path, reference, behind):
    net = reference("resnet18", num_classes=5)
    head = nn.Linear(512, 5)
    net.fc = head if behind == "nothing" else nn.Sequential(head, nn.Sigmoid())
    kind = "sigmoid" if behind == "said" else ""
    choice = msgspec.structs.replace(RESNET, output=kind)
    opened = open_checkpoint(saved(tmp_path, net.state_dict()), choice=choice)
    told = [note for note in opened.description.notes if "--output sigmoid" in note]
    assert len(told) == (behind == "sigmoid")
    assert opened.description.outputs[0].kind == (kind or "softmax")
