"""The place behind the norm that takes a layer's value: there an ablation switches a unit off."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo
from interp_gui.runtimes.norm_behind import norm_behind
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from tests.runtimes.onnx.conftest import described, exported


class LayerNorm2d(nn.Module):
    """Written by hand, as many models have it."""

    def __init__(self, units):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(units) + 0.5)
        self.bias = nn.Parameter(torch.randn(units))

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        deviation = (x - mean).pow(2).mean(1, keepdim=True).add(1e-5).sqrt()
        return (x - mean) / deviation * self.weight[:, None, None] + self.bias[:, None, None]


class Normed(nn.Module):
    """Norms of every kind, behind convolutions, linear maps and permutations."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.relu = nn.ReLU6()
        self.grouped = nn.Conv2d(8, 8, 1)
        self.gn = nn.GroupNorm(2, 8)
        self.sigmoid = nn.Sigmoid()
        self.by_hand = nn.Conv2d(8, 8, 1)
        self.ln = LayerNorm2d(8)
        self.last = nn.Conv2d(8, 6, 1)
        self.norm = nn.LayerNorm(6)
        self.functional = nn.Linear(6, 6)
        self.rms = nn.Linear(6, 6)
        self.root = nn.RMSNorm(6)
        self.around = nn.Linear(6, 6)
        self.pre = nn.LayerNorm(6)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.relu(self.bn(self.conv(x)))
        x = self.sigmoid(self.gn(self.grouped(x)))
        x = functional.gelu(self.ln(self.by_hand(x)))
        x = self.norm(self.last(x).flatten(2).transpose(1, 2))
        x = functional.relu(functional.layer_norm(self.functional(x), (6,)))
        x = self.root(self.rms(x))
        x = self.around(x)
        x = x + self.pre(x)
        return self.head(x.mean(1))


BEHIND = {
    "conv": "relu",
    "bn/in": "relu",
    "bn": "",  # its value is what the activation takes
    "relu": "",
    "grouped": "gn",  # a sigmoid of zero is not zero
    "by_hand": "ln",  # what follows is no module
    "last": "norm",
    "functional": "",  # nothing there has an address
    "rms": "",  # a zero stays a zero
    "around": "",  # the sum takes it too
    "pre/in": "pre",
    "head": "",
}


@pytest.fixture(scope="module")
def normed():
    torch.manual_seed(0)
    module = Normed()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if "running_var" in name:
                tensor.copy_(torch.rand_like(tensor) + 0.5)
            elif tensor.is_floating_point():
                tensor.add_(0.3 * torch.randn_like(tensor))
    return module.eval()


def test_norms_of_every_kind_are_found_by_what_they_are_given(normed, tiny, untouched):
    runtime = tiny(normed)
    with untouched(runtime):
        found = {layer: norm_behind(runtime, layer) for layer in BEHIND}
    assert found == BEHIND
    assert norm_behind(runtime, "nowhere") == ""


def test_a_pass_is_made_once_for_a_network(normed, tiny, monkeypatch):
    runtime = tiny(normed)
    passes = []
    handle = runtime.module.register_forward_hook(lambda *_: passes.append(1))
    norm_behind(runtime, "conv")
    norm_behind(runtime, "last")
    handle.remove()
    assert len(passes) == 1


@pytest.mark.parametrize(
    ("name", "layer", "behind"),
    [("mobilenet_v2", "features.7.conv.0.0", "features.7.conv.0.2"),
     ("mobilenet_v2", "features.7.conv.2", "features.7.conv.3"),
     ("resnet18", "layer1.0.conv1", "layer1.0.relu"),
     ("resnet18", "layer1.0.conv2", "layer1.0.bn2"),
     ("convnext_tiny", "features.1.0.block.0", "features.1.0.block.2"),
     ("vit_b_16", "encoder.layers.encoder_layer_3", ""),
     ("vit_b_16", "encoder.layers.encoder_layer_11", "encoder.ln"),
     ("swin_t", "features.0.0", "features.0.2")],
)  # fmt: skip
def test_real_architectures(name, layer, behind, built):
    assert norm_behind(built(name), layer) == behind


def alive(runtime, layer, place, x):
    """Which units of `place` are above zero somewhere although `layer` was put to zero."""
    units = tuple(range(runtime.layer(layer).units))
    stack = EditStack((Edit(feature=Feature(layer=layer, units=units), kind="ablate"),))
    value = runtime.forward(x, edits=stack, capture=[place]).captured[place]
    return (value > 0).any(axis=(0, 2, 3))


def test_zeroing_before_a_norm_leaves_units_on_and_behind_it_does_not(built, batch):
    network = built("mobilenet_v2")
    layer = "features.7.conv.0.0"
    place = norm_behind(network, layer)
    x = batch(network, 1)
    before, behind = alive(network, layer, place, x), alive(network, place, place, x)
    assert 0.2 < before.mean() < 0.9
    assert not behind.any()


@pytest.mark.parametrize("opset", [14, 17, 18])
def test_norms_of_graphs(opset):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 6, 1), nn.GroupNorm(2, 6),
        nn.ReLU6(), nn.Flatten(2), nn.LayerNorm(14 * 14), nn.Flatten(), nn.Linear(6 * 196, 5),
    ).eval()  # fmt: skip
    data = exported(net, opset=opset, size=16)
    runtime = OnnxRuntime(data, described(5, size=16))
    found = {
        layer.kind: norm_behind(runtime, layer.name)
        for layer in runtime.description.layers
        if layer.name.startswith(("1.", "3."))
    }
    kinds = {name: runtime.layer(place).kind for name, place in found.items() if place}
    assert kinds == {"Relu": "BatchNormalization", "Conv": "Clip"}
    norm = next(x.name for x in runtime.description.layers if x.kind == "BatchNormalization")
    assert norm_behind(runtime, f"{norm}/in") == norm


def test_a_norm_that_was_folded_into_its_convolution_is_none():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 196, 5)
    ).eval()
    runtime = OnnxRuntime(exported(net, size=16), described(5, size=16))
    assert {layer.kind for layer in runtime.description.layers} == {
        "Conv",
        "Relu",
        "Flatten",
        "Gemm",
    }
    assert not any(norm_behind(runtime, x.name) for x in runtime.description.layers)


def test_layer_norms_that_are_written_out_are_found():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Flatten(2), nn.Linear(256, 12), nn.LayerNorm(12), nn.Linear(12, 8), nn.Flatten(),
        nn.Linear(24, 5),
    ).eval()  # fmt: skip
    runtime = OnnxRuntime(exported(net, opset=14, size=16), described(5, size=16))
    kinds = {layer.kind for layer in runtime.description.layers}
    assert "Sqrt" in kinds
    assert "LayerNormalization" not in kinds
    first = next(x.name for x in runtime.description.layers if x.name == "1.Add")
    place = norm_behind(runtime, first)
    assert place.startswith("2.")
    assert runtime.layer(place).kind == "Add"


def test_outputs_that_are_returned_are_left_alone(tiny):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 16)
            self.norm = nn.LayerNorm(4)

        def forward(self, x):
            return self.norm(self.conv(x).flatten(1))

    runtime = tiny(Both(), outputs=(OutputInfo(size=4),))
    assert norm_behind(runtime, "conv") == "norm"
    assert np.isfinite(runtime.forward(np.ones((1, 3, 16, 16), np.float32)).outputs["output"]).all()
