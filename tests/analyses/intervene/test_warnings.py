"""What is said beside an edit that runs: a norm behind it, values beyond any observed."""

import pytest
from torch import nn

from interp_gui.analyses.feature_statistics import ANALYSIS as STATISTICS
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import Baseline
from interp_gui.core.feature import Feature
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import describe, randomise
from tests.analyses.intervene.conftest import unit


@pytest.fixture
def normed():
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=4), nn.BatchNorm2d(5), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(5, 3),
    )  # fmt: skip
    return TorchRuntime(randomise(network, 2), describe("normed", 3))


def test_an_edit_before_a_norm_names_the_place_behind_it(normed, intervene):
    mean = Baseline("mean", values=(0.5,), source="x")
    edits = [
        unit("0", 1),
        unit("0", 1, kind="scale", amount=0.5),
        unit("0", 1, baseline=mean),
        unit("0", 1, kind="add", amount=1.0),
        unit("2", 1),
    ]
    effects = intervene(normed, *edits, controls=0)[-1].effects
    assert [effect.behind for effect in effects] == ["2", "2", "", "", ""]
    assert "norm" in effects[0].warning
    assert "2 is the place" in effects[0].warning
    assert effects[2].warning == effects[4].warning == ""


def test_values_beyond_any_observed_are_told(told, intervene, dataset):
    feature = Feature(layer="act", units=(1,))
    inputs = Inputs(dataset=dataset, features=(feature,))
    context = Context(model=told, inputs=inputs)
    strong, weak = (unit("act", 1, kind="add", amount=amount) for amount in (1000.0, 0.0))
    assert intervene(told, strong, context=context, controls=0)[-1].effects[0].warning == ""
    for _ in STATISTICS.run(context, STATISTICS.settings({})):
        pass
    beyond = intervene(told, strong, context=context, controls=0)[-1].effects[0].warning
    assert beyond.startswith("Values beyond any observed in 12 images (")
    assert beyond.endswith("at 100 % of positions.")
    assert intervene(told, weak, context=context, controls=0)[-1].effects[0].warning == ""
