"""Edits beside changes of the image itself: what is fixed, and what is kept for the next."""

import numpy as np

from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import EditStack
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.images import image_sha256
from interp_gui.core.interventions.kinds import EditEffect
from interp_gui.core.preprocessing import load_batch
from tests.analyses.intervene.conftest import unit

WHOLE = ((1.0,),)


def painted(path, colour):
    return ImageEdit(image=image_sha256(path), kind="occlude", region=WHOLE, colour=colour)


def test_the_target_is_that_of_the_unchanged_image(runtimes, pictures, intervene):
    """Though the changed image has another answer: before and after speak of one class."""
    runtime = runtimes["cnn"]
    rows = runtime.forward(load_batch(pictures, runtime.preprocessing)).outputs["output"]
    colours = [(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)]
    edit = unit("last", 3)
    for path, row in zip(pictures, rows, strict=True):
        for colour in colours:
            plain = EditStack(image_edits=(painted(path, colour),))
            (changed,) = intervene(runtime, images=(path,), stack=plain, controls=0)[-1:]
            if changed.after.argmax() != row.argmax():
                break
        else:
            continue
        break
    else:
        raise AssertionError("no colour changes any answer")
    index = int(row.argmax())
    assert changed.before.argmax() == index
    assert changed.target_before == changed.before[index]
    assert changed.target_after == changed.after[index]
    stack = EditStack((edit,), image_edits=plain.image_edits)
    both = intervene(runtime, images=(path,), stack=stack, controls=0)[-1]
    assert both.effects[0].effect == both.after[index] - changed.after[index]


def test_answers_kept_of_an_image_are_not_those_of_its_changed_self(runtimes, pictures, intervene):
    runtime, path = runtimes["cnn"], pictures[0]
    context = Context(model=runtime, inputs=Inputs())
    stacks = [
        EditStack((unit("last", 3),), image_edits=images)
        for images in ((), (painted(path, (0, 0, 0)),), (painted(path, (255, 0, 0)),), ())
    ]
    told = [
        intervene(runtime, images=(path,), stack=stack, controls=0, context=context)[-1]
        for stack in stacks
    ]
    alone = [intervene(runtime, images=(path,), stack=stack, controls=0)[-1] for stack in stacks]
    for one, other in zip(told, alone, strict=True):
        np.testing.assert_allclose(one.after, other.after, atol=1e-6)
        np.testing.assert_array_equal(one.before, told[0].before)
    assert np.abs(told[0].after - told[1].after).max() > 1e-3
    assert np.abs(told[1].after - told[2].after).max() > 1e-3


def test_a_small_effect_is_one(told, intervene):
    """Ten times rounding is far below anything that shows, and an effect for all that."""
    edit = unit("act", 0, kind="scale", amount=1.0005)
    found = intervene(told, edit, controls=0)[-1]
    size = max(1.0, float(np.abs(found.before).max()))
    moved = float(np.abs(found.after - found.before).max())
    assert 3e-5 * size < moved < 3e-3 * size
    assert found.effects[0].state == "effective"
    nothing = unit("act", 0, kind="scale", amount=1.0 + 4e-6)
    assert intervene(told, nothing, controls=0)[-1].effects[0].state == "ineffective"


def test_controls_as_strong_are_not_smaller():
    effect = EditEffect(index=0, state="effective", effect=-0.5, controls=(0.5, -0.5, 0.1, 0.9))
    assert effect.percentile == 25.0
