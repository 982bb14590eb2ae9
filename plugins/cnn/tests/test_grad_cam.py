import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.preprocessing import load_batch
from interp_gui.plugins import (
    Context,
    Edit,
    EditStack,
    Feature,
    Inputs,
    MissingAbility,
    Progress,
    Target,
    unit_maps,
    upsample,
)
from interp_gui.runtimes.torch_runtime import TorchRuntime
from interp_gui_cnn.grad_cam import ANALYSIS, cam

SIDE = 32


class GapNet(nn.Module):
    """Convolutions, global average pooling, one linear layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.act = nn.GELU()
        self.last = nn.Conv2d(8, 10, 3, stride=2, padding=1)
        self.head = nn.Linear(10, 4)

    def forward(self, x):
        return self.head(self.last(self.act(self.first(x))).mean(dim=(2, 3)))


def randomise(module, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim > 1:
                noise = noise * (2.0 / tensor[0].numel()) ** 0.5
            elif name.endswith("weight") or "var" in name:
                noise = 1.0 + 0.2 * noise.abs()
            tensor.data.copy_(noise)
    return module


def network(name):
    from torchvision.models.swin_transformer import SwinTransformer
    from torchvision.models.vision_transformer import VisionTransformer

    if name == "gap":
        return GapNet()
    if name == "vit":
        return VisionTransformer(
            image_size=SIDE, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24,
            num_classes=4,
        )  # fmt: skip
    return SwinTransformer(
        patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 2], window_size=[4, 4],
        num_classes=4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runtimes():
    made = {}
    for seed, name in enumerate(("gap", "vit", "swin")):
        description = ModelDescription(
            name=name, format="torch-zip", architecture=name, library="torchvision",
            parameters=1, weights_sha256="cd" * 32,
            preprocessing=Preprocessing(size=(SIDE, SIDE), resize="exact"),
            outputs=(OutputInfo(size=4),),
        )  # fmt: skip
        made[name] = TorchRuntime(randomise(network(name), seed), description)
    return made


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("p") / "picture.png"
    coarse = np.random.default_rng(3).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).save(path)
    return str(path)


def maps_of(runtime, picture, settings=None, **inputs):
    context = Context(model=runtime, inputs=Inputs(images=(picture,), **inputs))
    steps = list(ANALYSIS.run(context, ANALYSIS.settings(settings or {})))
    assert not any(m._forward_hooks for m in runtime.module.modules())
    return [step for step in steps if not isinstance(step, Progress)]


RAW = {"relu": False, "upsampled": False}


@pytest.mark.parametrize("index", [0, 3])
def test_before_global_pooling_it_is_the_class_activation_map(runtimes, picture, index):
    runtime = runtimes["gap"]
    (shown,) = maps_of(runtime, picture, RAW, layer="last", target=Target(index=index))
    batch = load_batch([picture], runtime.preprocessing)
    ran = runtime.forward(batch, capture=["last"])
    value = ran.captured["last"][0]
    weights = runtime.module.head.weight[index].numpy()
    class_map = np.einsum("u,uhw->hw", weights, value)
    np.testing.assert_allclose(shown.values, class_map / 64, rtol=1e-4, atol=1e-6)
    logit, bias = ran.outputs["output"][0, index], float(runtime.module.head.bias[index])
    assert float(shown.values.sum()) == pytest.approx(logit - bias, abs=1e-5)
    assert shown.numbers["sum_signed"] == pytest.approx(logit - bias, abs=1e-5)
    assert shown.numbers["target"] == pytest.approx(logit, abs=1e-5)
    assert np.abs(shown.values).max() > 1e-3


def test_before_global_pooling_hirescam_is_the_same(runtimes, picture):
    both = [
        maps_of(runtimes["gap"], picture, RAW | {"method": method}, layer="last")[0].values
        for method in ("grad-cam", "hirescam")
    ]
    np.testing.assert_allclose(*both, rtol=1e-4, atol=1e-7)
    early = [
        maps_of(runtimes["gap"], picture, RAW | {"method": method}, layer="act")[0].values
        for method in ("grad-cam", "hirescam")
    ]
    assert np.abs(early[0] - early[1]).max() > 1e-3 * np.abs(early[0]).max()


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("gap", "act", (16, 16)),
        ("vit", "encoder.layers.encoder_layer_0", (4, 4)),
        ("swin", "features.1", (8, 8)),
    ],
)
def test_every_layout_of_axes_follows_the_definition(runtimes, picture, name, layer, size):
    runtime = runtimes[name]
    target = Target(index=1)
    (shown,) = maps_of(runtime, picture, RAW, layer=layer, target=target)
    assert shown.values.shape == size
    batch = load_batch([picture], runtime.preprocessing)
    x = torch.tensor(batch).requires_grad_(True)
    traced = runtime.trace(x, capture=[layer])
    (slope,) = torch.autograd.grad(traced.outputs["output"][0, 1], traced.captured[layer])
    info = runtime.description.layer(layer)
    maps = unit_maps(traced.captured[layer].detach().numpy(), info, (SIDE, SIDE))[0]
    slopes = unit_maps(slope.numpy(), info, (SIDE, SIDE))[0]
    expected = np.einsum("u,uhw->hw", slopes.mean(axis=(1, 2)), maps)
    np.testing.assert_allclose(shown.values, expected, rtol=1e-3, atol=1e-6)
    assert np.abs(expected).max() > 0
    assert any("Class and register" in note for note in shown.notes) == (name == "vit")


def test_relu_normalising_and_upsampling(runtimes, picture):
    runtime = runtimes["gap"]
    inputs = {"layer": "act", "target": Target(index=2)}
    signed = maps_of(runtime, picture, RAW, **inputs)[0]
    positive = maps_of(runtime, picture, {"upsampled": False}, **inputs)[0]
    np.testing.assert_array_equal(positive.values, np.maximum(signed.values, 0))
    assert signed.symmetric
    assert not positive.symmetric
    scaled = maps_of(runtime, picture, RAW | {"normalise": True}, **inputs)[0]
    assert float(np.abs(scaled.values).max()) == pytest.approx(1.0)
    np.testing.assert_allclose(
        scaled.values, signed.values / np.abs(signed.values).max(), rtol=1e-5
    )
    large = maps_of(runtime, picture, {"relu": False}, **inputs)[0]
    np.testing.assert_allclose(large.values, upsample(signed.values, (SIDE, SIDE)), atol=1e-6)
    assert large.image.shape == (SIDE, SIDE, 3)


def test_all_units_together_make_the_whole_map(runtimes, picture):
    whole = maps_of(runtimes["gap"], picture, RAW, layer="last", target=Target(index=0))[0]
    features = tuple(Feature(layer="last", units=(u,)) for u in range(10))
    parts = maps_of(runtimes["gap"], picture, RAW, features=features, target=Target(index=0))
    assert [part.key for part in parts] == [feature.text for feature in features]
    np.testing.assert_allclose(
        sum(part.values for part in parts), whole.values, rtol=1e-4, atol=1e-6
    )


def test_a_direction_along_a_unit_is_that_unit(runtimes, picture):
    direction = tuple(2.0 * (u == 3) for u in range(10))
    features = (
        Feature(layer="last", units=(3,)),
        Feature(layer="last", vectors=(direction,)),
    )
    unit, along = maps_of(runtimes["gap"], picture, RAW, features=features, target=Target(index=0))
    np.testing.assert_allclose(unit.values, along.values, rtol=1e-5, atol=1e-8)


def test_edits_and_the_targets_kind_change_the_map(runtimes, picture):
    runtime = runtimes["gap"]
    plain = maps_of(runtime, picture, RAW, layer="last", target=Target(index=0))[0]
    edits = EditStack((Edit(feature=Feature(layer="last", units=(0,)), kind="scale", amount=3.0),))
    edited = maps_of(runtime, picture, RAW, layer="last", target=Target(index=0), edits=edits)[0]
    assert edited.notes
    assert not np.allclose(plain.values, edited.values)
    difference = Target(kind="logit_difference", index=0, versus=1)
    other = maps_of(runtime, picture, RAW, layer="last", target=Target(index=1))[0]
    both = maps_of(runtime, picture, RAW, layer="last", target=difference)[0]
    np.testing.assert_allclose(both.values, plain.values - other.values, rtol=1e-3, atol=1e-6)


def test_randomised_weights_change_the_map(runtimes, picture):
    before = maps_of(runtimes["gap"], picture, RAW, layer="act", target=Target(index=0))[0]
    again = TorchRuntime(randomise(GapNet(), 99), runtimes["gap"].description)
    after = maps_of(again, picture, RAW, layer="act", target=Target(index=0))[0]
    assert abs(np.corrcoef(before.values.ravel(), after.values.ravel())[0, 1]) < 0.95


def test_a_layer_without_positions_is_refused(runtimes, picture):
    with pytest.raises(MissingAbility):
        maps_of(runtimes["gap"], picture, layer="head")


def test_the_formula_on_numbers_worked_by_hand():
    maps = np.array([[[1.0, 2.0]], [[3.0, -1.0]]])
    slopes = np.array([[[1.0, 3.0]], [[-1.0, 0.0]]])
    np.testing.assert_allclose(cam(maps, slopes), [[2.0 - 1.5, 4.0 + 0.5]])
    np.testing.assert_allclose(cam(maps, slopes, method="hirescam"), [[1.0 - 3.0, 6.0]])
