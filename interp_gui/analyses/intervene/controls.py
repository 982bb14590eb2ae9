"""What other, random features do to the answer when they are changed as much as an edit's own."""

import hashlib
from collections.abc import Generator

import numpy as np

from interp_gui.analyses.intervene.answering import Answering
from interp_gui.analyses.intervene.effects import Ran, is_number, ran
from interp_gui.analyses.random_alike import Taken, others, taken_by, why_few, why_none
from interp_gui.core.analysis import Progress
from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import Change, change_of
from interp_gui.core.runtime import Array, Capture

_SOURCE = "in place of a feature"
"""Stands where the hash of a patch's image stands; no hash is like it."""


def measure_controls(
    asked: Answering, found: Ran, index: int, *, count: int
) -> Generator[Progress, None, None]:
    """Put random features in place of an edit's own, one after the other.

    Each is changed by what the edit changes, at each position by exactly as much, and everything
    else is as it was: so their effects are measured as that of the edit is. None of them is a
    feature that another edit of the layer changes, which would overwrite it.
    """
    edits = dict(ran(asked, found))
    edit, effect = edits[index], found.effect.get(index)
    note = _why_not(asked, found, index)
    if note or found.after is None or effect is None or effect[0] is None:
        found.control_notes[index] = note
        return
    with_all = asked.value(found.after)
    assert with_all is not None
    without = with_all - effect[0]
    value, change = _value_before(asked, edits, index)
    taken = _taken(asked, edits, index, change)
    random = random_of(asked.context.inputs.seed, edit.feature)
    drawn = others(change, count, random, taken=taken)
    few = why_few(edit.feature, found=len(drawn), asked=count, taken=taken)
    found.control_notes |= {index: few} if few else {}
    if not drawn:
        return
    layer = edit.feature.layer
    patch = Edit(feature=Feature(layer=layer), kind="patch", source=_SOURCE)
    instead = [patch if i == index else each for i, each in edits.items()]
    effects: list[float] = []
    for done, (picked, basis) in enumerate(drawn):
        asked.context.check()
        yield Progress(done=done, total=len(drawn), text="Changing random features instead")
        source = change.onto(value, picked=picked, basis=basis)
        row = asked.row(asked.run(instead, further={(layer, _SOURCE): source}))
        if is_number(row):
            effects.append((asked.value(row) or 0.0) - without)
    if len(effects) < len(drawn):
        broken = f"With {len(drawn) - len(effects)} of them the answer is not a number."
        found.control_notes[index] = f"{few} {broken}".strip()
    found.controls[index] = tuple(effects)


def random_of(seed: int, feature: Feature) -> np.random.Generator:
    """Draws the same for the same feature, wherever it stands in a stack and whatever the image."""
    digest = hashlib.sha256(f"{seed} {feature.text}".encode()).digest()
    return np.random.default_rng(list(digest))


def _why_not(asked: Answering, found: Ran, index: int) -> str:
    if asked.target is None:
        return "There is no Target to compare by: choose one."
    if found.is_inactive(index):
        return "Nothing changes here, so there is nothing to compare with."
    if found.is_broken or found.effect.get(index, (0.0, 0.0))[1] == float("inf"):
        return "An answer is not a number, so there is nothing to compare with."
    edits = dict(ran(asked, found))
    if edits[index].feature.whole_layer:
        return why_none(edits[index].feature)
    if any(i > index and _sets_all(each) for i, each in _beside(asked, edits, index).items()):
        return (
            "An edit behind it sets the whole layer, so that no other feature could say anything."
        )
    return ""


def _sets_all(edit: Edit) -> bool:
    """Whether nothing is left of what a layer's value was before an edit."""
    anew = edit.feature.whole_layer and edit.kind in ("ablate", "patch")
    return anew and edit.place.kind == "everywhere"


def _beside(asked: Answering, edits: dict[int, Edit], index: int) -> dict[int, Edit]:
    """The other edits of an edit's layer, however they name it."""
    layer_of = asked.context.model.description.layer
    own = layer_of(edits[index].feature.layer)
    return {
        i: each
        for i, each in edits.items()
        if i != index and layer_of(each.feature.layer) == own
    }  # fmt: skip


def _taken(asked: Answering, edits: dict[int, Edit], index: int, change: Change) -> Taken:
    layer = asked.context.model.description.layer(edits[index].feature.layer)
    beside = _beside(asked, edits, index).values()
    return taken_by(beside, layer, axis=change.axis, size=change.units)


def _value_before(asked: Answering, edits: dict[int, Edit], index: int) -> tuple[Array, Change]:
    """The layer's value as an edit finds it, and what it changes there."""
    layer = edits[index].feature.layer
    axes = asked.context.model.description.layer(layer).axes
    moment = Capture(layer, "before")
    value: Array = asked.run(list(edits.values()), capture=[moment]).captured[moment][0]
    for i, edit in edits.items():
        if edit.feature.layer != layer:
            continue
        source = asked.context.sources.get((layer, edit.image_source))
        change = change_of(edit, value, axes, source=source)
        if i == index:
            return value, change
        value = change.onto(value)
    raise KeyError(index)
