"""What layers are said to be, in convolutional networks and in transformers."""

import pytest
import torch
import torchvision
from torch import nn

from interp_gui.core.layer import layers_of, token_layers

from .conftest import runtime_of

SITES = ("query", "key", "value", "pattern", "z", "attention")

CONVOLUTIONAL = {
    "resnet18": {
        "conv1": "convolution", "bn1": "norm", "relu": "activation", "maxpool": "pooling",
        "layer1": "stage", "layer1.0": "block", "layer2.0.conv1": "convolution",
        "layer2.0.relu#1": "activation", "layer2.0.downsample": "convolution",
        "layer3.1/resid": "residual", "avgpool": "pooling", "fc": "head",
    },
    "mobilenet_v2": {
        "features.0": "convolution", "features.1": "block", "features.7.conv.0": "convolution",
        "features.7.conv.0.2": "activation", "features.7.conv.2": "convolution",
        "features.7": "block", "classifier.1": "head",
    },
    "convnext_tiny": {
        "features.0.0": "convolution", "features.1": "stage", "features.1.0": "block",
        "features.1.0.block.2": "norm", "features.1.0.block.3": "linear",
        "features.1.0.block.4": "mlp_hidden", "features.2.1": "convolution",
        "avgpool": "pooling", "classifier.2": "head",
    },
    "efficientnet_b0": {
        "features.0": "convolution", "features.1.0": "block",
        "features.2.0.block.1": "convolution", "features.2.0.block.2.avgpool": "pooling",
        "classifier.1": "head",
    },
    "densenet121": {
        "features.conv0": "convolution", "features.norm0": "norm", "features.pool0": "pooling",
        "features.denseblock1": "block", "features.transition1": "block",
        "features.denseblock2.denselayer3.conv1": "convolution", "classifier": "head",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_layers_of_convolutional_networks_have_their_roles(name):
    runtime = runtime_of(torchvision.models.get_model(name, weights=None), size=64)
    roles = {layer.name: layer.role for layer in runtime.description.layers}
    expected = CONVOLUTIONAL[name]
    assert {key: roles[key] for key in expected} == expected
    assert not layers_of(runtime.description.layers, *SITES)
    assert not token_layers(runtime.description.layers)
    assert sum(layer.worthwhile for layer in runtime.description.layers) <= 40
    for path, module in runtime.module.named_modules():
        if isinstance(module, nn.Conv2d):
            assert roles[path] == "convolution"


@pytest.mark.parametrize(
    ("name", "prefix", "class_token", "registers"),
    [
        ("torchvision vit", 1, 0, ()),
        ("timm vit", 1, 0, ()),
        ("timm deit", 2, 0, ()),
        ("timm eva", 1, 0, ()),
        ("timm registers", 5, 0, (1, 2, 3, 4)),
        ("hugging face clip", 1, 0, ()),
        ("hugging face dinov2", 1, 0, ()),
    ],
)
def test_tokens_are_followed_from_the_patches(network, name, prefix, class_token, registers):
    runtime = network(name)
    layers = runtime.description.layers
    z = layers_of(layers, "z")
    blocks = [x for x in layers_of(layers, "block") if "token" in x.axes]
    assert len(z) == 2
    assert len(blocks) >= 2
    for layer in (*z, *blocks):
        assert layer.token_grid == (4, 4)
        assert layer.prefix_tokens == prefix
        assert layer.class_token == class_token
        assert layer.registers == registers
        assert layer.spatial
    assert layers_of(layers, "mlp_hidden")
    assert layers_of(layers, "mlp")
    assert layers_of(layers, "head") or name.startswith("hugging face")
    assert any(layer.worthwhile for layer in z)


def test_tokens_of_windows_have_no_place_in_the_image(network):
    layers = network("timm swin").description.layers
    first = layers_of(layers, "z")[0]
    assert first.axes == ("other", "token", "head", "unit")
    assert first.token_grid is None
    assert not first.spatial
    assert not layers_of(layers, "pattern")[0].spatial


class Channels(nn.Module):
    """Attention among channels, which has the shapes of one among tokens and is none."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 8, 8)
        self.mix = Mix()
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        return self.head(self.mix(tokens).mean(1))


class Mix(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 4, 1).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return mixed.flatten(1, 2).transpose(1, 2)


def test_attention_among_channels_is_not_offered_and_told_of():
    runtime = runtime_of(Channels())
    assert not layers_of(runtime.description.layers, "z", "pattern", "query")
    assert "'mix'" in runtime.description.notes[0]
    assert "not offered" in runtime.description.notes[0]


class Plain(nn.Module):
    """Attention as people write it themselves, with the weights that nobody reads."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], 1)
        mixed, _ = self.attention(tokens, tokens, tokens)
        return self.head(mixed[:, 0])


def test_attention_that_returns_its_weights_is_opened_up_too():
    runtime = runtime_of(Plain())
    found = {x.name: x for x in runtime.description.layers}
    assert found["attention/z"].axes == ("token", "head", "unit")
    assert found["attention/z"].shape == (17, 2, 4)
    assert found["attention/pattern"].shape == (2, 17, 17)
    assert not runtime.description.notes
