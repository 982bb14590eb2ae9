import msgspec
import numpy as np
import pytest

from interp_gui.analyses.layer_summary import ANALYSIS as SUMMARY
from interp_gui.analyses.real_examples import ANALYSIS
from interp_gui.analyses.real_examples import survey as survey_module
from interp_gui.analyses.real_examples.analysis import unit_range
from interp_gui.analyses.real_examples.crops import example_picture, field_box, fit
from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, ImageProblem, InvalidValue, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.images import read_image
from interp_gui.core.overlays import crop
from interp_gui.core.preprocessing import as_seen, load_batch
from interp_gui.engine.values import pack, unpack

WHOLE = {"cropped": False, "k": 4}


def all_maps(runtime, pictures, layer, edits=None):
    batch = load_batch(pictures, runtime.preprocessing)
    value = runtime.forward(batch, capture=[layer], edits=edits).captured[layer]
    return unit_maps(value, runtime.description.layer(layer), runtime.preprocessing.size)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_examples_are_the_images_with_the_largest_activation(
    runtimes, maps_layer, pictures, dataset, run_analysis, name
):
    runtime, layer = runtimes[name], maps_layer[name]
    maps = all_maps(runtime, pictures, layer)
    features = tuple(Feature(layer=layer, units=(u,)) for u in (3, 0, 7))
    ran = run_analysis(ANALYSIS, runtime, WHOLE, dataset=dataset, features=features)
    assert list(ran.last) == [feature.text for feature in features]
    for feature, grid in zip(features, ran.results, strict=True):
        flat = maps[:, feature.units[0]].reshape(len(pictures), -1)
        best = np.argsort(-flat.max(axis=1), kind="stable")[:4]
        assert [item.image for item in grid.items] == [pictures[i] for i in best]
        for rank, (item, i) in enumerate(zip(grid.items, best, strict=True), start=1):
            assert item.numbers["rank"] == rank
            assert item.numbers["activation"] == pytest.approx(flat[i].max(), rel=1e-4, abs=1e-6)
            place = item.numbers["row"] * maps.shape[3] + item.numbers["column"]
            assert flat[i, place] == pytest.approx(flat[i].max(), rel=1e-4, abs=1e-6)
            assert item.feature == feature
        assert grid.numbers["mean"] == pytest.approx(flat.mean(), rel=1e-4, abs=1e-6)
        assert grid.numbers["peak"] == pytest.approx(flat.max(), rel=1e-4, abs=1e-6)
        assert grid.numbers["images"] == len(pictures)


@pytest.mark.parametrize("batch", [1, 5, 12])
def test_the_batch_size_does_not_change_what_is_found(runtimes, dataset, run_analysis, batch):
    settings = WHOLE | {"units": "0-11"}
    first = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=dataset, layer="last")
    other = run_analysis(
        ANALYSIS, runtimes["cnn"], settings | {"batch": batch}, dataset=dataset, layer="last"
    )
    for one, two in zip(first.results, other.results, strict=True):
        assert [item.image for item in one.items] == [item.image for item in two.items]
        for a, b in zip(one.items, two.items, strict=True):
            np.testing.assert_array_equal(a.pixels, b.pixels)


def test_a_dead_unit_is_found_and_gets_no_invented_examples(runtimes, dataset, run_analysis):
    features = (Feature(layer="last", units=(5,)), Feature(layer="last", units=(4,)))
    dead, alive = run_analysis(
        ANALYSIS, runtimes["cnn"], WHOLE, dataset=dataset, features=features
    ).results
    assert dead.numbers["dead"] is True
    assert dead.items == ()
    assert "Dead" in dead.notes[0]
    assert alive.numbers["dead"] is False
    assert len(alive.items) == 4


def test_broken_images_are_listed_and_the_others_go_on(
    runtimes, pictures, dataset, run_analysis, tmp_path
):
    text, missing = tmp_path / "text.png", tmp_path / "missing.png"
    text.write_text("no image")
    entries = list(dataset.images)
    entries[3:3] = [ImageEntry(path=str(text)), ImageEntry(path=str(missing))]
    feature = (Feature(layer="last", units=(2,)),)
    mixed = Dataset(images=tuple(entries))
    plain = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, dataset=dataset, features=feature)
    ran = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, dataset=mixed, features=feature)
    (grid,) = ran.results
    assert grid.numbers["broken_images"] == 2
    assert grid.numbers["images"] == len(pictures)
    assert "text.png" in " ".join(grid.notes)
    assert "missing.png" in " ".join(grid.notes)
    assert [i.image for i in grid.items] == [i.image for i in plain.results[0].items]
    with pytest.raises(ImageProblem):
        run_analysis(
            ANALYSIS, runtimes["cnn"], WHOLE, features=feature,
            dataset=Dataset(images=(ImageEntry(path=str(text)),)),
        )  # fmt: skip
    with pytest.raises(InvalidValue):
        run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, features=feature)


class Counting:
    """A runtime that counts the images it is given."""

    def __init__(self, runtime):
        self.runtime, self.images = runtime, 0
        self.module = runtime.module

    def __getattr__(self, name):
        return getattr(self.runtime, name)

    def forward(self, batch, **kwargs):
        self.images += len(batch)
        return self.runtime.forward(batch, **kwargs)


def test_the_next_run_only_reads_the_cache(runtimes, dataset, run_analysis, memory):
    runtime = Counting(runtimes["cnn"])
    inputs = {"dataset": dataset, "layer": "last", "cache": memory}
    settings = WHOLE | {"units": "2-4"}
    first = run_analysis(ANALYSIS, runtime, settings, **inputs)
    assert runtime.images >= 12
    runtime.images = 0
    again = run_analysis(ANALYSIS, runtime, settings, **inputs)
    assert runtime.images == 0
    for one, two in zip(first.results, again.results, strict=True):
        assert one.numbers == two.numbers
        assert one.notes == two.notes
        for a, b in zip(one.items, two.items, strict=True):
            np.testing.assert_array_equal(a.pixels, b.pixels)
            assert a.numbers == b.numbers
            assert a.box == b.box
    summary = run_analysis(SUMMARY, runtime, {"k": 4}, **inputs)
    assert runtime.images == 0
    assert summary.results[0].numbers["images"] == 12


def test_the_cache_forgets_nothing_that_matters(runtimes, pictures, dataset, run_analysis, memory):
    runtime = Counting(runtimes["cnn"])
    feature = (Feature(layer="last", units=(2,)),)

    def images(**changed):
        runtime.images = 0
        given = {"dataset": dataset, "features": feature, "cache": memory} | changed
        run_analysis(ANALYSIS, runtime, WHOLE, **given)
        return runtime.images

    assert images() > 0
    assert images() == 0
    edits = EditStack((Edit(feature=Feature(layer="first", units=(0,)), kind="ablate"),))
    assert images(edits=edits) >= 12
    shorter = Dataset(images=dataset.images[:6])
    assert images(dataset=shorter) >= 6
    other = runtimes["cnn"].with_preprocessing(
        msgspec.structs.replace(runtimes["cnn"].preprocessing, mean=(0.0, 0.0, 0.0))
    )
    runtime.runtime = other
    assert images() >= 12
    runtime.runtime = runtimes["cnn"]
    assert images() == 0


def test_a_stopped_pass_resumes_to_the_same_result(runtimes, dataset, run_analysis, monkeypatch):
    monkeypatch.setattr(survey_module, "SAVE_EVERY_S", 0.0)
    settings = WHOLE | {"units": "0-3", "batch": 3}
    runtime = Counting(runtimes["cnn"])
    whole = run_analysis(ANALYSIS, runtime, settings, dataset=dataset, layer="last")
    assert len(whole.saved) == 4
    all_images, runtime.images = runtime.images, 0
    state = unpack(pack(whole.saved[1].state))  # as it comes back from the window
    resumed = run_analysis(ANALYSIS, runtime, settings, dataset=dataset, layer="last", state=state)
    assert runtime.images == all_images - 6
    for one, two in zip(whole.results, resumed.results, strict=True):
        assert one.numbers == two.numbers
        for a, b in zip(one.items, two.items, strict=True):
            assert a.numbers == b.numbers
            np.testing.assert_array_equal(a.pixels, b.pixels)
    runtime.images = 0
    run_analysis(
        ANALYSIS, runtime, settings, dataset=Dataset(images=dataset.images[:5]), layer="last",
        state=whole.saved[1].state,
    )  # fmt: skip
    assert runtime.images >= 5, "a state of other images must not be used"


def test_a_pass_can_be_stopped(runtimes, dataset, run_analysis):
    calls = []

    def stop():
        calls.append(1)
        if len(calls) > 14:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, dataset=dataset, layer="last", check=stop)


def test_edits_change_what_is_strongest(runtimes, pictures, dataset, run_analysis):
    edits = EditStack((Edit(feature=Feature(layer="second"), kind="scale", amount=-1.0),))
    features = (Feature(layer="last", units=(1,)),)
    grid = run_analysis(
        ANALYSIS, runtimes["cnn"], WHOLE, dataset=dataset, features=features, edits=edits
    ).results[0]
    maps = all_maps(runtimes["cnn"], pictures, "last", edits)[:, 1].reshape(12, -1)
    best = np.argsort(-maps.max(axis=1), kind="stable")[:4]
    assert [item.image for item in grid.items] == [pictures[i] for i in best]
    assert "edit" in grid.notes[0]


def test_layers_without_positions_show_whole_images(runtimes, dataset, run_analysis):
    features = (Feature(layer="head", units=(1,)),)
    grid = run_analysis(
        ANALYSIS, runtimes["cnn"], {"k": 2, "size": 64}, dataset=dataset, features=features
    ).results[0]
    assert grid.items[0].pixels.shape == (64, 64, 3)
    assert "row" not in grid.items[0].numbers


def test_only_single_units_have_examples(runtimes, dataset, run_analysis):
    with pytest.raises(MissingAbility):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, features=(Feature(layer="last"),))


def test_ranges_of_units():
    assert unit_range("", 3) == [0, 1, 2]
    assert unit_range("0-2, 7,1", 10) == [0, 1, 2, 7]
    for wrong in ("a", "1-", "-3", "5-4", "9,10"):
        with pytest.raises(InvalidValue):
            unit_range(wrong, 10)


def stepping(analysis, runtime, settings, memory, **inputs):
    context = Context(model=runtime, inputs=Inputs(**inputs), cache=memory)
    return analysis.run(context, analysis.settings(settings))


def test_runs_at_the_same_time_share_one_pass(runtimes, dataset, memory):
    runtime = Counting(runtimes["cnn"])
    inputs = {"dataset": dataset, "layer": "last"}
    examples = stepping(ANALYSIS, runtime, WHOLE | {"units": "5"}, memory, **inputs)  # dead
    summary = stepping(SUMMARY, runtime, {"k": 4}, memory, **inputs)
    results, open_runs = [], [examples, summary]
    while open_runs:
        for each in list(open_runs):
            step = next(each, None)
            if step is None:
                open_runs.remove(each)
            elif not isinstance(step, Progress):
                results.append(step)
    assert runtime.images == 12
    assert {result.kind for result in results} == {"grid", "table"}
    assert not memory.in_progress


def test_what_a_cancelled_run_has_seen_is_not_lost(runtimes, dataset, memory, run_analysis):
    runtime = Counting(runtimes["cnn"])
    inputs = {"dataset": dataset, "layer": "last"}
    settings = WHOLE | {"units": "5", "batch": 4}
    first = stepping(ANALYSIS, runtime, settings, memory, **inputs)
    while runtime.images < 8:
        next(first)
    first.close()
    ran = run_analysis(ANALYSIS, runtime, settings, cache=memory, **inputs)
    assert runtime.images == 12
    assert ran.results[0].numbers["images"] == 12


@pytest.mark.parametrize("place", [(0, 0), (5, 9), (15, 15)])
def test_pictures_are_cut_to_the_receptive_field(runtimes, pictures, place):
    context = Context(model=runtimes["cnn"], inputs=Inputs())
    layer = runtimes["cnn"].description.layer("first")  # 3 × 3, stride 2, padding 1
    box = field_box(context, layer, place, (32, 32))
    top, left = (max(0, 2 * p - 1) for p in place)
    bottom, right = (min(32, 2 * p + 2) for p in place)
    assert tuple(box) == (top, left, bottom, right)


def test_a_card_shows_the_pixels_that_made_the_unit_respond(runtimes, dataset, run_analysis):
    runtime = runtimes["cnn"]
    settings = {"k": 3, "size": 48, "shaded": False}
    features = (Feature(layer="last", units=(2,)),)
    grid = run_analysis(ANALYSIS, runtime, settings, dataset=dataset, features=features).results[0]
    context = Context(model=runtime, inputs=Inputs())
    layer = runtime.description.layer("last")
    for item in grid.items:
        seen = as_seen(read_image(item.image), runtime.preprocessing)
        place = (item.numbers["row"], item.numbers["column"])
        box = field_box(context, layer, place, seen.shape[:2])
        assert box[2] - box[0] <= 7
        height, width = seen.shape[:2]
        assert item.box == tuple(np.array(box) / [height, width, height, width])
        np.testing.assert_array_equal(item.pixels, fit(crop(seen, box), 48))
        assert max(item.pixels.shape) == 48


def test_cards_out_of_the_store_know_what_they_show(runtimes, dataset, run_analysis, memory):
    inputs = {"dataset": dataset, "layer": "last", "cache": memory}
    settings = {"k": 3, "size": 48, "units": "2"}
    first, again = (
        run_analysis(ANALYSIS, runtimes["cnn"], settings, **inputs).results[0] for _ in range(2)
    )
    assert [item.box for item in first.items] == [item.box for item in again.items]
    assert all(item.box is not None for item in first.items)


def test_what_the_unit_does_not_respond_to_is_dimmed():
    pixels = np.full((32, 32, 3), 200, np.uint8)
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 3.0
    shown = example_picture(pixels, values, (0, 0, 32, 32), size_px=32, floor=0.0, shaded=True)
    assert shown[12, 20, 0] == 200
    assert shown[31, 0, 0] == 120, "six tenths of 200"
    plain = example_picture(pixels, values, (0, 0, 32, 32), size_px=32, floor=0.0, shaded=False)
    assert (plain == 200).all()


def test_images_of_another_size_than_the_input_are_refused_in_words(
    runtimes, dataset, run_analysis
):
    runtime = runtimes["cnn"]
    loose = runtime.with_preprocessing(
        msgspec.structs.replace(runtime.preprocessing, resize="none", crop=False)
    )
    with pytest.raises(InvalidValue, match="size of the network's input"):
        run_analysis(ANALYSIS, loose, layer="last", dataset=dataset)
