"""A rank-one edit: its price stands beside random keys, and nothing happens before it is asked."""

import numpy as np
import pytest
import torch

from interp_gui.analyses.rank_one_edit import ANALYSIS
from interp_gui.checkpoints.baked_record import record_of
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import ImageProblem, InvalidValue, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.engine.needs import check_needs
from interp_gui.runtimes.opening import open_runtime


@pytest.fixture(scope="module")
def shapes():
    from interp_gui.samples import shapes_model

    return open_runtime(open_checkpoint(shapes_model()))


@pytest.fixture
def labelled(pictures):
    names = ("circle", "star")
    images = tuple(ImageEntry(path=p, label=names[i % 2]) for i, p in enumerate(pictures))
    return Dataset(name="d", images=images, classes={"circle": 0, "star": 6})


def run(
    runtime, dataset, *, layer="head", images=None, features=(), edits=EditStack(), measured=8,
    **settings,
):  # fmt: skip
    chosen = dataset.paths[:2] if images is None else images
    inputs = Inputs(images=chosen, dataset=dataset, layer=layer, features=features, edits=edits)
    made = ANALYSIS.settings({"images": measured, "controls": 2, **settings})
    check_needs(ANALYSIS, runtime, inputs, made)
    before = weights_sha256(runtime.module.state_dict())
    steps = list(ANALYSIS.run(Context(model=runtime, inputs=inputs), made))
    assert weights_sha256(runtime.module.state_dict()) == before
    return {step.key: step for step in steps if not isinstance(step, Progress)}


def test_the_image_then_gets_the_other_ones_answer(shapes, labelled, tmp_path):
    target = tmp_path / "edited.safetensors"
    found = run(shapes, labelled, path=str(target))
    price = found["price"]
    assert price.numbers["value_missed"] < 1e-6
    rows = {row[0]: row[1:] for row in price.cells}
    changed = rows["share of answers that change"]
    assert 0 <= changed[1] <= 1
    assert changed[3] <= changed[2] <= changed[4]
    assert rows["mean divergence (nats)"][1] > 0
    assert "accuracy" in rows
    assert sum(row[1] for row in found["classes"].cells) == 8
    edited = open_runtime(open_checkpoint(target))
    one, other = (load_batch([p], shapes.preprocessing) for p in labelled.paths[:2])
    wanted = shapes.forward(other).outputs["output"]
    # the head is linear and reads one vector an image: the key is exactly what it sees
    assert (
        np.abs(edited.forward(one).outputs["output"] - wanted).max() < 1e-4 * np.abs(wanted).max()
    )
    assert np.abs(shapes.forward(one).outputs["output"] - wanted).max() > 0.01
    step = (edited.module.head.weight - shapes.module.head.weight).double()
    assert torch.linalg.matrix_rank(step, rtol=1e-4) == 1
    same = [
        name
        for name, value in edited.module.state_dict().items()
        if torch.equal(value, shapes.module.state_dict()[name])
    ]
    assert len(same) == len(shapes.module.state_dict()) - 1
    record = record_of(inspect_file(target))
    assert record.rank_one["layer"] == "head"
    assert record.told == ("Rank-one edit of head",)


def test_without_a_path_it_only_measures(shapes, labelled):
    found = run(shapes, labelled)
    assert set(found) == {"price", "classes"}
    assert any("Nothing was applied" in note for note in found["price"].notes)


def test_a_feature_can_be_what_is_said(shapes, labelled):
    feature = Feature(layer="head", units=(2,))
    found = run(
        shapes, labelled, images=labelled.paths[:1], features=(feature,), value="direction",
        strength=30.0,
    )  # fmt: skip
    name = shapes.description.class_names[2]
    assert found["price"].provenance["answers"][1] == name
    with pytest.raises(InvalidValue, match="feature of the layer"):
        run(shapes, labelled, images=labelled.paths[:1], value="direction")


def test_a_key_at_a_place(shapes, labelled):
    with pytest.raises(MissingAbility, match="larger convolution"):
        run(shapes, labelled, layer="block2.conv")
    with pytest.raises(MissingAbility, match="No linear layer"):
        run(shapes, labelled, layer="block2.relu")


def test_other_edits_and_a_missing_image_are_refused(shapes, labelled):
    edit = Edit(feature=Feature(layer="mean", units=(1,)), kind="ablate")
    with pytest.raises(MissingAbility, match="as it is"):
        run(shapes, labelled, edits=EditStack(edits=(edit,)))
    with pytest.raises(InvalidValue, match="second"):
        run(shapes, labelled, images=labelled.paths[:1])


def test_random_keys_are_never_the_key(shapes, labelled, monkeypatch):
    """Among few images the key itself would be drawn, and stand beside itself as a control."""
    from interp_gui.analyses.rank_one_edit import analysis

    keys = []
    true = analysis.rank_one

    def seen(matrix, key, value, inverse):
        keys.append(key / np.linalg.norm(key))
        return true(matrix, key, value, inverse)

    monkeypatch.setattr(analysis, "rank_one", seen)
    found = run(shapes, labelled, controls=20, measured=100)
    own, *others = keys
    # the key is that of one of twelve images
    assert len(others) == 11
    assert max(abs(own @ other) for other in others) < 1 - 1e-6
    notes = " ".join(found["price"].notes)
    assert "Of 20 controls asked for there are 11" in notes
    assert "controls asked for" not in " ".join(run(shapes, labelled)["price"].notes)


def test_no_input_of_the_key_s_image_is_a_control():
    from interp_gui.analyses.dataset_pass import Known
    from interp_gui.analyses.rank_one_edit.analysis import _other_keys
    from interp_gui.analyses.rank_one_edit.passing import Measured

    images = [Known(i, ImageEntry(path=f"{i}.png"), sha, -1) for i, sha in enumerate("aba")]
    keys = np.array([[1.0, 0], [0, 1], [1, 1], [-3, 0], [0, 0], [1, 2], [2, 1]])
    owners = np.array([0, 0, 1, 1, 1, 1, 2])
    measured = Measured(images, np.eye(2), keys, owners, 1.0, np.zeros((3, 4)))
    found = _other_keys(np.array([2.0, 0.0]), measured, "a")
    # the third picture is the first once more; (-3, 0) is the key turned round
    np.testing.assert_array_equal(found, [[1, 1], [1, 2]])


def test_inputs_know_their_image(shapes, labelled):
    from interp_gui.analyses.rank_one_edit.passing import measure
    from interp_gui.runtimes.baking.rank_one import keyed_layer

    batch = load_batch(labelled.paths, shapes.preprocessing)
    keyed = keyed_layer(shapes, "head", batch[:1])
    context = Context(model=shapes, inputs=Inputs(dataset=labelled))
    steps = measure(context, shapes, keyed, 8, None)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        measured = stop.value
    for key, owner in zip(measured.keys, measured.owners, strict=True):
        path = measured.images[owner].entry.path
        one = load_batch([path], shapes.preprocessing)
        held = shapes.forward(one, capture=[keyed.reads]).captured[keyed.reads]
        np.testing.assert_allclose(held.reshape(-1), key, atol=1e-4)
    assert sorted(set(measured.owners.tolist())) == list(range(8))


def test_an_image_that_goes_in_between_ends_the_run(shapes, labelled, monkeypatch):
    from interp_gui.analyses.rank_one_edit import passing

    plain, calls = passing.decoded, []

    def decoded(context, images, broken):
        is_answered = bool(calls) and images[0].place == calls[0]  # all were measured before
        calls.append(images[0].place)
        if is_answered:
            broken[images[0].place] = "It is gone."
            images = images[1:]
        return plain(context, images, broken)

    monkeypatch.setattr(passing, "decoded", decoded)
    with pytest.raises(ImageProblem, match="gone"):
        run(shapes, labelled)
    assert calls[0] == calls[-1]
    assert len(calls) > 1
