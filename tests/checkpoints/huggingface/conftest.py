"""Networks of transformers, built small and at random, without a single equal pair of tensors."""

from dataclasses import dataclass

import pytest
import torch

from interp_gui.checkpoints.huggingface.library import offline_and_quiet

SIDE = 32


@dataclass(frozen=True)
class Case:
    """A network of transformers: class, config, and what it is to be opened as."""

    name: str
    kind: str
    config: str
    options: dict
    role: str = "classes"
    opened: str = ""
    side: int = SIDE
    gain: float = 1.0
    thorough: bool = False


def _transformer(**more):
    return {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "image_size": SIDE, "patch_size": 8, **more,
    }  # fmt: skip


_HEAD = {"num_labels": 5}
_STAGES = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16]}
_CNN = {"depths": [1, 2], "hidden_sizes": [8, 16], "embedding_size": 8, "layer_type": "basic"}
_WINDOWS = {
    "image_size": SIDE, "patch_size": 2, "embed_dim": 8, "depths": [1, 2], "num_heads": [2, 2],
    "window_size": 4,
}  # fmt: skip
_SEGFORMER = {
    "depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16], "num_attention_heads": [1, 1, 2, 2],
    "decoder_hidden_size": 16,
}  # fmt: skip
_TEXT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "vocab_size": 40, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
_MOBILEVIT = {
    "image_size": 64, "hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 16, 16, 24, 24, 32],
    "num_attention_heads": 2,
}  # fmt: skip

CASES = (
    Case("vit", "ViTForImageClassification", "ViTConfig", _transformer(**_HEAD)),
    Case("deit", "DeiTForImageClassificationWithTeacher", "DeiTConfig", _transformer(**_HEAD)),
    Case("dinov2", "Dinov2ForImageClassification", "Dinov2Config",
         _transformer(mlp_ratio=2, **_HEAD)),
    Case("dinov2-registers", "Dinov2WithRegistersModel", "Dinov2WithRegistersConfig",
         _transformer(mlp_ratio=2), role="embedding"),
    Case("beit", "BeitForImageClassification", "BeitConfig",
         _transformer(use_relative_position_bias=True, **_HEAD)),
    Case("swin", "SwinForImageClassification", "SwinConfig", {**_WINDOWS, **_HEAD}),
    Case("swinv2", "Swinv2ForImageClassification", "Swinv2Config", {**_WINDOWS, **_HEAD}),
    Case("convnext", "ConvNextForImageClassification", "ConvNextConfig", {**_STAGES, **_HEAD}),
    Case("convnextv2", "ConvNextV2ForImageClassification", "ConvNextV2Config",
         {**_STAGES, **_HEAD}),
    Case("resnet", "ResNetForImageClassification", "ResNetConfig", {**_CNN, **_HEAD}),
    Case("mobilenet-v2", "MobileNetV2ForImageClassification", "MobileNetV2Config",
         {"depth_multiplier": 0.25, "image_size": SIDE, **_HEAD}),
    Case("efficientnet", "EfficientNetForImageClassification", "EfficientNetConfig",
         {"width_coefficient": 0.25, "depth_coefficient": 0.3, "hidden_dim": 320,
          "image_size": SIDE, **_HEAD}, gain=2.5),
    Case("clip", "CLIPModel", "CLIPConfig",
         {"vision_config": _transformer(), "text_config": _TEXT, "projection_dim": 12},
         role="embedding", opened="CLIPVisionModelWithProjection"),
    Case("siglip", "SiglipModel", "SiglipConfig",
         {"vision_config": _transformer(), "text_config": _TEXT},
         role="embedding", opened="SiglipVisionModel"),
    Case("segformer", "SegformerForImageClassification", "SegformerConfig",
         {**_SEGFORMER, **_HEAD}),
    Case("segformer-map", "SegformerForSemanticSegmentation", "SegformerConfig",
         {**_SEGFORMER, **_HEAD}, role="map"),
    Case("mobilevit", "MobileViTForImageClassification", "MobileViTConfig",
         {**_MOBILEVIT, **_HEAD}, side=64),
    Case("levit", "LevitForImageClassificationWithTeacher", "LevitConfig",
         {"image_size": 64, "hidden_sizes": [16, 24, 32], "num_attention_heads": [2, 2, 2],
          "depths": [1, 1, 1], "key_dim": [8, 8, 8], **_HEAD}, side=64),
    Case("vit-base", "ViTModel", "ViTConfig", _transformer(), role="embedding"),
    Case("clip-classes", "CLIPForImageClassification", "CLIPConfig",
         {"vision_config": _transformer(), "text_config": _TEXT, **_HEAD}),
    Case("regnet", "RegNetForImageClassification", "RegNetConfig",
         {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "groups_width": 8,
          **_HEAD}, thorough=True),
    Case("pvt-v2", "PvtV2ForImageClassification", "PvtV2Config",
         {"image_size": SIDE, "depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16],
          "num_attention_heads": [1, 1, 2, 2], "mlp_ratios": [2, 2, 2, 2], **_HEAD}, thorough=True),
    Case("poolformer", "PoolFormerForImageClassification", "PoolFormerConfig",
         {**_STAGES, **_HEAD}, thorough=True),
    Case("bit", "BitForImageClassification", "BitConfig",
         {"embedding_size": 16, "hidden_sizes": [32, 64], "depths": [1, 1], "num_groups": 4,
          **_HEAD}, thorough=True),
)  # fmt: skip


def make(case, seed=0):
    """The network in eval mode with distinct, well-scaled parameters and buffers."""
    import transformers

    with offline_and_quiet():
        config = getattr(transformers, case.config)(**case.options, attn_implementation="eager")
        module = getattr(transformers, case.kind)(config).eval()
    randomise(module, seed, case.gain)
    return module


def randomise(module, seed=0, gain=1.0):
    generator = torch.Generator().manual_seed(seed)
    for key, value in module.state_dict().items():
        if not value.is_floating_point() or "relative_coords" in key:
            continue
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif value.dim() > 2 and min(value.shape) > 0 and value[0].numel() > 1:
            value.normal_(0, gain * (2 / value[0].numel()) ** 0.5, generator=generator)
        elif value.dim() == 2:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        elif value.dim() == 1 and key.endswith(("weight", "lambda1")):
            value.normal_(1.0, 0.2, generator=generator)
        else:
            value.normal_(0, 0.3, generator=generator)


@pytest.fixture
def network():
    return make


@pytest.fixture
def cases():
    return {case.name: case for case in CASES}


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        marks = {True: [pytest.mark.thorough], False: []}
        metafunc.parametrize(
            "case", [pytest.param(c, id=c.name, marks=marks[c.thorough]) for c in CASES]
        )


@pytest.fixture
def reference():
    """What the library's own network answers, as one tensor."""

    def answer(case, module, x):
        with torch.no_grad():
            if case.name == "clip":
                return module.visual_projection(module.vision_model(pixel_values=x).pooler_output)
            if case.name == "siglip":
                return module.vision_model(pixel_values=x).pooler_output
            out = module(pixel_values=x)
        if case.role != "embedding":
            return out.logits
        pooled = out.get("pooler_output")
        return pooled if pooled is not None else out.last_hidden_state[:, 0]

    return answer
