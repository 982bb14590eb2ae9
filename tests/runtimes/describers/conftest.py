"""Small transformers of three libraries, every tensor random, distinct and well-scaled."""

import zlib

import numpy as np
import pytest
import torch

from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.runtimes.torch_runtime import TorchRuntime

SIDE = 32
CLASSES = 5


def vit_torchvision():
    import torchvision

    return torchvision.models.VisionTransformer(
        image_size=SIDE, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24,
        num_classes=CLASSES,
    )  # fmt: skip


def swin_torchvision():
    import torchvision

    return torchvision.models.SwinTransformer(
        patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 2], window_size=[4, 4],
        num_classes=CLASSES,
    )  # fmt: skip


def timm_model(name, **options):
    import timm

    return timm.create_model(name, num_classes=CLASSES, img_size=SIDE, **options)


def vit_options():
    return {"patch_size": 8, "depth": 2, "embed_dim": 16, "num_heads": 2}


def hugging_face(model, config, **options):
    import transformers

    made = getattr(transformers, config)(image_size=SIDE, **options)
    return getattr(transformers, model)(made)


def sizes():
    return {
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 2, "patch_size": 8,
    }  # fmt: skip


NETWORKS = {
    "torchvision vit": vit_torchvision,
    "torchvision swin": swin_torchvision,
    "timm vit": lambda: timm_model("vit_tiny_patch16_224", qk_norm=True, **vit_options()),
    "timm deit": lambda: timm_model("deit_tiny_distilled_patch16_224", **vit_options()),
    "timm eva": lambda: timm_model("eva02_tiny_patch14_224", **vit_options()),
    "timm beit": lambda: timm_model("beit_base_patch16_224", **vit_options()),
    "timm registers": lambda: timm_model("vit_small_patch14_reg4_dinov2", **vit_options()),
    "timm swin": lambda: timm_model(
        "swin_tiny_patch4_window7_224",
        depths=(2, 2), num_heads=(2, 2), embed_dim=12, window_size=4,
    ),
    "hugging face vit": lambda: hugging_face(
        "ViTForImageClassification", "ViTConfig", num_labels=CLASSES, **sizes()
    ),
    "hugging face clip": lambda: hugging_face(
        "CLIPVisionModelWithProjection", "CLIPVisionConfig", projection_dim=6, **sizes()
    ),
    "hugging face dinov2": lambda: hugging_face("Dinov2Model", "Dinov2Config", **sizes()),
    "hugging face beit": lambda: hugging_face(
        "BeitForImageClassification", "BeitConfig", num_labels=CLASSES,
        use_relative_position_bias=True, layer_scale_init_value=0.7, **sizes(),
    ),
    "hugging face deit": lambda: hugging_face(
        "DeiTForImageClassificationWithTeacher", "DeiTConfig", num_labels=CLASSES, **sizes()
    ),
    "hugging face siglip": lambda: hugging_face(
        "SiglipVisionModel", "SiglipVisionConfig", vision_use_head=False, **sizes()
    ),
    "hugging face swin": lambda: hugging_face(
        "SwinModel", "SwinConfig",
        patch_size=4, embed_dim=12, depths=[2, 2], num_heads=[2, 2], window_size=4,
    ),
}  # fmt: skip


def randomise(module):
    """Give every parameter and floating buffer its own values, at a scale that keeps it alive."""
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim >= 2:
            tensor.copy_(noise * (1.6 / tensor[0].numel()) ** 0.5)
        else:
            tensor.copy_(0.2 * noise + (1.0 if name.endswith(("weight", "gamma")) else 0.0))
    return module


def runtime_of(module, size=SIDE, **options):
    description = ModelDescription(
        name="small",
        format="torch-zip",
        architecture="small",
        library="",
        parameters=1,
        weights_sha256="0" * 64,
        preprocessing=Preprocessing(size=(size, size)),
        outputs=(OutputInfo(size=CLASSES),),
    )
    return TorchRuntime(randomise(module).eval(), description, **options)


@pytest.fixture(scope="session")
def network():
    made = {}

    def get(name):
        if name not in made:
            made[name] = runtime_of(NETWORKS[name]())
        return made[name]

    return get


@pytest.fixture
def batch():
    return np.random.default_rng(0).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
