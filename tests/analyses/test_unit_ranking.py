import msgspec
import numpy as np
import pytest
import torch

from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.analyses.unit_ranking import ANALYSIS
from interp_gui.analyses.unit_ranking.baselines import sample
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import Cancelled, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.place import Place
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target

REGION = tuple(tuple(float(y < 16 and x >= 8) for x in range(32)) for y in range(32))


def rows(table):
    return [dict(zip(table.columns, cells, strict=True)) for cells in table.cells]


def ranked(table):
    return [row for row in rows(table) if row["role"] == "ranked"]


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
@pytest.mark.parametrize("region", [(), REGION])
def test_confirmed_changes_are_those_of_an_exact_run_with_the_edit(
    runtimes, maps_layer, pictures, run_analysis, name, region
):
    runtime, layer = runtimes[name], maps_layer[name]
    ran = run_analysis(
        ANALYSIS, runtime, {"confirm": 3, "controls": 3, "count": 5},
        images=pictures[:1], layer=layer, region=region, target=Target(index=2),
    )  # fmt: skip
    table = ran.last["ranking"]
    assert table.final
    batch = load_batch(pictures[:1], runtime.preprocessing)
    before = runtime.forward(batch).outputs["output"][0, 2]
    assert table.numbers["target"] == pytest.approx(before, abs=1e-5)
    confirmed = [r for r in rows(table) if r["fall of target"] is not None]
    assert [r["role"] for r in confirmed] == ["ranked"] * 3 + ["control"] * 3
    info = runtime.description.layer(layer)
    for row in confirmed:
        place = Place()
        if region and info.grid is not None:
            place = Place("region", region=region)
        elif region:
            place = Place("tokens", tokens=tuple(1 + t for t in (1, 2, 3, 5, 6, 7)))
        feature = Feature(layer=layer, units=(row["unit"],))
        edit = Edit(feature=feature, kind="ablate", place=place)
        edited = runtime.forward(batch, edits=EditStack((edit,)), capture=[layer])
        change = before - edited.outputs["output"][0, 2]
        assert row["fall of target"] == pytest.approx(change, abs=2e-5)
        plain = runtime.forward(batch, capture=[layer]).captured[layer]
        moved = np.linalg.norm(plain - edited.captured[layer])
        assert row["moved"] == pytest.approx(moved, rel=1e-4, abs=1e-5)
        if row["role"] == "ranked":
            controls = [abs(r["fall of target"]) for r in confirmed if r["role"] == "control"]
            share = 100 * np.mean(np.array(controls) < abs(row["fall of target"]))
            assert row["percentile of controls"] == pytest.approx(share)
    assert {r["unit"] for r in confirmed[:3]}.isdisjoint(r["unit"] for r in confirmed[3:])


def test_in_a_linear_tail_attribution_is_the_exact_change(runtimes, pictures, run_analysis):
    """Behind `last` come only means and a linear layer, so the first order is the whole truth."""
    table = run_analysis(
        ANALYSIS, runtimes["cnn"], {"confirm": 12, "count": 12, "controls": 0},
        images=pictures[:1], layer="last", region=REGION, target=Target(index=1),
    ).last["ranking"]  # fmt: skip
    for row in ranked(table):
        assert row["fall of target"] == pytest.approx(row["activation × gradient"], abs=1e-5)
    attributions = [row["activation × gradient"] for row in ranked(table)]
    assert attributions == sorted(attributions, reverse=True)
    assert len(set(attributions)) > 5


def test_ranking_by_activation_orders_by_the_mean_over_the_place(runtimes, pictures, run_analysis):
    runtime = runtimes["cnn"]
    table = run_analysis(
        ANALYSIS, runtime, {"order": "activation", "count": 12, "confirm": 0},
        images=pictures[:1], layer="last", region=REGION,
    ).last["ranking"]  # fmt: skip
    value = runtime.forward(
        load_batch(pictures[:1], runtime.preprocessing), capture=["last"]
    ).captured["last"]
    maps = unit_maps(value, runtime.description.layer("last"), (32, 32))[0]
    expected = maps[:, :4, 2:].mean(axis=(1, 2))
    assert [row["unit"] for row in rows(table)] == np.argsort(-expected, kind="stable").tolist()
    assert rows(table)[0]["activation"] == pytest.approx(expected.max(), rel=1e-5)
    assert table.final


def test_the_baseline_is_the_mean_over_the_images_at_hand(
    runtimes, pictures, dataset, run_analysis, memory
):
    runtime = runtimes["cnn"]
    inputs = {"images": pictures[:1], "layer": "last", "target": Target(index=0)}
    ran = run_analysis(
        ANALYSIS, runtime, {"confirm": 2}, dataset=dataset, cache=memory, **inputs
    )  # fmt: skip
    batch = load_batch(pictures, runtime.preprocessing)
    means = runtime.forward(batch, capture=["last"]).captured["last"].mean(axis=(0, 2, 3))
    one = batch[:1]
    before = runtime.forward(one).outputs["output"][0, 0]
    for row in ranked(ran.last["ranking"])[:2]:
        unit = row["unit"]
        feature = Feature(layer="last", units=(unit,))
        baseline = Baseline("mean", values=(float(means[unit]),))
        stack = EditStack((Edit(feature=feature, kind="ablate", baseline=baseline),))
        change = before - runtime.forward(one, edits=stack).outputs["output"][0, 0]
        assert row["fall of target"] == pytest.approx(change, abs=1e-5)
    assert "mean over 12 images" in ran.last["ranking"].notes[-1]
    again = run_analysis(
        ANALYSIS, runtime, {"confirm": 2}, dataset=dataset, cache=memory, **inputs
    )  # fmt: skip
    assert memory.hits == 1
    assert again.last["ranking"].cells == ran.last["ranking"].cells
    zero = run_analysis(
        ANALYSIS, runtime, {"confirm": 2, "baseline": "zero"}, dataset=dataset, **inputs
    )
    assert zero.last["ranking"].cells != ran.last["ranking"].cells


def test_the_ranking_comes_first_and_confirmations_as_they_are_made(
    runtimes, pictures, run_analysis
):
    ran = run_analysis(ANALYSIS, runtimes["cnn"], {"confirm": 3}, images=pictures[:1], layer="last")
    tables = [result for result in ran.results if result.key == "ranking"]
    counts = [sum(r["fall of target"] is not None for r in ranked(t)) for t in tables]
    assert counts == [0, 1, 2, 3]
    assert [table.final for table in tables] == [False, False, False, True]
    cards = ran.last["units"]
    assert cards.final
    assert [item.feature.units[0] for item in cards.items] == [
        row["unit"] for row in ranked(tables[-1])
    ]
    assert cards.items[0].pixels.shape == (32, 32, 3)
    assert cards.items[0].numbers["change"] == ranked(tables[-1])[0]["fall of target"]
    assert cards.items[3].numbers.get("change") is None


def test_edits_stay_on_while_units_are_confirmed(runtimes, pictures, run_analysis):
    feature = Feature(layer="last", units=(0, 1, 2, 3))
    edits = EditStack((Edit(feature=feature, kind="ablate"),))
    table = run_analysis(
        ANALYSIS, runtimes["cnn"], {"confirm": 12, "count": 12, "controls": 0},
        images=pictures[:1], layer="last", edits=edits, target=Target(index=1),
    ).last["ranking"]  # fmt: skip
    for row in ranked(table):
        if row["unit"] < 4:
            assert row["fall of target"] == pytest.approx(0.0, abs=1e-6)
    assert "edit" in table.notes[0]


def test_the_class_asked_about_is_that_of_the_unedited_model(runtimes, pictures, run_analysis):
    runtime = runtimes["cnn"]
    outputs = runtime.forward(load_batch(pictures[:1], runtime.preprocessing)).outputs["output"]
    edits = EditStack((Edit(feature=Feature(layer="last"), kind="scale", amount=-5.0),))
    table = run_analysis(
        ANALYSIS, runtime, {"confirm": 0}, images=pictures[:1], layer="last", edits=edits
    ).last["ranking"]
    assert table.numbers["target_class"] == int(outputs[0].argmax())


def test_layers_without_positions_ignore_the_brush_and_say_so(runtimes, pictures, run_analysis):
    table = run_analysis(
        ANALYSIS, runtimes["cnn"], {"confirm": 1, "controls": 1}, images=pictures[:1],
        layer="head", region=REGION, target=Target(index=3),
    ).last["ranking"]  # fmt: skip
    assert ranked(table)[0]["unit"] == 3 or ranked(table)[0]["activation × gradient"] == 0
    assert any("no positions" in note for note in table.notes)


def test_the_same_seed_draws_the_same_controls(runtimes, pictures, run_analysis):
    def controls(seed):
        table = run_analysis(
            ANALYSIS, runtimes["cnn"], {"confirm": 1, "controls": 6}, images=pictures[:1],
            layer="last", seed=seed,
        ).last["ranking"]  # fmt: skip
        return [row["unit"] for row in rows(table) if row["role"] == "control"]

    assert controls(3) == controls(3)
    assert controls(3) != controls(4)


def test_cancelling_is_passed_on(runtimes, pictures, run_analysis):
    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(ANALYSIS, runtimes["cnn"], images=pictures[:1], layer="last", check=stop)


def test_results_survive_the_wire(runtimes, pictures, run_analysis):
    table = run_analysis(
        ANALYSIS, runtimes["cnn"], {"confirm": 1}, images=pictures[:1], layer="last"
    ).last["ranking"]
    assert msgspec.json.decode(msgspec.json.encode(table.numbers)) == table.numbers
    assert msgspec.json.decode(msgspec.json.encode(table.cells)) == [list(c) for c in table.cells]


def test_means_use_images_picked_by_their_content():
    assert sample(["c", "a", "b"], 5) == [1, 2, 0]
    assert sample(["c", "a", "b"], 2) == [1, 2]


def test_a_layer_whose_effect_is_edited_away_behind_it_scores_zero(
    runtimes, pictures, run_analysis
):
    runtime = runtimes["cnn"]
    edits = EditStack((Edit(feature=Feature(layer="last"), kind="ablate"),))
    settings = {"confirm": 0, "count": 4}
    behind, at = (
        run_analysis(ANALYSIS, runtime, settings, images=pictures[:1], layer=layer, edits=edits)
        for layer in ("second", "last")
    )
    assert all(row["activation × gradient"] == 0 for row in ranked(behind.last["ranking"]))
    assert all(row["activation"] == 0 for row in ranked(at.last["ranking"]))


def test_the_mean_does_not_depend_on_the_order_or_the_names_of_the_images(
    runtimes, maps_layer, pictures, run_analysis
):
    runtime, layer = runtimes["cnn"], maps_layer["cnn"]
    changes = []
    for paths in (pictures, pictures[::-1], (*pictures[5:], *pictures[:5])):
        ran = run_analysis(
            ANALYSIS, runtime, {"mean_images": 4}, images=pictures[:1], layer=layer,
            dataset=Dataset(images=tuple(ImageEntry(path=path) for path in paths)),
        )  # fmt: skip
        changes.append([row["fall of target"] for row in rows(ran.last["ranking"])])
    assert changes[0] == changes[1] == changes[2]


@pytest.mark.parametrize("target", [Target(kind="logit", index=2), Target()])
def test_an_answer_that_is_not_a_number_is_not_explained(runtimes, pictures, run_analysis, target):
    runtime = runtimes["cnn"]
    with torch.no_grad():
        bias = runtime.module.head.bias.clone()
        runtime.module.head.bias.fill_(float("nan"))
    try:
        with pytest.raises(InvalidValue, match="answer is not a number"):
            run_analysis(ANALYSIS, runtime, images=pictures[:1], layer="last", target=target)
    finally:
        with torch.no_grad():
            runtime.module.head.bias.copy_(bias)


def test_units_that_edits_have_set_are_no_controls(runtimes, maps_layer, pictures, run_analysis):
    runtime, layer = runtimes["cnn"], maps_layer["cnn"]
    size = runtime.description.layer(layer).units
    gone = Feature(layer=layer, units=tuple(range(size - 3)))
    ran = run_analysis(
        ANALYSIS, runtime, {"confirm": 1, "controls": size, "count": 2},
        images=pictures[:1], layer=layer, edits=EditStack((Edit(feature=gone, kind="ablate"),)),
    )  # fmt: skip
    drawn = {row["unit"] for row in rows(ran.last["ranking"]) if row["role"] == "control"}
    assert drawn
    assert not drawn & set(gone.units)
