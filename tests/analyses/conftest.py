"""Small networks with randomised weights, images, and a way to run an analysis to its end."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interp_gui.core.analysis import Context, Inputs, Progress, Saved, Store
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.runtimes.torch_runtime import TorchRuntime

SIDE = 32


class SmallCnn(nn.Module):
    """Two convolutions, global average pooling, one linear layer; unit 5 of `second` is dead."""

    def __init__(self, classes=6):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.last = nn.ReLU()
        self.head = nn.Linear(12, classes)

    def forward(self, x):
        x = self.last(self.second(self.act(self.first(x))))
        return self.head(x.mean(dim=(2, 3)))


def randomise(module, seed=0):
    """Distinct, well-scaled values in every tensor and buffer."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim > 1:
            noise = noise * (2.0 / tensor[0].numel()) ** 0.5
        elif name.endswith("weight") or "var" in name:
            noise = 1.0 + 0.2 * noise.abs()
        else:
            noise = 0.2 * noise
        tensor.data.copy_(noise)
    return module


def describe(architecture, classes, *, kind="softmax", side=SIDE):
    return ModelDescription(
        name=f"{architecture}.pt", format="torch-zip", architecture=architecture,
        library="torchvision", parameters=1, weights_sha256="ab" * 32,
        preprocessing=Preprocessing(size=(side, side), resize="exact", resize_px=side),
        outputs=(OutputInfo(name="output", kind=kind, size=classes),),
        class_names=tuple(f"name {i}" for i in range(classes)) if kind == "softmax" else (),
    )  # fmt: skip


def build(name):
    from torchvision.models.swin_transformer import SwinTransformer
    from torchvision.models.vision_transformer import VisionTransformer

    if name == "cnn":
        network = randomise(SmallCnn())
        network.second.weight.data[5] = 0.0
        network.second.bias.data[5] = -1.0
        return network, 6
    if name == "vit":
        vit = VisionTransformer(
            image_size=SIDE, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24,
            num_classes=5,
        )  # fmt: skip
        return randomise(vit, 1), 5
    swin = SwinTransformer(
        patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 2], window_size=[4, 4],
        num_classes=5,
    )  # fmt: skip
    return randomise(swin, 2), 5


@pytest.fixture(scope="session")
def runtimes():
    """By name: `cnn` (unit, y, x), `vit` (tokens), `swin` (channels last)."""
    made = {}
    for name in ("cnn", "vit", "swin"):
        module, classes = build(name)
        made[name] = TorchRuntime(module, describe(name, classes))
    return made


@pytest.fixture
def small_cnn():
    """Make a small CNN of its own with a seed, a class count and changes of its description."""

    def make(seed=0, classes=6, **changes):
        description = describe("cnn", classes)
        changes = {"name": f"net{seed}.pt", "weights_sha256": f"{seed:02d}" * 32} | changes
        return TorchRuntime(
            randomise(SmallCnn(classes), seed), msgspec.structs.replace(description, **changes)
        )

    return make


@pytest.fixture(scope="session")
def maps_layer():
    """A layer with positions of each of these networks."""
    return {"cnn": "last", "vit": "encoder.layers.encoder_layer_0", "swin": "features.1"}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Twelve different image files."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(7)
    paths = []
    for i in range(12):
        coarse = random.integers(0, 256, (4 + i % 3, 5, 3), dtype=np.uint8)
        path = folder / f"picture_{i:02d}.png"
        Image.fromarray(coarse).resize((40 + i, 36), Image.Resampling.BICUBIC).save(path)
        paths.append(str(path))
    return tuple(paths)


@pytest.fixture
def dataset(pictures):
    return Dataset(name="d", images=tuple(ImageEntry(path=path) for path in pictures))


class Memory(Store):
    """A cache in memory that counts."""

    def __init__(self):
        self.held, self.hits = {}, 0

    def get(self, key):
        value = self.held[repr(key)]
        self.hits += 1
        return value

    def put(self, key, value):
        self.held[repr(key)] = value


@pytest.fixture
def memory():
    return Memory()


@dataclasses.dataclass
class Ran:
    results: list
    progress: list
    saved: list

    @property
    def last(self):
        """Last result of each key, in the order of first appearance."""
        return {result.key: result for result in self.results}


@pytest.fixture
def run_analysis():
    """Run an analysis to its end: `run_analysis(ANALYSIS, runtime, settings, **inputs)`."""

    def run(
        analysis,
        runtime,
        settings=None,
        *,
        cache=None,
        state=None,
        check=None,
        other=None,
        **inputs,
    ):
        checks = []
        context = Context(
            model=runtime, inputs=Inputs(**inputs), cache=cache, state=state,
            check=check or (lambda: checks.append(1)), other=other,
        )  # fmt: skip
        before = {k: v.clone() for k, v in runtime.module.state_dict().items()}
        steps = list(analysis.run(context, analysis.settings(settings or {})))
        after = runtime.module.state_dict()
        assert all(torch.equal(before[k], after[k]) for k in before)
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in runtime.module.modules())
        progress = [s for s in steps if isinstance(s, Progress)]
        saved = [s for s in steps if isinstance(s, Saved)]
        results = [s for s in steps if not isinstance(s, Progress | Saved)]
        assert progress
        assert {r.kind for r in results} <= set(analysis.produces)
        assert not any(str(Path(tmp)) in repr(r.provenance) for r in results for tmp in ["/tmp"])
        return Ran(results, progress, saved)

    return run
