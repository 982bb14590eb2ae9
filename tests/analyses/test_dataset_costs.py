"""What runs over all images are said to cost. A run is said to take a second."""

import msgspec
import pytest

from interp_gui.analyses import dataset_costs
from interp_gui.analyses.check_preprocessing import ANALYSIS as CHECK
from interp_gui.analyses.dataset_predictions import ANALYSIS as ANSWERS
from interp_gui.analyses.preprocessing_candidates import candidates
from interp_gui.analyses.unit_similarity import ANALYSIS as SIMILAR
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.feature import Feature


@pytest.fixture
def seconds(monkeypatch, runtimes):
    monkeypatch.setattr(dataset_costs, "forward_s", lambda context, **how: 1.0)
    monkeypatch.setattr(dataset_costs, "within", exactly)

    def ask(analysis, settings=None, *, cache=None, **inputs):
        context = Context(model=runtimes["cnn"], inputs=Inputs(**inputs), cache=cache)
        return analysis.estimate(context, analysis.settings(settings or {})).seconds

    return ask


def exactly(steps, total):
    """As `costs.within`, with time to finish that does not count."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return stop.value, 0.0


def test_answers_that_are_kept_cost_nothing(
    seconds, runtimes, dataset, run_analysis, memory, monkeypatch
):
    monkeypatch.setattr("interp_gui.analyses.dataset_predictions._CHUNK", 4)
    assert seconds(ANSWERS, dataset=dataset, cache=memory) == 12
    first = msgspec.structs.replace(dataset, images=dataset.images[:8])
    run_analysis(ANSWERS, runtimes["cnn"], dataset=first, cache=memory)
    assert seconds(ANSWERS, dataset=dataset, cache=memory) == 4


def test_settings_are_tried_on_each_labelled_image(seconds, runtimes, dataset):
    images = tuple(
        msgspec.structs.replace(entry, label="a" if i < 11 else "b")
        for i, entry in enumerate(dataset.images)
    )
    labelled = msgspec.structs.replace(dataset, images=images, classes={"a": 0})
    settings = len(candidates(runtimes["cnn"].preprocessing))
    assert seconds(CHECK, dataset=labelled) == 11 * settings
    assert seconds(CHECK, {"images": 10}, dataset=labelled) == 10 * settings
    assert seconds(CHECK, dataset=dataset) == 0


def test_a_layer_that_was_looked_at_costs_nothing(seconds, runtimes, dataset, run_analysis, memory):
    asked = {"features": (Feature.parse("last:0"),), "dataset": dataset, "cache": memory}
    assert seconds(SIMILAR, **asked) == 12
    assert seconds(SIMILAR, {"images": 9}, **asked) == 9
    run_analysis(SIMILAR, runtimes["cnn"], **asked)
    assert seconds(SIMILAR, **asked) == 0
    assert seconds(SIMILAR, **{**asked, "features": (Feature.parse("last:3"),)}) == 0
    other = {**asked, "features": (Feature.parse("act:3"),), "layer": "last"}
    assert seconds(SIMILAR, **other) == 12


def test_images_that_take_long_to_identify_count_in_full(seconds, dataset, monkeypatch):
    monkeypatch.setattr(dataset_costs, "within", lambda steps, total: (None, 100.0))
    assert seconds(ANSWERS, dataset=dataset) == 112
