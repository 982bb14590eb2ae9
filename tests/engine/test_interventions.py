"""Edits in the engine: what is kept between requests goes with its model; results cross over."""

import gc
import weakref

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue, OutOfMemory, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.images import image_sha256
from interp_gui.core.interventions.kinds import EditEffect, Intervention
from interp_gui.engine.codec import Decoder, Encoder
from interp_gui.engine.jobs import Made
from interp_gui.engine.messages import (
    CloseModel,
    FromEngine,
    OpenModel,
    Produced,
    Run,
    SetPreprocessing,
)
from interp_gui.engine.workspace import Workspace

UNIT = Feature(layer="last", units=(1,))


@pytest.fixture
def images(tmp_path):
    paths = []
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture
def workspace(monkeypatch):
    from interp_gui.runtimes.torch_runtime import TorchRuntime
    from tests.analyses.conftest import SmallCnn, describe, randomise

    made = []

    def opener(request, labelled, device, check):
        yield Progress(text="opening")
        runtime = TorchRuntime(randomise(SmallCnn()), describe("cnn", 6))
        made.append(weakref.ref(runtime.module))
        return runtime

    found = Workspace(open_model=opener)
    done(found.execute(OpenModel(model="m", path="p")))
    found.made = made
    return found


def done(steps):
    found = []
    try:
        while True:
            found.append(next(steps))
    except StopIteration:
        return found


def intervene(*edits, images, **fields):
    inputs = Inputs(images=tuple(images), edits=EditStack(edits), **fields)
    return Run(analysis="intervene", model="m", inputs=inputs, parameters={"controls": 2})


def answers(workspace, request):
    steps = done(workspace.execute(request))
    return [step.result for step in steps if isinstance(step, Made)]


def test_a_closed_model_is_freed_with_all_that_was_kept_for_it(workspace, images):
    edit = Edit(feature=UNIT, kind="ablate")
    answers(workspace, intervene(edit, images=images))
    assert workspace._lasting.held_bytes > 0
    # a run that has begun goes on with its model, and leaves nothing behind
    running = workspace.execute(intervene(edit, images=images))
    next(running)
    done(workspace.execute(CloseModel(model="m")))
    assert workspace._lasting.held_bytes == 0
    assert [step for step in done(running) if isinstance(step, Made)]
    assert workspace._lasting.held_bytes == 0
    del running
    gc.collect()
    assert workspace.made[0]() is None


def test_where_memory_is_short_what_is_kept_makes_room(workspace, images, monkeypatch):
    edit = Edit(feature=UNIT, kind="ablate")
    answers(workspace, intervene(edit, images=images))
    assert workspace._lasting.held_bytes > 0

    def short(*args, **kwargs):
        raise OutOfMemory("There is not enough memory.")

    monkeypatch.setattr(type(workspace.model("m")), "forward", short)
    with pytest.raises(OutOfMemory):
        answers(workspace, intervene(edit, images=images))
    assert workspace._lasting.held_bytes == 0
    monkeypatch.undo()
    assert answers(workspace, intervene(edit, images=images))[-1].final


def test_other_preprocessing_drops_what_was_kept(workspace, images):
    edit = Edit(feature=UNIT, kind="ablate")
    (before,) = [one for one in answers(workspace, intervene(edit, images=images[:1])) if one.final]
    model = workspace.model("m")
    other = msgspec.structs.replace(model.preprocessing, mean=(0.1, 0.2, 0.3))
    done(workspace.execute(SetPreprocessing(model="m", preprocessing=other)))
    (after,) = [one for one in answers(workspace, intervene(edit, images=images[:1])) if one.final]
    assert not np.allclose(before.before, after.before)


def test_edits_that_do_not_fit_are_refused_by_others_and_told_by_intervene(workspace, images):
    fine = Edit(feature=UNIT, kind="ablate")
    wrong = Edit(feature=Feature(layer="nowhere", units=(1,)), kind="patch", source="ab" * 32)
    gone = Edit(feature=UNIT, kind="patch", source="cd" * 32)
    predict = Run(
        analysis="predict", model="m",
        inputs=Inputs(images=tuple(images[:1]), edits=EditStack((fine, wrong))),
    )  # fmt: skip
    with pytest.raises(UnknownName, match="nowhere"):
        done(workspace.execute(predict))
    alone = msgspec.structs.replace(
        predict, inputs=Inputs(images=tuple(images[:1]), edits=EditStack((gone,)))
    )
    with pytest.raises(InvalidValue, match="not at hand"):
        done(workspace.execute(alone))
    found = answers(workspace, intervene(fine, wrong, gone, images=images[:1]))[-1]
    assert [effect.state for effect in found.effects] == ["effective", "failed", "failed"]


def test_a_patch_finds_its_image_among_those_at_hand(workspace, images):
    edit = Edit(feature=Feature(layer="last"), kind="patch", source=image_sha256(images[2]))
    dataset = Dataset(name="d", images=tuple(ImageEntry(path=path) for path in images))
    found = answers(workspace, intervene(edit, images=images[:1], dataset=dataset))[-1]
    other = answers(workspace, intervene(images=images[2:]))[-1]
    np.testing.assert_allclose(found.after, other.before, rtol=1e-6)


def test_the_recipe_of_one_image_is_of_that_image_alone(workspace, images):
    edit = Edit(feature=UNIT, kind="ablate")
    made = [
        step
        for step in done(workspace.execute(intervene(edit, images=images)))
        if isinstance(step, Made) and step.result.final
    ]
    third = made[2]
    assert third.result.key == "image-002"
    assert third.recipe.images == (image_sha256(images[2]),)
    assert third.recipe.result == "image-000"
    assert "alone" not in third.recipe.provenance
    again = answers(workspace, intervene(edit, images=images[2:]))[-1]
    assert again.effects == third.result.effects
    np.testing.assert_array_equal(again.after, third.result.after)


def test_an_answer_crosses_to_the_window_and_back(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    effects = (
        EditEffect(
            index=0, state="effective", hits=1, change=2.5, share=0.1, effect=-0.5,
            controls=(0.1, -0.7), warning="w", behind="b",
        ),
        EditEffect(index=1, state="failed", reason="r"),
    )  # fmt: skip
    result = Intervention(
        key="image-000", title="t", image="/p.png", image_sha256="ab",
        before=np.arange(3000, dtype=np.float32), after=np.ones(3000, np.float32),
        labels=("a", "b"), target_before=1.0, target_after=2.0, divergence=0.25, effects=effects,
        edits=EditStack((Edit(feature=UNIT, kind="ablate"),)),
    )  # fmt: skip
    frame = Encoder(folder, "e").encode(Produced(job=1, generation=2, result=result))
    back = Decoder(FromEngine, folder).decode(frame).result
    assert isinstance(back, Intervention)
    assert back.effects == effects
    assert back.effects[0].percentile == 50.0
    assert back.edits == result.edits
    np.testing.assert_array_equal(back.before, result.before)
    assert (back.target_after, back.divergence) == (2.0, 0.25)


def test_a_patch_finds_its_image_where_the_window_says_it_lies(workspace, images):
    edit = Edit(feature=Feature(layer="last"), kind="patch", source=image_sha256(images[2]))
    inputs = Inputs(images=tuple(images[:1]), edits=EditStack((edit,)))
    request = Run(analysis="predict", model="m", inputs=inputs)
    with pytest.raises(InvalidValue, match="not at hand"):
        done(workspace.execute(request))
    known = msgspec.structs.replace(inputs, sources=(str(images[2]),))
    done(workspace.execute(msgspec.structs.replace(request, inputs=known)))
