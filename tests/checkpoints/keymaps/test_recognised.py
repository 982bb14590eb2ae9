"""Files under another library's names are recognised and opened."""

import pytest
import torch

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.checkpoints.recognition import recognise
from interp_gui.core.opening import OpenChoice


def hugging_face(kind, **options):
    import transformers

    kind = getattr(transformers, kind)
    with torch.device("meta"):
        return kind(kind.config_class(num_labels=10, **options)).state_dict()


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("ViTForImageClassification", {}, {"timm:vit_base_patch16_224"}),
        ("SwinForImageClassification", {}, {"timm:swin_tiny_patch4_window7_224"}),
        ("ConvNextForImageClassification", {}, {"timm:convnext_tiny"}),
        ("ResNetForImageClassification", {}, {"timm:resnet50", "torchvision:resnet50"}),
        ("Dinov2WithRegistersModel", {"image_size": 518, "patch_size": 14},
         {"timm:vit_base_patch14_reg4_dinov2"}),
        ("SiglipVisionModel", {}, {"timm:vit_base_patch16_siglip_224"}),
    ],
)  # fmt: skip
def test_recognised(tools, kind, options, expected):
    found = recognise(tools.shapes_of(hugging_face(kind, **options)))
    assert expected <= {match.name for match in found.matches}
    assert all(match.certain and match.renaming is not None for match in found.matches)


def test_opened(tools, image, tmp_path):
    import transformers

    config = transformers.ResNetConfig(
        embedding_size=64, depths=[2, 2, 2, 2], layer_type="basic", num_labels=7,
        hidden_sizes=[64, 128, 256, 512],
    )  # fmt: skip
    model = tools.distinct(transformers.ResNetForImageClassification(config))
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    opened = open_checkpoint(
        tmp_path / "weights.pth", choice=OpenChoice(architecture="torchvision:resnet18")
    )
    x = image(64)
    with torch.no_grad():
        expected, found = model(pixel_values=x).logits, opened.module(x)
    assert (expected - found).abs().max() <= 1e-5 * expected.abs().max()
