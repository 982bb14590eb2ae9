"""Names as authors published them: read as timm itself reads them, or proved by value."""

import re
from functools import partial

import pytest
import torch
from torch import nn

NUMBER_OF_BLOCKS = 2


def vit(**options):
    from timm.models.vision_transformer import VisionTransformer

    usual = {
        "img_size": 32, "patch_size": 16, "embed_dim": 32, "depth": NUMBER_OF_BLOCKS,
        "num_heads": 2, "mlp_ratio": 2, "num_classes": 3,
    }  # fmt: skip
    return VisionTransformer(**{**usual, **options})


def renamed(state, *pairs):
    found = {}
    for key, value in state.items():
        for pattern, replacement in pairs:
            key = re.sub(pattern, replacement, key)
        found[key] = value
    assert len(found) == len(state)
    return found


def same(tools, original, expected, library="timm"):
    """The map gives these tensors, bit for bit."""
    renaming = tools.only(original, library)
    converted = renaming.convert(original)
    assert converted.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(converted[key], value), key
    assert tools.shapes_of(converted) == dict(renaming.shapes)
    return renaming


class ClipTower(nn.Module):
    """CLIP's image tower, written from its paper's description with torch's own attention."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 16, 16, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(32))
        self.positional_embedding = nn.Parameter(torch.zeros(5, 32))
        self.ln_pre, self.ln_post = nn.LayerNorm(32), nn.LayerNorm(32)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(self.block() for _ in range(NUMBER_OF_BLOCKS))
        self.proj = nn.Parameter(torch.zeros(32, 16))

    @staticmethod
    def block():
        block = nn.Module()
        block.attn = nn.MultiheadAttention(32, 2, batch_first=True)
        block.ln_1, block.ln_2 = nn.LayerNorm(32), nn.LayerNorm(32)
        block.mlp = nn.Module()
        block.mlp.c_fc, block.mlp.c_proj = nn.Linear(32, 64), nn.Linear(64, 32)
        return block

    def forward(self, image):
        x = self.conv1(image).flatten(2).transpose(1, 2)
        token = self.class_embedding.expand(len(x), 1, -1)
        x = self.ln_pre(torch.cat([token, x], 1) + self.positional_embedding)
        for block in self.transformer.resblocks:
            y = block.ln_1(x)
            x = x + block.attn(y, y, y, need_weights=False)[0]
            y = block.mlp.c_fc(block.ln_2(x))
            x = x + block.mlp.c_proj(y * torch.sigmoid(1.702 * y))
        return self.ln_post(x[:, 0]) @ self.proj


@pytest.mark.parametrize("whole", [True, False])
def test_clip(tools, image, whole):
    from timm.layers import QuickGELU

    model = tools.distinct(ClipTower())
    state = dict(model.state_dict())
    text = {
        "logit_scale": torch.ones(()), "positional_embedding": torch.ones(4, 8),
        "transformer.resblocks.0.ln_1.weight": torch.ones(8), "ln_final.weight": torch.ones(8),
        "token_embedding.weight": torch.ones(5, 8), "text_projection": torch.ones(8, 16),
    }  # fmt: skip
    if whole:
        state = {f"visual.{key}": value for key, value in state.items()} | text
    x = image(32)
    with torch.no_grad():
        expected = model(x)
    target = vit(
        pre_norm=True,
        num_classes=16,
        act_layer=QuickGELU,
        norm_layer=partial(nn.LayerNorm, eps=1e-5),
    )
    agreement = tools.compare(state, expected, target, lambda net: net(x))
    agreement.hold()
    assert set(agreement.renaming.dropped) == (set(text) if whole else set())


@pytest.mark.parametrize("registers", [False, True])
@pytest.mark.parametrize("chunks", [False, True])
def test_dinov2(tools, registers, chunks):
    from timm.models.vision_transformer import checkpoint_filter_fn

    options = {"init_values": 1e-5, "num_classes": 0}
    if registers:
        options |= {"reg_tokens": 4, "no_embed_class": True}
    model = tools.distinct(vit(**options))
    original = renamed(model.state_dict(), ("reg_token", "register_tokens"))
    original["mask_token"] = torch.ones(1, 32)
    if registers:
        original["pos_embed"] = torch.randn(1, 5, 32)
    expected = checkpoint_filter_fn(dict(original), model)
    if chunks:
        original = renamed(original, (r"^blocks\.(\d+)\.", r"blocks.0.\1."))
    renaming = same(tools, original, expected)
    assert renaming.dropped == ("mask_token",)


def test_masked_autoencoder(tools):
    model = tools.distinct(vit(num_classes=0))
    expected = dict(model.state_dict())
    training = {
        "mask_token": torch.ones(1, 1, 16), "decoder_pos_embed": torch.ones(1, 5, 16),
        "decoder_embed.weight": torch.ones(16, 32), "decoder_blocks.0.norm1.weight": torch.ones(16),
    }  # fmt: skip
    renaming = same(tools, expected | training, expected)
    assert set(renaming.dropped) == set(training)


def test_deit_3(tools):
    from timm.models.vision_transformer import checkpoint_filter_fn

    model = tools.distinct(vit(init_values=1e-5, no_embed_class=True))
    original = renamed(model.state_dict(), (r"ls(\d)\.gamma", r"gamma_\1"))
    same(tools, original, checkpoint_filter_fn(original, model, adapt_layer_scale=True))


@pytest.mark.parametrize("second", [False, True])
def test_swin(tools, second):
    from timm.models import swin_transformer, swin_transformer_v2

    module = swin_transformer_v2 if second else swin_transformer
    kind = swin_transformer_v2.SwinTransformerV2 if second else swin_transformer.SwinTransformer
    model = tools.distinct(
        kind(img_size=64, patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4),
             window_size=4, num_classes=3)
    )  # fmt: skip
    original = renamed(
        model.state_dict(),
        (r"layers\.(\d+)\.downsample", lambda m: f"layers.{int(m.group(1)) - 1}.downsample"),
        (r"^head\.fc", "head"),
    )
    original["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(16, 16).long()
    original["layers.0.blocks.1.attn_mask"] = torch.zeros(4, 16, 16)
    renaming = same(tools, original, module.checkpoint_filter_fn(original, model))
    assert len(renaming.dropped) == 2


@pytest.mark.parametrize("second", [False, True])
def test_convnext(tools, second):
    from timm.models.convnext import ConvNeXt, checkpoint_filter_fn

    model = tools.distinct(
        ConvNeXt(depths=(2, 1, 1, 1), dims=(8, 16, 24, 32), num_classes=3, use_grn=second,
                 ls_init_value=None if second else 0.1)
    )  # fmt: skip
    original = renamed(
        model.state_dict(),
        (r"^head\.norm\.", "norm."), (r"^head\.fc\.", "head."),
        (r"^stem\.", "downsample_layers.0."),
        (r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1."),
        (r"\.blocks\.", "."), (r"conv_dw", "dwconv"), (r"mlp\.grn\.weight", "grn.gamma"),
        (r"mlp\.grn\.bias", "grn.beta"), (r"mlp\.fc", "pwconv"),
    )  # fmt: skip
    original = {
        key: value.reshape(1, 1, 1, -1) if "grn" in key else value
        for key, value in original.items()
    }
    same(tools, original, checkpoint_filter_fn(original, model))


def test_pvt_v2(tools):
    import timm
    from timm.models.pvt_v2 import checkpoint_filter_fn

    model = tools.distinct(timm.create_model("pvt_v2_b0", num_classes=3))
    original = renamed(
        model.state_dict(),
        (r"^patch_embed\.", "patch_embed1."), (r"mlp\.dwconv", "mlp.dwconv.dwconv"),
        (r"^stages\.(\d)\.downsample", lambda m: f"patch_embed{int(m.group(1)) + 1}"),
        (r"^stages\.(\d)\.blocks", lambda m: f"block{int(m.group(1)) + 1}"),
        (r"^stages\.(\d)\.norm", lambda m: f"norm{int(m.group(1)) + 1}"),
    )  # fmt: skip
    same(tools, original, checkpoint_filter_fn(original, model))


def test_poolformer(tools):
    import timm
    from timm.models.metaformer import checkpoint_filter_fn

    model = tools.distinct(timm.create_model("poolformer_s12", num_classes=3))
    original = renamed(
        model.state_dict(),
        (r"^stem\.conv", "patch_embed.proj"), (r"^head\.norm", "norm"), (r"^head\.fc", "head"),
        (r"layer_scale(\d)\.scale", r"layer_scale_\1"),
        (r"^stages\.(\d)\.downsample\.conv", lambda m: f"network.{2 * int(m.group(1)) - 1}.proj"),
        (r"^stages\.(\d)\.blocks", lambda m: f"network.{2 * int(m.group(1))}"),
    )  # fmt: skip
    renaming = same(tools, original, checkpoint_filter_fn(original, model))
    assert renaming.note


@pytest.mark.parametrize("name", ["b0", "b1", "b3", "b4", "b5", "b6", "b7"])
def test_efficientnet_pytorch(tools, name):
    import timm

    with torch.device("meta"):
        model = timm.create_model(f"tf_efficientnet_{name}", num_classes=3)
    # an order of values stands in for values: what matters is which tensor goes where
    expected = {
        key: torch.full(value.shape[:1], float(number))
        for number, (key, value) in enumerate(model.state_dict().items())
    }
    blocks, numbers = {}, {}
    for key in expected:
        if key.startswith("blocks."):
            block = ".".join(key.split(".")[:3])
            numbers.setdefault(block, len(numbers))
            blocks.setdefault(block, set()).add(key)

    def own(key):
        if not key.startswith("blocks."):
            for old, new in (("conv_stem", "_conv_stem"), ("bn1", "_bn0"), ("bn2", "_bn1"),
                             ("conv_head", "_conv_head"), ("classifier", "_fc")):  # fmt: skip
                if key.startswith(old):
                    return key.replace(old, new, 1)
        block = ".".join(key.split(".")[:3])
        inner = key.removeprefix(f"{block}.")
        wide = f"{block}.conv_pwl.weight" in blocks[block]
        names = (
            {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1",
             "conv_pwl": "_project_conv", "bn3": "_bn2"}
            if wide else
            {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv",
             "bn2": "_bn2"}
        ) | {"se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}  # fmt: skip
        stem, _, leaf = inner.rpartition(".")
        return f"_blocks.{numbers[block]}.{names[stem]}.{leaf}"

    renaming = same(tools, {own(key): value for key, value in expected.items()}, expected)
    assert "tf_efficientnet" in renaming.note


def test_order_of_merged_patches(image):
    from timm.models.swin_transformer import PatchMerging

    from interp_gui.checkpoints.keymaps.mmpretrain import merging_order

    generator = torch.Generator().manual_seed(0)
    norm, bias = torch.rand(12, generator=generator), torch.rand(12, generator=generator)
    reduction = torch.randn(6, 12, generator=generator)
    x = image(8)
    unfolded = nn.functional.unfold(x, 2, stride=2).transpose(1, 2)
    expected = nn.functional.layer_norm(unfolded, (12,), norm, bias) @ reduction.T
    target = PatchMerging(3)
    target.load_state_dict(
        {"norm.weight": merging_order(norm), "norm.bias": merging_order(bias),
         "reduction.weight": merging_order(reduction)}
    )  # fmt: skip
    with torch.no_grad():
        found = target(x.permute(0, 2, 3, 1)).flatten(1, 2)
    assert torch.allclose(found, expected, atol=1e-5)


def test_mmpretrain_vit(tools):
    model = tools.distinct(vit())
    expected = dict(model.state_dict())
    original = renamed(
        expected,
        (r"^norm\.", "ln1."), (r"^blocks\.", "layers."), (r"\.norm(\d)\.", r".ln\1."),
        (r"mlp\.fc1", "ffn.layers.0.0"), (r"mlp\.fc2", "ffn.layers.1"),
        (r"patch_embed\.proj", "patch_embed.projection"),
    )  # fmt: skip
    original = {
        f"head.layers.{key}" if key.startswith("head.") else f"backbone.{key}": value
        for key, value in original.items()
    }
    same(tools, original, expected)


def test_mmpretrain_swin(tools):
    from timm.models.swin_transformer import SwinTransformer

    from interp_gui.checkpoints.keymaps.mmpretrain import merging_order

    model = tools.distinct(
        SwinTransformer(img_size=64, patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4),
                        window_size=4, num_classes=3)
    )  # fmt: skip
    expected = dict(model.state_dict())
    original = renamed(
        expected,
        (r"^norm\.", "norm3."), (r"mlp\.fc1", "ffn.layers.0.0"), (r"mlp\.fc2", "ffn.layers.1"),
        (r"\.attn\.", ".attn.w_msa."), (r"patch_embed\.proj", "patch_embed.projection"),
        (r"^layers\.(\d)\.downsample", lambda m: f"stages.{int(m.group(1)) - 1}.downsample"),
        (r"^layers\.", "stages."),
    )  # fmt: skip
    original = {
        key if key.startswith("head.") else f"backbone.{key}": value
        for key, value in original.items()
    }
    for key in list(expected):
        if ".downsample." in key:
            expected[key] = merging_order(expected[key])
    same(tools, original, expected)


def test_mmpretrain_convnext(tools):
    from timm.models.convnext import ConvNeXt

    model = tools.distinct(ConvNeXt(depths=(2, 1, 1, 1), dims=(8, 16, 24, 32), num_classes=3))
    expected = dict(model.state_dict())
    original = renamed(
        expected,
        (r"^head\.norm\.", "norm3."), (r"^stem\.", "downsample_layers.0."),
        (r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1."), (r"\.blocks\.", "."),
        (r"conv_dw", "depthwise_conv"), (r"mlp\.fc", "pointwise_conv"),
    )  # fmt: skip
    original = {
        key if key.startswith("head.") else f"backbone.{key}": value
        for key, value in original.items()
    }
    same(tools, original, expected)
    convolutions = {
        key: value[..., None, None] if re.search(r"pointwise_conv\d\.weight", key) else value
        for key, value in original.items()
    }
    same(tools, convolutions, expected)
