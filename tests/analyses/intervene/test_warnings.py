"""What is said beside an edit that runs: a norm behind it, values beyond any observed."""

import pytest
from torch import nn

from interp_gui.core.edit import Baseline, Observed
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


def test_values_beyond_any_observed_are_told_wherever_the_edit_runs(told, intervene):
    observed = Observed(low=(0.0,), high=(9.0,), images=12)

    def warning(amount, *, observed=observed):
        edit = unit("act", 1, kind="add", amount=amount, observed=observed)
        return intervene(told, edit, controls=0)[-1].effects[0].warning

    assert warning(1000.0).startswith("Values beyond any observed in 12 images (0 to 9)")
    assert warning(1000.0).endswith("at 100 % of positions.")
    assert warning(0.0) == ""
    assert warning(1000.0, observed=None) == ""
