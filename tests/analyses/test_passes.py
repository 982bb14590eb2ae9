"""Passes over many images: on which runtime they run, what is kept of them, and short memory."""

from types import SimpleNamespace

import numpy as np
import pytest

from interp_gui.analyses import dataset_predictions, layer_summary, real_examples, unit_similarity
from interp_gui.analyses.passes import (
    Route,
    batch_size,
    choose_route,
    identity,
    known_route,
    onnx_name,
)
from interp_gui.analyses.unit_maps import map_size, unit_maps
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.engine.recipes import recipe_of_result, recipe_of_run
from interp_gui.runtimes.faster import choosing
from interp_gui.runtimes.faster.choosing import Choice, Work
from interp_gui.runtimes.faster.harvesting import Harvested
from interp_gui.runtimes.faster.network import Passed
from interp_gui.runtimes.faster.reducing import Extremes, Reduction

SUMMARY, EXAMPLES = layer_summary.ANALYSIS, real_examples.ANALYSIS
PREDICTIONS = dataset_predictions.ANALYSIS


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")


@pytest.fixture
def model(small_cnn):
    return small_cnn(3)


def rows(ran, column):
    table = ran.results[-1]
    return np.array([row[table.columns.index(column)] for row in table.cells], float)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_a_summary_is_the_same_on_both(
    name, runtimes, maps_layer, dataset, run_analysis, monkeypatch
):
    asked = {"dataset": dataset, "layer": maps_layer[name]}
    ours = run_analysis(SUMMARY, runtimes[name], **asked)
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")
    theirs = run_analysis(SUMMARY, runtimes[name], **asked)
    for column in ("peak", "mean"):
        a, b = rows(ours, column), rows(theirs, column)
        assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max()
    assert rows(ours, "active_images").tolist() == rows(theirs, "active_images").tolist()
    assert ours.results[-1].provenance == {}
    assert theirs.results[-1].provenance == {"runtime": onnx_name()}
    assert any("Computed on ONNX Runtime" in note for note in theirs.results[-1].notes)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_what_a_store_keeps_is_the_same_on_both(name, runtimes, maps_layer, monkeypatch):
    model = runtimes[name]
    layers = [
        each for each in model.description.layers
        if each.units and (each.worthwhile or each.name == maps_layer[name])
    ]  # fmt: skip
    context = Context(model=model, inputs=Inputs())
    batch = np.random.default_rng(5).normal(size=(3, 3, 32, 32)).astype(np.float32)
    places = {
        each.name: np.arange(6).reshape(3, 2) % int(np.prod(map_size(each, (32, 32))))
        for each in layers
    }

    def harvest(setting):
        monkeypatch.setenv("INTERP_GUI_RUNTIME", setting)
        steps = choose_route(context, layers, images=99, first=lambda: batch, harvest=True)
        try:
            while True:
                next(steps)
        except StopIteration as ended:
            route = ended.value
        return route, route.harvested(context, batch, places)

    own, ours = harvest("torch")
    quick, theirs = harvest("onnx")
    assert (own.runner, quick.runner) == ("", onnx_name())
    values = own.values(context, batch)
    for layer in layers:
        maps = unit_maps(values[layer.name], layer, (32, 32))
        flat = maps.reshape(*maps.shape[:2], -1)
        scale = np.abs(flat).max()
        a, b = ours[layer.name], theirs[layer.name]
        for part in ("peak", "low", "mean", "vectors"):
            assert np.abs(getattr(a, part) - getattr(b, part)).max() <= 1e-4 * scale
        assert np.abs(a.mean_square - b.mean_square).max() <= 1e-4 * scale**2
        assert (a.position == b.position).mean() > 0.95
        np.testing.assert_array_equal(a.position, flat.argmax(2))
        np.testing.assert_array_equal(a.peak, flat.max(2))
        picked = np.stack([flat[i][:, places[layer.name][i]].T for i in range(3)])
        np.testing.assert_array_equal(a.vectors, picked)
        tokens = layer.spatial and "token" in layer.axes
        assert (a.norms is not None) == (b.norms is not None) == tokens
        if tokens:
            true = np.linalg.norm(flat, axis=1)
            assert np.abs(a.norms - true).max() <= 1e-5 * true.max()
            assert np.abs(b.norms - true).max() <= 1e-4 * true.max()


@pytest.mark.usefixtures("always")
def test_a_store_gets_numbers_that_end_from_the_maps(model):
    def run(batch, *, harvests=(), capture=(), **_):
        if capture:
            flat = np.array([[[[1.0, np.nan], [3.0, 2.0]]] * 12], np.float32)
            return Passed({"last": flat}, {}, {})
        nothing = np.full((1, 12), np.nan, np.float32)
        told = Harvested(nothing, nothing, nothing, nothing, nothing, nothing[:, None])
        return Passed({}, {}, {}, {"last": told})

    layer = model.description.layer("last")
    route = Route(layers=(layer,), choice=Choice(onnx=True), network=SimpleNamespace(run=run))
    context = Context(model=model, inputs=Inputs())
    found = route.harvested(context, np.zeros((1, 3, 32, 32)), {"last": np.array([[2]])})["last"]
    assert found.peak.tolist() == [[3.0] * 12]
    assert found.position.tolist() == [[2] * 12]
    assert np.isnan(found.mean).all()


@pytest.mark.usefixtures("always")
def test_examples_and_answers_say_what_computed_them(model, dataset, run_analysis, memory):
    examples = run_analysis(
        EXAMPLES, model, {"units": "0-2"}, dataset=dataset, layer="last", cache=memory
    )
    assert {r.provenance["runtime"] for r in examples.results} == {onnx_name()}
    answers = run_analysis(PREDICTIONS, model, dataset=dataset, cache=memory)
    summary = answers.last["summary"]
    assert summary.provenance["runtime"] == onnx_name()
    assert model.description.runtime_reason.startswith("ONNX Runtime")
    recipe = recipe_of_run(PREDICTIONS, model, Inputs(), PREDICTIONS.settings({}))
    kept = recipe_of_result(recipe, summary)
    assert kept.environment.runtime == onnx_name()
    assert "runtime" not in kept.provenance
    assert recipe.environment.runtime == ""


def test_answers_are_the_same_on_both(model, dataset, run_analysis, monkeypatch):
    ours = run_analysis(PREDICTIONS, model, dataset=dataset).last["summary"]
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")
    theirs = run_analysis(PREDICTIONS, model, dataset=dataset).last["summary"]
    assert ours.values["predicted"].tolist() == theirs.values["predicted"].tolist()
    assert np.allclose(ours.values["probability"], theirs.values["probability"], atol=1e-4)


@pytest.mark.parametrize("analysis", [SUMMARY, PREDICTIONS])
def test_what_one_kept_is_not_taken_for_the_others(
    analysis, small_cnn, dataset, run_analysis, memory, monkeypatch
):
    asked = {"dataset": dataset, "layer": "last", "cache": memory}
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")
    run_analysis(analysis, small_cnn(3), **asked)
    kept = set(memory.held)
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "torch")
    own = run_analysis(analysis, small_cnn(3), **asked)
    assert all("runtime" not in result.provenance for result in own.results)
    assert set(memory.held) > kept
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")
    monkeypatch.setattr(choosing, "export", lambda *_, **__: pytest.fail("exported"))
    held = set(memory.held)
    run_analysis(analysis, small_cnn(3), **asked)  # from the cache, whoever computed it
    assert set(memory.held) == held


def test_identities_differ_by_what_computes(model):
    context = Context(model=model, inputs=Inputs())
    assert identity(context) != identity(context, runner=onnx_name())
    assert identity(context)["runtime"] == "TorchRuntime"


@pytest.mark.usefixtures("always")
def test_under_edits_the_models_own_runtime_computes(model, dataset, run_analysis, monkeypatch):
    monkeypatch.setattr(choosing, "export", lambda *_, **__: pytest.fail("exported"))
    edits = EditStack((Edit(feature=Feature(layer="first", units=(1,)), kind="ablate"),))
    ran = run_analysis(SUMMARY, model, dataset=dataset, layer="last", edits=edits)
    assert ran.results[-1].provenance == {}


@pytest.mark.usefixtures("always")
def test_values_that_are_no_numbers_are_left_to_pytorch(model, dataset, run_analysis):
    model.module.head.bias.data[2] = float("inf")
    ran = run_analysis(SUMMARY, model, {"all_layers": False}, dataset=dataset, layer="head")
    assert ran.results[-1].provenance == {}
    assert rows(ran, "peak")[2] == np.inf
    assert "not all of its values" in model.description.runtime_reason


def test_where_numbers_end_within_a_pass_maps_are_looked_at(model):
    class Network:
        def run(self, batch, *, reductions=(), **_):
            mean = np.full((1, 2), np.nan, np.float32)
            zero = np.zeros((1, 2), np.float32)
            told = Extremes(zero, zero.astype(np.int64), zero, mean)
            return Passed({}, {"head": told} if reductions else {}, {})

    head = model.description.layer("head")
    work = Work(reductions=(Reduction(layer="head", axes=head.axes, units=6),))
    route = Route(layers=(head,), choice=Choice(onnx=True), network=Network(), work=work)
    assert route.extremes(Context(model=model, inputs=Inputs()), np.zeros((1, 3, 32, 32))) is None


def test_small_passes_never_think_of_it(model, dataset, run_analysis, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "automatic")
    monkeypatch.setattr(
        "interp_gui.analyses.passes.decide", lambda *_, **__: pytest.fail("decided")
    )
    run_analysis(SUMMARY, model, dataset=dataset, layer="last")
    run_analysis(PREDICTIONS, model, dataset=dataset)
    context = Context(model=model, inputs=Inputs(dataset=dataset))
    assert known_route(context) is None


class Short:
    """A runtime whose memory takes so many images at once."""

    def __init__(self, runtime, most):
        self._runtime, self._most = runtime, most
        self.batches = []

    def __getattr__(self, name):
        return getattr(self._runtime, name)

    def forward(self, batch, **options):
        self.batches.append(len(batch))
        if len(batch) > self._most:
            raise OutOfMemory("There is not enough memory for this computation.")
        return self._runtime.forward(batch, **options)


@pytest.mark.parametrize(
    ("analysis", "settings"),
    [
        (SUMMARY, {"batch": 8}),
        (EXAMPLES, {"batch": 8, "units": "1"}),
        (PREDICTIONS, {"batch": 8}),
        (unit_similarity.ANALYSIS, {"batch": 8}),
    ],
)
def test_short_memory_halves_the_batch_and_says_so(
    analysis, settings, model, dataset, run_analysis, memory
):
    from interp_gui.analyses.unit_similarity import FEW_IMAGES

    images = dataset.images * (1 + FEW_IMAGES // len(dataset.images))
    asked = {
        "dataset": type(dataset)(name="d", images=images),
        "layer": "last",
        "features": (Feature(layer="last", units=(2,)),),
    }
    short = Short(model, 2)
    found = run_analysis(analysis, short, settings, cache=memory, **asked)
    true = run_analysis(analysis, model, {**settings, "batch": 2}, **asked)
    note = "Memory was short: 2 images at a time instead of 8."
    assert any(note in result.notes for result in found.results)
    assert not any(note in result.notes for result in true.results)
    assert short.batches[:3] == [8, 4, 2]
    assert set(short.batches[3:]) <= {1, 2}
    last = {result.key: result for result in true.results}  # how many stand before is by the clock
    for key, ours in {result.key: result for result in found.results}.items():
        if ours.kind == "table":
            assert ours.cells == last[key].cells


def test_what_fitted_is_remembered_and_one_image_that_does_not_fit_is_an_error(
    model, dataset, run_analysis
):
    context = Context(model=model, inputs=Inputs(dataset=dataset))
    short = Short(model, 0)
    with pytest.raises(OutOfMemory):
        run_analysis(SUMMARY, short, {"batch": 4}, dataset=dataset, layer="last")
    assert short.batches == [4, 2, 1]
    assert batch_size(context, 16) == 16
    context.probes.update({_key(context): 3.0})
    assert batch_size(context, 16) == 3


def _key(context):
    from interp_gui.analyses.passes import _fits

    return _fits(context)
