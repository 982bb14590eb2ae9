"""Recording as an analysis: what it tells, what it costs, and where it runs."""

import dataclasses

import numpy as np
import pytest

from interp_gui.analyses.harvest import ANALYSIS, HarvestSpec, harvest_cost
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import InvalidValue, OutputProblem
from interp_gui.engine.cache import Cache


def dataset_of(paths, **changes):
    return Dataset(images=tuple(ImageEntry(path=str(path), **changes) for path in paths))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def test_a_table_of_each_layer(runtimes, many, run_analysis, cache, harvested):
    given = {"dataset": dataset_of(many[:20]), "layer": "last", "cache": cache}
    ran = run_analysis(ANALYSIS, runtimes["cnn"], {"layers": "act"}, **given)
    assert list(ran.last) == ["act", "last"]
    table = ran.last["last"]
    assert len(table.cells) == 12
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.cells]
    record = harvested(runtimes["cnn"], given["dataset"], ["last"]).layers["last"]
    np.testing.assert_allclose([row["mean"] for row in rows], record.unit_mean, rtol=1e-4)
    np.testing.assert_allclose(
        [row["peaks_50_percent"] for row in rows], np.sort(record.peaks(), axis=0)[9], rtol=1e-4
    )
    assert [row["dead"] for row in rows].index(True) == 5
    assert rows[5]["strongest_image"] is None
    assert rows[0]["strongest_image"].endswith(".png")
    assert table.numbers["images"] == table.numbers["recorded_now"] == 20
    assert table.numbers["dead_units"] == 1
    assert any("only 20 images" in note for note in table.notes)
    again = run_analysis(ANALYSIS, runtimes["cnn"], {"layers": "act"}, **given).last["last"]
    assert again.cells == table.cells
    assert again.numbers["recorded_now"] == 0


def test_labels_have_a_table_of_their_own(runtimes, many, run_analysis):
    entries = [ImageEntry(path=str(p), label="xy"[i % 2]) for i, p in enumerate(many[:10])]
    given = {"dataset": Dataset(images=tuple(entries)), "layer": "last"}
    tables = run_analysis(ANALYSIS, runtimes["cnn"], **given).last
    table = tables["last by label"]
    assert [row[:2] for row in table.cells] == [("x", 5), ("y", 5)]
    above = int(table.cells[0][2].split(",")[0])
    assert table.values["mean_0000"][above] > table.values["mean_0001"][above]


def test_all_layers_are_those_worth_looking_at(runtimes, many, run_analysis):
    ran = run_analysis(
        ANALYSIS, runtimes["vit"], {"all_layers": True}, dataset=dataset_of(many[:3])
    )  # fmt: skip
    layers = [x.name for x in runtimes["vit"].description.layers if x.worthwhile and x.units]
    assert list(ran.last) == layers
    assert len(layers) > 2


def test_a_layer_without_positions_says_so(runtimes, many, run_analysis):
    given = {"dataset": dataset_of(many[:3]), "layer": "head"}
    (table,) = run_analysis(ANALYSIS, runtimes["cnn"], **given).results
    assert any("no positions" in note for note in table.notes)
    with pytest.raises(InvalidValue, match="layer"):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset_of(many[:3]))


def test_the_estimate_counts_what_is_missing_alone(runtimes, many, harvested, cache):
    context = Context(
        model=runtimes["cnn"], inputs=Inputs(dataset=dataset_of(many), layer="last"), cache=cache
    )
    layer = runtimes["cnn"].description.layer("last")

    def cost(**changes):
        return harvest_cost(dataclasses.replace(context, **changes), [layer], HarvestSpec())

    whole = cost()
    harvested(runtimes["cnn"], dataset_of(many[:80]), ["last"], cache=cache)
    rest = cost()
    harvested(runtimes["cnn"], dataset_of(many), ["last"], cache=cache)
    nothing = cost()
    assert whole.seconds > rest.seconds > 0
    rows = whole.disk_bytes - rest.disk_bytes
    assert rows == 80 * (12 * 22 + 40)
    assert nothing.disk_bytes == 0
    assert nothing.seconds < rest.seconds
    assert ANALYSIS.estimate(context, ANALYSIS.settings({})).disk_bytes == 0
    assert cost(inputs=Inputs(dataset=dataset_of(many), layer="last"), cache=None).disk_bytes > 0


def test_what_does_not_fit_is_said_before_anything_is_computed(
    runtimes, many, harvested, computed, tmp_path
):
    cache = Cache(tmp_path / "cache", 10_000)
    with pytest.raises(OutputProblem, match="27 kB, and the cache keeps 10 kB") as problem:
        harvested(runtimes["cnn"], dataset_of(many), ["last"], cache=cache)
    assert "INTERP_GUI_CACHE_LIMIT_MB" in problem.value.hint
    assert not computed


def test_on_onnx_runtime_the_same_is_recorded_apart(
    runtimes, many, harvested, computed, cache, monkeypatch
):
    names = ["act", "last", "head"]
    dataset = dataset_of(many[:30])
    ours = harvested(runtimes["cnn"], dataset, names, HarvestSpec(positions=3), cache=cache)
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")
    kept = harvested(runtimes["cnn"], dataset, names, HarvestSpec(positions=3), cache=cache)
    assert len(computed) == 30  # what PyTorch recorded is taken
    assert kept.provenance("last") == {}
    theirs = harvested(runtimes["cnn"], dataset, names, HarvestSpec(positions=3))
    assert theirs.provenance("last")["runtime"].startswith("onnxruntime")
    assert any("ONNX Runtime" in note for note in theirs.notes)
    for name in names:
        one, two = ours.layers[name], theirs.layers[name]
        close = {"rtol": 1e-3, "atol": 1e-4}
        np.testing.assert_allclose(one.peaks(), two.peaks(), **close)
        np.testing.assert_allclose(one.vectors(), two.vectors(), **close)
        np.testing.assert_array_equal(one.vector_place, two.vector_place)
        np.testing.assert_allclose(one.unit_variance, two.unit_variance, **close)
        np.testing.assert_array_equal(one.outliers, two.outliers)


def test_a_transformers_record_is_the_same_on_onnx_runtime(runtimes, many, harvested, monkeypatch):
    name = "encoder.layers.encoder_layer_0"
    dataset = dataset_of(many[:12])
    ours = harvested(runtimes["vit"], dataset, [name]).layers[name]
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")
    found = harvested(runtimes["vit"], dataset, [name])
    assert found.provenance(name)
    theirs = found.layers[name]
    np.testing.assert_allclose(ours.vectors(), theirs.vectors(), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(ours.vector_place, theirs.vector_place)
