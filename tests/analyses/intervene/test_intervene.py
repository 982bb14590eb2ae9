"""What edits did: answers, effects and states, against weights changed by hand."""

import msgspec
import numpy as np
import pytest
import torch

from interp_gui.analyses.intervene import ANALYSIS
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import Cancelled, ImageProblem, MissingAbility, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.images import image_sha256
from interp_gui.core.place import Place
from interp_gui.core.target import Target
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import SmallCnn, describe, randomise
from tests.analyses.intervene.conftest import unit, value_of


def zero(columns):
    def change(weight):
        weight[:, columns] = 0.0

    return change


def test_the_answer_is_that_of_weights_changed_by_hand(told, answers, intervene, pictures):
    (found,) = intervene(told, unit("act", 0), controls=0)
    np.testing.assert_allclose(found.before, answers(told), rtol=1e-6)
    after = answers(told, head_weight=zero([0]))
    np.testing.assert_allclose(found.after, after, rtol=1e-5)
    top = int(answers(told).argmax())
    assert found.target_title == f"logit of name {top}"
    assert found.target_after - found.target_before == pytest.approx(
        after[top] - answers(told)[top], rel=1e-4
    )
    assert found.final
    assert found.key == "image-000"
    assert found.image == pictures[0]
    assert found.image_sha256 == image_sha256(pictures[0])
    assert found.labels == ("name 0", "name 1", "name 2")


def test_an_effect_is_of_all_edits_less_all_but_one(told, answers, intervene):
    edits = [unit("act", 0), unit("act", 1, kind="scale", amount=0.5), unit("first", 4)]
    found = intervene(told, *edits, controls=0)
    assert [one.final for one in found] == [False, True]
    effects = found[-1].effects
    top = int(answers(told).argmax())

    def half(weight):
        weight[:, 1] *= 0.5

    def changed(*names):
        def change(weight):
            for name in names:
                name(weight)

        return answers(told, head_weight=change)[top]

    every = changed(zero([0]), half, zero([4]))
    assert found[-1].target_after == pytest.approx(every, rel=1e-5)
    without = [changed(half, zero([4])), changed(zero([0]), zero([4])), changed(zero([0]), half)]
    for effect, other in zip(effects, without, strict=True):
        assert effect.effect == pytest.approx(every - other, rel=1e-4, abs=1e-6)
        assert effect.hits == 1


def test_the_change_at_a_layer_is_what_the_edit_moves(told, intervene, pictures):
    edits = [unit("act", 1, kind="scale", amount=0.5), unit("act", 1, kind="scale", amount=0.5)]
    effects = intervene(told, *edits, controls=0)[-1].effects
    value = value_of(told, "act", pictures[0])
    assert effects[0].change == pytest.approx(np.linalg.norm(0.5 * value[1]), rel=1e-5)
    # the second finds what the first has left
    assert effects[1].change == pytest.approx(np.linalg.norm(0.25 * value[1]), rel=1e-5)
    assert effects[0].share == pytest.approx(effects[0].change / np.linalg.norm(value), rel=1e-5)


def test_every_state(told, intervene):
    switched_off = unit("act", 0, enabled=False)
    edits = [unit("act", 1), unit("act", 2), unit("act", 3), unit("act", 9), switched_off]
    found = intervene(told, *edits, controls=0)[-1]
    states = [effect.state for effect in found.effects]
    assert states == ["effective", "ineffective", "inactive", "failed", "off"]
    effective, ineffective, inactive, failed, off = found.effects
    assert effective.effect != 0.0
    assert ineffective.change > 0.0
    assert ineffective.effect == pytest.approx(0.0, abs=1e-6)
    assert inactive.hits == 1
    assert inactive.change == 0.0
    assert failed.hits == 0
    assert failed.change is None
    assert "has no unit 9" in failed.reason
    assert off == type(off)(index=4, state="off")


def test_what_moves_another_output_than_the_target_is_effective(told, intervene):
    told.module.head.weight.data[0, 1] = 0.0
    found = intervene(told, unit("act", 1), target=Target(index=0), controls=0)[-1]
    assert found.effects[0].effect == pytest.approx(0.0, abs=1e-6)
    assert found.effects[0].state == "effective"


def test_edits_that_cannot_run_leave_the_others_alone(told, answers, intervene):
    other = "ab" * 32
    fine = unit("act", 0)
    wrong = [
        unit("act", 77),
        unit("nowhere", 0),
        Edit(feature=Feature(layer="act", vectors=((1.0, 2.0),)), kind="project_out"),
        unit("act", 0, place=Place("positions", positions=((99, 0),))),
        unit("head", 0, place=Place("positions", positions=((0, 0),))),
        unit("act", 1, kind="patch", source=other),
        Edit(feature=Feature(layer="act", units=(0,), heads=True), kind="ablate"),
    ]
    (found,) = intervene(told, *wrong, fine, controls=0)
    assert [effect.state for effect in found.effects] == ["failed"] * len(wrong) + ["effective"]
    assert all(effect.reason.endswith(".") for effect in found.effects[:-1])
    assert "not at hand" in found.effects[5].reason
    np.testing.assert_allclose(found.after, answers(told, head_weight=zero([0])), rtol=1e-5)


def test_a_read_only_layer_is_a_reason(told, intervene):
    layers = tuple(
        msgspec.structs.replace(layer, writable=layer.name != "act")
        for layer in told.description.layers
    )
    told._description = msgspec.structs.replace(told.description, layers=layers)
    (found,) = intervene(told, unit("act", 0), controls=0)
    assert found.effects[0].state == "failed"
    assert "act can be read but not changed" in found.effects[0].reason
    np.testing.assert_array_equal(found.before, found.after)


def test_a_patch_of_another_size_fails_alone(told, intervene):
    sources = {("act", "cd" * 32): np.zeros((6, 3, 3), np.float32)}
    edits = [unit("act", 1, kind="patch", source="cd" * 32), unit("act", 0)]
    (found,) = intervene(told, *edits, sources=sources, controls=0)
    assert [effect.state for effect in found.effects] == ["failed", "effective"]
    assert "has the shape" in found.effects[0].reason


def test_a_patch_takes_the_other_images_value(told, intervene, answers, pictures):
    other = value_of(told, "act", pictures[1]).astype(np.float32)
    edit = Edit(feature=Feature(layer="act"), kind="patch", source="cd" * 32)
    (found,) = intervene(told, edit, sources={("act", "cd" * 32): other}, controls=0)
    np.testing.assert_allclose(found.after, answers(told, pictures[1]), rtol=1e-5)


def test_muted_and_solo_stacks(told, intervene, answers):
    edits = (unit("act", 0), unit("act", 1))
    (muted,) = intervene(told, stack=EditStack(edits, muted=True))
    assert [effect.state for effect in muted.effects] == ["off", "off"]
    np.testing.assert_array_equal(muted.before, muted.after)
    assert muted.divergence == 0.0
    (solo,) = intervene(told, stack=EditStack(edits, solo=1), controls=0)
    assert [effect.state for effect in solo.effects] == ["off", "effective"]
    np.testing.assert_allclose(solo.after, answers(told, head_weight=zero([1])), rtol=1e-5)


def test_the_current_image_comes_first_and_broken_ones_say_why(told, intervene, pictures, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    images = (pictures[0], str(broken), pictures[1])
    found = intervene(told, unit("act", 0), unit("act", 1), images=images, controls=2)
    keys = [one.key for one in found]
    assert keys[:3] == ["image-000", "image-001", "image-002"]
    # answers of all images, then what each edit did, then the controls
    assert keys[3:5] == ["image-000", "image-002"]
    assert [one.final for one in found[:5]] == [False, True, False, False, False]
    last = {one.key: one for one in found}
    assert all(one.final for one in last.values())
    assert "broken.png" in last["image-001"].problem
    assert not len(last["image-001"].before)
    assert len(last["image-002"].effects[1].controls) == 2
    with pytest.raises(ImageProblem):
        intervene(told, unit("act", 0), images=(str(broken),))


def test_effects_are_on_the_changed_image(told, intervene, answers, pictures):
    hide = ImageEdit(kind="occlude", image=image_sha256(pictures[0]), region=((1.0, 0.0),))
    plain = intervene(told, unit("act", 0), controls=0)[-1]
    (hidden,) = intervene(told, stack=EditStack((), image_edits=(hide,)))
    both = intervene(told, stack=EditStack((unit("act", 0),), image_edits=(hide,)), controls=0)[-1]
    np.testing.assert_array_equal(hidden.before, plain.before)
    assert not np.allclose(hidden.after, hidden.before)
    assert both.target_before == plain.target_before
    # the Target with both, less that of the changed image without the edit
    top = int(plain.before.argmax())
    assert both.effects[0].effect == pytest.approx(both.after[top] - hidden.after[top], rel=1e-5)


def test_the_targets_class_is_that_of_the_unedited_image(told, intervene):
    big = Edit(feature=Feature(layer="head", units=(0,)), kind="add", amount=1000.0)
    (found,) = intervene(told, big, controls=0)
    top = int(found.before.argmax())
    assert found.target_title == f"logit of name {top}"
    assert found.target_before == pytest.approx(float(found.before[top]))


@pytest.mark.parametrize(
    ("kind", "target", "title"),
    [
        ("sigmoid", Target(), "logit of class"),
        ("scalar", Target(kind="scalar", index=1), "value 1"),
        ("embedding", Target(kind="similarity", reference=(1.0, 2.0, 3.0)), "similarity"),
        ("map", Target(kind="scalar", index=2), "channel 2"),
    ],
)
def test_models_without_softmax(told, intervene, kind, target, title):
    output = msgspec.structs.replace(told.description.outputs[0], kind=kind)
    runtime = TorchRuntime(told.module, msgspec.structs.replace(
        told.description, outputs=(output,), class_names=(), layers=(),
    ))  # fmt: skip
    found = intervene(runtime, unit("act", 0), target=target, controls=3)[-1]
    assert found.target_title.startswith(title)
    assert found.output_kind == kind
    assert found.effects[0].state == "effective"
    assert len(found.effects[0].controls) == 3
    assert (found.divergence is None) == (kind != "sigmoid")


def test_without_classes_or_a_target_only_the_answers_are_compared(told, intervene):
    output = msgspec.structs.replace(told.description.outputs[0], kind="embedding")
    told._description = msgspec.structs.replace(told.description, outputs=(output,))
    found = intervene(told, unit("act", 0), unit("act", 2), controls=3)[-1]
    assert found.target_before is None
    assert found.target_title == ""
    assert [effect.state for effect in found.effects] == ["effective", "ineffective"]
    assert found.effects[0].effect is None
    assert "no Target" in found.effects[0].control_note
    with pytest.raises(MissingAbility):
        intervene(told, unit("act", 0), target=Target(kind="logit", index=0))


def test_what_was_found_out_is_kept_for_the_next_request(told, intervene, pictures, monkeypatch):
    context = Context(model=told, inputs=Inputs())
    edits = (unit("act", 0), unit("act", 1))
    first = intervene(told, *edits, context=context, controls=0)[-1]
    passes = []
    original = TorchRuntime.forward
    monkeypatch.setattr(
        TorchRuntime, "forward", lambda self, *a, **k: passes.append(k) or original(self, *a, **k)
    )
    stronger = (unit("act", 0), unit("act", 1, kind="scale", amount=3.0))
    again = intervene(told, *edits, context=context, controls=0)[-1]
    # one pass with all edits and one without each; none without any, and the image is not read
    assert len(passes) == 3
    assert all(len(one["edits"].edits) == 2 for one in passes)
    np.testing.assert_array_equal(first.after, again.after)
    assert first.effects == again.effects
    assert intervene(told, *stronger, context=context, controls=0)[-1].effects != first.effects


def test_a_kept_prefix_changes_nothing(intervene, pictures):
    runtime = TorchRuntime(randomise(SmallCnn(), 5), describe("cnn", 6))
    context = Context(model=runtime, inputs=Inputs())
    for amount in (0.0, 0.5, 2.0):
        edit = unit("last", 1, 2, kind="scale", amount=amount)
        kept = intervene(runtime, edit, context=context, controls=4)[-1]
        fresh = intervene(runtime, edit, controls=4)[-1]
        np.testing.assert_array_equal(kept.after, fresh.after)
        assert kept.effects == fresh.effects


def test_a_closed_model_is_let_go(told, intervene):
    context = Context(model=told, inputs=Inputs())
    intervene(told, unit("act", 0), context=context, controls=0)
    assert context.lasting.held_bytes > 0
    context.lasting.forget(told)
    assert context.lasting.held_bytes == 0
    # a run that outlasts its model leaves nothing behind
    intervene(told, unit("act", 0), context=context, controls=0)
    assert context.lasting.held_bytes == 0


def test_memory_that_runs_out_and_cancelling_are_told_and_harm_nothing(told, pictures, monkeypatch):
    stack = EditStack((unit("act", 0), unit("act", 1)))
    weights = {k: v.clone() for k, v in told.module.state_dict().items()}
    clean = told.forward(np.ones((1, 3, 32, 32), np.float32)).outputs["output"]

    def run(check=lambda: None):
        inputs = Inputs(images=pictures[:2], edits=stack)
        context = Context(model=told, inputs=inputs, check=check)
        return list(ANALYSIS.run(context, ANALYSIS.settings({})))

    original = torch.nn.Linear.forward
    for limit in (3, 9):
        calls = []

        def fails(self, x, limit=limit, calls=calls):
            calls.append(1)
            if len(calls) >= limit:
                raise RuntimeError("CUDA out of memory")
            return original(self, x)

        monkeypatch.setattr(torch.nn.Linear, "forward", fails)
        with pytest.raises(OutOfMemory):
            run()
        monkeypatch.setattr(torch.nn.Linear, "forward", original)
        checks = []

        def stop(limit=limit, checks=checks):
            checks.append(1)
            if len(checks) >= limit:
                raise Cancelled

        with pytest.raises(Cancelled):
            run(stop)
    after = told.module.state_dict()
    assert all(torch.equal(weights[k], after[k]) for k in weights)
    again = told.forward(np.ones((1, 3, 32, 32), np.float32)).outputs["output"]
    np.testing.assert_array_equal(clean, again)


def test_ablation_to_a_mean_and_to_another_place(told, intervene, pictures):
    value = value_of(told, "act", pictures[0])
    mean = Baseline("mean", values=(1.5,), source="x")
    place = Place("positions", positions=((0, 1),))
    edit = unit("act", 0, baseline=mean, place=place)
    (found,) = intervene(told, edit, controls=0)
    assert found.effects[0].change == pytest.approx(abs(1.5 - value[0, 0, 1]), rel=1e-5)


def test_an_estimate_grows_with_edits_and_controls(told, pictures):
    def seconds(*edits, **settings):
        inputs = Inputs(images=pictures[:2], edits=EditStack(edits))
        asked = Context(model=told, inputs=inputs, probes=context.probes)
        return ANALYSIS.estimate(asked, ANALYSIS.settings(settings)).seconds

    context = Context(model=told, inputs=Inputs())
    one = seconds(unit("act", 0), controls=0)
    assert seconds(unit("act", 0), unit("act", 1), controls=0) == pytest.approx(2 * one)
    assert seconds(unit("act", 0), controls=10) == pytest.approx(6 * one)
    assert seconds(unit("nowhere", 0), controls=0) == pytest.approx(one)


def test_an_edit_that_another_does_too_is_no_finding(told, intervene):
    twice = intervene(told, unit("act", 0), unit("act", 0), controls=0)[-1].effects
    assert [one.state for one in twice] == ["ineffective", "inactive"]
    assert [one.reason for one in twice] == ["Another edit does the same."] * 2
    over = intervene(told, unit("act", 0, kind="scale", amount=0.5), unit("act", 0), controls=0)
    assert over[-1].effects[0].state == "ineffective"
    assert "another edit of the same feature overrides it" in over[-1].effects[0].reason
    assert over[-1].effects[1].reason == ""
    # unit 2 reaches no answer: that is a finding, whatever else is edited
    silent = intervene(told, unit("act", 2), unit("act", 2), unit("act", 0), controls=0)
    assert [one.reason for one in silent[-1].effects] == [""] * 3


def test_a_change_within_rounding_is_none(told, intervene):
    nearly = unit("act", 0, kind="scale", amount=1 + 1e-8)
    (effect,) = intervene(told, nearly, controls=20)[-1].effects
    assert 0 < effect.share <= 1e-6
    assert effect.state == "inactive"
    assert effect.controls == ()
    more = unit("act", 0, kind="scale", amount=1 + 1e-4)
    assert intervene(told, more, controls=0)[-1].effects[0].state != "inactive"


HUGE = unit("act", 0, kind="scale", amount=3e38)


def test_an_answer_that_is_no_number_is_said_and_no_effect_claimed(told, intervene):
    """Every output overflows: there is no change to tell, of the answer or of any edit."""
    found = intervene(told, HUGE, controls=2)[-1]
    assert found.problem == "The answer is not a number with these edits."
    assert found.final
    assert found.target_after is None
    assert not found.after.size
    (effect,) = found.effects
    assert (effect.state, effect.effect, effect.controls) == ("broken", None, ())
    assert effect.reason == "The answer is not a number with it."
    assert effect.hits == 1


def test_which_of_several_edits_leaves_no_number_is_said(told, intervene):
    first, second = intervene(told, unit("act", 1), HUGE, controls=2)[-1].effects
    assert [first.state, second.state] == ["broken", "broken"]
    assert first.reason == "The answer is not a number with these edits."
    assert second.reason == "The answer is not a number with it."
    assert first.effect is None


def test_an_edit_that_saves_the_answer_changes_it(told, intervene):
    found = intervene(told, HUGE, unit("act", 0), controls=2)[-1]
    assert not found.problem
    assert found.effects[1].state == "effective"
    assert found.effects[1].effect is None
    assert found.effects[1].reason == "Without it the answer is not a number."
    assert "nothing to compare" in found.effects[1].control_note


def test_other_edits_are_told_before_one_knows_which_it_is(told, intervene):
    first = intervene(told, unit("act", 1), HUGE, controls=0)[0]
    assert {effect.state for effect in first.effects} == {"broken"}
    assert first.problem
