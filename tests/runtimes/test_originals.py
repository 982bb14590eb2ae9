"""A program that torch.export saved offers the layers that the network itself offers."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig

from interp_gui.checkpoints.exported import open_exported
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.match import Wishes
from interp_gui.core.layer import Address
from interp_gui.core.origin import Origin, Origins
from interp_gui.runtimes.layers import probe
from interp_gui.runtimes.originals import worthwhile_originals
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.checkpoints.conftest import randomised


class Functional(nn.Module):
    """Activations that are no modules, as they are written by hand."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3)
        self.conv2 = nn.Conv2d(8, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 12, 3)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = torch.relu(self.norm(self.conv2(x)))
        x = torch.relu(self.conv3(x))
        return self.head(x.mean((2, 3)))


def convnext():
    return models.ConvNeXt(
        [CNBlockConfig(16, 32, 2), CNBlockConfig(32, 64, 2), CNBlockConfig(64, None, 4)],
        num_classes=10,
    )  # fmt: skip


def vit():
    return models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=3, num_heads=2, hidden_dim=32, mlp_dim=64,
        num_classes=10,
    )  # fmt: skip


MADE = {
    "functional": Functional,
    "resnet18": lambda: models.resnet18(num_classes=10),
    "mobilenet_v2": lambda: models.mobilenet_v2(num_classes=10, width_mult=0.25),
    "convnext": convnext,
    "vit": vit,
}


@pytest.fixture(scope="module", params=list(MADE))
def pair(request, tmp_path_factory):
    """The network itself and the program exported from it."""
    module = MADE[request.param]().eval()
    randomised(module)
    images = torch.randn(2, 3, 32, 32)
    shapes = ({0: torch.export.Dim("batch")},)
    path = tmp_path_factory.mktemp("pt2") / f"{request.param}.pt2"
    torch.export.save(torch.export.export(module, (images,), dynamic_shapes=shapes), path)
    opened = open_exported(inspect_file(path), Wishes())
    exported = TorchRuntime(opened.module, opened.description)
    return request.param, TorchRuntime(module, opened.description), exported


def worthwhile(runtime):
    return [layer.name for layer in runtime.description.layers if layer.worthwhile]


def test_what_is_worth_looking_at_is_worth_it_in_the_program_as_well(pair):
    _, plain, exported = pair
    images = np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)
    # what heads write is a place of its own only where attention is a module
    wanted = [name for name in worthwhile(plain) if not name.endswith("/z")]
    theirs = plain.forward(images, capture=wanted).captured
    ours = exported.forward(images, capture=worthwhile(exported)).captured
    assert len(wanted) >= 3

    def found(value):
        return any(
            own.shape == value.shape
            and np.allclose(own, value, rtol=1e-3, atol=1e-4 * np.abs(value).max())
            for own in ours.values()
        )

    assert [name for name in wanted if not found(theirs[name])] == []
    assert len(ours) <= len(wanted) + 3


def test_a_block_is_named_by_the_operation_that_ends_it(pair):
    name, _, exported = pair
    if name != "resnet18":
        pytest.skip("one network is enough")
    chosen = worthwhile(exported)
    assert chosen[0] == "relu"
    assert chosen[1:3] == ["layer1.0.relu.relu_1", "layer1.1.relu.relu_1"]
    assert chosen[-2:] == ["layer4.1.relu.relu_1", "avgpool"]


def test_convolutions_stand_for_activations_that_are_no_modules(pair):
    name, plain, exported = pair
    if name != "functional":
        pytest.skip("the others have modules")
    assert worthwhile(plain) == ["conv1", "conv2", "conv3"]
    assert {"relu_0", "relu_1", "relu_2", "conv3"} <= set(worthwhile(exported))


def test_only_convolutions_behind_all_blocks_do_beside_blocks():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(6, 6, 3, padding=1)

        def forward(self, x):
            return x + torch.relu(self.conv(x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.last = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 9, 1)
            self.one, self.two = Block(), Block()
            self.head = nn.Linear(9, 5)

        def forward(self, x):
            x = self.two(self.one(self.stem(x)))
            return self.head(torch.relu(self.last(x)).mean((2, 3)))

    module = Net().eval()
    randomised(module)
    layers = probe(module, (3, 16, 16)).layers
    assert [x.name for x in layers if x.worthwhile] == ["one", "two", "last"]


def test_a_program_that_does_not_name_its_modules_offers_its_activations():
    functions = {"relu_0": ("relu", ""), "add_0": ("add", ""), "relu_1": ("relu", "")}
    called = [(address(name), (4, 8, 8)) for name in functions]
    assert worthwhile_originals(Origins(functions=functions), called) == {"relu_0", "relu_1"}


def test_strange_names_of_modules_do_no_harm():
    calls = (
        Origin(path="a.0", call=0, kind="__class__", address="x"),
        Origin(path="a.b", call=3, kind="", address="y"),
        Origin(path="a", call=0, kind="Module", address="y"),
    )
    called = [(address(name), (4, 8, 8)) for name in ("x", "y")]
    assert worthwhile_originals(Origins(calls=calls), called) <= {"x", "y"}


def address(name):
    return Address.parse(name)
