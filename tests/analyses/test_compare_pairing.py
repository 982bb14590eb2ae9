"""Networks compared with their own exports, and with other networks."""

import dataclasses

import msgspec
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from interp_gui.analyses.compare_models.analysis import ANALYSIS
from interp_gui.analyses.compare_models.pairing import last_in_scopes, pair_layers
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import OutputInfo
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.checkpoints.conftest import randomised
from tests.runtimes.onnx.conftest import described, exported

SIDE = 32
FIGURES = ("CKA", "relative difference", "layer of B", "paired by")


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.again = nn.Conv2d(width, width, 3, padding=1)
        self.norm_again = nn.BatchNorm2d(width)

    def forward(self, x):
        return self.relu(x + self.norm_again(self.again(self.relu(self.norm(self.conv(x))))))


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), Block(8), nn.Conv2d(8, 12, 3, 2, 1),
        Block(12), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 6),
    )  # fmt: skip


def vit():
    import timm

    return timm.create_model(
        "vit_tiny_patch16_224", img_size=SIDE, patch_size=8, depth=2, embed_dim=24, num_heads=3,
        num_classes=6,
    )  # fmt: skip


def torch_runtime(module, **changes):
    description = msgspec.structs.replace(
        described(6, SIDE), format="torch-zip", library="torchvision", name="net.pt", **changes
    )
    return TorchRuntime(module, description)


@pytest.fixture(scope="module")
def networks():
    """By name: the network in torch, and a way to export it."""
    made = {}
    for name, make in (("cnn", cnn), ("vit", vit)):
        module = make().eval()
        randomised(module)
        made[name] = (torch_runtime(module), module)
    return made


@pytest.fixture
def compared(dataset, pictures):
    """Tables of a comparison, by key; `layers` also as figures by name of the layer."""

    def run(first, second, **settings):
        context = Context(
            model=first, inputs=Inputs(images=pictures[:1], dataset=dataset), cache=None,
            state=None, check=lambda: None, other=second,
        )  # fmt: skip
        steps = list(ANALYSIS.run(context, ANALYSIS.settings(settings)))
        tables = {step.key: step for step in steps if not isinstance(step, Progress)}
        columns = tables["layers"].columns
        figures = {
            row[0]: tuple(row[columns.index(name)] for name in FIGURES)
            for row in tables["layers"].cells
        }
        return tables, figures

    return run


@pytest.mark.parametrize("dynamo", [False, True], ids=["older", "newer"])
@pytest.mark.parametrize("name", ["cnn", "vit"])
def test_an_export_is_its_network_layer_for_layer(name, dynamo, networks, compared):
    ours, module = networks[name]
    theirs = OnnxRuntime(exported(module, size=SIDE, dynamo=dynamo), described(6, SIDE))
    tables, figures = compared(ours, theirs, layers="all")
    paired = {layer: row for layer, row in figures.items() if row[3] is not None}
    assert {row[3] for row in paired.values()} == {"value"}
    for layer, (alike, difference, partner, _) in paired.items():
        assert difference is not None, (layer, partner)
        assert difference <= 1e-4, (layer, partner)
        assert alike is None or alike >= 0.9999, (layer, partner)
    # what has no counterpart was folded or fused, and stands in no list of what to look at
    alone = {layer for layer in figures if layer not in paired}
    worthwhile = {layer.name for layer in ours.description.layers if layer.worthwhile}
    assert not alone & worthwhile
    assert len(alone) <= len(figures) / 3, alone
    numbers = tables["layers"].numbers
    assert numbers["paired_by_value"] == len(paired)
    assert numbers["without_counterpart"] == len(alone)
    assert "first_different_layer" not in numbers
    _, back = compared(theirs, ours)
    assert sum(row[3] == "value" for row in back.values()) >= len(back) * 0.75
    assert all(row[1] <= 1e-4 for row in back.values() if row[3])


def broken_export(module, name):
    """An export in which the weights of one convolution are others."""
    model = onnx.load_model_from_string(exported(module, size=SIDE))
    convolution = next(node for node in model.graph.node if node.name.endswith(name))
    tensor = next(t for t in model.graph.initializer if t.name == convolution.input[1])
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1]), tensor.name))
    return OnnxRuntime(model.SerializeToString(), described(6, SIDE))


def test_a_wrong_export_shows_the_layer_from_which_it_is_wrong(networks, compared):
    ours, module = networks["cnn"]
    theirs = broken_export(module, "/4/Conv")
    tables, figures = compared(ours, theirs, layers="all")
    numbers = tables["layers"].numbers
    assert numbers["first_different_layer"] == "4"
    assert figures["3"][3] == "value"
    assert figures["4"][2:] == ("4.Conv", "exporter's scope")
    assert figures["4"][1] > 0.1
    # behind it, the norms are held against the convolutions that they were folded into
    assert figures["5.norm"][2] == "5.conv.Conv"
    assert figures["5.conv"][2] is None
    assert figures["8"][3] == "exporter's scope"
    assert any("have no counterpart" in note for note in tables["layers"].notes)


def test_what_an_export_was_wrapped_in_does_not_matter(networks, compared):
    class Wrapped(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.net = inner

        def forward(self, x):
            return self.net(x)

    ours, module = networks["cnn"]
    theirs = broken_export(Wrapped(module).eval(), ".4/Conv")
    _, figures = compared(ours, theirs, layers="all")
    assert figures["4"][2:] == ("net.4.Conv", "exporter's scope")


def test_the_same_network_under_other_names_is_paired_by_value(networks):
    ours, module = networks["cnn"]
    renamed = nn.Sequential()
    for place, child in enumerate(module):
        renamed.add_module(f"part{place}", child)
    pairing = pair_layers(ours, torch_runtime(renamed), everything=True)
    assert {pair.by for pair in pairing.pairs} == {"value"}
    assert not pairing.alone
    assert all(f"part{pair.first.name}" == pair.second.name for pair in pairing.pairs
               if pair.first.name in "0123458")  # fmt: skip


def test_layers_of_another_input_are_not_called_equal(networks):
    ours, module = networks["cnn"]
    other = torch_runtime(module)
    other = other.with_preprocessing(
        msgspec.structs.replace(other.preprocessing, size=(SIDE * 2, SIDE * 2))
    )
    renamed = dataclasses.make_dataclass("Renamed", ["description", "preprocessing"])(
        msgspec.structs.replace(
            other.description,
            layers=tuple(msgspec.structs.replace(layer, name=f"x.{layer.name}")
                         for layer in other.description.layers),
        ), other.preprocessing,
    )  # fmt: skip
    pairing = pair_layers(ours, renamed, everything=True)
    assert not pairing.pairs


def test_two_networks_have_a_table_of_all_against_all(dataset, compared):
    import torchvision

    made = []
    for name in ("resnet18", "mobilenet_v2"):
        module = torchvision.models.get_model(name, weights=None, num_classes=6).eval()
        randomised(module)
        made.append(torch_runtime(module, outputs=(OutputInfo(size=6),)))
    tables, figures = compared(*made)
    alike = tables["alike"]
    worthwhile = [sum(layer.worthwhile for layer in m.description.layers) for m in made]
    assert (len(alike.cells), len(alike.columns) - 1) == tuple(worthwhile)
    values = np.array([row[1:] for row in alike.cells], float)
    assert np.nanmax(values) <= 1.5
    assert {row[3] for row in figures.values()} == {"most alike"}
    assert np.isfinite(values).mean() > 0.9


def info(name, **more):
    return LayerInfo(name=name, kind="x", axes=("unit", "y", "x"), shape=(4, 2, 2), **more)


def test_modules_called_twice_are_not_paired_by_place():
    modules = (info("relu"), info("relu#1"), info("conv"))
    values = (info("relu.Relu"), info("relu.Relu_1"), info("conv.Conv"))
    found = last_in_scopes(modules, values, {})
    assert {m.name: v.name for m, v in found.items()} == {"conv": "conv.Conv"}


def test_torch_is_left_as_it_was(networks, compared):
    ours, module = networks["cnn"]
    before = {key: value.clone() for key, value in module.state_dict().items()}
    compared(ours, ours)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
