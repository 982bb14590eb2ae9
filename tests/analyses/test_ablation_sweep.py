import msgspec
import numpy as np
import pytest

from interp_gui.analyses.ablation_sweep import ANALYSIS
from interp_gui.analyses.ablation_sweep import tally as tallying
from interp_gui.analyses.ablation_sweep.tally import Counted
from interp_gui.core.analysis import Context, Inputs, Progress, Saved
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import Cancelled, EditProblem, InvalidValue, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target

FEW = {"controls": 6, "confirm": 2}


def rows(table):
    return [dict(zip(table.columns, cells, strict=True)) for cells in table.cells]


@pytest.fixture
def labelled(runtimes, pictures):
    """Labels that the network gets right for two images of three."""
    batch = load_batch(pictures, runtimes["cnn"].preprocessing)
    answers = runtimes["cnn"].forward(batch).outputs["output"].argmax(axis=1)
    wrong = [(int(a) + 1) % 6 if i % 3 == 0 else int(a) for i, a in enumerate(answers)]
    entries = tuple(
        ImageEntry(path=path, label=f"is {index}")
        for path, index in zip(pictures, wrong, strict=True)
    )
    return Dataset(name="d", images=entries, classes={f"is {i}": i for i in range(6)})


@pytest.mark.parametrize(
    ("name", "layer", "heads"),
    [
        ("cnn", "last", False),
        ("vit", "encoder.layers.encoder_layer_0", False),
        ("vit", "encoder.layers.encoder_layer_1.self_attention/z", True),
        ("swin", "features.1.1.attn/z", True),
    ],
)
def test_each_effect_is_that_of_a_pass_with_the_edit(
    runtimes, pictures, run_analysis, name, layer, heads
):
    runtime = runtimes[name]
    inputs = {"images": pictures[:2], "layer": layer, "target": Target(index=1)}
    ran = run_analysis(ANALYSIS, runtime, FEW, **inputs)
    table = ran.last["sweep"]
    assert table.final
    key = "head" if heads else "unit"
    found = {row[key]: row for row in rows(table)}
    info = runtime.description.layer(layer)
    assert set(found) == set(range(info.heads if heads else info.units))
    batch = load_batch(pictures[:2], runtime.preprocessing)
    plain = runtime.forward(batch, capture=[layer])
    for index, row in found.items():
        edit = Edit(feature=Feature(layer=layer, units=(index,), heads=heads), kind="ablate")
        edited = runtime.forward(batch, edits=EditStack((edit,)), capture=[layer])
        change = edited.outputs["output"][:, 1] - plain.outputs["output"][:, 1]
        assert row["effect"] == pytest.approx(float(change.mean()), abs=3e-5)
        moved = [
            np.linalg.norm(a - b)
            for a, b in zip(edited.captured[layer], plain.captured[layer], strict=True)
        ]
        assert row["size of change"] == pytest.approx(float(np.mean(moved)), rel=1e-4, abs=1e-6)
    effects = [abs(row["effect"]) for row in rows(table)]
    assert effects == sorted(effects, reverse=True)
    assert max(effects) > 1e-3
    bars = ran.last["effects"]
    assert bars.values == tuple(row["effect"] for row in rows(table) if row["effect"])
    assert [feature.units[0] for feature in bars.features] == [row[key] for row in rows(table)][
        : len(bars.features)
    ]
    assert all(feature.heads == heads for feature in bars.features)


@pytest.mark.parametrize("count", [1, 3])
def test_own_controls_are_exact_passes_of_equal_change(runtimes, pictures, run_analysis, count):
    """With all other units as controls the percentile of the strongest can be counted by hand."""
    runtime = runtimes["cnn"]
    table = run_analysis(
        ANALYSIS, runtime, {"controls": 11, "confirm": 1, "baseline": "zero"},
        images=pictures[:count], layer="last", target=Target(index=2),
    ).last["sweep"]  # fmt: skip
    first = rows(table)[0]
    assert first["compared with"] == "own"
    assert {row["compared with"] for row in rows(table)[1:]} == {"scaled"}
    patch = EditStack((Edit(feature=Feature(layer="last"), kind="patch", source="x"),))
    unit, others = first["unit"], np.zeros((count, 12))
    for i, path in enumerate(pictures[:count]):
        batch = load_batch([path], runtime.preprocessing)
        plain = runtime.forward(batch, capture=["last"])
        value = plain.captured["last"][0]
        for other in range(12):
            moved = value.copy()
            moved[other] -= value[unit]
            out = runtime.forward(batch, edits=patch, sources={("last", "x"): moved})
            others[i, other] = (out.outputs["output"] - plain.outputs["output"])[0, 2]
    means = np.delete(np.abs(others.mean(axis=0)), unit)
    share = 100 * np.mean(means < abs(first["effect"]))
    assert 0 < share < 100 or count == 1
    assert first["percentile"] == pytest.approx(share)


def test_a_dead_unit_is_inactive_and_is_not_run(runtimes, pictures, run_analysis):
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"], FEW, images=pictures[:1], layer="last", target=Target(index=0)
    )
    dead = next(row for row in rows(ran.last["sweep"]) if row["unit"] == 5)
    assert (dead["effect"], dead["size of change"], dead["percentile"]) == (0.0, 0.0, None)
    assert ran.last["sweep"].numbers["inactive"] == 1
    assert 5 not in {feature.units[0] for feature in ran.last["effects"].features}


def test_the_mean_is_the_baseline_where_images_are_at_hand(
    runtimes, pictures, dataset, run_analysis
):
    runtime = runtimes["cnn"]
    features = (Feature(layer="last", units=(3,)), Feature(layer="last", units=(1, 7)))
    table = run_analysis(
        ANALYSIS, runtime, {"controls": 0, "confirm": 0}, images=pictures[:1], dataset=dataset,
        features=features, target=Target(index=0),
    ).last["sweep"]  # fmt: skip
    assert "mean over 12 images" in table.notes[0]
    batch = load_batch(pictures, runtime.preprocessing)
    means = runtime.forward(batch, capture=["last"]).captured["last"].mean(axis=(0, 2, 3))
    before = runtime.forward(batch[:1]).outputs["output"][0, 0]
    found = dict(zip([f.text for f in table.features], rows(table), strict=True))
    assert len(found) == 2
    for feature in features:
        baseline = Baseline("mean", values=tuple(float(means[u]) for u in feature.units))
        stack = EditStack((Edit(feature=feature, kind="ablate", baseline=baseline),))
        after = runtime.forward(batch[:1], edits=stack).outputs["output"][0, 0]
        assert found[feature.text]["effect"] == pytest.approx(after - before, abs=2e-5)
        assert found[feature.text]["percentile"] is None


def test_accuracy_is_counted_without_each_unit(runtimes, pictures, labelled, run_analysis):
    runtime = runtimes["cnn"]
    ran = run_analysis(
        ANALYSIS, runtime, {**FEW, "accuracy": True, "baseline": "zero"}, images=pictures[:1],
        dataset=labelled, layer="last", target=Target(index=0),
    )  # fmt: skip
    table = ran.last["sweep"]
    batch = load_batch(pictures, runtime.preprocessing)
    truths = np.array([labelled.true_class(entry) for entry in labelled.images])

    def accuracy(edits):
        right = runtime.forward(batch, edits=edits).outputs["output"].argmax(axis=1) == truths
        return right.mean(), np.mean([right[truths == each].mean() for each in np.unique(truths)])

    before = accuracy(EditStack())
    assert table.numbers["accuracy"] == pytest.approx(before[0]) == pytest.approx(8 / 12)
    assert table.numbers["balanced_accuracy"] == pytest.approx(before[1])
    for row in rows(table):
        edit = Edit(feature=Feature(layer="last", units=(row["unit"],)), kind="ablate")
        after = accuracy(EditStack((edit,)))
        assert row["accuracy"] == pytest.approx(after[0] - before[0], abs=1e-9)
        assert row["balanced accuracy"] == pytest.approx(after[1] - before[1], abs=1e-9)
    bars = ran.last["accuracy"]
    assert list(bars.values) == sorted(bars.values)
    assert bars.provenance["truth_sha256"]


def test_balanced_accuracy_counts_each_class_alike():
    right = np.array([[1], [1], [1], [0], [-1]], np.int8)
    found = Counted.of(right, np.array([0, 0, 0, 1, 1]))
    assert found.images == 4
    assert found.accuracy[0] == pytest.approx(0.75)
    assert found.balanced[0] == pytest.approx(0.5)
    assert Counted.of(right[4:], np.array([1])) is None


def test_it_goes_on_from_what_was_saved(runtimes, pictures, monkeypatch):
    monkeypatch.setattr(tallying, "SAVE_EVERY_S", 0.0)
    runtime = runtimes["cnn"]
    inputs = Inputs(images=pictures[:2], layer="last", target=Target(index=0))
    settings = ANALYSIS.settings({**FEW, "batch": 2})
    whole = list(ANALYSIS.run(Context(model=runtime, inputs=inputs), settings))
    states = [step.state for step in whole if isinstance(step, Saved)]
    half = next(s for s in states if np.isfinite(s["effects"]).sum() > 6)
    assert not np.isfinite(half["effects"]).all()
    passes = []
    forward = type(runtime).forward

    def counted(self, batch, **more):
        passes.append(len(batch))
        return forward(self, batch, **more)

    monkeypatch.setattr(type(runtime), "forward", counted)
    list(ANALYSIS.run(Context(model=runtime, inputs=inputs), settings))
    afresh, passes[:] = len(passes), []
    again = list(ANALYSIS.run(Context(model=runtime, inputs=inputs, state=half), settings))
    assert len(passes) < afresh
    tables = [[s for s in run if getattr(s, "key", "") == "sweep"][-1] for run in (whole, again)]
    assert tables[0].cells == tables[1].cells
    other = msgspec.structs.replace(inputs, target=Target(index=3))
    fresh = list(ANALYSIS.run(Context(model=runtime, inputs=other, state=half), settings))
    assert [s for s in fresh if getattr(s, "key", "") == "sweep"][-1].cells != tables[0].cells


def test_memory_that_gives_out_leaves_what_was_measured(runtimes, pictures, monkeypatch):
    runtime = runtimes["cnn"]
    inputs = Inputs(images=pictures[:1], layer="last", target=Target(index=0))
    forward, passes = type(runtime).forward, []

    def short(self, batch, **more):
        passes.append(1)
        if len(passes) > 9:
            raise OutOfMemory("There is not enough memory for this computation.")
        return forward(self, batch, **more)

    monkeypatch.setattr(type(runtime), "forward", short)
    settings = ANALYSIS.settings({**FEW, "batch": 1, "baseline": "zero"})
    found = [s for s in ANALYSIS.run(Context(model=runtime, inputs=inputs), settings)
             if not isinstance(s, Progress | Saved)]  # fmt: skip
    table = found[-1]
    assert table.final
    assert 0 < table.numbers["measured"] < 12
    assert any("ended early" in note for note in table.notes)


def test_what_does_not_fit_is_refused(runtimes, pictures, dataset, run_analysis):
    runtime = runtimes["cnn"]
    common = {"images": pictures[:1], "target": Target(index=0)}
    two = (Feature(layer="last", units=(1,)), Feature(layer="act", units=(1,)))
    with pytest.raises(InvalidValue, match="one layer"):
        run_analysis(ANALYSIS, runtime, FEW, features=two, **common)
    with pytest.raises(InvalidValue, match="No label"):
        run_analysis(ANALYSIS, runtime, {"accuracy": True}, layer="last", dataset=dataset, **common)
    with pytest.raises(InvalidValue, match="Heads"):
        run_analysis(
            ANALYSIS, runtimes["vit"], {"baseline": "mean"}, dataset=dataset,
            layer="encoder.layers.encoder_layer_0.self_attention/z", **common,
        )  # fmt: skip
    with pytest.raises(InvalidValue, match="needs images"):
        run_analysis(ANALYSIS, runtime, {"baseline": "mean"}, layer="last", **common)
    closed = msgspec.structs.replace(runtime.description.layer("last"), writable=False)
    layers = tuple(closed if one.name == "last" else one for one in runtime.description.layers)
    description = msgspec.structs.replace(runtime.description, layers=layers)
    reading = object.__new__(type(runtime))
    reading.__dict__.update(runtime.__dict__, _description=description)
    with pytest.raises(EditProblem, match="can be read but not changed"):
        run_analysis(ANALYSIS, reading, FEW, layer="last", **common)


def test_it_ends_when_it_is_told_to(runtimes, pictures, run_analysis):
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(ANALYSIS, runtimes["cnn"], FEW, images=pictures[:1], layer="last", check=check)


def test_its_cost_is_that_of_its_passes(runtimes, pictures, labelled):
    inputs = Inputs(images=pictures[:1], layer="last", dataset=labelled)
    context = Context(model=runtimes["cnn"], inputs=inputs)
    plain = ANALYSIS.estimate(context, ANALYSIS.settings({}))
    counted = ANALYSIS.estimate(context, ANALYSIS.settings({"accuracy": True}))
    assert counted.seconds > plain.seconds > 0
