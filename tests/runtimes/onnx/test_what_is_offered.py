"""Which values of an export are offered, what their axes mean, and that they can all be read."""

import numpy as np
import torch
from torch import nn

from interp_gui.runtimes.onnx.network import Network
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from tests.checkpoints.conftest import randomised
from tests.runtimes.onnx.conftest import described, exported

SIDE = 32


class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Tokens(nn.Module):
    """Two blocks of an MLP with the activations that SigLIP and CLIP have."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 12, 8, 8)
        self.first = nn.Sequential(nn.Linear(12, 24), nn.GELU("tanh"), nn.Linear(24, 12))
        self.second = nn.Sequential(nn.Linear(12, 24), QuickGelu(), nn.Linear(24, 12))
        self.head = nn.Linear(12, 6)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x + self.first(x)
        x = x + self.second(x)
        return self.head(x.mean(dim=1))


class Windows(nn.Module):
    """A map is cut into windows, changed there, and put together again."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 12, 4, 4)
        self.inner = nn.Linear(12, 12)
        self.mix = nn.Parameter(torch.zeros(24, 12))
        self.outer = nn.Linear(12, 12)
        self.head = nn.Linear(12, 6)

    def forward(self, x):
        x = self.embed(x).permute(0, 2, 3, 1)
        n = x.shape[0]
        cut = x.reshape(n, 2, 4, 2, 4, 12).permute(0, 1, 3, 2, 4, 5).reshape(n * 4, 16, 12)
        cut = self.inner(cut).reshape(n, 2, 2, 4, 4, 12)
        x = x + cut.permute(0, 1, 3, 2, 4, 5).reshape(n, 8, 8, 12)
        x = torch.cat([x[:, 2:], x[:, :2]], dim=1)  # rolled, as every second block of Swin does
        x = torch.cat([x[:, 0::2], x[:, 1::2]], dim=-1).reshape(n, 32, 24) @ self.mix
        return self.head(torch.relu(self.outer(x)).mean(dim=1))


class Branches(nn.Module):
    """Convolutions that are added and activated, which ONNX Runtime makes one."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.large = nn.Conv2d(8, 16, 3, 1, 1, groups=8)
        self.small = nn.Conv2d(8, 16, 3, 1, 1, groups=8)
        self.mix = nn.Conv2d(16, 16, 1)
        self.head = nn.Linear(16, 6)

    def forward(self, x):
        x = self.stem(x)
        x = nn.functional.gelu(self.large(x) + self.small(x))
        return self.head(nn.functional.gelu(self.mix(x)).mean(dim=(2, 3)))


def opened(module, **options):
    module.eval()
    randomised(module)
    return OnnxRuntime(exported(module, size=SIDE, **options), described(6, SIDE))


def test_hidden_units_are_found_behind_activations_that_are_written_out():
    runtime = opened(Tokens())
    worthwhile = [layer for layer in runtime.description.layers if layer.worthwhile]
    hidden = [layer for layer in worthwhile if layer.units == 24]
    batch = np.random.default_rng(0).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
    names = [layer.name for layer in hidden]
    assert {name.partition(".")[0] for name in names} == {"first", "second"}
    assert len(names) == 2
    found = runtime.forward(batch, capture=["first.0.Add", "second.0.Add", *names]).captured
    before = torch.from_numpy(found["first.0.Add"])
    assert np.allclose(found[names[0]], nn.functional.gelu(before, approximate="tanh"), atol=1e-5)
    before = torch.from_numpy(found["second.0.Add"])
    assert np.allclose(found[names[1]], QuickGelu()(before), atol=1e-5)


def test_windows_that_are_put_together_are_places_of_the_map():
    runtime = opened(Windows())
    shapes = {layer.shape: layer.axes for layer in runtime.description.layers}
    assert shapes[8, 8, 12] == ("y", "x", "unit")
    assert shapes[4, 8, 24] == ("y", "x", "unit")
    for name in ("outer.Add", "Relu"):
        layer = runtime.layer(name)
        assert (layer.axes, layer.shape) == (("token", "unit"), (32, 12))


def test_values_that_fusion_would_lose_are_read(monkeypatch):
    failed = []
    plain = Network._loaded

    def seen(self, *args, **options):
        ready = plain(self, *args, **options)
        failed.append(ready is None)
        return ready

    monkeypatch.setattr(Network, "_loaded", seen)
    module = Branches()
    runtime = opened(module)
    x = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        stem = module.stem(x)
        wanted = {"large.Conv": module.large(stem), "small.Conv": module.small(stem)}
    for name, value in wanted.items():
        ran = runtime.forward(x.numpy(), capture=[name])
        assert np.allclose(ran.captured[name], value, atol=1e-4)
        assert np.allclose(ran.outputs["output"], module(x).detach(), atol=1e-4)
    assert any(failed)  # else this version of ONNX Runtime no longer needs it
