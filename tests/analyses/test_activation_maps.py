import numpy as np
import pytest

from interp_gui.analyses.activation_maps import ANALYSIS
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue, MissingAbility, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.images import read_image
from interp_gui.core.overlays import upsample
from interp_gui.core.preprocessing import as_seen, load_batch


def test_the_map_is_the_layers_own_value_over_what_the_network_saw(
    runtimes, pictures, run_analysis
):
    runtime = runtimes["cnn"]
    features = (Feature(layer="last", units=(3,)), Feature(layer="act", units=(1,)))
    ran = run_analysis(ANALYSIS, runtime, images=pictures[:1], features=features)
    assert list(ran.last) == ["last:3", "act:1"]
    batch = load_batch(pictures[:1], runtime.preprocessing)
    for feature, shown in zip(features, ran.results, strict=True):
        value = runtime.forward(batch, capture=[feature.layer]).captured[feature.layer]
        expected = value[0, feature.units[0]]
        np.testing.assert_allclose(shown.values, upsample(expected, (32, 32)), atol=1e-6)
        assert shown.numbers["maximum"] == pytest.approx(float(expected.max()))
        assert shown.feature == feature
        assert not shown.symmetric
        np.testing.assert_array_equal(
            shown.image, as_seen(read_image(pictures[0]), runtime.preprocessing)
        )


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_without_features_the_strongest_units_come_first(
    runtimes, maps_layer, pictures, run_analysis, name
):
    ran = run_analysis(
        ANALYSIS, runtimes[name], {"count": 4, "upsampled": False},
        images=pictures[:1], layer=maps_layer[name],
    )  # fmt: skip
    peaks = [shown.numbers["maximum"] for shown in ran.results]
    assert len(peaks) == 4
    assert peaks == sorted(peaks, reverse=True)
    expected = {"cnn": (8, 8), "vit": (4, 4), "swin": (8, 8)}[name]
    assert ran.results[0].values.shape == expected


def test_an_edit_shows_in_the_map(runtimes, pictures, run_analysis):
    feature = Feature(layer="last", units=(3,))
    edits = EditStack((Edit(feature=feature, kind="scale", amount=-2.0),))
    plain = run_analysis(ANALYSIS, runtimes["cnn"], images=pictures[:1], features=(feature,))
    edited = run_analysis(
        ANALYSIS, runtimes["cnn"], images=pictures[:1], features=(feature,), edits=edits
    )
    np.testing.assert_allclose(edited.results[0].values, -2 * plain.results[0].values, rtol=1e-5)
    assert edited.results[0].symmetric
    assert edited.results[0].notes


def test_what_cannot_be_shown_is_refused_with_a_reason(runtimes, pictures, run_analysis):
    runtime = runtimes["cnn"]
    with pytest.raises(MissingAbility, match="no positions"):
        run_analysis(ANALYSIS, runtime, images=pictures[:1], layer="head")
    with pytest.raises(UnknownName):
        run_analysis(ANALYSIS, runtime, images=pictures[:1], layer="lost")
    features = (Feature(layer="last", units=(99,)),)
    with pytest.raises(UnknownName):
        run_analysis(ANALYSIS, runtime, images=pictures[:1], features=features)
    with pytest.raises(InvalidValue):
        run_analysis(ANALYSIS, runtime, images=pictures[:1])
    with pytest.raises(InvalidValue):
        run_analysis(ANALYSIS, runtime, layer="last")
