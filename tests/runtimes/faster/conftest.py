"""Small transformers."""

import pytest
import torch


@pytest.fixture
def small(tiny):
    """Make a transformer for small images."""
    from torchvision.models.swin_transformer import SwinTransformer
    from torchvision.models.vision_transformer import VisionTransformer

    def make(name):
        if name == "vit":
            module = VisionTransformer(
                image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16,
                mlp_dim=24, num_classes=5,
            )  # fmt: skip
        else:
            module = SwinTransformer(
                patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 2],
                window_size=[4, 4], num_classes=5,
            )  # fmt: skip
        generator = torch.Generator().manual_seed(1)
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            scale = (1.6 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.2
            parameter.data = scale * noise + (0.8 if parameter.ndim == 1 else 0.0)
        return tiny(module.eval(), size=32)

    return make
