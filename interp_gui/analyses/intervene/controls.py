"""What other, random features do to the answer when they are changed as much as an edit's own."""

import hashlib
from collections.abc import Generator

import numpy as np

from interp_gui.analyses.intervene.answering import Answering
from interp_gui.analyses.intervene.effects import Ran, ran
from interp_gui.analyses.random_alike import others, why_none
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
    else is as it was: so their effects are measured as that of the edit is.
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
    drawn = others(change, count, random_of(asked.context.inputs.seed, edit.feature))
    if not drawn:
        found.control_notes[index] = why_none(edit.feature)
        return
    layer = edit.feature.layer
    patch = Edit(feature=Feature(layer=layer), kind="patch", source=_SOURCE)
    instead = [patch if i == index else each for i, each in edits.items()]
    effects: list[float] = []
    for picked, basis in drawn:
        asked.context.check()
        yield Progress(done=len(effects), total=len(drawn), text="Changing random features instead")
        source = change.onto(value, picked=picked, basis=basis)
        row = asked.row(asked.run(instead, further={(layer, _SOURCE): source}))
        effects.append((asked.value(row) or 0.0) - without)
    found.controls[index] = tuple(effects)


def random_of(seed: int, feature: Feature) -> np.random.Generator:
    """Draws the same for the same feature, wherever it stands in a stack and whatever the image."""
    digest = hashlib.sha256(f"{seed} {feature.text}".encode()).digest()
    return np.random.default_rng(list(digest))


def _why_not(asked: Answering, found: Ran, index: int) -> str:
    if asked.target is None:
        return "There is no Target to compare by: choose one."
    if found.change.get(index) == 0.0:
        return "Nothing changes here, so there is nothing to compare with."
    edit = asked.context.inputs.edits.edits[index]
    return why_none(edit.feature) if edit.feature.whole_layer else ""


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
