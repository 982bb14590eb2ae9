"""Mean, deviation and range of features over images, against numpy."""

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.feature_statistics import ANALYSIS
from interp_gui.analyses.feature_statistics.gathering import statistics_of
from interp_gui.analyses.harvest import HarvestSpec, harvest
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import EditProblem, ImageProblem, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.images import dataset_sha256
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.preprocessing import load_batch
from interp_gui.engine.cache import Cache

VECTOR = tuple(float(v) for v in np.linspace(-1.0, 1.0, 12))


def values(runtime, layer, paths):
    """(positions, …) of all images, the unit axis last."""
    batch = load_batch(paths, runtime.preprocessing)
    value = runtime.forward(batch, capture=[layer]).captured[layer].astype(np.float64)
    axis = runtime.description.layer(layer).unit_axis
    moved = np.moveaxis(value, axis, -1)
    return moved.reshape(-1, moved.shape[-1])


def told(found):
    (table,) = [step for step in found.results if step.kind == "table"]
    assert msgspec.json.encode(table.provenance)
    return msgspec.convert(
        table.provenance["statistics"], tuple[FeatureStatistics, ...], strict=False
    )


def check(one, coordinates):
    np.testing.assert_allclose(one.mean, coordinates.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.deviation, coordinates.std(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.low, coordinates.min(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.high, coordinates.max(axis=0), rtol=1e-4, atol=1e-6)


def test_units_directions_and_heads(runtimes, run_analysis, dataset, pictures):
    cnn, vit = runtimes["cnn"], runtimes["vit"]
    units = Feature(layer="last", units=(7, 2))
    vectors = Feature(layer="last", vectors=(VECTOR, VECTOR[::-1][:6] + VECTOR[:6]))
    early = Feature(layer="act", units=(1,))
    features = (units, vectors, early)
    found = run_analysis(ANALYSIS, cnn, dataset=dataset, features=features)
    statistics = told(found)
    assert [one.feature for one in statistics] == [units, vectors, early]
    at = values(cnn, "last", pictures)
    check(statistics[0], at[:, [7, 2]])
    check(statistics[1], at @ np.linalg.pinv(np.array(vectors.vectors).T).T)
    check(statistics[2], values(cnn, "act", pictures)[:, [1]])
    assert {one.images for one in statistics} == {12}
    assert {one.source for one in statistics} == {dataset_sha256(pictures)}
    (table,) = [result for result in found.results if result.kind == "table"]
    assert [feature.text for feature in table.features[:2]] == ["last:7", "last:2"]
    assert len(table.cells) == 5
    layer = "encoder.layers.encoder_layer_0.self_attention/z"
    head = Feature(layer=layer, units=(1,), heads=True)
    (one,) = told(run_analysis(ANALYSIS, vit, dataset=dataset, features=(head,)))
    info = vit.description.layer(layer)
    batch = load_batch(pictures, vit.preprocessing)
    value = vit.forward(batch, capture=[layer]).captured[layer]
    check(one, np.take(value, 1, axis=info.axes.index("head") + 1).reshape(-1, 1))


def test_edits_do_not_count(runtimes, run_analysis, dataset, pictures):
    feature = Feature(layer="last", units=(3,))
    edits = EditStack((Edit(feature=Feature(layer="act", units=(0,)), kind="ablate"),))
    inputs = {"dataset": dataset, "features": (feature,)}
    (one,) = told(run_analysis(ANALYSIS, runtimes["cnn"], edits=edits, **inputs))
    check(one, values(runtimes["cnn"], "last", pictures)[:, [3]])


def test_a_sample_is_picked_by_content(runtimes, run_analysis, dataset):
    feature = Feature(layer="last", units=(3,))
    asked = {"settings": {"images": 5}, "features": (feature,)}
    (one,) = told(run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, **asked))
    turned = Dataset(name="t", images=dataset.images[::-1])
    (other,) = told(run_analysis(ANALYSIS, runtimes["cnn"], dataset=turned, **asked))
    assert one == other
    assert one.images == 5


def test_what_is_kept_is_not_computed_again(runtimes, run_analysis, dataset, memory, monkeypatch):
    cnn = runtimes["cnn"]
    vector = Feature(layer="last", vectors=(VECTOR,))
    features = (Feature(layer="last", units=(3,)), vector)
    first = told(run_analysis(ANALYSIS, cnn, cache=memory, dataset=dataset, features=features))
    monkeypatch.setattr(type(cnn), "forward", None)
    others = (Feature(layer="last", units=(5,)), vector)
    again = told(run_analysis(ANALYSIS, cnn, cache=memory, dataset=dataset, features=others))
    assert again[1] == first[1]
    assert again[0].mean != first[0].mean


def test_a_record_in_the_store_is_used(runtimes, dataset, pictures, tmp_path, monkeypatch):
    cnn = runtimes["cnn"]
    inputs = Inputs(dataset=dataset, features=(Feature(layer="last", units=(3,)),))
    context = Context(model=cnn, inputs=inputs, cache=Cache(tmp_path / "cache"))
    for _ in harvest(context, [cnn.description.layer("last")], HarvestSpec()):
        pass
    monkeypatch.setattr(type(cnn), "forward", None)
    steps = statistics_of(context, inputs.features, most=64)
    try:
        while True:
            assert isinstance(next(steps), Progress)
    except StopIteration as stop:
        found = stop.value
    monkeypatch.undo()
    check(found[0], values(cnn, "last", pictures)[:, [3]])


def test_bad_input(runtimes, run_analysis, dataset, tmp_path):
    cnn = runtimes["cnn"]
    with pytest.raises(EditProblem, match="whole layer"):
        run_analysis(ANALYSIS, cnn, dataset=dataset, features=(Feature(layer="last"),))
    with pytest.raises(UnknownName, match="no unit 99"):
        run_analysis(ANALYSIS, cnn, dataset=dataset, features=(Feature(layer="last", units=(99,)),))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    unit = (Feature(layer="last", units=(1,)),)
    partly = Dataset(name="p", images=(ImageEntry(path=str(broken)), *dataset.images[:2]))
    (one,) = told(run_analysis(ANALYSIS, cnn, dataset=partly, features=unit))
    assert one.images == 2
    gone = Dataset(name="g", images=(ImageEntry(path=str(broken)),))
    with pytest.raises(ImageProblem, match="None of the images"):
        run_analysis(ANALYSIS, cnn, dataset=gone, features=unit)
