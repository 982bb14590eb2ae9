"""What a file says of itself gives way to what its tensors say."""

import json

import pytest
from safetensors.torch import save_file

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.opening import OpenChoice

from .networks import answers, build, distance, noise


@pytest.mark.parametrize("name", ["test_vit", "test_maxvit"])
def test_the_image_size_is_that_of_the_tensors(tmp_path, name):
    module = build(f"timm:{name}", side=64)
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    config = {
        "architecture": name, "num_classes": 1000,
        "pretrained_cfg": {"input_size": [3, 160, 160], "mean": [0.5] * 3, "std": [0.5] * 3},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    opened = open_checkpoint(tmp_path)
    found = opened.description
    assert found.preprocessing.size == (64, 64)
    assert found.preprocessing.mean == (0.5,) * 3
    assert any("160 × 160" in note and "64 × 64" in note for note in found.notes)
    image = noise(module, f"timm:{name}", 64)
    assert distance(answers(opened.module, image), answers(module, image)) == 0


def test_a_header_with_what_timm_notes_says_how_images_are_prepared(tmp_path):
    module = build("timm:test_vit", side=64)
    noted = {
        "input_size": [3, 64, 64], "mean": [0.4] * 3, "std": [0.3] * 3, "crop_pct": 1.0,
        "interpolation": "bicubic",
    }  # fmt: skip
    metadata = {"architecture": "test_vit.r160_in1k", "pretrained_cfg": json.dumps(noted)}
    path = tmp_path / "model.safetensors"
    save_file(module.state_dict(), path, metadata=metadata)
    found = open_checkpoint(path).description
    assert found.preprocessing.mean == (0.4,) * 3
    assert found.preprocessing.std == (0.3,) * 3
    assert (found.preprocessing.size, found.preprocessing.interpolation) == ((64, 64), "bicubic")
    assert found.architecture == "test_vit"


@pytest.mark.parametrize("remembers", [False, True])
def test_a_network_asked_for_by_its_name_for_another_image_size_opens(tmp_path, remembers):
    """Of `…_224` and `…_384` with the same tensors one is offered, and either can be named."""
    import timm

    module = timm.create_model("vit_tiny_patch16_224").eval()
    path = tmp_path / "model.safetensors"
    save_file(module.state_dict(), path)
    asked = OpenChoice(architecture="timm:vit_tiny_patch16_384")
    opened = open_checkpoint(path, choice=asked)
    if remembers:
        opened = open_checkpoint(path)
    assert opened.description.architecture == "vit_tiny_patch16_384"
    assert opened.description.preprocessing.size == (224, 224)
    image = noise(module, "timm:vit_tiny_patch16_224", 224)
    assert distance(answers(opened.module, image), answers(module, image)) == 0
