"""Many values of one layer in one pass: each row is what a pass of its own gives."""

import dataclasses

import numpy as np
import pytest
import torch

from interp_gui.analyses import variants as variants_module
from interp_gui.analyses.variants import ROWS_CPU, Variants, rows_at_once
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import EditProblem, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import change_of
from interp_gui.core.preprocessing import load_batch
from interp_gui.runtimes import prefix, recording


def _ablate(layer, unit, mean=None):
    baseline = Baseline() if mean is None else Baseline("mean", values=(mean,))
    return Edit(feature=Feature(layer=layer, units=(unit,)), kind="ablate", baseline=baseline)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_each_row_is_the_answer_to_its_own_edit(runtimes, maps_layer, pictures, name):
    runtime, layer = runtimes[name], maps_layer[name]
    further = EditStack((_ablate(layer, 0, mean=0.5),))  # in force at the layer that is varied
    context = Context(model=runtime, inputs=Inputs(edits=further))
    batch = load_batch(pictures[:1], runtime.preprocessing)
    info = runtime.description.layer(layer)
    variants = Variants(context, batch, info, rows=4)
    edits = [_ablate(layer, unit, mean=0.3) for unit in range(1, 8)]  # the last pass is not full
    values = [
        change_of(e, variants.value[0], info.axes).onto(variants.value[0])[None] for e in edits
    ]
    found = np.zeros((len(edits), len(variants.answer[0])))
    for start, outputs in variants.answers(values):
        found[start : start + len(outputs)] = outputs[:, 0]
    expected = [
        runtime.forward(batch, edits=EditStack((*further.edits, edit))).outputs["output"][0]
        for edit in edits
    ]
    np.testing.assert_allclose(found, expected, atol=3e-5)
    assert np.ptp(found, axis=0).max() > 1e-3  # the edits differ


def test_the_images_own_value_changes_nothing_at_all(runtimes, pictures):
    runtime = runtimes["cnn"]
    batch = load_batch(pictures[:2], runtime.preprocessing)
    context = Context(model=runtime, inputs=Inputs())
    variants = Variants(context, batch, runtime.description.layer("act"), rows=8)
    assert variants.at_once == 4
    for start, outputs in variants.answers([variants.value] * 5):
        base = variants.base()[: len(outputs)]
        assert np.array_equal(outputs, base), start
        np.testing.assert_allclose(base[0], variants.answer, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_what_lies_before_runs_for_one_row_and_is_repeated(
    runtimes, maps_layer, pictures, monkeypatch, name
):
    runtime = runtimes[name]
    batch = load_batch(pictures[:1], runtime.preprocessing)
    info = runtime.description.layer(maps_layer[name])
    first = next(m for m in runtime.module.modules() if isinstance(m, torch.nn.Conv2d))
    forward, seen = torch.nn.Conv2d.forward, []

    def noted(module, x):
        if module is first:
            seen.append(len(x))
        return forward(module, x)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", noted)
    variants = Variants(Context(model=runtime, inputs=Inputs()), batch, info, rows=4)
    assert variants.base().shape[0] == 4
    assert seen
    assert set(seen) == {1}


def test_a_network_whose_results_cannot_be_repeated_runs_as_a_whole(
    monkeypatch, runtimes, pictures
):
    runtime = runtimes["cnn"]
    batch = load_batch(pictures[:1], runtime.preprocessing)
    info = runtime.description.layer("act")
    context = Context(model=runtime, inputs=Inputs())
    proper = Variants(context, batch, info, rows=4).base()
    made = recording.repeated

    def wrong(*args, **more):  # as if rows stood elsewhere than in front
        found = made(*args, **more)
        calls = {key: dataclasses.replace(c, result=c.result * 2) for key, c in found.kept.items()}
        return dataclasses.replace(found, kept=calls)

    monkeypatch.setattr(prefix, "repeated", wrong)
    np.testing.assert_allclose(Variants(context, batch, info, rows=4).base(), proper, atol=1e-5)


def test_passes_that_take_long_have_fewer_rows_where_they_are_paced(
    runtimes, pictures, monkeypatch
):
    runtime = runtimes["cnn"]
    batch = load_batch(pictures[:1], runtime.preprocessing)
    context, info = Context(model=runtime, inputs=Inputs()), runtime.description.layer("act")
    monkeypatch.setattr(variants_module, "QUICK_S", 0.0)
    assert Variants(context, batch, info, rows=8).base().shape[0] == 8  # as it was asked for
    slow = Variants(context, batch, info, rows=8, paced=True)
    assert slow.base().shape[0] == slow.at_once == 1
    np.testing.assert_allclose(slow.base()[0], slow.answer, atol=1e-5)
    monkeypatch.setattr(variants_module, "QUICK_S", 1e9)
    quick = Variants(context, batch, info, rows=8, paced=True)
    assert quick.base().shape[0] == quick.at_once == 8


def test_memory_that_is_short_halves_the_rows_and_is_remembered(runtimes, pictures, monkeypatch):
    runtime = runtimes["cnn"]
    batch = load_batch(pictures[:1], runtime.preprocessing)
    context = Context(model=runtime, inputs=Inputs())
    variants = Variants(context, batch, runtime.description.layer("act"), rows=8)
    value = variants.value
    whole = [out for _, out in variants.answers([value * k for k in range(5)])]
    forward, refused = runtime.forward, []

    def short(given, **more):
        if len(given) > 2:
            refused.append(len(given))
            raise OutOfMemory("There is not enough memory.")
        return forward(given, **more)

    monkeypatch.setattr(type(runtime), "forward", lambda _self, given, **more: short(given, **more))
    fewer = Variants(context, batch, runtime.description.layer("act"), rows=8)
    parts = [out for _, out in fewer.answers([value * k for k in range(5)])]
    assert list(dict.fromkeys(refused)) == [8, 4]
    assert fewer.at_once == 2
    assert [len(part) for part in parts] == [2, 2, 1]
    np.testing.assert_allclose(np.concatenate(parts), np.concatenate(whole), atol=1e-5)
    assert rows_at_once(context) == 2 < ROWS_CPU

    def none(given, **more):
        if more.get("edits") is not None and more["edits"].active:
            raise OutOfMemory("There is not enough memory.")
        return forward(given, **more)

    monkeypatch.setattr(type(runtime), "forward", lambda _self, given, **more: none(given, **more))
    with pytest.raises(OutOfMemory):
        list(Variants(context, batch, runtime.description.layer("act"), rows=2).answers([value]))


def test_a_layer_that_can_only_be_read_is_refused(runtimes, pictures):
    import msgspec

    runtime = runtimes["cnn"]
    batch = load_batch(pictures[:1], runtime.preprocessing)
    layer = msgspec.structs.replace(runtime.description.layer("act"), writable=False)
    with pytest.raises(EditProblem, match="can be read but not changed"):
        Variants(Context(model=runtime, inputs=Inputs()), batch, layer)
