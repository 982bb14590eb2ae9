"""Everything lands on the network's device: tried on a device that torch only pretends to have.

Without one no gradient can be taken, so this is about the way forward.
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from interp_gui.analyses.feature_visualization.fourier import FourierImages
from interp_gui.analyses.feature_visualization.network import Normalise
from interp_gui.analyses.feature_visualization.objectives import direction
from interp_gui.analyses.feature_visualization.optimiser import Ascent
from interp_gui.analyses.feature_visualization.transforms import Draw, plain_view, views
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.model import Preprocessing
from interp_gui.core.place import Place
from interp_gui.core.target import Target
from interp_gui.runtimes.relaxed import Relaxed
from interp_gui.runtimes.relu_gradient import PassBlockedGradient
from interp_gui.runtimes.target import evaluate_target

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")

DEVICE = "cuda:0"
DRAWS = [Draw(), Draw(scale=1.1, angle=5.0)]


@pytest.fixture
def elsewhere():
    """Tensors without values, whose operations still refuse to mix devices."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.pool(self.act(self.norm(self.conv(x))))
        return self.head(x.mean((2, 3)))


@pytest.fixture
def moved(tiny):
    """A runtime whose network lies on the pretended device."""
    runtime = tiny(Net())
    other = copy.copy(runtime)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device(DEVICE):
        other.module = Net().eval().requires_grad_(False)
        other._modules = dict(other.module.named_modules())
        other._device = DEVICE
        yield other


def edits():
    layer = "act"
    region = tuple(tuple(float(x < 8) for x in range(16)) for _ in range(16))
    unit, whole = Feature(layer=layer, units=(1, 3)), Feature(layer=layer)
    vectors = Feature(layer=layer, vectors=as_vectors(np.eye(6)[:2] + 0.1))
    place = Place("region", region=region)
    mean = Baseline("mean", (0.5, 0.25))
    return [
        Edit(feature=unit, kind="ablate", place=place),
        Edit(feature=unit, kind="ablate", baseline=mean),
        Edit(feature=unit, kind="scale", amount=2.0),
        Edit(feature=unit, kind="clamp", low=0.0, high=1.0),
        Edit(feature=unit, kind="add", amount=1.0, deviation=(0.5, 0.25)),
        Edit(feature=whole, kind="patch", source="s", place=place),
        Edit(feature=unit, kind="patch", source="s"),
        Edit(feature=vectors, kind="add", amount=1.0, place=place),
        Edit(feature=vectors, kind="project_out"),
        Edit(feature=vectors, kind="ablate", baseline=Baseline("mean", (0.5, 0.25))),
        Edit(feature=vectors, kind="patch", source="s"),
    ]


@pytest.mark.parametrize("number", range(len(edits())))
def test_edits_and_targets(number, moved):
    edit = edits()[number]
    x = moved.tensor(np.zeros((2, 3, 16, 16), np.float32)).requires_grad_(True)
    sources = {("act", "s"): np.zeros((6, 16, 16), np.float32)}
    traced = moved.trace(x, capture=["act", "pool"], edits=EditStack((edit,)), sources=sources)
    targets = [
        Target(index=1),
        Target(kind="probability", index=1),
        Target(kind="similarity", reference=(1.0, 0.0, 2.0, 0.0, 1.0)),
    ]
    for target in targets:
        value = evaluate_target({target.output: traced.outputs["output"]}, target)
        assert value.device == torch.device(DEVICE)


@pytest.mark.parametrize("mode", [lambda: Relaxed(detach_gates=True), PassBlockedGradient])
def test_replaced_functions(mode, moved):
    x = torch.ones(1, 3, 16, 16, device=DEVICE, requires_grad=True)
    with mode():
        value = moved.trace(x, capture=["pool"]).captured["pool"]
    assert value.device == torch.device(DEVICE)


@pytest.mark.usefixtures("elsewhere")
def test_pictures_on_their_way_up():
    images = FourierImages(32, device=DEVICE)
    start = torch.zeros(2, *images.shape)
    ascent = Ascent(start, [torch.Generator(), torch.Generator()], device=DEVICE)
    pictures = images.images(ascent.coefficients)
    preprocessing = Preprocessing(size=(16, 16), mean=(0.5,) * 3, std=(0.25,) * 3)
    normalise = Normalise(preprocessing, DEVICE)
    for seen in (views(pictures, DRAWS, (16, 16)), plain_view(pictures, (16, 16))):
        loss = normalise(seen).flatten(2)[0]
        total = direction(loss, torch.ones(2, 3), 2.0)
        assert total.device == torch.device(DEVICE)
        ascent.climb(torch.ones_like(ascent.coefficients), 0.05)
    assert images.coefficients(pictures).device == torch.device(DEVICE)
