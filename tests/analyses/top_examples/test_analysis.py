import dataclasses
import itertools
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from interp_gui.analyses.real_examples.crops import fit
from interp_gui.analyses.top_examples import ANALYSIS, sources
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import ImageProblem, InvalidValue, UnknownName
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.images import read_image
from interp_gui.core.overlays import crop
from interp_gui.core.preprocessing import as_seen, load_batch
from interp_gui.runtimes.torch_runtime import TorchRuntime

WHOLE = {"cropped": False, "shaded": False, "size": 32, "k": 4}
NAMES = ("unit", "units", "direction", "directions", "layer")


def under(grid, heading):
    return [item for item in grid.items if item.group.startswith(heading)]


def headings(grid):
    return [name for name, _ in itertools.groupby(item.group for item in grid.items)]


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_the_strongest_of_any_feature_are_those_of_a_full_sort(
    runtimes, maps_layer, pictures, labelled, run_analysis, features_of, values_of, name
):
    runtime = runtimes[name]
    layer = runtime.description.layer(maps_layer[name])
    features = features_of(layer.name, layer.units)
    ran = run_analysis(
        ANALYSIS, runtime, WHOLE, dataset=labelled, features=tuple(features.values())
    )
    assert list(ran.last) == [features[n].text for n in NAMES]
    for feature in features.values():
        grid = ran.last[feature.text]
        assert grid.title == f"Real examples of {feature.text} (strongest)"
        maps = values_of(runtime, feature)
        flat = maps.reshape(len(pictures), -1)
        peaks = flat.max(axis=1)
        best = np.argsort(-peaks, kind="stable")[:4]
        assert [item.image for item in grid.items] == [pictures[i] for i in best]
        for rank, (item, i) in enumerate(zip(grid.items, best, strict=True), start=1):
            assert item.group == ""
            assert item.numbers["rank"] == rank
            assert item.numbers["activation"] == pytest.approx(peaks[i], rel=1e-4, abs=1e-6)
            assert item.numbers["percentile"] == pytest.approx(100 * (12 - rank) / 11)
            assert item.numbers.get("label", "") == labelled.images[i].label
            place = item.numbers["row"] * maps.shape[2] + item.numbers["column"]
            assert flat[i, place] == pytest.approx(peaks[i], rel=1e-4, abs=1e-6)
        assert grid.numbers["peak"] == pytest.approx(peaks.max(), rel=1e-4, abs=1e-6)
        assert grid.numbers["median_peak"] == pytest.approx(np.median(peaks), rel=1e-4, abs=1e-6)
        assert grid.numbers["mean"] == pytest.approx(flat.mean(), rel=1e-4, abs=1e-5)
        assert grid.numbers["images"] == 12


@pytest.mark.parametrize("name", NAMES)
def test_several_positions_an_image_are_those_of_a_full_sort(
    runtimes, pictures, labelled, run_analysis, features_of, values_of, name
):
    runtime, feature = runtimes["cnn"], features_of("last", 12)[name]
    settings = WHOLE | {"k": 15, "distinct": False}
    grid = run_analysis(ANALYSIS, runtime, settings, dataset=labelled, features=(feature,)).results[
        -1
    ]
    flat = values_of(runtime, feature).reshape(12, -1)
    order = np.argsort(-flat.ravel(), kind="stable")[:15]
    expected = [(pictures[i], *divmod(p, 8)) for i, p in (divmod(int(o), 64) for o in order)]
    got = [(x.image, x.numbers["row"], x.numbers["column"]) for x in grid.items]
    assert got == expected
    assert len({image for image, *_ in got}) < 15, "an image appears several times"
    values = [item.numbers["activation"] for item in grid.items]
    assert values == pytest.approx(flat.ravel()[order], rel=1e-4)


@pytest.mark.parametrize("towards", [-np.inf, np.inf])
def test_positions_rank_by_the_stored_peaks_whatever_computed_them(
    runtimes, labelled, run_analysis, features_of, monkeypatch, towards
):
    feature, kept = features_of("last", 12)["unit"], []

    def elsewhere(*given):
        peaks = stored(*given)
        values = np.nextafter(peaks.values, np.float32(towards))
        kept.append(dataclasses.replace(peaks, values=values))
        return kept[-1]

    stored = sources._stored
    monkeypatch.setattr(sources, "_stored", elsewhere)
    settings = WHOLE | {"k": 15, "distinct": False}
    grid = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, dataset=labelled, features=(feature,)
    ).results[-1]
    values, own = kept[-1].values, {}
    for item in grid.items:
        value, i = item.numbers["activation"], labelled.paths.index(item.image)
        at = 8 * item.numbers["row"] + item.numbers["column"]
        if i not in own:
            own[i] = value
            assert (value, at) == (values[i], kept[-1].positions[i])
        assert value <= values[i]
        assert item.numbers["rank"] == 1 + (values > value).sum()
        others = np.delete(values, i)
        assert item.numbers["percentile"] == pytest.approx(100 * (others < value).mean())
    assert 1 < len(own) < 15


def test_least_random_and_quantiles(
    runtimes, pictures, labelled, run_analysis, features_of, values_of
):
    feature = features_of("second", 12)["direction"]
    settings = WHOLE | {"kinds": "random, quantiles,least", "quantiles": "100,50,10", "k": 3}
    inputs = {"dataset": labelled, "features": (feature,)}
    grid = run_analysis(ANALYSIS, runtimes["cnn"], settings, **inputs).results[-1]
    peaks = values_of(runtimes["cnn"], feature).reshape(12, -1).max(axis=1)
    assert [name.split(":")[0] for name in headings(grid)] == [
        "Least", "Random", "At 100 %", "At 50 %", "At 10 %",
    ]  # fmt: skip
    assert [i.image for i in under(grid, "Least")] == [pictures[i] for i in np.argsort(peaks)[:3]]
    for percent in (100, 50, 10):
        got = [item.numbers["activation"] for item in under(grid, f"At {percent} %")]
        exact = np.quantile(peaks, percent / 100)
        assert min(got) - 1e-5 <= exact <= max(got) + 1e-5
    drawn = [item.image for item in under(grid, "Random")]
    backwards = msgspec.structs.replace(labelled, images=labelled.images[::-1])
    again = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, **inputs | {"dataset": backwards}
    ).results[-1]
    assert [item.image for item in under(again, "Random")] == drawn, "drawn by content"
    other = run_analysis(ANALYSIS, runtimes["cnn"], settings, seed=5, **inputs).results[-1]
    assert [item.image for item in under(other, "Random")] != drawn


@pytest.mark.parametrize(
    ("by", "called"), [("label", "Label"), ("group", "Group"), ("scanner", "scanner")]
)
def test_the_strongest_of_each_value_have_that_value(
    runtimes, labelled, run_analysis, features_of, values_of, by, called
):
    feature = features_of("last", 12)["units"]
    settings = WHOLE | {"kinds": "", "by": by, "k": 2}
    grid = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, dataset=labelled, features=(feature,)
    ).results[-1]
    peaks = values_of(runtimes["cnn"], feature).reshape(12, -1).max(axis=1)

    def value(entry):
        found = {"label": entry.label, "group": entry.group}
        return found.get(by, entry.metadata.get(by))

    entries = {entry.path: entry for entry in labelled.images}
    values = {value(entry) for entry in labelled.images} - {""}
    assert sorted(headings(grid)) == sorted(f"{called}: {each}" for each in values)
    for heading in headings(grid):
        members = under(grid, heading)
        assert {value(entries[item.image]) for item in members} == {heading.split(": ")[1]}
        rows = [i for i, e in enumerate(labelled.images) if value(e) == heading.split(": ")[1]]
        best = sorted(rows, key=lambda i: -peaks[i])[:2]
        assert [item.image for item in members] == [labelled.images[i].path for i in best]
    firsts = [under(grid, heading)[0].numbers["activation"] for heading in headings(grid)]
    assert firsts == sorted(firsts, reverse=True)
    told = "3 images have no label and stand under none." in grid.notes
    assert told == (by == "label")
    assert len(grid.provenance["truth_sha256"]) == 64


def test_only_so_many_values_are_shown_and_that_is_said(
    runtimes, labelled, run_analysis, features_of
):
    settings = WHOLE | {"by": "group", "values": 2, "kinds": "strongest"}
    grid = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, dataset=labelled,
        features=(features_of("last", 12)["unit"],),
    ).results[-1]  # fmt: skip
    assert len(headings(grid)) == 3
    assert "2 of 4 groups are shown: those with the strongest images." in grid.notes


def test_without_labels_there_is_nothing_by_label(runtimes, dataset, run_analysis, features_of):
    inputs = {"dataset": dataset, "features": (features_of("last", 12)["unit"],)}
    grid = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE | {"by": "label"}, **inputs).results[-1]
    assert headings(grid) == ["Strongest"]
    assert grid.title == f"Real examples of {inputs['features'][0].text}"
    assert "None of the images has a label." in grid.notes
    with pytest.raises(InvalidValue, match="None of the images at hand has a label"):
        run_analysis(ANALYSIS, runtimes["cnn"], WHOLE | {"kinds": "", "by": "label"}, **inputs)


@pytest.mark.parametrize(
    "wrong",
    [{"kinds": "best"}, {"kinds": ""}, {"quantiles": "half"}, {"quantiles": "120"}, {"by": "age"}],
)
def test_settings_that_make_no_sense_are_refused_in_words(
    runtimes, labelled, run_analysis, features_of, wrong
):
    with pytest.raises(InvalidValue) as caught:
        run_analysis(
            ANALYSIS, runtimes["cnn"], WHOLE | wrong, dataset=labelled,
            features=(features_of("last", 12)["unit"],),
        )  # fmt: skip
    assert caught.value.hint


def box_by_autograd(runtime, feature, place, size=32):
    """Pixels that can change a feature's value at a place, over many pictures."""
    network, address = runtime.module, feature.layer
    seen = np.zeros((size, size), bool)
    units = runtime.description.layer(address).units
    basis = torch.from_numpy(feature.basis(units)).float()
    for seed in range(20):
        torch.manual_seed(seed)
        x = torch.randn(1, 3, size, size, requires_grad=True)
        held = {}
        handle = network.get_submodule(address).register_forward_hook(
            lambda module, inputs, output, held=held: held.update(value=output)
        )
        network(x)
        handle.remove()
        value = (held["value"][0, :, place[0], place[1]] @ basis).sum()
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value, x)
            seen |= (gradient[0] != 0).any(0).numpy()
    rows, columns = np.nonzero(seen.any(1))[0], np.nonzero(seen.any(0))[0]
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@pytest.mark.parametrize("name", ["unit", "units", "direction"])
@pytest.mark.parametrize("layer", ["first", "second", "last"])
def test_cards_are_cut_to_the_pixels_that_autograd_finds(
    runtimes, labelled, run_analysis, features_of, layer, name
):
    runtime = runtimes["cnn"]
    units = runtime.description.layer(layer).units
    feature = features_of(layer, units)[name]
    settings = {"k": 4, "size": 48, "shaded": False, "kinds": "strongest,random"}
    grid = run_analysis(ANALYSIS, runtime, settings, dataset=labelled, features=(feature,)).results[
        -1
    ]
    assert len(grid.items) == 8
    for item in grid.items:
        place = item.numbers["row"], item.numbers["column"]
        box = box_by_autograd(runtime, feature, place)
        seen = as_seen(read_image(item.image), runtime.preprocessing)
        np.testing.assert_array_equal(item.pixels, fit(crop(seen, box), 48))
        height, width = seen.shape[:2]
        shown = item.box or (0, 0, 1, 1)
        np.testing.assert_array_equal(np.array(shown) * [height, width, height, width], box)


def test_what_the_feature_does_not_respond_to_is_dimmed(
    runtimes, labelled, run_analysis, features_of
):
    inputs = {"dataset": labelled, "features": (features_of("second", 12)["direction"],)}
    settings = {"k": 2, "size": 32, "cropped": False}
    shaded = run_analysis(ANALYSIS, runtimes["cnn"], settings, **inputs).results[-1]
    plain = run_analysis(ANALYSIS, runtimes["cnn"], settings | {"shaded": False}, **inputs)
    for a, b in zip(shaded.items, plain.results[-1].items, strict=True):
        changed = (a.pixels != b.pixels).any(axis=2)
        assert changed.any()
        assert not changed.all()
        at = 4 * a.numbers["row"] + 1, 4 * a.numbers["column"] + 1
        assert not changed[at], "the peak itself is not dimmed"


def test_dead_features_get_no_invented_examples(runtimes, labelled, run_analysis):
    dead = np.zeros(12, np.float32)
    dead[5] = 1.0
    features = (Feature(layer="last", units=(5,)), Feature(layer="last", vectors=as_vectors(dead)))
    settings = WHOLE | {"kinds": "strongest,least,random,quantiles", "by": "label"}
    for grid in run_analysis(
        ANALYSIS, runtimes["cnn"], settings, dataset=labelled, features=features
    ).results:
        assert grid.items == ()
        assert grid.numbers["dead"] is True
        assert grid.notes[0].startswith("Dead: ")


def test_one_image_and_fewer_than_asked(runtimes, labelled, run_analysis, features_of):
    one = msgspec.structs.replace(labelled, images=labelled.images[:1])
    settings = WHOLE | {"kinds": "strongest,least,random,quantiles", "by": "label", "k": 9}
    for name in ("unit", "direction"):
        grid = run_analysis(
            ANALYSIS, runtimes["cnn"], settings, dataset=one,
            features=(features_of("second", 12)[name],),
        ).results[-1]  # fmt: skip
        assert len(grid.items) == 3 + 6 + 1
        assert {item.image for item in grid.items} == {labelled.images[0].path}
        assert {item.numbers["percentile"] for item in grid.items} == {100.0}
        assert "Among only 1 image." in grid.notes


def test_layers_without_positions_show_whole_images_and_say_so(
    runtimes, labelled, run_analysis, features_of
):
    features = (Feature(layer="head", units=(1,)), features_of("head", 6)["direction"])
    for grid in run_analysis(
        ANALYSIS, runtimes["cnn"], {"k": 2, "size": 64}, dataset=labelled, features=features
    ).results:
        assert grid.items[0].pixels.shape == (64, 64, 3)
        assert "row" not in grid.items[0].numbers
        assert "whole images" in " ".join(grid.notes)


def test_broken_images_are_listed_and_the_others_go_on(
    runtimes, labelled, run_analysis, features_of, tmp_path
):
    text = tmp_path / "text.png"
    text.write_text("no image")
    entries = list(labelled.images)
    entries[3:3] = [ImageEntry(path=str(text)), ImageEntry(path=str(tmp_path / "missing.png"))]
    mixed = Dataset(images=tuple(entries))
    for name in ("unit", "direction"):
        inputs = {"features": (features_of("last", 12)[name],)}
        plain = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, dataset=labelled, **inputs)
        ran = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, dataset=mixed, **inputs)
        grid = ran.results[-1]
        assert grid.numbers["broken_images"] == 2
        assert grid.numbers["images"] == 12
        assert "text.png" in " ".join(grid.notes)
        assert "missing.png" in " ".join(grid.notes)
        assert [i.image for i in grid.items] == [i.image for i in plain.results[-1].items]
        only = Dataset(images=(ImageEntry(path=str(text)),))
        with pytest.raises(ImageProblem):
            run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, dataset=only, **inputs)
        with pytest.raises(InvalidValue):
            run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, **inputs)


class Faulty(TorchRuntime):
    """Gives values that are no number for dark pictures, or for all."""

    above = np.inf

    def forward(self, batch, **kwargs):
        found = super().forward(batch, **kwargs)
        for value in found.captured.values():
            for image, picture in zip(value, batch, strict=True):
                if picture.mean() > self.above:
                    image[:] = np.nan
        return found


@pytest.mark.parametrize("name", ["unit", "direction"])
def test_images_in_which_a_feature_is_no_number_are_left_out(
    small_cnn, labelled, run_analysis, features_of, values_of, name
):
    plain = small_cnn()
    runtime = Faulty(plain.module, plain.description)
    feature = features_of("second", 12)[name]
    batch = load_batch([entry.path for entry in labelled.images], runtime.preprocessing)
    runtime.above = np.median(batch.mean(axis=(1, 2, 3)))
    peaks = values_of(runtime, feature).reshape(12, -1).max(axis=1)
    assert np.isnan(peaks).sum() == 6
    inputs = {"dataset": labelled, "features": (feature,)}
    grid = run_analysis(ANALYSIS, runtime, WHOLE | {"k": 20}, **inputs).results[-1]
    assert len(grid.items) == grid.numbers["images"] == 6
    assert "In 6 images it is not a number." in grid.notes
    runtime.above = -np.inf
    grid = run_analysis(ANALYSIS, runtime, WHOLE, **inputs).results[-1]
    assert grid.items == ()
    assert grid.notes[0].startswith("Not a number")


def test_a_feature_that_does_not_fit_is_refused(runtimes, labelled, run_analysis):
    for wrong, error in (
        (Feature(layer="last", units=(99,)), UnknownName),
        (Feature(layer="last", vectors=((1.0, 2.0),)), InvalidValue),
    ):
        with pytest.raises(error):
            run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, features=(wrong,))


def test_no_path_is_in_what_a_recipe_says(runtimes, labelled, run_analysis, features_of):
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"], WHOLE | {"by": "label"}, dataset=labelled,
        features=(features_of("last", 12)["direction"],),
    )  # fmt: skip
    said = repr(ran.results[-1].provenance)
    assert not any(Path(entry.path).name in said for entry in labelled.images)
