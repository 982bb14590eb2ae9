"""One published size of each family comes out with exactly an architecture's names and shapes."""

import pytest
import torch

VIT = {"num_hidden_layers": 12}
CASES = [
    ("ViTForImageClassification", {}, "vit_base_patch16_224", {}),
    ("DeiTForImageClassificationWithTeacher", {}, "deit_base_distilled_patch16_224", {}),
    ("Dinov2Model", {"image_size": 518, "patch_size": 14}, "vit_base_patch14_dinov2", {}),
    (
        "Dinov2Model",
        {"image_size": 518, "patch_size": 14, "hidden_size": 1536, "num_hidden_layers": 40,
         "num_attention_heads": 24, "use_swiglu_ffn": True},
        "vit_giant_patch14_dinov2", {},
    ),
    (
        "Dinov2WithRegistersModel", {"image_size": 518, "patch_size": 14},
        "vit_base_patch14_reg4_dinov2", {},
    ),
    (
        "BeitForImageClassification", {"use_relative_position_bias": True},
        "beit_base_patch16_224", {},
    ),
    ("SwinForImageClassification", {}, "swin_tiny_patch4_window7_224", {}),
    (
        "Swinv2ForImageClassification", {"image_size": 256, "window_size": 8},
        "swinv2_tiny_window8_256", {},
    ),
    ("ConvNextForImageClassification", {}, "convnext_tiny", {}),
    ("ConvNextV2ForImageClassification", {}, "convnextv2_tiny", {}),
    ("ResNetForImageClassification", {}, "resnet50", {}),
    (
        "RegNetForImageClassification",
        {"hidden_sizes": [128, 192, 512, 1088], "depths": [2, 6, 12, 2], "groups_width": 64},
        "regnety_040", {},
    ),
    ("EfficientNetForImageClassification", {}, "tf_efficientnet_b7", {}),
    (
        "CLIPVisionModelWithProjection", {"projection_dim": 512},
        "vit_base_patch32_clip_quickgelu_224", {"num_classes": 512},
    ),
    ("SiglipVisionModel", {}, "vit_base_patch16_siglip_224", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options", "name", "target_options"), CASES,
    ids=[f"{case[0]}-{case[2]}" for case in CASES],
)  # fmt: skip
def test_names_and_shapes(tools, kind, options, name, target_options):
    import timm
    import transformers

    kind = getattr(transformers, kind)
    with torch.device("meta"):
        source = kind(kind.config_class(num_labels=1000, **options))
        target = timm.create_model(name, **target_options)
    renaming = tools.only(source.state_dict())
    assert dict(renaming.shapes) == tools.shapes_of(target.state_dict())
    with torch.no_grad():
        converted = renaming.convert(source.state_dict())
    assert tools.shapes_of(converted) == dict(renaming.shapes)
