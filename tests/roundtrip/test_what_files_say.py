"""What a file says of itself gives way to what its tensors say."""

import json

import pytest
from safetensors.torch import save_file

from interp_gui.checkpoints.opening import open_checkpoint

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
