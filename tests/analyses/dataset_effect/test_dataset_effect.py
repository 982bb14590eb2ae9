import shutil

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.dataset_effect import ANALYSIS, batches
from interp_gui.analyses.dataset_effect.figures import CLASS_COLUMNS, SUMMARY_COLUMNS
from interp_gui.analyses.dataset_effect.flipped import LOST, OTHER, WON
from interp_gui.core.analysis import Context, Inputs, Progress, Store
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import Cancelled, ImageProblem, InvalidValue, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target


def ablate(*units, layer="last", **more):
    return Edit(feature=Feature(layer=layer, units=units), kind="ablate", **more)


EDITS = EditStack((ablate(1, 2, 3, 7, 9),))


def shares_of(logits):
    wide = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return wide / wide.sum(axis=1, keepdims=True)


def row_of(table, name):
    return dict(zip(table.columns, next(r for r in table.cells if r[0] == name), strict=True))


@pytest.fixture
def edited(runtimes, pictures):
    runtime = runtimes["cnn"]
    batch = load_batch(pictures, runtime.preprocessing)
    return runtime.forward(batch, edits=EDITS).outputs["output"]


@pytest.fixture
def counted(runtimes, monkeypatch):
    """Images that were passed through the network, one entry a pass."""
    runtime, passed = runtimes["cnn"], []
    forward = type(runtime).forward

    def counting(self, batch, **more):
        passed.append(len(batch))
        return forward(self, batch, **more)

    monkeypatch.setattr(type(runtime), "forward", counting)
    return passed


def test_figures_are_those_of_the_networks_own_answers(
    runtimes, labelled, unedited, edited, run_analysis
):
    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=EDITS)
    before, after = unedited.argmax(axis=1), edited.argmax(axis=1)
    true = np.array([labelled.true_class(entry) for entry in labelled.images])
    changed = before != after
    assert 0 < changed.sum() < 12  # else this test says nothing
    images = ran.last["images"]
    np.testing.assert_array_equal(images.values["before"], before)
    np.testing.assert_array_equal(images.values["after"], after)
    np.testing.assert_array_equal(images.values["true"], true)
    p, q = shares_of(edited), shares_of(unedited)
    np.testing.assert_allclose(
        images.values["divergence"], (p * np.log(p / q)).sum(axis=1), rtol=1e-4, atol=1e-7
    )
    rows = np.arange(12)
    np.testing.assert_allclose(
        images.values["target_after"], edited[rows, before], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        images.values["target_before"], unedited[rows, before], rtol=1e-5, atol=1e-6
    )
    summary = ran.last["summary"]
    assert summary.columns == SUMMARY_COLUMNS
    right = row_of(summary, "accuracy")
    assert right["before"] == pytest.approx((before == true).mean())
    assert right["after"] == pytest.approx((after == true).mean())
    assert right["change"] == pytest.approx(right["after"] - right["before"])
    assert row_of(summary, "answers that change")["after"] == pytest.approx(changed.mean())
    fall = row_of(summary, "Target")
    assert fall["change"] == pytest.approx((edited - unedited)[rows, before].mean(), rel=1e-4)
    assert summary.numbers["right_to_wrong"] == ((before == true) & (after != true)).sum()
    assert summary.numbers["wrong_to_right"] == ((before != true) & (after == true)).sum()
    classes = ran.last["classes"]
    assert classes.columns == CLASS_COLUMNS
    for index in np.unique(true):
        row = row_of(classes, f"name {index}")
        own = true == index
        rate = ((after == index)[own].mean() + (after != index)[~own].mean()) / 2
        assert row["balanced after"] == pytest.approx(rate)
        assert row["recall before"] == pytest.approx((before == index)[own].mean())
        assert row["answered after"] == (after == index).sum()
    confusions = ran.last["confusions"]
    assert sum(row[4] for row in confusions.cells) == 0  # what leaves one cell enters another
    assert len(ran.last["flips"].items) == changed.sum()
    places = {item.image for item in ran.last["flips"].items}
    assert places == {labelled.images[i].path for i in np.flatnonzero(changed)}
    assert {item.group for item in ran.last["flips"].items} <= {LOST, WON, OTHER}
    groups = ran.last["groups"]
    left = next(row for row in groups.cells if row[:2] == ("side", "left"))
    where = np.arange(12) % 2 == 1
    assert left[2] == 6
    assert left[3] == pytest.approx((before == true)[where].mean())
    assert left[4] == pytest.approx((after == true)[where].mean())
    assert left[7] == pytest.approx(changed[where].mean())
    assert {row[0] for row in groups.cells} == {"side", "number", "group"}


def test_controls_change_the_layer_by_exactly_as_much(runtimes, labelled, run_analysis):
    settings = {"controls": 4}
    ran = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=labelled, edits=EDITS)
    summary = ran.last["summary"]
    row = row_of(summary, "Target")
    assert summary.numbers["controls"] == 4
    assert row["lowest control"] < row["highest control"]
    assert row["lowest control"] <= row["controls"] <= row["highest control"]
    assert row["controls that change as much"].endswith("of 4")
    again = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=labelled, edits=EDITS)
    assert row_of(again.last["summary"], "Target") == row
    other = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=labelled, edits=EDITS, seed=1)
    assert row_of(other.last["summary"], "Target")["controls"] != row["controls"]


@pytest.mark.parametrize(("name", "other"), [("cnn", "act"), ("vit", ""), ("swin", "")])
def test_controls_of_many_images_at_once_are_those_of_one_image_after_the_other(
    runtimes, maps_layer, dataset, run_analysis, monkeypatch, name, other
):
    runtime = runtimes[name]
    edits = [ablate(1, 2, layer=maps_layer[name])]
    edits += [ablate(0, 3, layer=other)] if other else []
    passed, forward = [], type(runtime).forward

    def counting(self, batch, **more):
        passed.append(len(batch))
        return forward(self, batch, **more)

    monkeypatch.setattr(type(runtime), "forward", counting)

    def measured(batch):
        passed.clear()
        ran = run_analysis(
            ANALYSIS, runtime, {"batch": batch, "controls": 4}, dataset=dataset,
            edits=EditStack(tuple(edits)),
        )  # fmt: skip
        found = row_of(ran.last["summary"], "divergence (nats)")
        numbers = [found[k] for k in ("after", "controls", "lowest control", "highest control")]
        return numbers, ran.last["images"].values["control_flips"]

    together, flips = measured(6)
    assert max(passed) == 6
    passes = len(passed)
    apart, flips_apart = measured(1)
    assert passes < len(passed) / 4
    np.testing.assert_allclose(together, apart, rtol=1e-4)
    assert together[2] < together[3]  # controls differ, so rows that are mixed up would show
    np.testing.assert_array_equal(flips, flips_apart)
    # another runtime takes one value for all images of a pass
    monkeypatch.setattr(batches, "TorchRuntime", int)
    np.testing.assert_allclose(measured(6)[0], apart, rtol=1e-4)
    assert passed.count(1) > len(dataset.images)


def test_without_labels_answers_are_set_beside_the_unedited_ones(
    runtimes, dataset, unedited, edited, run_analysis
):
    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, edits=EDITS)
    assert "classes" not in ran.last
    measures = [row[0] for row in ran.last["summary"].cells]
    assert "accuracy" not in measures
    row = row_of(ran.last["summary"], "answers that change")
    assert row["after"] == (unedited.argmax(1) != edited.argmax(1)).mean()
    assert any("No label" in note for note in ran.last["summary"].notes)
    assert all(item.group == "" for item in ran.last["flips"].items)


def test_an_edit_that_changes_nothing_changes_no_answer(runtimes, labelled, run_analysis):
    same = EditStack((Edit(feature=Feature(layer="last", units=(1,)), kind="scale", amount=1.0),))
    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=same)
    values = ran.last["images"].values
    np.testing.assert_array_equal(values["before"], values["after"])
    np.testing.assert_allclose(values["divergence"], 0, atol=1e-10)
    assert "flips" not in ran.last
    assert "confusions" not in ran.last


def test_the_order_and_names_of_files_change_nothing(runtimes, labelled, run_analysis):
    turned = msgspec.structs.replace(labelled, images=labelled.images[::-1])
    one = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=EDITS).last
    other = run_analysis(ANALYSIS, runtimes["cnn"], dataset=turned, edits=EDITS).last
    assert one["summary"].cells == other["summary"].cells
    assert one["classes"].cells == other["classes"].cells
    assert one["groups"].cells == other["groups"].cells
    np.testing.assert_array_equal(
        one["images"].values["divergence"], other["images"].values["divergence"][::-1]
    )


def test_a_cancelled_run_goes_on_and_counts_nothing_twice(runtimes, labelled, counted):
    store = Store()

    def run(check=lambda: None, **more):
        context = Context(
            model=runtimes["cnn"], cache=store, check=check,
            inputs=Inputs(dataset=labelled, edits=EDITS, **more),
        )  # fmt: skip
        found = {}
        for step in ANALYSIS.run(context, ANALYSIS.settings({"controls": 3})):
            if not isinstance(step, Progress):
                found[step.key] = step
        return found

    def stop():
        if sum(counted) > 30:  # in the second batch of three
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        run(stop)
    half = sum(counted)
    assert half > 0
    counted.clear()
    resumed = run()
    assert sum(counted) > 0
    again = sum(counted)
    counted.clear()
    fresh = Store()
    store = fresh
    whole = run()
    assert half + again <= sum(counted) + 4 * 8  # at most one batch was lost
    assert again < sum(counted)
    assert resumed["summary"].cells == whole["summary"].cells
    assert resumed["summary"].numbers == whole["summary"].numbers
    counted.clear()
    assert run()["summary"].cells == whole["summary"].cells
    assert not counted  # everything is known now


def test_a_grown_folder_asks_about_new_images_and_other_edits_share_what_is_unedited(
    runtimes, labelled, counted, run_analysis
):
    store = Store()
    few = msgspec.structs.replace(labelled, images=labelled.images[:8])
    settings = {"controls": 0}
    run_analysis(ANALYSIS, runtimes["cnn"], settings, cache=store, dataset=few, edits=EDITS)
    assert sum(counted) == 2 * 8
    counted.clear()
    grown = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, cache=store, dataset=labelled, edits=EDITS
    )
    assert sum(counted) == 2 * 4
    assert grown.last["summary"].numbers["asked"] == 12
    counted.clear()
    other = EditStack((ablate(0),))
    run_analysis(ANALYSIS, runtimes["cnn"], settings, cache=store, dataset=labelled, edits=other)
    assert sum(counted) == 12


def test_switched_off_edits_do_not_count_and_names_change_no_key(
    runtimes, labelled, counted, run_analysis
):
    store, settings = Store(), {"controls": 0}
    run_analysis(ANALYSIS, runtimes["cnn"], settings, cache=store, dataset=labelled, edits=EDITS)
    counted.clear()
    named = EditStack(
        (ablate(4, enabled=False), msgspec.structs.replace(EDITS.edits[0], group="g")), name="mine"
    )
    run_analysis(ANALYSIS, runtimes["cnn"], settings, cache=store, dataset=labelled, edits=named)
    assert not counted


def test_images_that_cannot_be_read_are_counted_and_left_out(
    runtimes, labelled, tmp_path, run_analysis
):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    gone = tmp_path / "gone.png"
    more = tuple(ImageEntry(path=str(p), label="l0") for p in (bad, gone))
    images = (*labelled.images[:3], *more, *labelled.images[3:])
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"],
        dataset=msgspec.structs.replace(labelled, images=images), edits=EDITS,
    )  # fmt: skip
    numbers = ran.last["summary"].numbers
    assert (numbers["images"], numbers["asked"], numbers["broken_images"]) == (14, 12, 2)
    assert any("2 images left out" in note for note in ran.last["summary"].notes)
    assert ran.last["images"].values["after"][3:5].tolist() == [-1, -1]
    assert ran.last["images"].cells[3][3] is None
    with pytest.raises(ImageProblem, match="None of the images"):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=Dataset(images=more), edits=EDITS)


def test_an_image_that_changes_meanwhile_is_left_out_and_nothing_is_kept_of_it(
    runtimes, labelled, tmp_path, run_analysis
):
    names = [f"{i}.png" for i in range(12)]
    for entry, name in zip(labelled.images, names, strict=True):
        shutil.copy(entry.path, tmp_path / name)
    shutil.copy(tmp_path / "3.png", tmp_path / "same.png")
    images = tuple(
        ImageEntry(path=str(tmp_path / name), label=labelled.images[i % 12].label)
        for i, name in enumerate([*names, "same.png"])
    )
    dataset = msgspec.structs.replace(labelled, images=images)
    store, settings = Store(), {"controls": 1, "shown": 0}
    context = Context(
        model=runtimes["cnn"], cache=store, inputs=Inputs(dataset=dataset, edits=EDITS)
    )
    found = {}
    for step in ANALYSIS.run(context, ANALYSIS.settings(settings)):
        if not isinstance(step, Progress):
            found[step.key] = step
        elif step.text == "Asking the network" and not step.done:
            shutil.copy(labelled.images[5].path, tmp_path / "3.png")
            shutil.copy(labelled.images[5].path, tmp_path / "4.png")
    summary = found["summary"]
    assert (summary.numbers["asked"], summary.numbers["broken_images"]) == (11, 2)
    assert any("has changed while the images were read" in note for note in summary.notes)
    after = found["images"].values["after"]
    assert after[[3, 4]].tolist() == [-1, -1]
    assert after[12] >= 0  # the same content was still to be had elsewhere
    for i in (3, 4):
        shutil.copy(labelled.images[i].path, tmp_path / names[i])
    again, fresh = (
        run_analysis(ANALYSIS, runtimes["cnn"], settings, cache=each, dataset=dataset, edits=EDITS)
        for each in (store, Store())
    )
    assert again.last["summary"].numbers["asked"] == 13
    for name, values in fresh.last["images"].values.items():
        np.testing.assert_allclose(again.last["images"].values[name], values, atol=1e-5)


def test_on_a_full_disk_it_goes_on_and_says_that_nothing_could_be_kept(
    runtimes, labelled, run_analysis, monkeypatch
):
    settings = {"controls": 2}
    wanted = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=labelled, edits=EDITS)

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("interp_gui.analyses.kept_rows._write", full)
    monkeypatch.setattr("interp_gui.analyses.kept_rows._KEEP_EVERY_S", 0.0)
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, cache=Store(), dataset=labelled, edits=EDITS
    )
    assert ran.last["summary"].cells == wanted.last["summary"].cells
    assert any("No space left on device" in note for note in ran.last["summary"].notes)
    assert not any("could be kept" in note for note in wanted.last["summary"].notes)


@pytest.mark.parametrize("problem", [OutOfMemory("Memory was not enough."), MemoryError()])
def test_where_memory_is_short_fewer_images_are_asked_about_at_once(
    runtimes, labelled, run_analysis, monkeypatch, problem
):
    wanted = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=EDITS)
    forward = type(runtimes["cnn"]).forward

    def short(self, batch, **more):
        if len(batch) > 1:
            raise problem
        return forward(self, batch, **more)

    monkeypatch.setattr(type(runtimes["cnn"]), "forward", short)
    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=EDITS)
    for one, other in zip(
        ran.last["summary"].cells, wanted.last["summary"].cells, strict=True
    ):  # fmt: skip
        assert one[0] == other[0]
        np.testing.assert_allclose(one[1:3], other[1:3], rtol=1e-4, atol=1e-6)
    assert any("1 image at a time" in note for note in ran.last["summary"].notes)


def test_edits_of_two_layers_have_controls_too(runtimes, labelled, run_analysis):
    stack = EditStack((ablate(1, 4, layer="act"), ablate(2, 7)))
    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=stack)
    assert ran.last["summary"].numbers["controls"] == 10
    row = row_of(ran.last["summary"], "divergence (nats)")
    assert row["lowest control"] > 0


def test_a_whole_layer_has_no_control_and_says_so(runtimes, labelled, run_analysis):
    stack = EditStack((Edit(feature=Feature(layer="last"), kind="scale", amount=0.0),))
    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=stack)
    summary = ran.last["summary"]
    assert summary.numbers["controls"] == 0
    assert any("All of last is edited" in note for note in summary.notes)
    # an answer that does not look at the image is right about one class alone
    for row in ran.last["classes"].cells:
        assert row_of(ran.last["classes"], row[0])["balanced after"] == 0.5


def test_a_scalar_output_has_no_answers_to_flip(small_cnn, dataset, run_analysis):
    from interp_gui.core.model import OutputInfo

    runtime = small_cnn(
        classes=3, outputs=(OutputInfo(name="output", kind="scalar", size=3),), class_names=()
    )
    target = Target(kind="scalar", index=1)
    ran = run_analysis(ANALYSIS, runtime, dataset=dataset, edits=EDITS, target=target)
    measures = [row[0] for row in ran.last["summary"].cells]
    assert measures == ["change of the output", "Target"]
    assert ran.last["images"].cells[0][3] is None
    values = ran.last["images"].values
    assert np.isfinite(values["target_after"]).all()
    assert not np.allclose(values["target_after"], values["target_before"])


def test_changes_of_single_images_alone_are_no_edit_of_the_network(
    runtimes, labelled, run_analysis
):
    from interp_gui.core.image_edit import ImageEdit

    change = ImageEdit(image="ab" * 32, kind="occlude", region=((1.0,),))
    stack = EditStack(image_edits=(change,))
    with pytest.raises(InvalidValue, match="no edit of the network"):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled, edits=stack)


def test_a_mean_from_elsewhere_and_another_images_value_are_understood(
    runtimes, labelled, pictures, run_analysis
):
    from dataclasses import replace

    runtime = runtimes["cnn"]
    source = runtime.forward(
        load_batch(pictures[:1], runtime.preprocessing), capture=["last"]
    ).captured["last"][0]  # fmt: skip
    patch = Edit(feature=Feature(layer="last", units=(0, 3)), kind="patch", source="cd" * 32)
    mean = ablate(1, baseline=Baseline("mean", values=(0.5,)))
    context = Context(
        model=runtime, inputs=Inputs(dataset=labelled, edits=EditStack((mean, patch)))
    )
    context = replace(context, sources={("last", "cd" * 32): source})
    results = {
        step.key: step
        for step in ANALYSIS.run(context, ANALYSIS.settings({}))
        if not isinstance(step, Progress)
    }
    batch = load_batch(pictures, runtime.preprocessing)
    wanted = runtime.forward(
        batch, edits=context.inputs.edits, sources=context.sources
    ).outputs["output"]  # fmt: skip
    np.testing.assert_array_equal(results["images"].values["after"], wanted.argmax(axis=1))
    assert results["summary"].numbers["controls"] == 10


def test_what_it_costs_falls_when_images_are_known(runtimes, labelled, run_analysis):
    store = Store()
    context = Context(
        model=runtimes["cnn"], inputs=Inputs(dataset=labelled, edits=EDITS), cache=store
    )
    before = ANALYSIS.estimate(context, ANALYSIS.settings({}))
    run_analysis(ANALYSIS, runtimes["cnn"], cache=store, dataset=labelled, edits=EDITS)
    after = ANALYSIS.estimate(context, ANALYSIS.settings({}))
    assert before.disk_bytes > 0
    assert after.disk_bytes == 0
