"""Refusals of well-known kinds of networks say what they are."""

import pytest

from interp_gui.checkpoints.likely_kinds import likely_kind

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
    "fastai": {"0.0.weight": (8, 3, 7, 7), "1.2.weight": (16,)},
}  # fmt: skip


@pytest.mark.parametrize("word", KINDS)
def test_each_kind_is_named_with_advice(word):
    found = likely_kind(KINDS[word])
    assert found is not None
    assert word in found.words
    assert found.hint


def test_a_part_of_several_is_told_by_its_name():
    found = likely_kind({"a.weight": (3,)}, "model-00001-of-00002.safetensors")
    assert found is not None
    assert "parts" in found.words


def test_nothing_is_said_of_what_is_not_known(state):
    assert likely_kind({key: tuple(value.shape) for key, value in state.items()}) is None
    assert likely_kind({"a.weight": (3,)}) is None
