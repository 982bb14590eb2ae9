import copy

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.unit_maps import feature_maps, unit_maps
from interp_gui.analyses.unit_similarity import ANALYSIS, COLUMNS, correlations
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.runtimes.torch_runtime import TorchRuntime


@pytest.fixture(scope="module")
def twin(runtimes):
    """Units 0 and 3 of `second` are equal but for their scale; output 1 of `head` is −output 0."""
    module = copy.deepcopy(runtimes["cnn"].module)
    module.second.weight.data[3] = 2 * module.second.weight.data[0]
    module.second.bias.data[3] = 2 * module.second.bias.data[0]
    module.head.weight.data[1] = -module.head.weight.data[0]
    module.head.bias.data[1] = -module.head.bias.data[0]
    return TorchRuntime(module, runtimes["cnn"].description)


def table(run_analysis, runtime, feature, dataset, **inputs):
    ran = run_analysis(
        ANALYSIS, runtime, features=(Feature.parse(feature),), dataset=dataset, **inputs
    )
    (found,) = ran.results
    return found


def similarity(found):
    assert found.columns == COLUMNS
    assert [row[0] for row in found.cells] == list(range(len(found.cells)))
    return [row[1] for row in found.cells]


def test_equal_units_have_one_and_negated_ones_minus_one(twin, dataset, run_analysis):
    found = similarity(table(run_analysis, twin, "last:0", dataset))
    assert found[0] == pytest.approx(1)
    assert found[3] == pytest.approx(1)
    assert all(each is None or abs(each) < 0.999 for u, each in enumerate(found) if u not in (0, 3))
    head = similarity(table(run_analysis, twin, "head:0", dataset))
    assert head[0] == pytest.approx(1)
    assert head[1] == pytest.approx(-1)


def test_dead_units_have_none(runtimes, dataset, run_analysis):
    found = table(run_analysis, runtimes["cnn"], "last:0", dataset)
    assert similarity(found)[5] is None
    assert any("1 unit is the same number" in note for note in found.notes)
    dead = table(run_analysis, runtimes["cnn"], "last:5", dataset)
    assert set(similarity(dead)) == {None}
    assert any("nothing is like it" in note for note in dead.notes)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_it_is_the_correlation_that_numpy_gives(
    runtimes, maps_layer, pictures, dataset, run_analysis, name
):
    runtime, layer = runtimes[name], maps_layer[name]
    other = {"cnn": "act:2", "vit": "encoder.ln:3", "swin": "features.0:4"}[name]
    found = table(run_analysis, runtime, other, dataset, layer=layer)
    feature = Feature.parse(other)
    batch = load_batch(pictures, runtime.preprocessing)
    captured = runtime.forward(batch, capture=[layer, feature.layer]).captured
    size = runtime.preprocessing.size
    maps = unit_maps(captured[layer], runtime.description.layer(layer), size)
    own = unit_maps(captured[feature.layer], runtime.description.layer(feature.layer), size)
    x, y = maps.max(axis=(2, 3)), feature_maps(own, feature).max(axis=(1, 2))
    for u, value in enumerate(similarity(found)):
        if value is not None:
            assert value == pytest.approx(np.corrcoef(x[:, u], y)[0, 1], abs=1e-4)
    assert [f.layer for f in found.features] == [layer] * len(found.cells)
    assert [f.units for f in found.features] == [(u,) for u in range(len(found.cells))]
    assert found.feature == feature
    assert found.numbers["images"] == 12
    assert "±0.57" in found.notes[0]


def test_directions_and_several_units_are_features_too(runtimes, dataset, run_analysis):
    vector = tuple(2.0 if u == 7 else 0.0 for u in range(12))
    direction = Feature(layer="last", vectors=(vector,))
    ran = run_analysis(ANALYSIS, runtimes["cnn"], features=(direction,), dataset=dataset)
    assert similarity(ran.results[0])[7] == pytest.approx(1)


def test_few_images_are_compared_by_position(twin, pictures, run_analysis):
    few = Dataset(images=tuple(ImageEntry(path=path) for path in pictures[:3]))
    found = table(run_analysis, twin, "last:0", few)
    values = similarity(found)
    assert values[0] == pytest.approx(1)
    assert values[3] == pytest.approx(1)
    captured = twin.forward(
        load_batch(pictures[:3], twin.preprocessing), capture=["last"]
    ).captured["last"]
    flat = captured.transpose(1, 0, 2, 3).reshape(12, -1).astype(np.float64)
    for u, value in enumerate(values):
        if value is not None:
            expected = flat[u] @ flat[0] / np.linalg.norm(flat[u]) / np.linalg.norm(flat[0])
            assert value == pytest.approx(expected, abs=1e-5)
    assert values[5] is None
    assert found.numbers["method"] == "cosine over positions"
    other = table(run_analysis, twin, "act:1", few, layer="last")
    assert all(value is None or -1 <= value <= 1 for value in similarity(other))


def test_a_second_feature_of_the_layer_costs_no_pass(
    twin, dataset, run_analysis, memory, monkeypatch
):
    fresh = similarity(table(run_analysis, twin, "last:2", dataset))
    table(run_analysis, twin, "last:0", dataset, cache=memory)

    def forbidden(*args, **how):
        raise AssertionError("the pass was kept")

    monkeypatch.setattr("interp_gui.analyses.unit_similarity.run_edited", forbidden)
    assert similarity(table(run_analysis, twin, "last:2", dataset, cache=memory)) == fresh
    with pytest.raises(AssertionError, match="kept"):
        table(run_analysis, twin, "act:2", dataset, layer="last", cache=memory)


def test_broken_images_are_left_out_also_from_the_cache(
    twin, pictures, run_analysis, memory, tmp_path
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no")
    entries = tuple(ImageEntry(path=path) for path in (str(broken), *pictures))
    plain = table(run_analysis, twin, "last:0", Dataset(images=entries[1:]))
    for _ in range(2):
        found = table(run_analysis, twin, "last:0", Dataset(images=entries), cache=memory)
        assert found.numbers["images"] == 12
        assert found.numbers["broken_images"] == 1
        for one, other in zip(similarity(found), similarity(plain), strict=True):
            assert one == (None if other is None else pytest.approx(other, abs=1e-5))
    with pytest.raises(ImageProblem):
        table(run_analysis, twin, "last:0", Dataset(images=entries[:1]))


def test_so_many_images_are_looked_at(twin, dataset, run_analysis):
    ran = run_analysis(
        ANALYSIS, twin, {"images": 9}, features=(Feature.parse("last:0"),), dataset=dataset
    )
    assert ran.results[0].numbers["images"] == 9
    back = msgspec.structs.replace(dataset, images=dataset.images[::-1])
    again = run_analysis(
        ANALYSIS, twin, {"images": 9}, features=(Feature.parse("last:0"),), dataset=back
    )
    assert again.results[0].cells == ran.results[0].cells


def test_one_feature_is_needed(twin, dataset, run_analysis):
    with pytest.raises(InvalidValue, match="One feature is needed"):
        run_analysis(ANALYSIS, twin, layer="last", dataset=dataset)


def test_correlations_do_not_care_for_scale_and_shift():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(50, 4)), random.normal(size=50)
    expected = correlations(x, y)
    np.testing.assert_allclose(correlations(3 * x + 5, 0.1 * y - 7), expected, atol=1e-9)
    np.testing.assert_allclose(correlations(-x, y), -expected, atol=1e-12)
    nearly = np.full((50, 1), 1e6) + random.normal(size=(50, 1)) * 1e-3
    assert np.isnan(correlations(nearly, y)).all(), "rounding is not variation"
