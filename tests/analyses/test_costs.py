"""What runs are said to cost. A step is said to take a second, so that no test depends on time."""

import numpy as np
import pytest
import torch

from interp_gui.analyses import costs
from interp_gui.analyses.feature_visualization import ANALYSIS as PICTURES
from interp_gui.analyses.layer_summary import ANALYSIS as SUMMARY
from interp_gui.analyses.predict import ANALYSIS as PREDICT
from interp_gui.analyses.real_examples import ANALYSIS as EXAMPLES
from interp_gui.analyses.unit_ranking import ANALYSIS as RANKING
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.engine.cache import Cache


@pytest.fixture
def step_takes_a_second(monkeypatch):
    def step_s(work, **_):
        work()
        return 1.0

    for module in ("", "feature_visualization.", "real_examples."):
        monkeypatch.setattr(f"interp_gui.analyses.{module}costs.step_s", step_s)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def estimate(step_takes_a_second):
    def ask(analysis, runtime, settings=None, *, cache=None, probes=None, **inputs):
        context = Context(
            model=runtime, inputs=Inputs(**inputs), cache=cache,
            probes={} if probes is None else probes,
        )  # fmt: skip
        before = {k: v.clone() for k, v in runtime.module.state_dict().items()}
        size = cache.size_bytes if cache is not None else 0
        cost = analysis.estimate(context, analysis.settings(settings or {}))
        assert all(torch.equal(before[k], v) for k, v in runtime.module.state_dict().items())
        assert cache is None or cache.size_bytes == size
        return cost

    return ask


def units(layer, *indices):
    return tuple(Feature(layer=layer, units=(index,)) for index in indices)


def test_a_pass_costs_by_the_image(estimate, runtimes, pictures, dataset):
    half = Dataset(images=dataset.images[:6])
    kwargs = {"settings": {"batch": 2}, "layer": "last"}
    all_of_them = estimate(SUMMARY, runtimes["cnn"], dataset=dataset, **kwargs)
    half_of_them = estimate(SUMMARY, runtimes["cnn"], dataset=half, **kwargs)
    assert all_of_them.seconds == pytest.approx(6, abs=0.1)  # 12 images, 2 a step
    assert half_of_them.seconds == pytest.approx(3, abs=0.1)
    assert all_of_them.memory_bytes > 0


def test_what_is_recorded_costs_nothing_more(estimate, runtimes, dataset, run_analysis, cache):
    runtime, inputs = runtimes["cnn"], {"dataset": dataset, "layer": "last"}
    before = estimate(EXAMPLES, runtime, cache=cache, **inputs)
    run_analysis(EXAMPLES, runtime, cache=cache, **inputs)
    after = estimate(EXAMPLES, runtime, cache=cache, **inputs)
    assert before.seconds > 12
    assert after.seconds < 1
    assert after.disk_bytes == 0
    # another analysis of the same pass has only its own image to run
    assert estimate(SUMMARY, runtime, cache=cache, **inputs).seconds < 1


def test_a_pass_that_is_under_way_is_counted_from_where_it_stands(
    estimate, runtimes, dataset, cache
):
    runtime, settings = runtimes["cnn"], {"batch": 2}
    context = Context(model=runtime, inputs=Inputs(dataset=dataset, layer="last"), cache=cache)
    steps = SUMMARY.run(context, SUMMARY.settings(settings))
    told = [step for step in (next(steps) for _ in range(4)) if isinstance(step, Progress)]
    assert told[-1].done == 6
    left = estimate(SUMMARY, runtime, settings, cache=cache, dataset=dataset, layer="last")
    assert left.seconds == pytest.approx(3, abs=0.1)
    steps.close()


def test_disk_is_what_the_cache_grows_by(estimate, runtimes, dataset, run_analysis, cache):
    cases = (
        (EXAMPLES, {"cropped": False, "size": 64}, {"layer": "last", "dataset": dataset}),
        (PICTURES, {"size": 64, "steps": 2}, {"features": units("last", 1, 2, 3, 6, 7)}),
    )
    for analysis, settings, inputs in cases:
        told = estimate(analysis, runtimes["cnn"], settings, cache=cache, **inputs).disk_bytes
        before = cache.size_bytes
        run_analysis(analysis, runtimes["cnn"], settings, cache=cache, **inputs)
        assert 0.5 < told / (cache.size_bytes - before) < 2


def test_pictures_cost_by_steps_and_groups(estimate, runtimes):
    def seconds(steps, count, batch=2):
        settings = {"size": 32, "steps": steps, "batch": batch, "compare": False}
        features = units("last", *range(count))
        return estimate(PICTURES, runtimes["cnn"], settings, features=features).seconds

    judged_s = 9
    assert seconds(100, 2) == pytest.approx(100 + 2 * judged_s)
    assert seconds(100, 4) == pytest.approx(200 + 4 * judged_s)
    assert seconds(50, 4) == pytest.approx(100 + 4 * judged_s)
    assert seconds(100, 4, batch=4) == pytest.approx(100 + 4 * judged_s)


def test_finished_and_begun_pictures_are_left_out(estimate, runtimes, run_analysis, cache):
    runtime = runtimes["cnn"]
    settings = {"size": 32, "steps": 6, "batch": 1, "compare": False}
    features = units("last", 1, 2)
    run_analysis(PICTURES, runtime, settings, cache=cache, features=features[:1])
    one = estimate(PICTURES, runtime, settings, cache=cache, features=features)
    assert one.seconds == pytest.approx(6 + 9)
    run_analysis(PICTURES, runtime, settings, cache=cache, features=features)
    assert estimate(PICTURES, runtime, settings, cache=cache, features=features).seconds == 0
    further = {**settings, "steps": 10}
    longer = estimate(PICTURES, runtime, further, cache=cache, features=features)
    assert longer.seconds == pytest.approx(2 * (4 + 9))


def test_comparing_runs_every_image_once(estimate, runtimes, dataset):
    settings = {"size": 32, "steps": 1, "batch": 1}
    alone = estimate(PICTURES, runtimes["cnn"], settings, features=units("last", 1))
    compared = estimate(
        PICTURES, runtimes["cnn"], settings, features=units("last", 1), dataset=dataset
    )
    assert compared.seconds - alone.seconds == pytest.approx(len(dataset.images))


def test_short_runs_know_their_cost_too(estimate, runtimes, dataset, pictures):
    ranking = estimate(RANKING, runtimes["cnn"], images=pictures[:1], layer="act", dataset=dataset)
    assert len(dataset.images) <= ranking.seconds <= len(dataset.images) + 5
    answers = estimate(PREDICT, runtimes["cnn"], images=pictures[:5])
    assert answers.seconds == pytest.approx(5)


def test_probes_are_made_once(estimate, runtimes, dataset, monkeypatch):
    probes = {}
    first = estimate(EXAMPLES, runtimes["cnn"], probes=probes, dataset=dataset, layer="last")
    assert probes

    def refuse(*args, **kwargs):
        raise AssertionError("it was timed again")

    for module in ("", "real_examples."):
        monkeypatch.setattr(f"interp_gui.analyses.{module}costs.step_s", refuse)
    again = estimate(EXAMPLES, runtimes["cnn"], probes=probes, dataset=dataset, layer="last")
    assert again.seconds == pytest.approx(first.seconds, rel=0.01)


def test_images_that_cannot_be_read_break_no_estimate(estimate, runtimes, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    dataset = Dataset(images=tuple(ImageEntry(path=str(p)) for p in (broken, tmp_path / "gone")))
    cost = estimate(EXAMPLES, runtimes["cnn"], dataset=dataset, layer="last")
    assert np.isfinite(cost.seconds)
    assert estimate(SUMMARY, runtimes["cnn"], layer="last", dataset=dataset).seconds >= 0


def test_a_first_call_that_takes_long_is_not_repeated():
    calls = []
    costs.step_s(lambda: calls.append(1), budget_s=0.0, warm_s=0.0)
    assert calls == [1]
    costs.step_s(lambda: calls.append(1), most=3, budget_s=60.0)
    assert len(calls) == 1 + 4


def test_what_is_made_ready_in_the_first_call_is_not_counted_with_every_step(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(costs.time, "perf_counter", lambda: now[0])
    takes = iter([2.7, 0.05])

    def work():
        now[0] += next(takes)

    assert costs.step_s(work, budget_s=0.4) == pytest.approx(0.05)


def test_what_takes_too_long_is_left_with_the_time_it_needs(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(costs.time, "perf_counter", lambda: float(next(clock)))
    closed = []

    def count(steps):
        try:
            for i in range(steps):
                yield Progress(done=i + 1, total=steps)
            return "all"
        finally:
            closed.append(1)

    assert costs.within(count(40), 40, budget_s=2.5) == (None, pytest.approx(37))
    assert closed
    assert costs.within(count(2), 2, budget_s=2.5) == ("all", 0.0)
