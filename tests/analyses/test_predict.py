from types import SimpleNamespace

import numpy as np
import pytest

from interp_gui.analyses.predict import ANALYSIS, answers, probabilities
from interp_gui.core.analysis import Inputs
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import ImageProblem, InvalidValue, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo
from interp_gui.core.preprocessing import load_batch
from interp_gui.engine.needs import check_needs


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_the_strongest_classes_with_softmax_over_all_of_them(
    runtimes, pictures, run_analysis, name
):
    runtime = runtimes[name]
    ran = run_analysis(ANALYSIS, runtime, {"top": 3}, images=pictures[:2])
    assert list(ran.last) == ["0", "1"]
    for i, bars in enumerate(ran.results):
        logits = runtime.forward(load_batch([pictures[i]], runtime.preprocessing)).outputs["output"]
        shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
        order = np.argsort(-logits[0])[:3]
        assert bars.labels == tuple(f"name {c}" for c in order)
        np.testing.assert_allclose(bars.values, shares[order], rtol=1e-5)
        top = bars.provenance["top"]
        assert [one["index"] for one in top] == order.tolist()
        np.testing.assert_allclose([one["logit"] for one in top], logits[0][order], rtol=1e-5)
        assert bars.numbers["probability_1"] == bars.values[0]


def test_edits_count_and_are_said(runtimes, pictures, run_analysis):
    edits = EditStack((Edit(feature=Feature(layer="last"), kind="scale", amount=0.0),))
    plain = run_analysis(ANALYSIS, runtimes["cnn"], images=pictures[:1]).results[0]
    edited = run_analysis(ANALYSIS, runtimes["cnn"], images=pictures[:1], edits=edits).results[0]
    bias = runtimes["cnn"].module.head.bias.numpy()
    assert edited.provenance["top"][0]["logit"] == pytest.approx(bias.max(), rel=1e-5)
    assert plain.values != edited.values
    assert "edit" in edited.notes[0]
    assert plain.notes == ()


def test_a_broken_image_is_said_and_the_others_go_on(runtimes, pictures, run_analysis, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    images = (pictures[0], str(broken), pictures[1])
    ran = run_analysis(ANALYSIS, runtimes["cnn"], images=images)
    assert [len(bars.labels) for bars in ran.results] == [5, 0, 5]
    assert "broken.png" in ran.results[1].provenance["problem"]
    with pytest.raises(ImageProblem):
        run_analysis(ANALYSIS, runtimes["cnn"], images=(str(broken),))
    with pytest.raises(InvalidValue):
        run_analysis(ANALYSIS, runtimes["cnn"])


def test_outputs_that_are_not_finite_are_said(runtimes, pictures, run_analysis, monkeypatch):
    def broken(context, batch):
        return SimpleNamespace(outputs={"output": np.full((1, 10), np.nan, np.float32)})

    monkeypatch.setattr("interp_gui.analyses.predict.run_edited", broken)
    bars = run_analysis(ANALYSIS, runtimes["cnn"], images=pictures[:1]).results[0]
    assert bars.labels == ()
    assert bars.notes == ("The answer is not a number.",)
    assert bars.provenance["problem"] == bars.notes[0]


@pytest.mark.parametrize(
    ("kind", "values", "refused"),
    [
        ("softmax", [0.0, -np.inf, 1.0], False),
        ("softmax", [0.0, np.inf, 1.0], True),
        ("softmax", [0.0, np.nan, 1.0], True),
        ("sigmoid", [0.0, np.inf, 1.0], False),
        ("embedding", [0.0, np.nan, 1.0], True),
    ],
)
def test_an_answer_is_refused_only_where_it_is_no_number(
    small_cnn, pictures, run_analysis, monkeypatch, kind, values, refused
):
    answer = SimpleNamespace(outputs={"output": np.resize(np.float32(values), (1, 6))})
    monkeypatch.setattr("interp_gui.analyses.predict.run_edited", lambda context, batch: answer)
    output = OutputInfo(name="output", kind=kind, size=6)
    runtime = small_cnn(outputs=(output,))
    bars = run_analysis(ANALYSIS, runtime, images=pictures[:1]).results[0]
    assert bool(bars.provenance.get("not_a_number")) == refused
    assert not np.isnan(bars.values).any()


def test_probabilities_of_extreme_numbers():
    np.testing.assert_allclose(probabilities(np.array([1e4, -1e4]), "softmax"), [1, 0])
    np.testing.assert_allclose(probabilities(np.array([-1e4, 0, 1e4]), "sigmoid"), [0, 0.5, 1])
    assert probabilities(np.ones(3), "embedding") is None


def test_outputs_that_are_no_classes_get_no_invented_probabilities(runtimes):
    model = runtimes["cnn"].description
    values = np.array([0.5, -3.0, 2.0])
    embedding = answers(values, OutputInfo(kind="embedding", size=3), model, top=2)
    assert [one["index"] for one in embedding] == [1, 2]
    scalar = answers(values, OutputInfo(kind="scalar", size=3), model, top=3)
    assert [one["value"] for one in scalar] == [0.5, -3.0, 2.0]
    maps = answers(np.ones((2, 4, 4)), OutputInfo(kind="map", size=2), model, top=5)
    assert [one["value"] for one in maps] == [1.0, 1.0]
    assert not any("probability" in one for one in [*embedding, *scalar, *maps])


def test_an_edit_of_a_modules_input_passes_the_check_of_needs(runtimes, pictures, run_analysis):
    feature = Feature(layer="second/in", units=(1,))
    edits = EditStack((Edit(feature=feature, kind="ablate"),))
    inputs = {"images": pictures[:1], "edits": edits}
    check_needs(ANALYSIS, runtimes["cnn"], Inputs(**inputs))
    plain = run_analysis(ANALYSIS, runtimes["cnn"], images=pictures[:1]).results[-1]
    assert run_analysis(ANALYSIS, runtimes["cnn"], **inputs).results[-1].values != plain.values
    unknown = EditStack((Edit(feature=Feature(layer="second/out", units=(1,)), kind="ablate"),))
    with pytest.raises(UnknownName):
        check_needs(ANALYSIS, runtimes["cnn"], Inputs(images=pictures[:1], edits=unknown))
