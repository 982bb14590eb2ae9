import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.analyses.intervene import ANALYSIS
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import describe, randomise


class Told(nn.Module):
    """Every state at once: of `act`, unit 2 reaches no answer and unit 3 is dead."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=4)
        self.act = nn.ReLU()
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.act(self.first(x)).mean(dim=(2, 3)))


@pytest.fixture
def told():
    module = randomise(Told(), 3)
    module.head.weight.data[:, 2] = 0.0
    module.first.weight.data[3] = 0.0
    module.first.bias.data[3] = -1.0
    module.first.bias.data[[0, 1, 2, 4, 5]] = 2.0
    return TorchRuntime(module, describe("told", 3))


@pytest.fixture
def answers(pictures):
    """The answers of a network for pictures, with some tensors changed by hand."""

    def found(runtime, path=pictures[0], **changed):
        module = runtime.module
        before = {k: v.clone() for k, v in module.state_dict().items()}
        try:
            for name, change in changed.items():
                change(module.get_parameter(name.replace("_", ".")).data)
            batch = torch.from_numpy(load_batch([path], runtime.preprocessing))
            with torch.no_grad():
                return module(batch)[0].double().numpy()
        finally:
            module.load_state_dict(before)

    return found


@pytest.fixture
def intervene(pictures):
    """Run `intervene` on some edits; gives every result in the order it came."""

    def run(runtime, *edits, images=None, context=None, stack=None, sources=None, **settings):
        stack = stack or EditStack(tuple(edits))
        inputs = {"images": images or pictures[:1], "edits": stack}
        inputs |= {k: settings.pop(k) for k in ("target", "seed") if k in settings}
        given = {"lasting": context.lasting} if context is not None else {}
        context = Context(model=runtime, inputs=Inputs(**inputs), sources=sources or {}, **given)
        weights = {k: v.clone() for k, v in runtime.module.state_dict().items()}
        found = []
        for step in ANALYSIS.run(context, ANALYSIS.settings(settings)):
            modules = list(runtime.module.modules())
            assert not any(m._forward_hooks or m._forward_pre_hooks for m in modules)
            assert not any("forward" in vars(m) for m in modules)
            if not isinstance(step, Progress):
                found.append(step)
        after = runtime.module.state_dict()
        assert all(torch.equal(weights[k], after[k]) for k in weights)
        return found

    return run


def unit(layer, *units, kind="ablate", **fields):
    return Edit(feature=Feature(layer=layer, units=units), kind=kind, **fields)


def value_of(runtime, layer, path):
    """A layer's value for one picture, without the batch axis."""
    batch = load_batch([path], runtime.preprocessing)
    return np.asarray(runtime.forward(batch, capture=[layer]).captured[layer][0], np.float64)
