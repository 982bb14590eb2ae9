"""Whether an answer depends on a direction: what is planted is found, chance is one half."""

import dataclasses

import numpy as np
import pytest

from interp_gui.analyses.concept_sensitivity import ANALYSIS
from interp_gui.analyses.concept_sensitivity.derivatives import random_directions
from interp_gui.analyses.concept_sensitivity.scores import Scored, holm, share_positive
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.images import image_sha256
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target

QUICK = {"controls": 60, "removed": 4, "removals": 8, "images": "all"}


@pytest.fixture
def asked(run_analysis, runtimes, dataset):
    """Run it on the small CNN about a direction, class 0 the Target."""

    def run(vector, layer="last", settings=None, network="cnn", **more):
        feature = Feature(layer=layer, vectors=as_vectors(vector), name="planted")
        given = {"dataset": dataset, "features": (feature,), "target": Target(index=0)} | more
        return run_analysis(ANALYSIS, runtimes[network], QUICK | (settings or {}), **given).last

    return run


def _head(runtimes):
    return runtimes["cnn"].module.head.weight.detach().numpy()


def test_a_planted_linear_concept_has_share_one_and_its_opposite_zero(asked, runtimes):
    weights = _head(runtimes)
    there = asked(weights[0])["sensitivity"].numbers
    back = asked(-weights[0])["sensitivity"].numbers
    assert there["share_rising"] == 1.0
    assert back["share_rising"] == 0.0
    # added once everywhere, it moves the pooled vector by itself
    assert there["mean_derivative"] == pytest.approx(float(weights[0] @ weights[0]), rel=1e-5)
    assert back["mean_derivative"] == pytest.approx(-there["mean_derivative"], rel=1e-5)
    assert there["p_mean"] < 0.1
    across = weights[1] - weights[0] * (weights[1] @ weights[0]) / (weights[0] @ weights[0])
    assert abs(asked(across)["sensitivity"].numbers["mean_derivative"]) < 1e-5


def test_shares_of_two_concepts_sum_to_one_and_random_ones_lie_about_one_half(asked):
    random = np.random.default_rng(0)
    for layer, units in (("act", 8), ("second", 12)):
        vector = random.standard_normal(units)
        one = asked(vector, layer, {"removed": 0})["sensitivity"]
        other = asked(-vector, layer, {"removed": 0})["sensitivity"]
        assert one.numbers["share_rising"] + other.numbers["share_rising"] == pytest.approx(1.0)
        assert one.numbers["p_mean"] == other.numbers["p_mean"]
        assert one.numbers.get("p_share") == other.numbers.get("p_share")
    isotropic = {"removed": 0, "controls": 400, "random": "isotropic"}
    numbers = asked(vector, "second", isotropic)["sensitivity"].numbers
    assert abs(numbers["random_share_mean"] - 0.5) < 0.06


def test_a_derivative_is_what_a_small_step_does(asked, runtimes, dataset):
    runtime = runtimes["cnn"]
    vector = np.random.default_rng(4).standard_normal(8).astype(np.float32)
    table = asked(vector, "act", {"removed": 0})["images"]
    found = {row[0]: row[1] for row in table.cells}
    feature, step = Feature(layer="act", vectors=as_vectors(vector)), 1e-4
    for entry in dataset.images[:4]:
        batch = load_batch([entry.path], runtime.preprocessing)
        ends = [
            runtime.forward(
                batch, edits=EditStack((Edit(feature=feature, kind="add", amount=amount),))
            ).outputs["output"][0, 0]
            for amount in (step, -step)
        ]
        slope = (float(ends[0]) - float(ends[1])) / (2 * step)
        assert slope == pytest.approx(found[entry.name], rel=0.03, abs=5e-3)


def test_taking_it_away_is_exact_and_stands_beside_equal_changes(asked, runtimes, dataset):
    runtime, weights = runtimes["cnn"], _head(runtimes)
    table = asked(weights[0])["images"]
    changes = [row[2] for row in table.cells if row[2] is not None]
    assert len(changes) == QUICK["removed"]
    by_name = {entry.name: entry.path for entry in dataset.images}
    unit = weights[0] / np.linalg.norm(weights[0])
    for row in table.cells[:3]:
        batch = load_batch([by_name[row[0]]], runtime.preprocessing)
        value = runtime.forward(batch, capture=["last"]).captured["last"].mean(axis=(2, 3))[0]
        assert row[2] == pytest.approx(-float(weights[0] @ unit) * float(value @ unit), rel=1e-4)
    numbers = asked(weights[0])["sensitivity"].numbers
    # no other direction of equal length in one linear layer moves the answer as much
    assert numbers["p_change"] == pytest.approx(1 / 9)


def test_the_images_are_those_of_the_target_class(asked, runtimes, dataset, pictures):
    import msgspec

    weights = _head(runtimes)
    batch = load_batch(pictures, runtimes["cnn"].preprocessing)
    answers = runtimes["cnn"].forward(batch).outputs["output"].argmax(axis=1)
    wanted = int(answers[0])
    target = Target(index=wanted)
    by_answer = asked(weights[0], settings={"images": "automatic"}, target=target)
    assert by_answer["sensitivity"].numbers["images"] == int((answers == wanted).sum())
    entries = [
        msgspec.structs.replace(entry, label="a" if i < 5 else "b")
        for i, entry in enumerate(dataset.images)
    ]
    labelled = dataclasses_replace(dataset, entries, {"a": wanted})
    by_label = asked(weights[0], settings={"images": "automatic"}, target=target, dataset=labelled)[
        "sensitivity"
    ]
    assert by_label.numbers["images"] == 5
    assert any("labelled" in note for note in by_label.notes)
    nobody = next(c for c in range(6) if c not in answers)
    with pytest.raises(InvalidValue, match="For no image at hand"):
        asked(weights[0], settings={"images": "answer"}, target=Target(index=nobody))
    with pytest.raises(InvalidValue, match="No image at hand is labelled"):
        asked(weights[0], settings={"images": "label"}, target=target)
    with pytest.raises(InvalidValue, match="which class"):
        asked(weights[0], target=Target())
    own = asked(weights[0], settings={"images": "automatic"}, target=Target(), images=pictures[:1])
    assert own["sensitivity"].numbers["images"] == int((answers == wanted).sum())


def dataclasses_replace(dataset, entries, classes):
    import msgspec

    return msgspec.structs.replace(dataset, images=tuple(entries), classes=classes)


def test_several_features_are_corrected_for_their_number(run_analysis, runtimes, dataset):
    features = (
        Feature(layer="last", vectors=as_vectors(_head(runtimes)[0])),
        Feature(layer="second", units=(1, 2)),
    )
    last = run_analysis(
        ANALYSIS, runtimes["cnn"], QUICK, dataset=dataset, features=features, target=Target(index=0)
    ).last
    table = last["sensitivity"]
    assert len(table.cells) == 3
    assert [feature.layer for feature in table.features] == ["last", "second", "second"]
    at = table.columns.index("p of mean")
    assert table.cells[0][at] >= 3 / 61
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])


@pytest.mark.parametrize("network", ["vit", "swin"])
def test_tokens_and_channels_last_are_asked_alike(asked, runtimes, maps_layer, network):
    layer = maps_layer[network]
    units = runtimes[network].description.layer(layer).units
    vector = np.random.default_rng(1).standard_normal(units)
    numbers = asked(vector, layer, network=network)["sensitivity"].numbers
    assert 0.0 <= numbers["share_rising"] <= 1.0
    assert np.isfinite(numbers["change_without"])


def test_random_labels_of_examples_give_the_random_directions(asked, runtimes, pictures):
    examples = {
        "with": tuple(Example(path) for path in pictures[:6]),
        "without": tuple(Example(path) for path in pictures[6:]),
    }
    weights = _head(runtimes)
    plain = asked(weights[0])["sensitivity"]
    given = asked(weights[0], examples=examples)["sensitivity"]
    assert given.numbers["share_rising"] == plain.numbers["share_rising"]
    assert given.numbers["random_share_mean"] != plain.numbers["random_share_mean"]
    assert any("labels dealt at random" in note for note in given.notes)
    assert any("is not made of the examples given" in note for note in given.notes)
    assert any("can be far too small" in note for note in plain.notes)
    assert not any("can be far too small" in note for note in given.notes)


@pytest.mark.parametrize("method", ["mean-difference", "probe"])
@pytest.mark.parametrize(
    ("network", "pooling"), [("cnn", "mean"), ("cnn", "maximum"), ("vit", "class-token")]
)
def test_random_labels_are_fitted_and_pooled_as_the_concept(
    runtimes, pictures, maps_layer, network, pooling, method, monkeypatch
):
    """A concept of class tokens stands beside random labels of class tokens, and so on."""
    from interp_gui.analyses.concept import ANALYSIS as CONCEPT
    from interp_gui.analyses.concept.fitting import direction
    from interp_gui.analyses.concept.pooling import pooled
    from interp_gui.analyses.concept_sensitivity import chance as chance_module
    from interp_gui.analyses.concept_sensitivity.asked import Direction
    from interp_gui.analyses.concept_sensitivity.settings import Parameters
    from interp_gui.core.analysis import Context, Inputs

    runtime, layer = runtimes[network], maps_layer[network]
    examples = {
        "with": tuple(Example(path) for path in pictures[:6]),
        "without": tuple(Example(path) for path in pictures[6:]),
    }
    context = Context(model=runtime, inputs=Inputs(examples=examples, layer=layer))
    settings = CONCEPT.settings({"method": method, "pooling": pooling, "controls": 0})
    steps = list(CONCEPT.run(context, settings))
    feature = next(step for step in steps if getattr(step, "key", "") == "direction").feature
    info = runtime.description.layer(layer)
    dealt, true = [], chance_module.shuffled
    monkeypatch.setattr(
        chance_module, "shuffled", lambda *given: dealt.append(true(*given)) or dealt[-1]
    )
    asked_about = Direction(feature=feature, layer=info, vector=feature.basis(info.units)[:, 0])
    chance = _value(
        chance_module.by_chance(context, asked_about, np.eye(info.units), Parameters(controls=6))
    )
    assert "of its own examples" in chance.note
    # each is what its deal of the labels gives, the examples standing in the order of content
    batch = load_batch(sorted(pictures, key=image_sha256), runtime.preprocessing)
    held = runtime.forward(batch, capture=[layer]).captured[layer]
    size = batch.shape[2:]
    values = np.stack([pooled(one[None], info, size, None, pooling) for one in held])
    assert len(dealt) == len(chance.directions) == 6
    for labels, row in zip(dealt, chance.directions, strict=True):
        again = direction(values[labels], values[~labels], method)
        assert row @ again / np.linalg.norm(again) > 0.999
        assert np.linalg.norm(row) == pytest.approx(1.0)


def _value(steps):
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return stop.value


def test_a_saturated_share_has_no_p_and_the_mean_comes_first(asked, runtimes):
    """Behind the last layer all images have one and the same derivative: all rise or all fall."""
    found = asked(_head(runtimes)[0])
    table = found["sensitivity"]
    assert list(table.columns).index("mean derivative") < list(table.columns).index("share rising")
    row = dict(zip(table.columns, table.cells[0], strict=True))
    assert row["share rising"] == 1.0
    assert row["p of share"] is None
    assert row["p of mean"] == table.numbers["p_mean"] < 0.1
    assert "p_share" not in table.numbers
    assert table.notes[0].startswith("The mean derivative of the logit")
    assert "which says nothing here" in table.notes[0]
    assert any("have no p" in note for note in found["shares"].notes)


def test_an_unsaturated_share_keeps_its_p():
    random = np.random.default_rng(0)
    direction, derivative = None, np.abs(random.standard_normal(40)) + 0.1
    spread = random.standard_normal((99, 40))
    one = Scored(direction=direction, derivative=derivative, random=spread, removed=None)
    assert one.p_share == pytest.approx(0.01)
    same = np.repeat(random.standard_normal((99, 1)), 40, axis=1)
    one = Scored(direction=direction, derivative=derivative, random=same, removed=None)
    assert one.p_share is None
    assert one.p_mean is not None


def test_without_gradients_taking_it_away_stands_alone(run_analysis, runtimes, dataset):
    class Forward:
        """The network without its gradients."""

        def __init__(self, runtime):
            self.module = runtime.module
            self.description, self.device = runtime.description, runtime.device
            self.preprocessing, self.forward = runtime.preprocessing, runtime.forward

    feature = Feature(layer="last", vectors=as_vectors(_head(runtimes)[0]))
    last = run_analysis(
        ANALYSIS, Forward(runtimes["cnn"]), QUICK, dataset=dataset, features=(feature,),
        target=Target(index=0),
    ).last  # fmt: skip
    assert "shares" not in last
    assert last["sensitivity"].numbers["change_without"] < 0
    assert "share_rising" not in last["sensitivity"].numbers
    assert any(note.startswith("No derivatives") for note in last["sensitivity"].notes)


def test_numbers_do_not_hang_on_the_order_of_images(asked, runtimes, dataset):
    import msgspec

    weights = _head(runtimes)
    turned = msgspec.structs.replace(dataset, images=tuple(reversed(dataset.images)))
    first = asked(weights[0])["sensitivity"].cells
    assert asked(weights[0], dataset=turned)["sensitivity"].cells == first


def test_slopes_are_kept_by_content(asked, runtimes, memory):
    weights = _head(runtimes)
    first = asked(weights[0], cache=memory)["sensitivity"]
    hits = memory.hits
    other = asked(weights[1], cache=memory)["sensitivity"]
    assert memory.hits == hits + 12
    assert first.numbers["mean_derivative"] != other.numbers["mean_derivative"]


def test_what_is_no_direction_is_refused(run_analysis, runtimes, dataset):
    for feature, match in (
        (Feature(layer="last"), "whole layer"),
        (Feature(layer="last", vectors=as_vectors(np.zeros(12))), "is zero"),
    ):
        with pytest.raises(InvalidValue, match=match):
            run_analysis(
                ANALYSIS, runtimes["cnn"], QUICK, dataset=dataset, features=(feature,),
                target=Target(index=0),
            )  # fmt: skip
    heads = next(
        layer
        for layer in runtimes["vit"].description.layers
        if "head" in layer.axes and layer.units
    )
    vector = as_vectors(np.ones(heads.units))
    with pytest.raises(MissingAbility):
        run_analysis(
            ANALYSIS, runtimes["vit"], QUICK, dataset=dataset, target=Target(index=0),
            features=(Feature(layer=heads.name, vectors=vector),),
        )  # fmt: skip


def test_random_directions_vary_as_the_vectors_do():
    random = np.random.default_rng(0)
    scale = np.array([3.0, 1.0, 0.1])
    vectors = random.standard_normal((400, 3)) * scale + 5.0
    drawn = random_directions(vectors, 4000, "covariance", random)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1.0)
    spread = np.sqrt((drawn**2).mean(axis=0))
    assert spread[0] > 1.5 * spread[1] > 8 * spread[2]
    even = np.sqrt((random_directions(vectors, 4000, "isotropic", random) ** 2).mean(axis=0))
    np.testing.assert_allclose(even, 3**-0.5, atol=0.03)


def test_zeros_count_as_half():
    assert share_positive(np.array([1.0, -1.0, 0.0, 0.0])) == 0.5
    assert share_positive(np.array([0.0])) == 0.5
    assert {field.name for field in dataclasses.fields(Scored)} >= {"derivative", "random"}
