"""Networks whose best picture is known."""

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.analyses.feature_visualization import ANALYSIS
from interp_gui.core.feature import Feature
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.runtimes.torch_runtime import TorchRuntime

SIDE, PATCH = 32, 12


class OneLayer(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x).mean(dim=(2, 3))


def runtime(layer, units):
    description = ModelDescription(
        name="planted", format="torch-zip", architecture="planted", library="tests", parameters=1,
        weights_sha256="cd" * 32,
        preprocessing=Preprocessing(size=(SIDE, SIDE), resize="exact", resize_px=SIDE),
        outputs=(OutputInfo(kind="scalar", size=units),),
    )  # fmt: skip
    return TorchRuntime(OneLayer(layer), description)


def picture(model, feature, run_analysis, **settings):
    ran = run_analysis(ANALYSIS, model, {"size": SIDE, **settings}, features=(feature,))
    result = ran.last[feature.text]
    assert result.final
    return result


def templates():
    """Smooth patterns of mean 0: what a network might look for."""
    rows, columns = np.mgrid[0:PATCH, 0:PATCH] / PATCH
    waves = [
        np.sin(2 * np.pi * columns),
        np.cos(2 * np.pi * (rows + columns)),
        rows - columns,
        np.sin(2 * np.pi * columns) * np.sin(2 * np.pi * rows),
    ]
    found = np.stack([np.stack([wave] * 3) for wave in waves]).astype(np.float32)
    # Pixels have limits, so the best picture of a linear unit is black or white where its
    # weight is below or above 0: patterns that are nearly so themselves can come back whole.
    return np.tanh(4 * found)


@pytest.mark.parametrize("unit", range(4))
def test_a_planted_patch_comes_back(unit, run_analysis):
    layer = nn.Conv2d(3, 4, PATCH, bias=False)
    layer.weight.data = torch.from_numpy(templates())
    y = x = 10
    result = picture(
        runtime(layer, 4), Feature(layer="layer", units=(unit,)), run_analysis,
        objective=f"neuron(feature, y={y}, x={x})", steps=150, transforms=False,
    )  # fmt: skip
    shown = result.pixels[y : y + PATCH, x : x + PATCH].transpose(2, 0, 1) / 255 - 0.5
    wanted = templates()[unit]
    cosine = (shown * wanted).sum() / np.linalg.norm(shown) / np.linalg.norm(wanted)
    assert cosine > 0.9, cosine


def test_a_linear_unit_gets_its_colour(run_analysis):
    layer = nn.Conv2d(3, 2, 1, bias=False)
    layer.weight.data = torch.tensor([[1.0, 0.6, -1.2], [-1.0, 1.0, 0.8]]).reshape(2, 3, 1, 1)
    model = runtime(layer, 2)
    for unit, signs in ((0, [1, 1, -1]), (1, [-1, 1, 1])):
        feature = Feature(layer="layer", units=(unit,))
        shown = picture(model, feature, run_analysis, steps=150).pixels
        assert (np.sign(shown.mean(axis=(0, 1)) - 127.5) == signs).all()
        best = float(layer.weight.data[unit].clamp_min(0).sum() / 0.225)
        worst = float(layer.weight.data[unit].clamp_max(0).sum() / 0.225)
        assert best > worst


def test_more_and_less_of_a_unit_go_opposite_ways(run_analysis):
    torch.manual_seed(3)
    model = runtime(nn.Conv2d(3, 4, 5), 4)
    feature = Feature(layer="layer", units=(2,))
    start = picture(model, feature, run_analysis, steps=1, learning_rate=1e-4)
    more = picture(model, feature, run_analysis, steps=30)
    less = picture(model, feature, run_analysis, steps=30, objective="-feature")
    level = start.numbers["activation"]
    assert less.numbers["activation"] < level < more.numbers["activation"]
    assert less.numbers["objective"] == pytest.approx(-less.numbers["activation"], rel=1e-4)


class Sleeping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3)
        self.act = nn.ReLU6()

    def forward(self, x):
        return self.act(self.layer(x)).mean(dim=(2, 3))


def test_a_unit_that_starts_dead_wakes_up(run_analysis):
    """At the grey start every unit is below 0, so plain gradient would leave it there."""
    module = Sleeping()
    torch.manual_seed(0)
    module.layer.weight.data = torch.randn(3, 3, 3, 3)
    module.layer.bias.data = torch.full((3,), -3.0) - module.layer.weight.data.sum((1, 2, 3)) * 0.2
    description = runtime(nn.Conv2d(3, 3, 1), 3).description
    model = TorchRuntime(module, description)
    feature = Feature(layer="act", units=(1,))
    start = picture(model, feature, run_analysis, steps=1, learning_rate=1e-4)
    assert start.numbers["activation"] == 0.0
    assert "zero" in start.notes[0]
    woken = picture(model, feature, run_analysis, steps=60)
    assert woken.numbers["activation"] > 0.1
