"""What timm writes beside its weights is read as a hint."""

import json

import pytest
import torch
from safetensors.torch import save_file

from interp_gui.checkpoints.huggingface import hints_from_timm_config, is_timm_config
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.preprocessing import preprocess
from interp_gui.samples.photographs import photographs

CONFIG = {
    "architecture": "resnet18", "num_classes": 3, "num_features": 512,
    "label_names": ["n01", "n02", "n03"],
    "label_descriptions": {"n01": "a cat", "n02": "a dog"},
    "pretrained_cfg": {
        "tag": "a1_in1k", "input_size": [3, 64, 96], "interpolation": "bicubic",
        "crop_pct": 0.95, "crop_mode": "center", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4],
    },
}  # fmt: skip


def test_architecture_and_names_are_taken_over():
    hints = hints_from_timm_config(CONFIG)
    assert (hints.library, hints.architecture) == ("timm", "resnet18")
    assert hints.class_names == ("a cat", "a dog", "n03")
    assert hints_from_timm_config({"architecture": "vit_tiny.augreg"}).architecture == "vit_tiny"


def test_only_configs_of_timm_count():
    assert is_timm_config(CONFIG)
    assert not is_timm_config({"architectures": ["ViTModel"], "model_type": "vit"})
    assert not is_timm_config({"architecture": 7, "num_features": 3})


@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
def test_images_are_prepared_as_timm_does(mode, crop_pct):
    """Against timm's own transform on photographs: no pixel differs by a level."""
    import numpy as np
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    settings = {**CONFIG["pretrained_cfg"], "input_size": [3, 96, 96], "crop_mode": mode,
                "crop_pct": crop_pct}  # fmt: skip
    found = hints_from_timm_config({**CONFIG, "pretrained_cfg": settings}).preprocessing
    transform = create_transform(**resolve_data_config({}, pretrained_cfg=settings))
    for path in photographs()[:3]:
        with Image.open(path) as image:
            picture = image.convert("RGB")
        ours, theirs = preprocess(np.asarray(picture), found), transform(picture).numpy()
        assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"input_size": 5}, {"input_size": [3, -1, 4]}, {"input_size": [3, 10**9, 10**9]},
        {"input_size": [3, 64, 64], "crop_pct": 1e-9, "mean": [0] * 3, "std": [1] * 3},
        {"input_size": [3, 64, 64], "mean": [0] * 3, "std": [0] * 3},
        {"input_size": [3, 64, 64], "mean": "x", "std": None},
    ],
)  # fmt: skip
def test_nonsense_is_no_hint(settings):
    hints = hints_from_timm_config({"architecture": "resnet18", "pretrained_cfg": settings})
    assert hints.preprocessing is None
    assert hints.architecture == "resnet18"


def test_a_folder_of_timm_opens(tmp_path):
    import timm

    torch.manual_seed(0)
    module = timm.create_model("resnet10t", num_classes=3).eval()
    for parameter in module.parameters():
        with torch.no_grad():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    config = {**CONFIG, "architecture": "resnet10t"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    opened = open_checkpoint(tmp_path)
    assert opened.description.library == "timm"
    assert opened.description.architecture == "resnet10t"
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(opened.module(x), module(x))
    assert opened.description.class_names == ("a cat", "a dog", "n03")
    assert opened.description.preprocessing.size == (64, 96)
