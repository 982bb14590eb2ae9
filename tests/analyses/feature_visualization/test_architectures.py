"""Real architectures with randomised weights, a step or two each."""

import numpy as np
import pytest
import torch
import torchvision

from interp_gui.analyses.feature_visualization import ANALYSIS
from interp_gui.analyses.feature_visualization.network import Network
from interp_gui.analyses.feature_visualization.readings import OUTPUT
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.feature import Feature
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.runtimes.torch_runtime import TorchRuntime

LAYERS = {
    "mobilenet_v2": "features.7",
    "resnet18": "layer2.0.relu#1",
    "vit_b_16": "encoder.layers.encoder_layer_2",
    "swin_t": "features.3",
}
SHRUNK = {"vit_b_16": {"image_size": 64}}


@pytest.fixture(scope="module", params=sorted(LAYERS))
def opened(request):
    module = torchvision.models.get_model(
        request.param, weights=None, num_classes=10, **SHRUNK.get(request.param, {})
    )
    generator = torch.Generator().manual_seed(5)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim > 1:
            tensor.copy_(noise * (1.5 / tensor[0].numel()) ** 0.5)
        elif name.endswith("weight") or "var" in name:
            tensor.copy_(1 + 0.2 * noise.abs())
        else:
            tensor.copy_(0.2 * noise)
    description = ModelDescription(
        name=request.param, format="torch-zip", architecture=request.param, library="torchvision",
        parameters=1, weights_sha256="ef" * 32, outputs=(OutputInfo(size=10),),
        preprocessing=Preprocessing(size=(64, 64), resize="exact", resize_px=64),
    )  # fmt: skip
    return TorchRuntime(module, description), LAYERS[request.param]


@pytest.mark.parametrize(
    "objective", ["channel", "neuron", "direction", "layer(feature)", "logit(3)", "feature - layer"]
)
def test_every_objective(opened, objective, run_analysis):
    runtime, layer = opened
    if objective == "feature - layer":
        objective = f"feature - 0.1*layer({layer})"
    whole = objective == "layer(feature)"
    feature = Feature(layer=layer) if whole else Feature(layer=layer, units=(5,))
    settings = {"size": 48, "steps": 2, "objective": objective}
    ran = run_analysis(ANALYSIS, runtime, settings, features=(feature,))
    (result,) = [r for r in ran.results if r.final]
    assert result.pixels.shape == (48, 48, 3)
    assert all(np.isfinite(v) for v in result.numbers.values())


def test_steps_climb(opened, run_analysis):
    runtime, layer = opened
    feature = Feature(layer=layer, units=(5,))
    reached = []
    for steps in (1, 12):
        settings = {"size": 64, "steps": steps, "transforms": False}
        ran = run_analysis(ANALYSIS, runtime, settings, features=(feature,))
        reached.append(ran.last[feature.text].numbers["activation"])
    assert reached[1] > reached[0]


def test_fast_values_are_those_of_the_unfolded_network(opened):
    runtime, layer = opened
    context = Context(model=runtime, inputs=Inputs())
    network = Network(context, {layer, OUTPUT}, size=64, heads=frozenset())
    pictures = torch.rand(2, 3, *network.side, generator=torch.Generator().manual_seed(1))
    fast, exact = network.values(pictures), network.exact_values(pictures)
    assert set(fast) == set(exact) == {layer, OUTPUT}
    for name, values in exact.items():
        for slot, value in enumerate(values):
            scale = float(value.abs().max())
            assert float((fast[name][slot] - value).abs().max()) < 1e-3 * scale


def test_only_networks_that_take_any_size_run_at_the_pictures_size(opened):
    runtime, layer = opened
    context = Context(model=runtime, inputs=Inputs())
    network = Network(context, {layer}, size=48, heads=frozenset())
    convolutional = runtime.description.architecture in ("mobilenet_v2", "resnet18")
    assert network.side == ((48, 48) if convolutional else (64, 64))
