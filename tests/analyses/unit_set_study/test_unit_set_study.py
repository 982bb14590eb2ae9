import shutil

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.unit_set_study import ANALYSIS
from interp_gui.analyses.unit_set_study.figures import RANKING_COLUMNS, SET_COLUMNS
from interp_gui.core.analysis import Context, Inputs, Progress, Store
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, ImageProblem, InvalidValue, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target
from interp_gui.engine.cache import Cache

SETTINGS = {"studied": "l0", "sizes": "1,3,8", "baseline": "zero"}


@pytest.fixture(scope="module")
def labelled(runtimes, pictures):
    """The six images whose logit of class 2 is greatest are of it, the others of class 4."""
    runtime = runtimes["cnn"]
    logits = runtime.forward(load_batch(pictures, runtime.preprocessing)).outputs["output"]
    own = set(np.argsort(-logits[:, 2])[:6].tolist())
    images = tuple(
        ImageEntry(path=path, label="l0" if i in own else "l1") for i, path in enumerate(pictures)
    )
    return Dataset(images=images, classes={"l0": 2, "l1": 4})


def sets_of(table):
    return [dict(zip(table.columns, row, strict=True)) for row in table.cells]


def test_all_units_removed_leave_exactly_one_half(runtimes, labelled, run_analysis):
    for baseline in ("zero", "mean"):
        settings = SETTINGS | {"baseline": baseline}
        ran = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=labelled, layer="last")
        rows = sets_of(ran.last["sets"])
        assert [row["units"] for row in rows] == [1, 3, 8, 12]
        assert rows[-1]["without them"] == 0.5
        assert rows[-1]["lowest random"] == rows[-1]["highest random"] == 0.5
        # and all units kept are the network as it is
        assert rows[-1]["only them"] == ran.last["sets"].numbers["balanced_accuracy"]


def test_figures_are_those_of_the_edited_network(runtimes, labelled, run_analysis):
    runtime = runtimes["cnn"]
    ran = run_analysis(ANALYSIS, runtime, SETTINGS, dataset=labelled, layer="last")
    ranking, sets = ran.last["ranking"], ran.last["sets"]
    assert (ranking.columns, sets.columns) == (RANKING_COLUMNS, SET_COLUMNS)
    from interp_gui.analyses.dataset_pass import identified
    from interp_gui.analyses.unit_set_study.halves import halves

    context = Context(model=runtime, inputs=Inputs(dataset=labelled))
    steps = identified(context, {})
    try:
        while True:
            next(steps)
    except StopIteration as ended:
        known = ended.value
    both = halves(labelled, known, 2, column="", most=200, seed=0)

    def balanced(half, units):
        batch = load_batch([image.entry.path for image in half], runtime.preprocessing)
        edit = Edit(feature=Feature(layer="last", units=tuple(units)), kind="ablate")
        answers = runtime.forward(batch, edits=EditStack((edit,))).outputs["output"].argmax(1)
        own = np.array([image.truth == 2 for image in half])
        return ((answers == 2)[own].mean() + (answers != 2)[~own].mean()) / 2

    for row in ranking.cells:
        assert row[2] == pytest.approx(balanced(both.ranking, [row[0]]))
    falls = [row[3] for row in ranking.cells]
    assert falls == sorted(falls, reverse=True)
    order = [row[0] for row in ranking.cells]
    assert sorted(order) == list(range(12))
    for row, feature in zip(sets_of(sets), sets.features, strict=True):
        n = row["units"]
        assert feature.units == tuple(order[:n])
        assert row["without them"] == pytest.approx(balanced(both.test, order[:n]))
        if n < 12:
            assert row["only them"] == pytest.approx(balanced(both.test, order[n:]))
        assert row["lowest random"] <= row["without random ones"] <= row["highest random"]
    curve = ran.last["curve"]
    assert curve.logarithmic
    np.testing.assert_allclose(curve.x, [1, 3, 8, 12])
    np.testing.assert_allclose(curve.ys[0], [row["without them"] for row in sets_of(sets)])
    assert curve.band.shape == (2, 4)
    assert curve.numbers["random_sets"] == 10


def test_a_cancelled_study_goes_on_where_it_stopped(runtimes, labelled, monkeypatch):
    runtime, passed = runtimes["cnn"], []
    forward = type(runtime).forward

    def counting(self, batch, **more):
        passed.append(len(batch))
        return forward(self, batch, **more)

    monkeypatch.setattr(type(runtime), "forward", counting)
    store, calls = Store(), []

    def run(check=lambda: None, store=store):
        context = Context(
            model=runtime, cache=store, check=check, inputs=Inputs(dataset=labelled, layer="last")
        )
        found = list(ANALYSIS.run(context, ANALYSIS.settings(SETTINGS)))
        return {s.key: s for s in found if not isinstance(s, Progress)}

    def stop():
        calls.append(1)
        if len(calls) > 60:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        run(stop)
    half = sum(passed)
    passed.clear()
    resumed = run()
    rest = sum(passed)
    passed.clear()
    whole = run(store=Store())
    assert rest < sum(passed)
    assert half + rest <= sum(passed) + 4 * 65
    assert resumed["sets"].cells == whole["sets"].cells
    assert resumed["ranking"].cells == whole["ranking"].cells
    passed.clear()
    again = run()
    assert again["sets"].cells == whole["sets"].cells
    assert not passed


def test_the_order_of_files_changes_nothing(runtimes, labelled, run_analysis):
    turned = msgspec.structs.replace(labelled, images=labelled.images[::-1])
    one, other = (
        run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, dataset=d, layer="last").last
        for d in (labelled, turned)
    )
    assert one["sets"].cells == other["sets"].cells
    assert one["ranking"].cells == other["ranking"].cells


def test_the_class_is_that_of_the_target_unless_it_is_named(runtimes, labelled, run_analysis):
    settings = {"sizes": "1"}
    named = run_analysis(
        ANALYSIS, runtimes["cnn"], settings | {"studied": "Name 2"}, dataset=labelled, layer="last"
    )
    target = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, dataset=labelled, layer="last",
        target=Target(index=2),
    )  # fmt: skip
    assert named.last["sets"].cells == target.last["sets"].cells
    with pytest.raises(InvalidValue, match="Which class"):
        run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=labelled, layer="last")
    with pytest.raises(UnknownName, match="nane 2"):
        run_analysis(
            ANALYSIS, runtimes["cnn"], settings | {"studied": "nane 2"}, dataset=labelled,
            layer="last",
        )  # fmt: skip


def test_edits_in_force_stay_in_force(runtimes, labelled, run_analysis):
    edit = Edit(feature=Feature(layer="act", units=(0, 1, 2)), kind="ablate")
    plain = run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, dataset=labelled, layer="last").last
    edited = run_analysis(
        ANALYSIS, runtimes["cnn"], SETTINGS, dataset=labelled, layer="last",
        edits=EditStack((edit,)),
    ).last  # fmt: skip
    falls = [[row[4] for row in found["ranking"].cells] for found in (plain, edited)]
    assert falls[0] != falls[1]
    assert any("Computed with an edit" in note for note in edited["curve"].notes)


def test_images_that_cannot_be_read_are_left_out(runtimes, labelled, tmp_path, run_analysis):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    bad = ImageEntry(path=str(tmp_path / "bad.png"), label="l1")
    more = msgspec.structs.replace(labelled, images=(*labelled.images, bad))
    ran = run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, dataset=more, layer="last")
    assert any("1 image left out" in note for note in ran.last["curve"].notes)


def test_an_image_that_changes_meanwhile_is_left_out_and_nothing_is_kept_of_it(
    runtimes, labelled, tmp_path, run_analysis
):
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for entry, path in zip(labelled.images, paths, strict=True):
        shutil.copy(entry.path, path)
    images = tuple(
        ImageEntry(path=str(path), label=entry.label)
        for entry, path in zip(labelled.images, paths, strict=True)
    )
    dataset = msgspec.structs.replace(labelled, images=images)
    store, found = Store(), {}
    inputs = Inputs(dataset=dataset, layer="last")
    context = Context(model=runtimes["cnn"], cache=store, inputs=inputs)
    for step in ANALYSIS.run(context, ANALYSIS.settings(SETTINGS)):
        if not isinstance(step, Progress):
            found[step.key] = step
        elif step.text == "Removing units one by one" and not step.done:
            for path in paths[2:4]:
                shutil.copy(paths[0], path)
    assert any("2 images left out" in note for note in found["curve"].notes)
    for entry, path in zip(labelled.images, paths, strict=True):
        shutil.copy(entry.path, path)
    again, fresh = (
        run_analysis(
            ANALYSIS, runtimes["cnn"], SETTINGS, cache=each, dataset=dataset, layer="last"
        ).last
        for each in (store, Store())
    )
    assert again["ranking"].cells == fresh["ranking"].cells
    assert again["sets"].cells == fresh["sets"].cells


@pytest.mark.parametrize("when", ["Averaging over the images at hand", "Removing units one by one"])
def test_where_all_images_change_meanwhile_neither_means_nor_answers_are_kept(
    runtimes, labelled, tmp_path, run_analysis, when
):
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for entry, path in zip(labelled.images, paths, strict=True):
        shutil.copy(entry.path, path)
    images = tuple(
        ImageEntry(path=str(path), label=entry.label)
        for entry, path in zip(labelled.images, paths, strict=True)
    )
    dataset = msgspec.structs.replace(labelled, images=images)
    store, settings = Cache(tmp_path / "kept"), SETTINGS | {"baseline": "mean"}
    inputs = Inputs(dataset=dataset, layer="last")
    context = Context(model=runtimes["cnn"], cache=store, inputs=inputs)

    def turn(by):
        for i, path in enumerate(paths):
            shutil.copy(labelled.images[(i + by) % 12].path, path)

    def run():
        for step in ANALYSIS.run(context, ANALYSIS.settings(settings)):
            if isinstance(step, Progress) and step.text == when and not step.done:
                turn(1)

    with pytest.raises(ImageProblem, match="can be read"):
        run()
    turn(0)
    again, fresh = (
        run_analysis(
            ANALYSIS, runtimes["cnn"], settings, cache=each, dataset=dataset, layer="last"
        ).last
        for each in (store, Cache(tmp_path / "fresh"))
    )
    assert again["ranking"].cells == fresh["ranking"].cells
    assert again["sets"].cells == fresh["sets"].cells


def test_on_a_full_disk_it_goes_on_and_says_that_nothing_could_be_kept(
    runtimes, labelled, run_analysis, monkeypatch
):
    wanted = run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, dataset=labelled, layer="last").last

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("interp_gui.analyses.kept_rows._write", full)
    ran = run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, dataset=labelled, layer="last").last
    assert ran["sets"].cells == wanted["sets"].cells
    assert sum("No space left on device" in note for note in ran["curve"].notes) == 1


def test_where_memory_is_short_fewer_images_are_asked_about_at_once(
    runtimes, labelled, run_analysis, monkeypatch
):
    forward = type(runtimes["cnn"]).forward

    def short(self, batch, **more):
        if len(batch) > 1:
            raise MemoryError
        return forward(self, batch, **more)

    monkeypatch.setattr(type(runtimes["cnn"]), "forward", short)
    ran = run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, dataset=labelled, layer="last")
    assert any("1 image at a time" in note for note in ran.last["curve"].notes)


def test_what_it_costs_is_told(runtimes, labelled):
    context = Context(model=runtimes["cnn"], inputs=Inputs(dataset=labelled, layer="last"))
    few = ANALYSIS.estimate(context, ANALYSIS.settings(SETTINGS))
    many = ANALYSIS.estimate(context, ANALYSIS.settings(SETTINGS | {"sets": 500}))
    assert 0 < few.seconds < many.seconds


def test_units_that_edits_in_force_change_are_in_no_set(runtimes, labelled, run_analysis):
    taken = (2, 9)
    edits = EditStack(
        tuple(
            Edit(feature=Feature(layer=name, units=(u,)), kind="scale", amount=3.0)
            for name, u in zip(("last", "last#0"), taken, strict=True)
        )
    )
    settings = SETTINGS | {"sizes": "1,3"}
    more = {"dataset": labelled, "layer": "last", "edits": edits}
    ran = run_analysis(ANALYSIS, runtimes["cnn"], settings, **more)
    rows = sets_of(ran.last["sets"])
    assert [row["units"] for row in rows] == [1, 3, 10]
    assert sorted(row[0] for row in ran.last["ranking"].cells) == sorted({*range(12)} - {*taken})
    # without all the others nothing that is random is left: the most important are the same
    assert rows[-1]["lowest random"] == rows[-1]["highest random"] == rows[-1]["without them"]
    assert any("2 units that edits in force change" in note for note in ran.last["curve"].notes)
    every = Edit(feature=Feature(layer="last", units=tuple(range(12))), kind="ablate")
    with pytest.raises(InvalidValue, match="none is left"):
        run_analysis(ANALYSIS, runtimes["cnn"], settings, **more | {"edits": EditStack((every,))})


def test_labels_that_stand_for_no_class_are_told(runtimes, labelled, run_analysis):
    unnamed = msgspec.structs.replace(labelled, classes={})
    with pytest.raises(InvalidValue, match="No label of the images at hand stands for a class"):
        run_analysis(
            ANALYSIS, runtimes["cnn"], SETTINGS | {"studied": "2"}, dataset=unnamed, layer="last"
        )
