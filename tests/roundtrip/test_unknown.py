"""Networks that nobody knows are refused, with what comes nearest and the offer to give code."""

import pytest
import torch
from torch import nn

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import UnknownArchitecture


class LeNet(nn.Module):
    """For images of 28 × 28 in one channel."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for before, after in ((3, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 5))


class Mixer(nn.Module):
    """Tokens and channels mixed in turn, under names of its own."""

    def __init__(self, width=32, tokens=16, depth=3):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, stride=8)
        self.mixers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "before": nn.LayerNorm(width), "tokens_in": nn.Linear(tokens, 64),
                    "tokens_out": nn.Linear(64, tokens), "between": nn.LayerNorm(width),
                    "channels_in": nn.Linear(width, 128), "channels_out": nn.Linear(128, width),
                }
            )
            for _ in range(depth)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3))
        self.decoder = nn.Sequential(nn.ConvTranspose2d(16, 8, 3), nn.ConvTranspose2d(8, 3, 3))


def small_image_resnet():
    """ResNet-18 as it is used for images of 32 pixels: another stem, no pooling behind it."""
    import torchvision

    module = torchvision.models.resnet18(weights=None, num_classes=10)
    module.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    module.maxpool = nn.Identity()
    return module


def wider_mobilenet():
    import torchvision

    return torchvision.models.mobilenet_v2(weights=None, width_mult=0.3, num_classes=4)


def shallower_vit():
    import timm

    return timm.create_model("vit_tiny_patch16_224", pretrained=False, depth=5, img_size=64)


def with_attention_between():
    import torchvision

    module = torchvision.models.squeezenet1_1(weights=None)
    module.attention = nn.Conv2d(512, 512, 1)
    return module


def one_recurrent_layer():
    return nn.ModuleDict({"lstm": nn.LSTM(8, 16, 2), "out": nn.Linear(16, 3)})


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state}])
@pytest.mark.parametrize(
    ("make", "near"),
    [
        (LeNet, ""), (Plain, ""), (Mixer, ""), (Autoencoder, ""),
        (small_image_resnet, "resnet18"), (wider_mobilenet, "mobilenet_v2"),
        (shallower_vit, "tiny"), (with_attention_between, "squeezenet1_1"),
        (one_recurrent_layer, ""),
    ],
)  # fmt: skip
def test_is_refused_with_what_comes_nearest(tmp_path, make, near, wrap):
    torch.save(wrap(make().state_dict()), tmp_path / "mine.pth")
    with pytest.raises(UnknownArchitecture) as refused:
        open_checkpoint(tmp_path / "mine.pth")
    question = refused.value.question
    assert question is not None
    assert question.code
    assert question.weights_sha256
    assert not any(each.certain for each in question.candidates)
    assert refused.value.hint
    for report in question.nearest:
        assert report.missing or report.unexpected or report.reshaped
        assert 0 <= report.likeness < 1
    if near:
        assert any(near in report.architecture for report in question.nearest), question.nearest


def test_what_differs_is_told(tmp_path):
    torch.save(small_image_resnet().state_dict(), tmp_path / "mine.pth")
    with pytest.raises(UnknownArchitecture) as refused:
        open_checkpoint(tmp_path / "mine.pth")
    first = refused.value.question.nearest[0]
    assert [each.key for each in first.reshaped] == ["conv1.weight"]
    assert first.reshaped[0].found == (64, 3, 3, 3)
    assert not first.missing
    assert not first.unexpected
