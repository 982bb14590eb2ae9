"""Refusals of well-known kinds of networks say what they are."""

import pytest
import torch

from interp_gui.checkpoints.inert import TensorRef
from interp_gui.checkpoints.likely_kinds import in_place_of_weights, likely_kind
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.checkpoints.refusals import does_not_fit
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.opening import OpenChoice, OpenQuestion

KINDS = {
    "adapters": {"blocks.0.attn.qkv.lora_A.default.weight": (4, 8)},
    "quantised": {"fc.scale": (), "fc.zero_point": ()},
    "empty": {"features.0.weight": (0,)},
    "diffusion": {"model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3)},
    "detector": {"backbone.conv1.weight": (8, 3, 7, 7), "rpn_head.rpn_conv.weight": (8, 8, 3, 3)},
    "segmentation": {
        "backbone.conv1.weight": (8, 3, 7, 7), "classifier.0.weight": (8, 8, 3, 3),
    },
    "language": {"model.embed_tokens.weight": (99, 8)},
    "videos": {"stem.0.weight": (8, 3, 3, 7, 7)},
    "merged": {
        f"layer1.{n}.conv1.{leaf}": shape
        for n in range(6) for leaf, shape in (("weight", (8, 8, 3, 3)), ("bias", (8,)))
    },
    "LSTM": {"cnn.0.weight": (8, 3, 3, 3), "lstm.weight_hh_l0": (64, 16)},
    "U-Net": {"inc.0.weight": (8, 3, 3, 3), "up1.conv.weight": (8, 8, 3, 3)},
    "vit-pytorch": {"to_patch_embedding.1.weight": (192,), "mlp_head.weight": (5, 192)},
    "small images": {"conv1.weight": (64, 3, 3, 3), "layer1.0.conv1.weight": (64, 64, 3, 3)},
    "texts": {"token_embedding.weight": (99, 8), "text_projection": (8, 8)},
    "several heads": {
        **{f"model.layer1.{n}.conv1.weight": (8, 8, 3, 3) for n in range(24)},
        "fc_age.weight": (1, 8), "fc_age.bias": (1,), "fc_sex.weight": (2, 8), "fc_sex.bias": (2,),
    },
    "fastai": {"0.0.weight": (8, 3, 7, 7), "1.2.weight": (16,)},
}  # fmt: skip


@pytest.mark.parametrize("word", KINDS)
def test_each_kind_is_named_with_advice(word):
    found = likely_kind(KINDS[word])
    assert found is not None
    assert word in found.words
    assert found.hint


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"state": {}, "param_groups": []}, "the state of an optimizer"),
        ({"optimizer_state_dict": {"zero_stage": 2}}, "DeepSpeed"),
        ({0: {"a": 1}}, "numbers in the place of names"),
        ([TensorRef(None, torch.float32, (1,))], "without names"),
    ],
)  # fmt: skip
def test_what_is_there_in_place_of_weights(tree, words):
    found, hint = in_place_of_weights(tree)
    assert words in found
    assert hint
    assert in_place_of_weights({"epoch": 3})[0] == ""


def test_a_part_of_several_is_told_by_its_name():
    found = likely_kind({"a.weight": (3,)}, "model-00001-of-00002.safetensors")
    assert found is not None
    assert "parts" in found.words


def test_nothing_is_said_of_what_is_not_known(state):
    assert likely_kind({key: tuple(value.shape) for key, value in state.items()}) is None
    assert likely_kind({"a.weight": (3,)}) is None


def test_the_question_says_what_would_help():
    question = OpenQuestion(path="lora.pth", file="lora.pth")
    told = does_not_fit({"a.lora_A.weight": torch.zeros(2, 4)}, question)
    assert "merge_and_unload" in told.question.hint
    assert does_not_fit({"a.weight": torch.zeros(3)}, question).question.hint == ""


def test_a_segmentation_network_is_named_by_the_names_in_the_file(tmp_path):
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    module = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5)
    path = tmp_path / "seg.pth"
    torch.save({"state_dict": {f"model.{k}": v for k, v in module.state_dict().items()}}, path)
    with pytest.raises(UnknownArchitecture) as caught:
        open_checkpoint(path)
    assert "segmentation" in caught.value.message
    assert "model.backbone.0.0.weight" in caught.value.message


def test_what_is_unexpected_bears_the_name_in_the_file(tmp_path):
    from torchvision.models import resnet18

    state = {f"module.{key}": value for key, value in resnet18(num_classes=3).state_dict().items()}
    state["module.layer1.0.extra.weight"] = torch.randn(5, 7)
    state["module.layer2.0.conv1.weight"] = torch.randn(128, 64, 5, 5)
    path = tmp_path / "mine.pth"
    torch.save(state, path)
    with pytest.raises(UnknownArchitecture) as caught:
        open_checkpoint(path)
    nearest = caught.value.question.nearest[0]
    assert "module.layer1.0.extra.weight" in nearest.unexpected
    assert "module.layer2.0.conv1.weight" in {each.key for each in nearest.reshaped}
    assert "module.layer1.0.extra.weight" in caught.value.message
    with pytest.raises(UnknownArchitecture) as caught:
        open_checkpoint(path, choice=OpenChoice(architecture="torchvision:resnet18"))
    assert "module.layer1.0.extra.weight" in caught.value.message
