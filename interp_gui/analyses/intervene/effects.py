"""What each edit of a stack did for one image: whether it ran, what it changed, what that did."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from interp_gui.analyses.intervene.answering import Answering, Row
from interp_gui.analyses.intervene.warnings import place_behind, warning_of
from interp_gui.core.edit import Edit
from interp_gui.core.errors import EditProblem, InterpError, InvalidValue, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import change_of, length_of
from interp_gui.core.interventions.fitting import why_no_place
from interp_gui.core.interventions.kinds import EditEffect, EditState
from interp_gui.core.interventions.words import NOT_A_NUMBER
from interp_gui.core.runtime import Capture, Forward

ROUNDING = 1e-5
"""What moves less than this share of the numbers' size has not moved."""
OF_A_LAYER = 1e-6
"""A change of a layer by less than this share of its length is rounding."""
OF_ONE_EDIT = (EditProblem, InvalidValue, UnknownName)
"""What a pass raises where one of its edits is at fault."""


@dataclass(kw_only=True)
class Ran:
    """What is known of the edits of one image, by place in the stack.

    Parameters
    ----------
    failed
        Reasons.
    doubled
        Why an edit that does something alone does nothing beside the others, and which part it
        has in that an answer is not a number.
    hits, change, share
        As of `EditEffect`.
    effect
        Change of the Target, None without one, and the largest change of any output.
    """

    failed: dict[int, str] = field(default_factory=dict)
    hits: dict[int, int] = field(default_factory=dict)
    change: dict[int, float] = field(default_factory=dict)
    share: dict[int, float] = field(default_factory=dict)
    effect: dict[int, tuple[float | None, float]] = field(default_factory=dict)
    controls: dict[int, tuple[float, ...]] = field(default_factory=dict)
    control_notes: dict[int, str] = field(default_factory=dict)
    warnings: dict[int, str] = field(default_factory=dict)
    behind: dict[int, str] = field(default_factory=dict)
    doubled: dict[int, str] = field(default_factory=dict)
    after: Row | None = None

    def is_inactive(self, index: int) -> bool:
        """Whether an edit changed nothing of its layer but by rounding."""
        return self.change.get(index) == 0.0 or 0.0 < self.share.get(index, 0.0) <= OF_A_LAYER

    @property
    def is_broken(self) -> bool:
        """Whether the answer with the edits is not a number."""
        return self.after is not None and not is_number(self.after)

    def told(self, count: int, *, size: float) -> tuple[EditEffect, ...]:
        """One for each edit of a stack of `count`, `size` being that of the answer's numbers."""
        return tuple(self._of(i, size) for i in range(count))

    def _of(self, index: int, size: float) -> EditEffect:
        effect = self.effect.get(index)
        return EditEffect(
            index=index, state=self._state(index, size),
            reason=self._reason(index),
            hits=self.hits.get(index, 0), change=self.change.get(index),
            share=self.share.get(index), effect=None if effect is None else effect[0],
            controls=self.controls.get(index, ()),
            control_note=self.control_notes.get(index, ""),
            warning=self.warnings.get(index, ""), behind=self.behind.get(index, ""),
        )  # fmt: skip

    def _reason(self, index: int) -> str:
        found = self.failed.get(index, "") or self.doubled.get(index, "")
        if not found and self.is_broken and index in self.hits and not self.is_inactive(index):
            return NOT_A_NUMBER
        return found

    def _state(self, index: int, size: float) -> EditState:
        if index in self.failed:
            return "failed"
        if index not in self.hits:
            return "off"
        if self.is_inactive(index):
            return "inactive"
        if self.is_broken:
            return "broken"
        if index not in self.effect:
            return "effective"
        effect, moved = self.effect[index]
        most = max(abs(effect or 0.0), moved)
        return "ineffective" if most <= ROUNDING * max(1.0, size) else "effective"


def first_pass(asked: Answering) -> Ran:
    """Run an image under all edits in force that can run, and say what each changed.

    An edit that does not fit the model or the image has failed, and the others go on without it.
    """
    stack = asked.context.inputs.edits
    found = Ran()
    live = {i: stack.edits[i] for i in stack.live}
    for i, edit in live.items():
        problem = _why_not(asked, edit)
        if problem:
            found.failed[i] = problem
    while running := {i: edit for i, edit in live.items() if i not in found.failed}:
        layers = dict.fromkeys(edit.feature.layer for edit in running.values())
        before = [Capture(layer, "before") for layer in layers]
        try:
            passed = asked.run(list(running.values()), capture=before)
        except OF_ONE_EDIT as problem:
            found.failed |= _culprits(asked, running, problem)
            continue
        found.after = asked.row(passed)
        found.hits = {i: passed.hits.get(at, 0) for at, i in enumerate(running)}
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows, is told as such
            _measure(asked, running, passed, found)
        return found
    found.after = asked.kept.base
    return found


def leave_out(asked: Answering, found: Ran, index: int) -> None:
    """Measure the effect of one edit: the answer with all, less that with all but this one."""
    assert found.after is not None
    without = asked.kept.base
    if len(found.hits) > 1:
        without = asked.row(
            asked.run([_idle(e) if i == index else e for i, e in ran(asked, found)])
        )
    if not is_number(without) or found.is_broken:
        _leave_out_of_broken(found, index, without)
        return
    with_all, with_others = asked.value(found.after), asked.value(without)
    effect = None if with_all is None or with_others is None else with_all - with_others
    moved = float(np.abs(found.after - without).max(initial=0.0))
    found.effect[index] = effect, moved
    if _is_little(max(abs(effect or 0.0), moved), found.after):
        reason = _doubled(asked, found, index)
        found.doubled |= {index: reason} if reason else {}


def _leave_out_of_broken(found: Ran, index: int, without: Row) -> None:
    """The same where one of the answers is not a number: there is no difference, but a reason."""
    if not found.is_broken:
        found.effect[index] = None, float("inf")
        found.doubled[index] = "Without it the answer is not a number."
    elif is_number(without) and not found.is_inactive(index):
        found.doubled[index] = "The answer is not a number with it."


def is_number(answer: Row) -> bool:
    """Whether all numbers of an answer are finite."""
    return bool(np.isfinite(answer).all())


def _is_little(moved: float, answer: Row) -> bool:
    return moved <= ROUNDING * max(1.0, float(np.abs(answer).max(initial=0.0)))


def _doubled(asked: Answering, found: Ran, index: int) -> str:
    """Which part other edits of the same feature have in that one of them does nothing.

    Empty where there are none, or where the edit does nothing alone either.
    """
    edits = dict(ran(asked, found))
    own = edits.pop(index)
    beside = [each for each in edits.values() if _meet(own.feature, each.feature)]
    if not beside:
        return ""
    alone = np.abs(asked.row(asked.run([own])) - asked.kept.base).max(initial=0.0)
    if _is_little(float(alone), asked.kept.base):
        return ""
    if any(_does(each) == _does(own) for each in beside):
        return "Another edit does the same."
    return "Alone it changes the answer; another edit of the same feature overrides it."


def _meet(one: Feature, other: Feature) -> bool:
    """Whether two features of one layer have a unit, a direction or everything in common."""
    if one.layer != other.layer:
        return False
    if one.whole_layer or other.whole_layer or one.vectors == other.vectors != ():
        return True
    return one.heads == other.heads and bool(set(one.units) & set(other.units))


def _does(edit: Edit) -> Edit:
    """An edit by what it does, without how a panel shows it."""
    plain = msgspec.structs.replace(edit.feature, name="")
    return msgspec.structs.replace(edit, feature=plain, group="", enabled=True)


def ran(asked: Answering, found: Ran) -> list[tuple[int, Edit]]:
    """The edits that ran, with their places in the stack."""
    stack = asked.context.inputs.edits
    return [(i, stack.edits[i]) for i in found.hits]


def _idle(edit: Edit) -> Edit:
    """An edit that changes nothing in the same place of the network.

    The sites stay the same, so that what lies before them is not computed again.
    """
    return Edit(feature=edit.feature, kind="scale", amount=1.0)


def _why_not(asked: Answering, edit: Edit) -> str:
    problem = why_no_place(edit, asked.context.model.description)
    lends = (edit.feature.layer, edit.image_source)
    if not problem and edit.image_source and lends not in asked.context.sources:
        return "The image that it takes its value from is not at hand."
    return problem


def _culprits(asked: Answering, running: dict[int, Edit], problem: InterpError) -> dict[int, str]:
    """Which edits cannot run, and why; all of them where none fails alone."""
    found = {}
    for i, edit in running.items():
        try:
            asked.run([edit])
        except OF_ONE_EDIT as own:
            found[i] = _words(own)
    return found or dict.fromkeys(running, _words(problem))


def _words(problem: InterpError) -> str:
    return f"{problem.message} {problem.hint}".strip()


def _measure(asked: Answering, running: dict[int, Edit], passed: Forward, found: Ran) -> None:
    """What each edit changed, computed from the layers' values as they were before the edits."""
    values = {
        layer: np.asarray(passed.captured[Capture(layer, "before")][0])
        for layer in dict.fromkeys(edit.feature.layer for edit in running.values())
    }
    for (i, edit), last in zip(
        running.items(), _last_of_layer(list(running.values())), strict=True
    ):
        layer = edit.feature.layer
        axes = asked.context.model.description.layer(layer).axes
        value = values[layer]
        source = asked.context.sources.get((layer, edit.image_source))
        change = change_of(edit, value, axes, source=source)
        found.change[i] = change.moved
        length = length_of(value)
        found.share[i] = change.moved / length if length else 0.0
        behind = place_behind(asked.context, edit)
        warning = warning_of(asked.context, edit, change, behind=behind)
        found.behind |= {i: behind} if behind else {}
        found.warnings |= {i: warning} if warning else {}
        if not last:
            values[layer] = change.onto(value)


def _last_of_layer(edits: Sequence[Edit]) -> list[bool]:
    layers = [edit.feature.layer for edit in edits]
    return [layer not in layers[i + 1 :] for i, layer in enumerate(layers)]
