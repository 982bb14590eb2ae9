"""What analyses see of an image that was changed, and that nothing else is changed by it."""

import itertools

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses import activation_maps, predict
from interp_gui.analyses.asked import changes_asked_of, fixed_target, see
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.images import image_sha256
from interp_gui.engine.jobs import Made
from interp_gui.engine.messages import OpenModel, Run
from interp_gui.engine.replay import replay
from interp_gui.engine.workspace import Workspace

LEFT = ((1.0, 0.0),) * 2


def hidden(path, **values):
    given = {"kind": "occlude", "region": LEFT, "colour": (0, 0, 0)} | values
    return EditStack(image_edits=(ImageEdit(image=image_sha256(path), **given),))


def context(runtime, path, stack, **values):
    return Context(model=runtime, inputs=Inputs(images=(path,), edits=stack), **values)


def test_pixels_and_input_are_both_changed(runtimes, pictures):
    seen = see(context(runtimes["cnn"], pictures[0], hidden(pictures[0])), pictures[0])
    plain = see(context(runtimes["cnn"], pictures[0], EditStack()), pictures[0])
    assert (seen.pixels[:, :8] == 0).all()
    assert np.array_equal(seen.pixels[:, 24:], plain.pixels[:, 24:])
    mean = np.asarray(runtimes["cnn"].preprocessing.mean)[:, None, None]
    std = np.asarray(runtimes["cnn"].preprocessing.std)[:, None, None]
    wanted = (seen.pixels.transpose(2, 0, 1) / 255 - mean) / std
    assert np.abs(seen.batch[0] - wanted).max() < 1e-5
    assert len(seen.changes) == 1
    assert plain.changes == ()


def test_other_images_are_as_they_are(runtimes, pictures):
    stack = hidden(pictures[0])
    ctx = context(runtimes["cnn"], pictures[1], stack)
    plain = see(context(runtimes["cnn"], pictures[1], EditStack()), pictures[1])
    assert np.array_equal(see(ctx, pictures[1]).batch, plain.batch)
    assert changes_asked_of(ctx.inputs) == ()


def test_the_answer_is_that_of_a_file_with_the_changed_pixels(
    runtimes, pictures, run_analysis, tmp_path
):
    seen = see(context(runtimes["cnn"], pictures[0], hidden(pictures[0])), pictures[0])
    file = str(tmp_path / "changed.png")
    Image.fromarray(seen.pixels).save(file)  # it has the network's size: nothing is resampled
    for analysis in (predict.ANALYSIS, activation_maps.ANALYSIS):
        asked = (
            {}
            if analysis is predict.ANALYSIS
            else {"features": (Feature(layer="last", units=(1,)),)}
        )
        ours = run_analysis(
            analysis, runtimes["cnn"], images=(pictures[0],), edits=hidden(pictures[0]), **asked
        )
        theirs = run_analysis(analysis, runtimes["cnn"], images=(file,), **asked)
        plain = run_analysis(analysis, runtimes["cnn"], images=(pictures[0],), **asked)
        for mine, other, before in zip(ours.results, theirs.results, plain.results, strict=True):
            for name, value in mine.arrays().items():
                assert np.allclose(value, other.arrays()[name], atol=1e-6)
            assert any(
                not np.array_equal(value, before.arrays()[name])
                for name, value in mine.arrays().items()
            )
            assert "Computed with the image changed: 1 region hidden." in mine.notes


def test_edits_of_the_network_and_of_the_image_are_both_told(runtimes, pictures, run_analysis):
    edit = Edit(feature=Feature(layer="last", units=(1,)), kind="scale", amount=0.0)
    stack = msgspec.structs.replace(hidden(pictures[0]), edits=(edit,))
    ran = run_analysis(predict.ANALYSIS, runtimes["cnn"], images=(pictures[0],), edits=stack)
    assert len(ran.results[0].notes) == 2


def test_kept_passes_over_images_know_nothing_of_a_change_of_another_image(runtimes, pictures):
    ctx = context(runtimes["cnn"], pictures[1], hidden(pictures[0]))
    plain = context(runtimes["cnn"], pictures[1], EditStack())
    assert identity(ctx) == identity(plain)
    asked = context(runtimes["cnn"], pictures[0], hidden(pictures[0]))
    assert identity(asked) != identity(plain)


def test_a_swap_takes_what_it_is_given(runtimes, pictures):
    source = image_sha256(pictures[1])
    stack = hidden(pictures[0], kind="swap", source=source, colour=None)
    with pytest.raises(InvalidValue, match="not at hand"):
        see(context(runtimes["cnn"], pictures[0], stack), pictures[0])
    other = see(context(runtimes["cnn"], pictures[1], EditStack()), pictures[1])
    taken = {source: other.pixels}
    seen = see(context(runtimes["cnn"], pictures[0], stack, pixels=taken), pictures[0])
    assert np.array_equal(seen.pixels[:, :8], other.pixels[:, :8])


def test_the_class_that_is_explained_is_that_of_the_unchanged_image(runtimes, pictures):
    everywhere, runtime = ((1.0,),), runtimes["swin"]
    found = 0
    for path, colour in itertools.product(pictures[:3], ((255, 0, 90), (0, 255, 0), (0, 0, 255))):
        stack = hidden(path, region=everywhere, colour=colour)
        plain, changed = context(runtime, path, EditStack()), context(runtime, path, stack)
        seen = see(changed, path)
        own = fixed_target(plain, see(plain, path).batch)
        assert fixed_target(changed, seen.batch) == own
        found += fixed_target(plain, seen.batch) != own
    assert found  # the change alone would have made it another class


@pytest.fixture
def workspace(runtimes):
    def opened(*_given):
        yield Progress()
        return runtimes["cnn"]

    workspace = Workspace(device="cpu", analyses=[predict.ANALYSIS], open_model=opened)
    list(workspace.execute(OpenModel(model="m", path="x")))
    return workspace


def made(workspace, run):
    return [step for step in workspace.execute(run) if isinstance(step, Made)]


def test_a_replay_finds_the_other_image_of_a_swap_and_gives_the_same(workspace, pictures, runtimes):
    source = image_sha256(pictures[1])
    stack = hidden(pictures[0], kind="swap", source=source, colour=None)
    at_hand = Dataset(images=tuple(ImageEntry(path=path) for path in pictures[:3]))
    inputs = Inputs(images=(pictures[0],), edits=stack, dataset=at_hand)
    ((result, recipe),) = made(workspace, Run(analysis="predict", model="m", inputs=inputs))
    assert recipe.edits == stack
    again = replay(
        recipe, runtimes["cnn"].description, handle="m", at_hand=at_hand, needs=("image",)
    )
    assert [entry.path for entry in again.run.inputs.dataset.images] == [pictures[1]]
    ((other, _),) = made(workspace, again.run)
    assert (other.labels, other.values) == (result.labels, result.values)
    plain = Run(analysis="predict", model="m", inputs=Inputs(images=(pictures[0],)))
    assert made(workspace, plain)[0].result.values != result.values


def test_a_swap_whose_image_is_gone_is_told(workspace, pictures):
    stack = hidden(pictures[0], kind="swap", source="0" * 64, colour=None)
    with pytest.raises(InvalidValue, match="not at hand"):
        made(
            workspace,
            Run(analysis="predict", model="m", inputs=Inputs(images=(pictures[0],), edits=stack)),
        )
    elsewhere = Inputs(images=(pictures[1],), edits=stack)  # which changes nothing there
    assert made(workspace, Run(analysis="predict", model="m", inputs=elsewhere))


def test_values_of_other_images_are_taken_once(runtimes, pictures, monkeypatch):
    from interp_gui.core.lasting import Lasting
    from interp_gui.engine.sources import sources_of

    source = image_sha256(pictures[1])
    patch = Edit(feature=Feature(layer="last", units=(1,)), kind="patch", source=source)
    inputs = Inputs(images=pictures[:2], edits=EditStack(edits=(patch,)))
    runtime, lasting, passes = runtimes["cnn"], Lasting(), []
    forward = runtime.forward
    monkeypatch.setattr(runtime, "forward", lambda *a, **k: passes.append(1) or forward(*a, **k))

    def taken():
        steps = sources_of(runtime, inputs, lambda: None, lasting=lasting)
        try:
            while True:
                next(steps)
        except StopIteration as stop:
            return stop.value.values

    first, again = taken(), taken()
    assert len(passes) == 1
    assert np.array_equal(first["last", source], again["last", source])
