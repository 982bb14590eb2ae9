"""Which points an atlas of a class holds, and where they lie between two."""

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.atlas.about import across, chosen_points, parse_about
from interp_gui.analyses.atlas.layouts import Plan
from interp_gui.analyses.atlas.line import lined_up
from interp_gui.analyses.attribution import attributions
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.errors import InvalidValue, MissingAbility, UnknownName
from interp_gui.core.preprocessing import load_batch


def finished(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture(scope="module")
def known(runtimes, pictures):
    """Candidates, their attributions to all classes, and what each one's image is taken for."""
    runtime = runtimes["cnn"]
    layer = runtime.layer("last")
    wanted = [(path, place) for path in pictures for place in (0, 9, 18, 27, 36, 45)]
    context = Context(model=runtime, inputs=Inputs())
    values = finished(attributions(context, layer, wanted))
    logits = runtime.forward(load_batch(pictures, runtime.preprocessing)).outputs["output"]
    return context, layer, wanted, values, np.repeat(logits.argmax(axis=1), 6)


def test_what_an_atlas_is_about_is_read(runtimes):
    model = runtimes["cnn"].description
    assert parse_about("", model) is None
    assert parse_about(" name 3 ", model).classes == (3,)
    assert parse_about("2", model).names == ("name 2",)
    two = parse_about("Name 1 / 4", model)
    assert (two.classes, two.words, two.versus) == ((1, 4), "name 1 against name 4", True)
    assert parse_about("name 1 against name 4", model) == two
    with pytest.raises(UnknownName, match="no class named 'nam 3'"):
        parse_about("nam 3", model)
    with pytest.raises(InvalidValue, match="no class 6"):
        parse_about("6", model)
    with pytest.raises(InvalidValue, match="same class twice"):
        parse_about("3 / name 3", model)
    with pytest.raises(InvalidValue, match="names 3 classes"):
        parse_about("1 / 2 / 3", model)
    odd = msgspec.structs.replace(model, class_names=("black / white", *model.class_names[1:]))
    assert parse_about("black / white", odd).classes == (0,)
    twice = msgspec.structs.replace(model, class_names=("cat", "cat", *model.class_names[2:]))
    with pytest.raises(InvalidValue, match="2 classes are named 'cat'") as problem:
        parse_about("cat", twice)
    assert "0, 1" in problem.value.hint
    plain = msgspec.structs.replace(model, outputs=(), class_names=())
    with pytest.raises(MissingAbility, match="has no classes"):
        parse_about("3", plain)


def test_a_class_keeps_what_argues_for_it_most_and_what_is_taken_for_it(known, runtimes):
    context, layer, wanted, values, answers = known
    index = int(np.bincount(answers).argmax())
    about = parse_about(str(index), runtimes["cnn"].description)
    found = finished(chosen_points(context, layer, about, wanted, keep=10))
    own = values[:, index]
    assert (own > 0).sum() > 10
    strongest = np.argsort(-own, kind="stable")[:10]
    expected = np.union1d(strongest, np.flatnonzero(answers == index))
    np.testing.assert_array_equal(found.rows, expected)
    np.testing.assert_allclose(found.weight, own[expected], rtol=1e-5)
    assert found.numbers["taken_for"] == (answers == index).sum()
    assert any(note.startswith("The 10 points that argue") for note in found.notes)
    assert any("such a map says little" in note for note in found.notes)


def test_points_above_an_attribution_are_kept_however_many(known, runtimes):
    context, layer, wanted, values, answers = known
    about = parse_about("1", runtimes["cnn"].description)
    least = float(np.quantile(values[:, 1], 0.7))
    assert least > 0
    found = finished(chosen_points(context, layer, about, wanted, keep=1, least=least))
    expected = np.flatnonzero((values[:, 1] > least) | (answers == 1))
    np.testing.assert_array_equal(found.rows, expected)


def test_two_classes_keep_points_of_both_and_their_difference(known, runtimes):
    context, layer, wanted, values, answers = known
    about = parse_about("1 / 4", runtimes["cnn"].description)
    found = finished(chosen_points(context, layer, about, wanted, keep=5))
    expected = set(np.flatnonzero((answers == 1) | (answers == 4)))
    for index in (1, 4):
        own = values[:, index]
        best = np.argsort(-own, kind="stable")[:5]
        expected |= {int(row) for row in best if own[row] > 0}
    assert set(found.rows.tolist()) == expected
    difference = values[found.rows, 1] - values[found.rows, 4]
    np.testing.assert_allclose(found.weight, difference, rtol=1e-4, atol=1e-6)
    x = across(found.weight)
    assert ((x >= 0) & (x <= 1)).all()
    assert (np.diff(x[np.argsort(-difference)]) >= 0).all()  # the first class lies left
    assert any("lies left argues for 'name 1'" in note for note in found.notes)


def test_a_class_that_no_image_shows_is_said(known, runtimes):
    context, layer, wanted, values, answers = known
    about = parse_about("2", runtimes["cnn"].description)
    against = [wanted[row] for row in np.flatnonzero((values[:, 2] <= 0) & (answers != 2))]
    assert against
    with pytest.raises(InvalidValue, match="No position of these images argues for 'name 2'"):
        finished(chosen_points(context, layer, about, against))
    rows = np.flatnonzero(answers != 2)
    if (values[rows, 2] > 0).any():
        found = finished(chosen_points(context, layer, about, [wanted[r] for r in rows]))
        assert any("None of the images is taken for 'name 2'" in note for note in found.notes)


def test_images_that_are_gone_are_not_kept(known, runtimes, tmp_path):
    context, layer, wanted, values, _ = known
    about = parse_about("1", runtimes["cnn"].description)
    mixed = [*wanted, (str(tmp_path / "gone.png"), 3)]
    found = finished(chosen_points(context, layer, about, mixed))
    assert len(wanted) not in found.rows
    assert np.isfinite(found.weight).all()
    assert (values[found.rows, 1] > 0).any()


def test_across_clips_at_the_99th_percentile():
    weight = np.r_[np.linspace(-1, 1, 400), 50.0]
    x = across(weight)
    assert x[-1] == 0.0
    scale = np.quantile(np.abs(weight), 0.99)
    np.testing.assert_allclose(x[200], 0.5 - weight[200] / scale / 2, rtol=1e-6)
    assert across(np.zeros(4)).tolist() == [0.5] * 4
    assert across(np.zeros(0)).shape == (0,)


def test_a_line_keeps_clouds_apart_and_is_the_same_for_a_seed():
    random = np.random.default_rng(2)
    middles = random.normal(size=(4, 12)) * 3
    kinds = np.repeat(np.arange(4), 60)
    vectors = (middles[kinds] + random.normal(0, 0.2, (240, 12))).astype(np.float32)

    def line(seed):
        return finished(lined_up(Plan(vectors, metric="cosine"), seed=seed, neighbours=15))

    y = line(1)
    assert y.shape == (240,)
    assert (y.min(), y.max()) == (0.0, 1.0)
    order = np.argsort(y)
    changes = (np.diff(kinds[order]) != 0).sum()
    assert changes <= 12  # 180 if it were random
    np.testing.assert_array_equal(line(1), y)


def test_a_line_of_few_or_equal_points():
    one = finished(lined_up(Plan(np.ones((7, 3), np.float32), metric="cosine"), seed=0))
    assert one.tolist() == [0.5] * 7
    three = np.eye(3, dtype=np.float32)
    assert np.isfinite(finished(lined_up(Plan(three, metric="euclidean"), seed=0))).all()
