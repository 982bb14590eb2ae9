"""torchvision's names under timm's and back: the same answers."""

import pytest
import torch


def torchvision_model(tools, name, **options):
    import torchvision

    return tools.distinct(torchvision.models.get_model(name, weights=None, **options))


def hold(tools, model, target, image, library="timm"):
    state = dict(model.state_dict())
    with torch.no_grad():
        expected = model(image)
    agreement = tools.compare(state, expected, target, lambda net: net(image), library=library)
    agreement.hold()
    return agreement.renaming


def small_vit():
    from torchvision.models import VisionTransformer

    return VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64,
        num_classes=3,
    )  # fmt: skip


def small_timm_vit():
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=32, patch_size=16, embed_dim=32, depth=2, num_heads=2, mlp_ratio=2, num_classes=3
    )


def test_vit(tools, image):
    hold(tools, tools.distinct(small_vit()), small_timm_vit(), image(32))


def test_vit_back(tools, image):
    hold(
        tools, tools.distinct(small_timm_vit()), small_vit(), image(32), library="torchvision"
    )  # fmt: skip


def test_vit_as_published_before(tools):
    state = {
        key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): value
        for key, value in tools.distinct(small_vit()).state_dict().items()
    }
    tools.load(small_timm_vit(), tools.only(state, "timm").convert(state))


@pytest.mark.parametrize("second", [False, True])
def test_swin(tools, image, second):
    from timm.models.swin_transformer import SwinTransformer as TimmSwin
    from timm.models.swin_transformer_v2 import SwinTransformerV2
    from torchvision.models import SwinTransformer
    from torchvision.models.swin_transformer import (
        PatchMergingV2,
        SwinTransformerBlockV2,
    )

    options = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
    model = SwinTransformer(
        patch_size=[4, 4], embed_dim=16, depths=[2, 2, 2], num_heads=[2, 4, 8],
        window_size=[4, 4], num_classes=3, **(options if second else {}),
    )  # fmt: skip
    target = (SwinTransformerV2 if second else TimmSwin)(
        img_size=64, patch_size=4, embed_dim=16, depths=(2, 2, 2), num_heads=(2, 4, 8),
        window_size=4, num_classes=3,
    )  # fmt: skip
    hold(tools, tools.distinct(model), target, image(64))


def test_convnext(tools, image):
    from timm.models.convnext import ConvNeXt as TimmConvNeXt
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    widths, depths = (8, 16, 24, 32), (2, 1, 1, 1)
    settings = [
        CNBlockConfig(width, after, depth)
        for width, after, depth in zip(widths, (*widths[1:], None), depths, strict=True)
    ]
    model = tools.distinct(ConvNeXt(settings, num_classes=3))
    target = TimmConvNeXt(depths=depths, dims=widths, num_classes=3)
    hold(tools, model, target, image(64))


@pytest.mark.parametrize(
    ("name", "other", "options"),
    [
        ("mobilenet_v2", "mobilenetv2_100", {}),
        ("mobilenet_v3_large", "mobilenetv3_large_100", {"bn_eps": 1e-3}),
        ("mobilenet_v3_small", "mobilenetv3_small_100", {"bn_eps": 1e-3}),
        ("efficientnet_b0", "efficientnet_b0", {}),
        ("efficientnet_b2", "efficientnet_b2", {}),
        ("efficientnet_v2_s", "tf_efficientnetv2_s", {"pad_type": ""}),
        ("regnet_y_400mf", "regnety_004", {}),
        ("regnet_x_400mf", "regnetx_004_tv", {}),
        pytest.param("vgg11_bn", "vgg11_bn", {}, marks=pytest.mark.thorough),
    ],
)
def test_convolutional(tools, image, name, other, options):
    import timm

    model = torchvision_model(tools, name, num_classes=3)
    target = timm.create_model(other, num_classes=3, **options)
    side = 224 if "vgg" in name else 64
    hold(tools, model, target, image(side, count=1))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "inception_v3"])
def test_same_names_need_no_map(tools, name):
    from interp_gui.checkpoints.keymaps import renamings

    options = {"init_weights": False} if name == "inception_v3" else {}
    with torch.device("meta"):
        import torchvision

        model = torchvision.models.get_model(name, weights=None, **options)
    assert renamings(tools.shapes_of(model.state_dict())) == ()
