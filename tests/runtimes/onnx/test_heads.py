"""Attention in exports: axes are told through its turns, and heads are edited as in torch."""

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.edit_reference import apply_stack
from interp_gui.core.errors import EditProblem
from interp_gui.core.feature import Feature
from interp_gui.core.place import Place
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from tests.checkpoints.conftest import randomised
from tests.runtimes.onnx.conftest import described, exported

SIDE, HEADS = 16, 3


class Attention(nn.Module):
    """One projection for queries, keys and values, whose batch goes behind the three."""

    def __init__(self, *, pair=False):
        super().__init__()
        self.pair = pair
        self.q = nn.Linear(12, 12)
        self.qkv = nn.Linear(12, 24 if pair else 36)
        self.proj = nn.Linear(12, 12)

    def forward(self, x):
        n, t, _ = x.shape
        parts = self.qkv(x).reshape(n, t, -1, HEADS, 4).permute(2, 0, 3, 1, 4)
        first = self.q(x).reshape(n, t, HEADS, 4).transpose(1, 2) if self.pair else parts[0]
        pattern = (first @ parts[-2].transpose(-2, -1) / 2).softmax(dim=-1)
        return self.proj((pattern @ parts[-1]).transpose(1, 2).reshape(n, t, 12))


class Net(nn.Module):
    def __init__(self, *, pair=False):
        super().__init__()
        self.embed = nn.Conv2d(3, 12, 4, 4)
        self.attn = Attention(pair=pair)
        self.head = nn.Linear(12, 6)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x + self.attn(x)
        return self.head(x.mean(dim=1))


@pytest.fixture(scope="module")
def net():
    module = Net().eval()
    randomised(module)
    return module


@pytest.fixture(scope="module", params=[False, True], ids=["older", "newer"])
def runtime(request, net):
    return OnnxRuntime(exported(net, size=SIDE, dynamo=request.param), described(6, SIDE))


@pytest.fixture
def images():
    return np.random.default_rng(5).standard_normal((3, 3, SIDE, SIDE)).astype(np.float32)


def written_by_heads(runtime):
    return next(
        layer for layer in runtime.description.layers
        if layer.kind == "MatMul" and layer.axes == ("head", "token", "unit")
    )  # fmt: skip


def patterns(runtime):
    return next(layer for layer in runtime.description.layers if layer.kind == "Softmax")


def test_axes_are_followed_where_the_batch_is_not_the_first(runtime):
    z, pattern = written_by_heads(runtime), patterns(runtime)
    assert z.shape == (HEADS, 16, 4)
    assert (pattern.axes, pattern.shape) == (("head", "token", "other"), (HEADS, 16, 16))
    behind = [layer for layer in runtime.description.layers if layer.shape == (16, 12)]
    assert len(behind) >= 4
    assert {layer.axes for layer in behind} == {("token", "unit")}


def test_two_parts_are_not_taken_for_two_images():
    module = Net(pair=True).eval()
    randomised(module)
    runtime = OnnxRuntime(exported(module, size=SIDE), described(6, SIDE))
    batch = np.random.default_rng(0).standard_normal((5, 3, SIDE, SIDE)).astype(np.float32)
    layers = [layer.name for layer in runtime.description.layers]
    captured = runtime.forward(batch, capture=layers).captured
    assert {len(value) for value in captured.values()} == {5}
    assert written_by_heads(runtime).shape == (HEADS, 16, 4)


def test_edits_of_heads_equal_the_reference(runtime, images):
    layers = [written_by_heads(runtime), patterns(runtime)]
    names = [layer.name for layer in layers]
    plain = runtime.forward(images, capture=names).captured
    others = runtime.forward(images[::-1] * 2, capture=names).captured
    for layer in layers:
        assert layer.writable
        for feature in ({"units": (1,), "heads": True}, {"units": (2, 0), "heads": True}, {}):
            size = len(feature.get("units", ()))
            asked = [
                {"kind": "scale", "amount": -2.0}, {"kind": "clamp", "low": 0.02, "high": 0.1},
                {"kind": "ablate"}, {"kind": "patch", "source": "other"},
            ]  # fmt: skip
            if size:
                numbers = tuple(0.5 + i for i in range(size))
                asked += [
                    {"kind": "ablate", "baseline": Baseline("mean", values=numbers)},
                    {"kind": "add", "amount": 1.5, "deviation": numbers},
                ]
            for recipe in asked:
                for place in (Place(), Place("tokens", tokens=(0, -2))):
                    feature_there = Feature(layer=layer.name, **feature)
                    edit = Edit(feature=feature_there, place=place, **recipe)
                    stack, source = EditStack((edit,)), others[layer.name][0]
                    ran = runtime.forward(
                        images, capture=[layer.name], edits=stack,
                        sources={(layer.name, "other"): source},
                    )  # fmt: skip
                    wanted = apply_stack(
                        plain[layer.name], stack, layer.name, layer.axes, sources={"other": source}
                    )
                    assert np.allclose(ran.captured[layer.name], wanted, atol=1e-5), edit
                    assert not np.allclose(wanted, plain[layer.name], atol=1e-3), edit


def test_a_head_at_zero_is_its_part_of_the_projection_at_zero(runtime, net, images):
    z = written_by_heads(runtime)
    edit = Edit(feature=Feature(layer=z.name, units=(1,), heads=True), kind="ablate")
    found = runtime.forward(images, edits=EditStack((edit,))).outputs["output"]
    kept = net.attn.proj.weight.clone()
    with torch.no_grad():
        net.attn.proj.weight[:, 4:8] = 0
        try:
            wanted = net(torch.tensor(images)).numpy()
        finally:
            net.attn.proj.weight.copy_(kept)
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert np.abs(found - net(torch.tensor(images)).detach().numpy()).max() > 1e-3


def test_a_head_named_twice_is_refused(runtime, images):
    z = written_by_heads(runtime)
    edit = Edit(feature=Feature(layer=z.name, units=(1, 1), heads=True), kind="ablate")
    with pytest.raises(EditProblem, match="twice"):
        runtime.forward(images, edits=EditStack((edit,)))
