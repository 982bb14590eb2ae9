import os
import shutil

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.top_examples import ANALYSIS, kept_maps, passing
from interp_gui.analyses.top_examples import peaks as peaks_module
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, InvalidValue, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.engine.values import pack, unpack

SETTINGS = {"cropped": False, "size": 16, "k": 3, "kinds": "strongest,least,random,quantiles"}


def alike(first, second):
    assert first.numbers == second.numbers
    assert first.notes == second.notes
    assert len(first.items) == len(second.items)
    for a, b in zip(first.items, second.items, strict=True):
        assert (a.title, a.group, a.numbers) == (b.title, b.group, b.numbers)
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.fixture
def directions(features_of):
    found = features_of("last", 12)
    return found["direction"], found["units"]


@pytest.mark.parametrize("batch", [1, 5, 12])
def test_the_batch_size_does_not_change_what_is_found(
    runtimes, labelled, run_analysis, directions, batch
):
    inputs = {"dataset": labelled, "features": directions}
    first = run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, **inputs)
    other = run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS | {"batch": batch}, **inputs)
    for one, two in zip(first.last.values(), other.last.values(), strict=True):
        for a, b in zip(one.items, two.items, strict=True):
            assert (a.image, a.group) == (b.image, b.group)
            np.testing.assert_array_equal(a.pixels, b.pixels)
            assert a.numbers["activation"] == pytest.approx(b.numbers["activation"], rel=1e-5)


def test_one_pass_serves_all_directions_and_layers(
    runtimes, labelled, run_analysis, features_of, counting
):
    runtime = counting(runtimes["cnn"])
    features = tuple(
        features_of(layer, units)[name]
        for layer, units in (("first", 8), ("last", 12))
        for name in ("direction", "units", "directions")
    )
    settings = SETTINGS | {"kinds": "strongest", "k": 1}
    run_analysis(ANALYSIS, runtime, settings, dataset=labelled, features=features)
    assert runtime.images <= 12 + len(features)  # the pass, and one picture each


def test_the_next_run_only_reads_the_cache(
    runtimes, labelled, run_analysis, memory, directions, counting
):
    runtime = counting(runtimes["cnn"])
    inputs = {"dataset": labelled, "features": directions, "cache": memory}
    first = run_analysis(ANALYSIS, runtime, SETTINGS, **inputs)
    assert runtime.images >= 12
    runtime.images = 0
    again = run_analysis(ANALYSIS, runtime, SETTINGS, **inputs)
    assert runtime.images == 0
    for one, two in zip(first.last.values(), again.last.values(), strict=True):
        alike(one, two)
    # other kinds and labels only cut pictures
    other = SETTINGS | {"kinds": "", "by": "label"}
    run_analysis(ANALYSIS, runtime, other, **inputs)
    assert runtime.images <= 9


def test_the_cache_forgets_nothing_that_matters(
    runtimes, labelled, run_analysis, memory, directions, counting
):
    runtime = counting(runtimes["cnn"])

    def images(**changed):
        runtime.images = 0
        given = {"dataset": labelled, "features": directions[:1], "cache": memory} | changed
        run_analysis(ANALYSIS, runtime, SETTINGS, **given)
        return runtime.images

    assert images() > 0
    assert images() == 0
    edits = EditStack((Edit(feature=Feature(layer="first", units=(0,)), kind="ablate"),))
    assert images(edits=edits) >= 12
    assert images(dataset=Dataset(images=labelled.images[1:7])) >= 6
    named = msgspec.structs.replace(directions[0], name="wheels")
    assert images(features=(named,)) == 0
    runtime.runtime = runtimes["cnn"].with_preprocessing(
        msgspec.structs.replace(runtimes["cnn"].preprocessing, mean=(0.0, 0.0, 0.0))
    )
    assert images() >= 12


def test_another_direction_of_the_layer_needs_no_network(
    runtimes, labelled, run_analysis, memory, features_of, values_of, counting
):
    runtime = counting(runtimes["cnn"])
    settings = SETTINGS | {"kinds": "strongest", "k": 1}
    found = features_of("last", 12)
    inputs = {"dataset": labelled, "cache": memory}
    run_analysis(ANALYSIS, runtime, settings, features=(found["units"],), **inputs)
    runtime.images = 0
    ran = run_analysis(ANALYSIS, runtime, settings, features=(found["direction"],), **inputs)
    assert runtime.images == 1, "for the picture"
    peaks = values_of(runtime, found["direction"]).reshape(12, -1).max(axis=1)
    assert ran.results[-1].numbers["peak"] == pytest.approx(peaks.max(), rel=1e-4)
    assert ran.results[-1].numbers["median_peak"] == pytest.approx(np.median(peaks), rel=1e-4)
    alone = run_analysis(
        ANALYSIS, runtime, settings, features=(found["direction"],), dataset=labelled
    )
    alike(ran.results[-1], alone.results[-1])


def test_maps_that_are_too_large_are_not_kept(
    runtimes, labelled, run_analysis, memory, directions, monkeypatch
):
    inputs = {"dataset": labelled, "features": directions[:1], "cache": memory}
    monkeypatch.setattr(kept_maps, "MOST_BYTES", 12 * 4 * 12 * 64 - 1)
    run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, **inputs)
    assert not any("layer-maps" in key for key in memory.held)
    monkeypatch.setattr(kept_maps, "MOST_BYTES", 12 * 4 * 12 * 64)
    run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS | {"batch": 3}, **inputs)
    assert any("layer-maps" in key for key in memory.held)


def test_maps_are_kept_in_chunks_of_which_some_may_be_gone(
    runtimes, labelled, run_analysis, memory, features_of, counting, monkeypatch
):
    monkeypatch.setattr(kept_maps, "CHUNK_BYTES", 2 * 2 * 4 * 12 * 64)  # two steps of two
    runtime = counting(runtimes["cnn"])
    found = features_of("last", 12)
    settings = SETTINGS | {"batch": 2, "kinds": "strongest", "k": 1}
    inputs = {"dataset": labelled, "cache": memory}
    run_analysis(ANALYSIS, runtime, settings, features=(found["units"],), **inputs)
    kept = [key for key in memory.held if "layer-maps" in key]
    assert len(kept) == 3
    del memory.held[kept[1]]
    runtime.images = 0
    ran = run_analysis(ANALYSIS, runtime, settings, features=(found["direction"],), **inputs)
    assert runtime.images == 4 + 1
    assert kept[1] in memory.held
    alone = run_analysis(
        ANALYSIS, runtime, settings, features=(found["direction"],), dataset=labelled
    )
    alike(ran.results[-1], alone.results[-1])


def test_on_onnx_runtime_values_agree_and_kept_maps_need_no_network(
    small_cnn, labelled, run_analysis, memory, features_of, monkeypatch
):
    found = features_of("last", 12)
    inputs = {"dataset": labelled, "features": (found["direction"],)}
    own = run_analysis(ANALYSIS, small_cnn(), SETTINGS, **inputs).results[-1]
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")
    quick = run_analysis(ANALYSIS, small_cnn(), SETTINGS, cache=memory, **inputs).results[-1]
    assert quick.provenance["runtime"].startswith("onnxruntime")
    assert any("Computed on ONNX Runtime" in note for note in quick.notes)
    assert [item.image for item in quick.items] == [item.image for item in own.items]
    for a, b in zip(own.items, quick.items, strict=True):
        assert a.numbers["activation"] == pytest.approx(b.numbers["activation"], rel=1e-4)
    monkeypatch.setattr(passing, "choose_route", None)
    inputs["features"] = (found["directions"],)
    other = run_analysis(ANALYSIS, small_cnn(), SETTINGS, cache=memory, **inputs).results[-1]
    assert other.provenance["runtime"] == quick.provenance["runtime"]


def test_a_stopped_pass_resumes_to_the_same_result(
    runtimes, labelled, run_analysis, directions, counting, monkeypatch
):
    monkeypatch.setattr(passing, "SAVE_EVERY_S", 0.0)
    settings = SETTINGS | {"batch": 3}
    inputs = {"features": directions, "dataset": labelled}
    runtime = counting(runtimes["cnn"])
    whole = run_analysis(ANALYSIS, runtime, settings, **inputs)
    saved = [step for step in whole.saved if "peaks" in step.state]
    assert len(saved) == 4
    all_images, runtime.images = runtime.images, 0
    state = unpack(pack(saved[1].state))  # as it comes back from the window
    resumed = run_analysis(ANALYSIS, runtime, settings, state=state, **inputs)
    assert runtime.images == all_images - 6
    for one, two in zip(whole.last.values(), resumed.last.values(), strict=True):
        alike(one, two)
    runtime.images = 0
    fewer = inputs | {"dataset": Dataset(images=labelled.images[:5])}
    run_analysis(ANALYSIS, runtime, settings, state=saved[1].state, **fewer)
    assert runtime.images >= 5, "a state of other images must not be used"


def stepping(runtime, settings, memory, **inputs):
    context = Context(model=runtime, inputs=Inputs(**inputs), cache=memory)
    return ANALYSIS.run(context, ANALYSIS.settings(settings))


def test_what_a_cancelled_run_has_seen_is_not_lost(
    runtimes, labelled, run_analysis, memory, directions, counting
):
    runtime = counting(runtimes["cnn"])
    inputs = {"dataset": labelled, "features": directions[:1]}
    settings = SETTINGS | {"batch": 4, "kinds": "strongest", "k": 1}
    first = stepping(runtime, settings, memory, **inputs)
    while runtime.images < 8:
        next(first)
    first.close()
    run_analysis(ANALYSIS, runtime, settings, cache=memory, **inputs)
    assert runtime.images == 12 + 1
    assert not memory.in_progress


def test_runs_at_the_same_time_share_one_pass(runtimes, labelled, memory, directions, counting):
    runtime = counting(runtimes["cnn"])
    inputs = {"dataset": labelled, "features": directions[:1]}
    settings = SETTINGS | {"kinds": "strongest", "k": 1}
    runs = [
        stepping(runtime, settings, memory, **inputs),
        stepping(runtime, settings | {"kinds": "random"}, memory, **inputs),
    ]
    while runs:
        for each in list(runs):
            if next(each, None) is None:
                runs.remove(each)
    assert runtime.images <= 12 + 2


@pytest.mark.parametrize("calls", [3, 10, 18])
def test_a_run_can_be_stopped_at_any_stage(runtimes, labelled, run_analysis, directions, calls):
    made = []

    def stop():
        made.append(1)
        if len(made) > calls:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(
            ANALYSIS, runtimes["cnn"], SETTINGS, dataset=labelled, features=directions, check=stop
        )
    assert len(made) == calls + 1


def test_short_memory_makes_smaller_steps(small_cnn, labelled, run_analysis, directions):
    runtime = small_cnn()
    forward, sizes = runtime.forward, []

    def small(batch, **kwargs):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise OutOfMemory("No memory is left.")
        return forward(batch, **kwargs)

    runtime.forward = small
    ran = run_analysis(ANALYSIS, runtime, SETTINGS, dataset=labelled, features=directions)
    assert sizes[:2] == [4, 2]
    assert "Memory was short: 2 images at a time instead of 4." in ran.results[-1].notes


def test_images_that_go_while_they_are_looked_at_are_left_out_and_not_kept(
    runtimes, pictures, run_analysis, memory, directions, tmp_path
):
    paths = [str(shutil.copy(path, tmp_path)) for path in pictures]
    dataset = Dataset(images=tuple(ImageEntry(path=path) for path in paths))
    inputs = {"dataset": dataset, "features": directions[:1]}
    settings = SETTINGS | {"batch": 3}
    steps = stepping(runtimes["cnn"], settings, memory, **inputs)
    for step in steps:
        if isinstance(step, Progress) and step.done == 3:
            os.unlink(paths[11])  # decoding is some steps ahead, and not there yet
            break
    (grid,) = [s for s in steps if not isinstance(s, Progress) and s.final]
    assert grid.numbers["broken_images"] == 1
    assert grid.numbers["images"] == 11
    assert not any("feature-peaks" in key for key in memory.held)


def test_images_that_go_before_their_pictures_are_cut_are_named(
    runtimes, pictures, run_analysis, directions, tmp_path
):
    paths = [str(shutil.copy(path, tmp_path)) for path in pictures]
    dataset = Dataset(images=tuple(ImageEntry(path=path) for path in paths))
    steps = stepping(
        runtimes["cnn"], SETTINGS | {"kinds": "strongest", "k": 12, "distinct": False}, None,
        dataset=dataset, features=directions[:1],
    )  # fmt: skip
    for step in steps:
        if isinstance(step, Progress) and step.text == "Cutting examples":
            os.unlink(paths[4])
            break
    (grid,) = [s for s in steps if not isinstance(s, Progress) and s.final]
    assert grid.numbers["images"] == 12
    assert paths[4] not in {item.image for item in grid.items}
    assert "picture_04.png" in " ".join(grid.notes)


def test_images_that_change_during_the_pass_are_left_out_and_not_kept(
    runtimes, pictures, run_analysis, memory, directions, tmp_path
):
    paths = [shutil.copy(path, tmp_path / f"{i}.png") for i, path in enumerate(pictures)]
    content = paths[11].read_bytes()
    dataset = Dataset(images=tuple(ImageEntry(path=str(path)) for path in paths))
    inputs = {"dataset": dataset, "features": directions[:1]}
    settings = SETTINGS | {"batch": 3}
    steps = stepping(runtimes["cnn"], settings, memory, **inputs)
    for step in steps:
        if isinstance(step, Progress) and step.done == 3:
            shutil.copy(pictures[0], paths[11])
            break
    (grid,) = [s for s in steps if not isinstance(s, Progress) and s.final]
    assert grid.numbers["images"] == 11
    assert "'11.png' has changed" in " ".join(grid.notes)
    assert not any("feature-peaks" in key for key in memory.held)
    paths[11].write_bytes(content)
    again = run_analysis(ANALYSIS, runtimes["cnn"], settings, cache=memory, **inputs).results[-1]
    plain = run_analysis(ANALYSIS, runtimes["cnn"], settings, **inputs).results[-1]
    assert again.numbers["images"] == 12
    assert again.numbers == plain.numbers


@pytest.mark.parametrize("distinct", [True, False])
def test_an_image_that_changes_before_its_picture_is_cut_has_none(
    runtimes, pictures, run_analysis, memory, directions, tmp_path, distinct
):
    paths = [shutil.copy(path, tmp_path / f"{i}.png") for i, path in enumerate(pictures)]
    content = paths[4].read_bytes()
    inputs = {
        "dataset": Dataset(images=tuple(ImageEntry(path=str(path)) for path in paths)),
        "features": directions[:1],
    }
    settings = SETTINGS | {"kinds": "strongest", "k": 12, "distinct": distinct}
    steps = stepping(runtimes["cnn"], settings, memory, **inputs)
    for step in steps:
        if isinstance(step, Progress) and step.text == "Cutting examples":
            shutil.copy(pictures[0], paths[4])
            break
    (grid,) = [s for s in steps if not isinstance(s, Progress) and s.final]
    assert str(paths[4]) not in {item.image for item in grid.items}
    assert "1 image left out: '4.png' has changed" in " ".join(grid.notes)
    paths[4].write_bytes(content)
    again = run_analysis(ANALYSIS, runtimes["cnn"], settings, cache=memory, **inputs).results[-1]
    plain = run_analysis(ANALYSIS, runtimes["cnn"], settings, **inputs).results[-1]
    assert [item.image for item in again.items] == [item.image for item in plain.items]
    for one, other in zip(again.items, plain.items, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_images_of_another_size_than_the_input_are_refused_in_words(
    runtimes, labelled, run_analysis, directions
):
    runtime = runtimes["cnn"]
    loose = runtime.with_preprocessing(
        msgspec.structs.replace(runtime.preprocessing, resize="none", crop=False)
    )
    with pytest.raises(InvalidValue, match="size of the network's input"):
        run_analysis(ANALYSIS, loose, dataset=labelled, features=directions)


def test_what_it_costs_is_known_before_and_nothing_afterwards(
    runtimes, labelled, run_analysis, memory, directions, monkeypatch
):
    # a step of the network takes a second, whatever else this machine does
    monkeypatch.setattr("interp_gui.analyses.top_examples.costs.step_s", lambda work: 1.0)
    inputs = Inputs(dataset=labelled, features=directions)
    context = Context(model=runtimes["cnn"], inputs=inputs, cache=memory)
    settings = ANALYSIS.settings(SETTINGS)
    before = ANALYSIS.estimate(context, settings)
    assert before.seconds > 0
    assert before.disk_bytes >= 8 * 12 * 2
    run_analysis(
        ANALYSIS, runtimes["cnn"], SETTINGS, dataset=labelled, features=directions, cache=memory
    )
    after = ANALYSIS.estimate(context, settings)
    assert after.seconds < before.seconds
    assert after.memory_bytes == 0
    other = Feature(layer="last", units=(1, 4))
    near = Context(
        model=runtimes["cnn"], inputs=Inputs(dataset=labelled, features=(other,)), cache=memory
    )
    assert ANALYSIS.estimate(near, settings).seconds < before.seconds, "its maps are kept"


def test_units_cost_what_the_store_lacks(runtimes, labelled, memory, run_analysis):
    inputs = Inputs(dataset=labelled, features=(Feature(layer="last", units=(1,)),))
    context = Context(model=runtimes["cnn"], inputs=inputs, cache=memory)
    cost = ANALYSIS.estimate(context, ANALYSIS.settings(SETTINGS))
    assert cost.seconds > 0
    assert cost.disk_bytes > 12 * 12 * 4


def test_a_pass_holds_two_numbers_an_image(runtimes, labelled, directions):
    context = Context(model=runtimes["cnn"], inputs=Inputs(dataset=labelled))
    from interp_gui.analyses.dataset_pass import Known

    images = [Known(i, entry, "", -1) for i, entry in enumerate(labelled.images)]
    one = peaks_module.PeakPass(context, directions[:1], images, {}, batch=4)
    while not one.finished:
        one.advance(context)
    assert sum(a.nbytes for a in (*one.values.values(), *one.positions.values())) == 8 * 12
