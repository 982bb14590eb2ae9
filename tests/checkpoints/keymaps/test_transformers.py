"""Hugging Face's names: both libraries' networks built small give the same answers."""

import pytest
import torch

HIDDEN = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 16,
}  # fmt: skip
TEXT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "vocab_size": 50, "max_position_embeddings": 8,
}  # fmt: skip
EXACT = {"layer_norm_eps": 1e-6}  # timm's; the difference is what the renaming's note is about
ONE_CLASS_TOKEN = {"global_pool": "token", "norm_layer": None}


def plain_vit(**options):
    from timm.models.vision_transformer import VisionTransformer

    usual = {
        "img_size": 32, "patch_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2,
        "mlp_ratio": 2, "num_classes": 3,
    }  # fmt: skip
    return VisionTransformer(**{**usual, **options})


def layer_norm(eps):
    from functools import partial

    from torch import nn

    return partial(nn.LayerNorm, eps=eps)


def logits(model, image):
    with torch.no_grad():
        return model(pixel_values=image).logits


def states(tools, model):
    """Tensors under today's names and under those of published files."""
    now, then = dict(model.state_dict()), tools.published(model)
    return [now] if now.keys() == then.keys() else [now, then]


def hold(tools, model, target, image, expected, *, answer=None, library="timm"):
    found = []
    for state in states(tools, model):
        agreement = tools.compare(
            state, expected, target, answer or (lambda net: net(image)), library=library
        )
        agreement.hold()
        found.append(agreement.renaming)
    return found


def test_vit(tools, image):
    import transformers

    config = transformers.ViTConfig(**HIDDEN, **EXACT, intermediate_size=64, num_labels=3)
    model = tools.distinct(transformers.ViTForImageClassification(config))
    x = image(32)
    found = hold(tools, model, plain_vit(), x, logits(model, x))
    assert len(found) == 2
    assert "1e-12" in found[0].note


def test_vit_features_without_the_prefix_and_the_pooler(tools, image):
    import transformers

    config = transformers.ViTConfig(**HIDDEN, **EXACT, intermediate_size=64)
    model = tools.distinct(transformers.ViTModel(config))
    x = image(32)
    with torch.no_grad():
        expected = model(pixel_values=x).last_hidden_state
    found = hold(
        tools, model, plain_vit(num_classes=0), x, expected,
        answer=lambda net: net.forward_features(x),
    )  # fmt: skip
    assert set(found[0].dropped) == {"pooler.dense.weight", "pooler.dense.bias"}


def test_masked_autoencoder_keeps_the_encoder(tools):
    import transformers

    config = transformers.ViTMAEConfig(
        **HIDDEN, intermediate_size=64, decoder_hidden_size=16, decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2, decoder_intermediate_size=32,
    )  # fmt: skip
    model = tools.distinct(transformers.ViTMAEForPreTraining(config))
    for state in states(tools, model):
        renaming = tools.only(state)
        tools.load(plain_vit(num_classes=0), renaming.convert(state))
        assert any("decoder" in key for key in renaming.dropped)
        assert all("decoder" in key or "mask" in key for key in renaming.dropped)


def test_distilled_deit(tools, image):
    import transformers
    from timm.models.deit import VisionTransformerDistilled

    config = transformers.DeiTConfig(**HIDDEN, **EXACT, intermediate_size=64, num_labels=3)
    model = tools.distinct(transformers.DeiTForImageClassificationWithTeacher(config))
    target = VisionTransformerDistilled(
        img_size=32, patch_size=16, embed_dim=32, depth=2, num_heads=2, mlp_ratio=2, num_classes=3
    )
    x = image(32)
    hold(tools, model, target, x, logits(model, x))


def test_deit_that_answers_from_one_token_is_no_distilled_network(tools):
    import transformers

    from interp_gui.checkpoints.keymaps import renamings

    config = transformers.DeiTConfig(**HIDDEN, intermediate_size=64)
    state = transformers.DeiTForImageClassification(config).state_dict()
    assert renamings(tools.shapes_of(state)) == ()


@pytest.mark.parametrize("swiglu", [False, True])
@pytest.mark.parametrize("registers", [False, True])
def test_dinov2(tools, image, swiglu, registers):
    import transformers
    from timm.layers import SwiGLUPacked

    kind = transformers.Dinov2WithRegistersModel if registers else transformers.Dinov2Model
    config = kind.config_class(**HIDDEN, mlp_ratio=2, use_swiglu_ffn=swiglu)
    model = tools.distinct(kind(config))
    options = {"init_values": 1e-5, "num_classes": 0, "norm_layer": layer_norm(1e-6)}
    if swiglu:
        width = model.state_dict()["encoder.layer.0.mlp.gate_proj.weight"].shape[0]
        options |= {"mlp_layer": SwiGLUPacked, "mlp_ratio": 2 * width / 32 + 1e-6,
                    "act_layer": torch.nn.SiLU}  # fmt: skip
    if registers:
        options |= {"reg_tokens": 4, "no_embed_class": True}
    x = image(32)
    with torch.no_grad():
        expected = model(pixel_values=x).last_hidden_state
    found = hold(
        tools, model, plain_vit(**options), x, expected,
        answer=lambda net: net.forward_features(x),
    )  # fmt: skip
    assert all(each.dropped for each in found)


def test_dinov2_classifier_is_named_as_dropped(tools):
    import transformers

    config = transformers.Dinov2Config(**HIDDEN)
    state = transformers.Dinov2ForImageClassification(config).state_dict()
    renaming = tools.only(state)
    assert {"classifier.weight", "classifier.bias"} < set(renaming.dropped)
    assert "classifier" in renaming.note


@pytest.mark.parametrize("mean", [True, False])
def test_beit(tools, image, mean):
    import transformers
    from timm.models.beit import Beit

    config = transformers.BeitConfig(
        **HIDDEN, layer_norm_eps=1e-6, intermediate_size=64, num_labels=3,
        use_relative_position_bias=True, use_mean_pooling=mean, layer_scale_init_value=0.1,
    )  # fmt: skip
    model = tools.distinct(transformers.BeitForImageClassification(config))
    target = Beit(
        img_size=32, patch_size=16, embed_dim=32, depth=2, num_heads=2, mlp_ratio=2,
        num_classes=3, use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.1,
        global_pool="avg" if mean else "token",
    )  # fmt: skip
    x = image(32)
    hold(tools, model, target, x, logits(model, x))


def test_swin(tools, image):
    import transformers
    from timm.models.swin_transformer import SwinTransformer

    config = transformers.SwinConfig(
        image_size=64, patch_size=4, embed_dim=16, depths=[2, 2, 2], num_heads=[2, 4, 8],
        window_size=4, num_labels=3,
    )  # fmt: skip
    model = tools.distinct(transformers.SwinForImageClassification(config))
    target = SwinTransformer(
        img_size=64, patch_size=4, embed_dim=16, depths=(2, 2, 2), num_heads=(2, 4, 8),
        window_size=4, num_classes=3,
    )  # fmt: skip
    x = image(64)
    hold(tools, model, target, x, logits(model, x))


def test_swinv2(tools, image):
    import transformers
    from timm.models.swin_transformer_v2 import SwinTransformerV2

    config = transformers.Swinv2Config(
        image_size=64, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 4],
        window_size=4, num_labels=3,
    )  # fmt: skip
    model = tools.distinct(transformers.Swinv2ForImageClassification(config))
    target = SwinTransformerV2(
        img_size=64, patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4,
        num_classes=3,
    )  # fmt: skip
    x = image(64)
    hold(tools, model, target, x, logits(model, x))


@pytest.mark.parametrize("second", [False, True])
def test_convnext(tools, image, second):
    import transformers
    from timm.models.convnext import ConvNeXt

    kind = transformers.ConvNextV2ForImageClassification if second else (
        transformers.ConvNextForImageClassification
    )  # fmt: skip
    config = kind.config_class(depths=[2, 1, 1, 1], hidden_sizes=[8, 16, 24, 32], num_labels=3)
    config.layer_norm_eps = 1e-6
    model = tools.distinct(kind(config))
    target = ConvNeXt(
        depths=(2, 1, 1, 1), dims=(8, 16, 24, 32), num_classes=3, use_grn=second,
        ls_init_value=None if second else 0.1,
    )  # fmt: skip
    x = image(64)
    hold(tools, model, target, x, logits(model, x))


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_resnet(tools, image, kind):
    import transformers
    from timm.models.resnet import BasicBlock, Bottleneck, ResNet

    wide = 4 if kind == "bottleneck" else 1
    config = transformers.ResNetConfig(
        embedding_size=64, depths=[2, 1, 1, 1], layer_type=kind, num_labels=3,
        hidden_sizes=[64 * wide, 128 * wide, 256 * wide, 512 * wide],
    )  # fmt: skip
    model = tools.distinct(transformers.ResNetForImageClassification(config))
    block = Bottleneck if kind == "bottleneck" else BasicBlock
    target = ResNet(block, (2, 1, 1, 1), num_classes=3)
    x = image(64, count=1)
    hold(tools, model, target, x, logits(model, x), library="")


@pytest.mark.parametrize("kind", ["x", "y"])
def test_regnet(tools, image, kind):
    import timm
    import transformers

    target = timm.create_model(f"regnet{kind}_002", num_classes=3)
    widths = [24, 56, 152, 368]
    config = transformers.RegNetConfig(
        embedding_size=32, hidden_sizes=widths, depths=[1, 1, 4, 7], groups_width=8,
        layer_type=kind, num_labels=3,
    )  # fmt: skip
    model = tools.distinct(transformers.RegNetForImageClassification(config))
    x = image(64, count=1)
    hold(tools, model, target, x, logits(model, x))


@pytest.mark.parametrize("version", ["1", "2"])
def test_mobilenets(tools, image, version):
    import timm
    import transformers

    kind = getattr(transformers, f"MobileNetV{version}ForImageClassification")
    # TensorFlow's padding and epsilon are what the note is about
    config = kind.config_class(num_labels=3, tf_padding=False, layer_norm_eps=1e-5)
    if version == "2":
        config.finegrained_output = True
    model = tools.distinct(kind(config))
    target = timm.create_model(f"mobilenetv{version}_100", num_classes=3)
    x = image(64, count=1)
    found = hold(tools, model, target, x, logits(model, x))
    assert "epsilon" in found[0].note


@pytest.mark.parametrize(("name", "width", "depth"), [("b0", 1.0, 1.0), ("b1", 1.0, 1.1)])
def test_efficientnet(tools, image, name, width, depth):
    import timm
    import transformers

    config = transformers.EfficientNetConfig(
        width_coefficient=width, depth_coefficient=depth, image_size=64, num_labels=3,
        hidden_dim=1280, batch_norm_eps=1e-3,
    )  # fmt: skip
    model = tools.distinct(transformers.EfficientNetForImageClassification(config))
    target = timm.create_model(f"tf_efficientnet_{name}", num_classes=3)
    x = image(64, count=1)
    hold(tools, model, target, x, logits(model, x))


@pytest.mark.parametrize("projected", [True, False])
def test_clip_vision(tools, image, projected):
    import transformers

    config = transformers.CLIPVisionConfig(
        **HIDDEN, intermediate_size=64, projection_dim=16, hidden_act="gelu"
    )
    kind = transformers.CLIPVisionModelWithProjection if projected else transformers.CLIPVisionModel
    model = tools.distinct(kind(config))
    x = image(32)
    with torch.no_grad():
        out = model(pixel_values=x)
    expected = out.image_embeds if projected else out.pooler_output
    target = plain_vit(
        pre_norm=True, norm_layer=layer_norm(1e-5), num_classes=16 if projected else 0
    )
    hold(tools, model, target, x, expected)


def test_clip_whole_drops_the_text_tower(tools, image):
    import transformers
    from timm.layers import QuickGELU

    config = transformers.CLIPConfig(
        vision_config={**HIDDEN, "intermediate_size": 64}, text_config=TEXT, projection_dim=16
    )
    model = tools.distinct(transformers.CLIPModel(config))
    x = image(32)
    with torch.no_grad():
        expected = model.visual_projection(model.vision_model(pixel_values=x).pooler_output)
    target = plain_vit(
        pre_norm=True, norm_layer=layer_norm(1e-5), num_classes=16, act_layer=QuickGELU
    )
    for renaming in hold(tools, model, target, x, expected):
        assert {key.partition(".")[0] for key in renaming.dropped} == {
            "text_model", "text_projection", "logit_scale",
        }  # fmt: skip
        assert "quick GELU" in renaming.note


@pytest.mark.parametrize("whole", [True, False])
def test_siglip_vision(tools, image, whole):
    import transformers

    vision = {**HIDDEN, "intermediate_size": 64, "hidden_act": "gelu"}
    if whole:
        config = transformers.SiglipConfig(vision_config=vision, text_config=TEXT)
        model = tools.distinct(transformers.SiglipModel(config))
        tower = model.vision_model
    else:
        model = tools.distinct(
            transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**vision))
        )
        tower = model
    x = image(32)
    with torch.no_grad():
        expected = tower(pixel_values=x).pooler_output
    target = plain_vit(
        class_token=False, global_pool="map", num_classes=0, norm_layer=layer_norm(1e-6)
    )
    hold(tools, model, target, x, expected)


def test_poolformer(tools, image):
    import timm
    import transformers

    config = transformers.PoolFormerConfig(num_labels=3)
    model = tools.distinct(transformers.PoolFormerForImageClassification(config))
    target = timm.create_model("poolformer_s12", num_classes=3)
    x = image(64, count=1)
    with torch.no_grad():
        expected = model.poolformer(x).last_hidden_state
    found = hold(tools, model, target, x, expected, answer=lambda net: net.forward_features(x))
    assert "normalised" in found[0].note  # the heads differ, and the note says so


def test_pvt_v2(tools, image):
    import timm
    import transformers

    config = transformers.PvtV2Config(num_labels=3, layer_norm_eps=1e-6)
    model = tools.distinct(transformers.PvtV2ForImageClassification(config))
    target = timm.create_model("pvt_v2_b0", num_classes=3)
    x = image(64, count=1)
    hold(tools, model, target, x, logits(model, x))


def test_levit(tools, image):
    import timm
    import transformers

    config = transformers.LevitConfig(
        image_size=224, hidden_sizes=[128, 256, 384], num_attention_heads=[4, 6, 8],
        depths=[2, 3, 4], key_dim=[16, 16, 16], num_labels=3,
    )  # fmt: skip
    model = tools.distinct(transformers.LevitForImageClassificationWithTeacher(config))
    target = timm.create_model("levit_128s", num_classes=3)
    x = image(224, count=1)
    hold(tools, model, target, x, logits(model, x))
