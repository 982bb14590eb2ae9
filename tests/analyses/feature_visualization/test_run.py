"""The run: repeatable, resumable, cached, interruptible, on every kind of network."""

import itertools

import msgspec
import numpy as np
import pytest
import torch

from interp_gui.analyses.feature_visualization import ANALYSIS
from interp_gui.core.analysis import Context, Inputs, Progress, Saved
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, InvalidValue
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.result import Picture

QUICK = {"size": 32, "steps": 6}


def units(layer, *indices):
    return tuple(Feature(layer=layer, units=(index,)) for index in indices)


def finals(ran):
    return [r for r in ran.results if r.final]


def same(first, second):
    return len(first) == len(second) and all(
        np.array_equal(a.pixels, b.pixels) and a.numbers == b.numbers and a.key == b.key
        for a, b in zip(first, second, strict=True)
    )


def test_one_picture_a_feature_in_the_order_asked(runtimes, run_analysis):
    features = units("last", 3, 1, 2, 1, 0)
    ran = run_analysis(ANALYSIS, runtimes["cnn"], {**QUICK, "batch": 2}, features=features)
    pictures = finals(ran)
    assert [p.key for p in pictures] == ["last:3", "last:1", "last:2", "last:0"]
    for index, result in enumerate(pictures):
        group = ["last:3", "last:1"] if index < 2 else ["last:2", "last:0"]
        assert result.provenance["batch"] == {"group": group, "slot": index % 2, "size": 2}
        assert result.pixels.shape == (32, 32, 3)
        assert result.pixels.dtype == np.uint8
        assert result.pixels.std() > 1
        assert result.feature.text == result.key
        assert set(result.numbers) == {
            "activation", "activation_under_transforms", "objective", "steps",
        }  # fmt: skip
        assert result.numbers["steps"] == 6
    early = [r for r in ran.results if not r.final]
    assert {r.key for r in early} == {p.key for p in pictures}
    assert ran.progress[-1].done == ran.progress[-1].total == 12


def test_a_first_look_is_what_a_run_of_so_many_steps_gives(runtimes, run_analysis):
    feature = units("last", 3)
    ran = run_analysis(ANALYSIS, runtimes["cnn"], {**QUICK, "steps": 10}, features=feature)
    looks = {r.numbers["steps"]: r for r in ran.results if not r.final}
    assert {1, 8} <= looks.keys()
    for steps in (1, 8):
        short = run_analysis(ANALYSIS, runtimes["cnn"], {**QUICK, "steps": steps}, features=feature)
        assert np.array_equal(finals(short)[0].pixels, looks[steps].pixels)


def test_the_same_pixels_again_also_for_the_group_alone(runtimes, run_analysis):
    settings = {**QUICK, "batch": 2}
    run = lambda *i, seed=0: finals(  # noqa: E731
        run_analysis(ANALYSIS, runtimes["cnn"], settings, features=units("last", *i), seed=seed)
    )
    first = run(3, 1, 2, 0)
    assert same(first, run(3, 1, 2, 0))
    assert same(first[2:], run(2, 0))
    assert not np.array_equal(first[0].pixels, run(3, 1, seed=1)[0].pixels)
    assert not np.array_equal(first[0].pixels, first[1].pixels)


def stepwise(runtime, settings, *, state=None, cache=None, features=units("last", 3, 1)):
    context = Context(model=runtime, inputs=Inputs(features=features), state=state, cache=cache)
    return ANALYSIS.run(context, ANALYSIS.settings(settings))


@pytest.fixture
def save_always(monkeypatch):
    monkeypatch.setattr("interp_gui.analyses.feature_visualization.climb.SAVE_EVERY_S", 0.0)


@pytest.mark.usefixtures("save_always")
@pytest.mark.parametrize("stop_at", [1, 4, 17])
def test_resumed_equals_uninterrupted(stop_at, runtimes):
    settings = {"size": 32, "steps": 20}
    whole = [s for s in stepwise(runtimes["cnn"], settings) if isinstance(s, Picture) and s.final]
    running = stepwise(runtimes["cnn"], settings)
    saved = next(itertools.islice((s for s in running if isinstance(s, Saved)), stop_at - 1, None))
    running.close()
    steps = list(stepwise(runtimes["cnn"], settings, state=saved.state))
    assert same(whole, [s for s in steps if isinstance(s, Picture) and s.final])
    assert next(s for s in steps if isinstance(s, Progress)).done == stop_at + 1


def test_continued_for_more_steps_equals_all_at_once(runtimes, memory):
    longer = {"size": 32, "steps": 20}
    whole = [s for s in stepwise(runtimes["cnn"], longer) if isinstance(s, Picture) and s.final]
    short = list(stepwise(runtimes["cnn"], {"size": 32, "steps": 7}))
    state = [s for s in short if isinstance(s, Saved)][-1].state
    on = list(stepwise(runtimes["cnn"], longer, state=state))
    assert same(whole, [s for s in on if isinstance(s, Picture) and s.final])
    assert next(s for s in on if isinstance(s, Progress)).done == 8

    list(stepwise(runtimes["cnn"], {"size": 32, "steps": 7}, cache=memory))
    on = list(stepwise(runtimes["cnn"], longer, cache=memory))
    assert same(whole, [s for s in on if isinstance(s, Picture) and s.final])
    assert next(s for s in on if isinstance(s, Progress)).done == 8


def test_state_of_another_run_is_not_used(runtimes):
    short = list(stepwise(runtimes["cnn"], QUICK))
    state = [s for s in short if isinstance(s, Saved)][-1].state
    other = units("last", 4, 2)
    fresh = list(stepwise(runtimes["cnn"], QUICK, features=other))
    given = list(stepwise(runtimes["cnn"], QUICK, features=other, state=state))
    assert same(
        [s for s in fresh if isinstance(s, Picture) and s.final],
        [s for s in given if isinstance(s, Picture) and s.final],
    )


def test_finished_pictures_come_from_the_cache(runtimes, run_analysis, memory, monkeypatch):
    ask = lambda **k: run_analysis(  # noqa: E731
        ANALYSIS, runtimes["cnn"], {**QUICK, **k}, features=units("last", 3, 1), cache=memory
    )
    first = ask()
    with monkeypatch.context() as patched:
        patched.setattr(
            "interp_gui.analyses.feature_visualization.climb.Climb.step",
            lambda *_: pytest.fail("computed again"),
        )
        assert same(finals(first), finals(ask()))
    assert not same(finals(first), finals(ask(decay=2.0)))
    assert not same(finals(first), finals(ask(objective="-feature")))


def test_rank_among_the_images_at_hand(runtimes, run_analysis, dataset, memory):
    broken = Dataset(images=(*dataset.images, ImageEntry(path="/nowhere/x.png")))
    features = (*units("last", 3), Feature(layer="last", vectors=as_vectors(np.eye(12)[3])))
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"], {"size": 32, "steps": 200}, features=features,
        dataset=broken, cache=memory,
    )  # fmt: skip
    unit, vector = finals(ran)
    assert unit.numbers["images"] == 12
    assert unit.numbers["rank"] == 1
    assert unit.numbers["ratio_to_best_image"] > 1
    best = vector.numbers["best_image_activation"]
    assert best == pytest.approx(unit.numbers["best_image_activation"], rel=1e-5)
    assert unit.numbers["ratio_to_best_image"] == pytest.approx(
        unit.numbers["activation"] / best, rel=1e-4
    )
    low = run_analysis(
        ANALYSIS, runtimes["cnn"], {**QUICK, "objective": "-feature"},
        features=features[:1], dataset=dataset,
    )  # fmt: skip
    assert finals(low)[0].numbers["rank"] > 1
    off = run_analysis(
        ANALYSIS, runtimes["cnn"], {**QUICK, "compare": False}, features=features, dataset=dataset
    )
    assert "rank" not in finals(off)[0].numbers


def test_activation_is_that_of_the_network_itself(runtimes, run_analysis):
    runtime = runtimes["cnn"]
    (result,) = finals(run_analysis(ANALYSIS, runtime, QUICK, features=units("last", 3)))
    p = runtime.preprocessing
    x = (result.pixels.transpose(2, 0, 1) / 255 - np.reshape(p.mean, (3, 1, 1))) / np.reshape(
        p.std, (3, 1, 1)
    )
    captured = runtime.forward(x[None].astype(np.float32), capture=["last"]).captured["last"]
    assert result.numbers["activation"] == pytest.approx(float(captured[0, 3].mean()), rel=1e-5)


EXPRESSION = "feature - 0.1*logit(2)"


@pytest.mark.parametrize(
    "objective",
    ["feature", "channel", "neuron", "direction", "logit(1)", "layer(feature)", EXPRESSION],
)
@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_every_objective_on_every_kind_of_network(
    name, objective, runtimes, maps_layer, run_analysis
):
    layer = maps_layer[name]
    features = units(layer, 2)
    if objective == "layer(feature)":
        features = (Feature(layer=layer),)
    settings = {"size": 40, "steps": 2, "objective": objective}
    ran = run_analysis(ANALYSIS, runtimes[name], settings, features=features)
    (result,) = finals(ran)
    assert result.pixels.shape == (40, 40, 3)
    assert all(np.isfinite(v) for v in result.numbers.values())


def test_a_class_without_a_feature(runtimes, run_analysis):
    ran = run_analysis(ANALYSIS, runtimes["cnn"], {**QUICK, "objective": "logit(name 2)"})
    (result,) = finals(ran)
    assert result.key == "logit(2)"
    assert result.feature is None
    with pytest.raises(InvalidValue, match="needs a feature"):
        run_analysis(ANALYSIS, runtimes["cnn"], QUICK)


@pytest.mark.parametrize("after", [1, 3])
def test_interrupted_leaves_nothing_behind(after, runtimes):
    runtime = runtimes["cnn"]
    before = {k: v.clone() for k, v in runtime.module.state_dict().items()}
    calls = itertools.count()

    def check():
        if next(calls) == after:
            raise Cancelled

    context = Context(model=runtime, inputs=Inputs(features=units("last", 1)), check=check)
    with pytest.raises(Cancelled):
        list(ANALYSIS.run(context, ANALYSIS.settings(QUICK)))
    assert all(torch.equal(before[k], v) for k, v in runtime.module.state_dict().items())
    for module in runtime.module.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_nothing_is_held_between_yields(runtimes):
    """Another job may run at any yield: hooks and modes must be gone, also in between."""
    runtime = runtimes["cnn"]
    x = np.zeros((1, 3, 32, 32), np.float32)
    alone = runtime.forward(x, capture=["last"]).captured["last"]
    for _ in stepwise(runtime, QUICK):
        assert not any(m._forward_hooks for m in runtime.module.modules())
        assert torch.is_grad_enabled()
    assert np.array_equal(alone, runtime.forward(x, capture=["last"]).captured["last"])


def test_runaway_optimisation_is_said(runtimes, run_analysis):
    settings = {**QUICK, "objective": "feature * 1e38 * 1e38", "steps": 3}
    with pytest.raises(InvalidValue, match="infinity"):
        run_analysis(ANALYSIS, runtimes["cnn"], settings, features=units("last", 1))


def test_images_of_several_sizes_are_compared_one_by_one(runtimes, run_analysis, dataset):
    runtime = runtimes["cnn"]
    loose = runtime.with_preprocessing(
        msgspec.structs.replace(runtime.preprocessing, resize="none", crop=False)
    )
    (shown,) = finals(
        run_analysis(ANALYSIS, loose, QUICK, features=units("last", 3), dataset=dataset)
    )
    batches = [load_batch([path], loose.preprocessing) for path in dataset.paths]
    means = [loose.forward(b, capture=["last"]).captured["last"][0, 3].mean() for b in batches]
    assert shown.numbers["best_image_activation"] == pytest.approx(max(means), rel=1e-4)


def test_edits_that_do_not_count_are_told(runtimes, run_analysis):
    features = units("last", 3)
    edits = EditStack((Edit(feature=features[0], kind="ablate"),))
    plain, edited = (
        finals(run_analysis(ANALYSIS, runtimes["cnn"], QUICK, features=features, edits=stack))[0]
        for stack in (EditStack(), edits)
    )
    assert np.array_equal(plain.pixels, edited.pixels)
    assert set(edited.notes) - set(plain.notes) == {
        "Made and judged on the network without its edits."
    }
