"""What edits are compared with: the same changes made to other, random features of the layer.

A control takes what the edits change at each position of each image and makes exactly that change
elsewhere: units of an edit become other units, vectors other vectors with the same lengths and
angles. It is drawn once, not for each image, so that it is a feature too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.analysis import Context
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.edit_reference import edited_axis
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import change_of
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Array

Basis = NDArray[np.float64]
Moved = tuple[tuple[int, ...], Basis | None]
"""Where an edit's change goes: other indices, or another basis."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control: where the change of every edit goes instead.

    Parameters
    ----------
    moved
        By the edit's index in the stack.
    """

    index: int
    moved: dict[int, Moved]

    @property
    def source(self) -> str:
        """Key of the values that stand in for the edits' own."""
        return f"control {self.index}"

    def value(
        self, context: Context, stack: EditStack, layer: LayerInfo, real: Array, base: Array
    ) -> Array:
        """The layer's value of one image in the control.

        Parameters
        ----------
        real
            The layer's value before the edits where they are made as asked: what says how large
            the change is.
        base
            The same in the control, where earlier layers are changed otherwise.
        """
        now, found = real, base
        for i, edit in stack.at(layer.name):
            other = None
            if edit.image_source:
                other = _source(context, layer, edit.image_source)
            change = change_of(edit, now, layer.axes, source=other)
            picked, basis = self.moved[i]
            found = change.onto(found, picked=picked, basis=basis)
            now = change.onto(now)
        return found

    def stack(self, stack: EditStack, layers: Sequence[str]) -> EditStack:
        """The edits with those of some layers replaced by patches from `source`."""
        kept = [e for e in stack.active if e.feature.layer not in layers]
        patches = [
            Edit(feature=Feature(layer=layer), kind="patch", source=self.source)
            for layer in layers
        ]  # fmt: skip
        return EditStack((*kept, *patches))


@dataclass(frozen=True, kw_only=True)
class Controls:
    """All controls of a stack.

    Parameters
    ----------
    layers
        Whose edits are moved, in order of execution.
    note
        Why there are none, which edits stay as they are, or where controls are not free of what
        is edited; empty if there is nothing to say.
    """

    layers: tuple[LayerInfo, ...] = ()
    controls: tuple[Control, ...] = ()
    note: str = ""


def draw_controls(context: Context, stack: EditStack, count: int) -> Controls:
    """Draw controls by the run's seed."""
    model = context.model.description
    layers = sorted((model.layer(name) for name in stack.layers), key=lambda x: x.depth)
    reasons = {
        layer.name: _why_not(layer, [e for _, e in stack.at(layer.name)]) for layer in layers
    }
    movable = tuple(layer for layer in layers if not reasons[layer.name])
    shared = [_why_shared(layer, stack.at(layer.name)) for layer in movable] if count else []
    note = " ".join(dict.fromkeys(text for text in (*reasons.values(), *shared) if text))
    if not movable or not count:
        return Controls(note=note)
    drawn = []
    for index in range(count):
        moved: dict[int, Moved] = {}
        for number, layer in enumerate(movable):
            random = np.random.default_rng([context.inputs.seed, index, number])
            moved |= _drawn(layer, stack.at(layer.name), random)
        drawn.append(Control(index=index, moved=moved))
    return Controls(layers=movable, controls=tuple(drawn), note=note)


def _why_not(layer: LayerInfo, edits: Sequence[Edit]) -> str:
    if any(edit.feature.whole_layer for edit in edits):
        return f"All of {layer.name} is edited, so there is nothing else of it to compare with."
    size = layer.shape[edited_axis(edits[0], layer.axes)]
    if len({u for edit in edits for u in edit.feature.units}) >= size:
        return f"Every unit of {layer.name} is edited, so there are no others to compare with."
    if len({edited_axis(edit, layer.axes) for edit in edits}) > 1:
        return f"Heads and units of {layer.name} are edited together, which has no control."
    bases = [edit.feature.basis(size) for edit in edits if _along_vectors(edit.feature)]
    if bases and np.linalg.matrix_rank(np.concatenate(bases, axis=1)) >= size:
        return f"Every direction of {layer.name} is edited, so there are no others to compare with."
    return ""


def _why_shared(layer: LayerInfo, edits: Sequence[tuple[int, Edit]]) -> str:
    """That controls cannot keep clear of what is edited; empty where they can."""
    size = layer.shape[edited_axis(edits[0][1], layer.axes)]
    if 2 * len(_plain_units(edits)) <= size:
        return ""
    return (
        f"More than half of {layer.name} is edited, so controls change some of that too, though "
        "never a unit by what it is changed by itself: they say less."
    )


def _plain_units(edits: Sequence[tuple[int, Edit]]) -> list[int]:
    plain = [edit for _, edit in edits if not _along_vectors(edit.feature)]
    return sorted({u for edit in plain for u in edit.feature.units})


def _drawn(
    layer: LayerInfo, edits: Sequence[tuple[int, Edit]], random: np.random.Generator
) -> dict[int, Moved]:
    size = layer.shape[edited_axis(edits[0][1], layer.axes)]
    units = _plain_units(edits)
    free = np.setdiff1d(np.arange(size), units)
    if len(free) >= len(units):
        others = dict(zip(units, random.permutation(free).tolist(), strict=False))
    else:
        # no room beside itself: each unit's change goes one on around a random ring of all units,
        # and so never to the unit itself
        ring = random.permutation(size)
        others = dict(zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))
    bases = {i: edit.feature.basis(size) for i, edit in edits if _along_vectors(edit.feature)}
    turned = _turned(bases, size, random)
    return {
        i: ((), turned[i]) if i in turned else (tuple(others[u] for u in edit.feature.units), None)
        for i, edit in edits
    }


def _along_vectors(feature: Feature) -> bool:
    return bool(feature.vectors) or len(set(feature.units)) < len(feature.units)


def _turned(bases: dict[int, Basis], size: int, random: np.random.Generator) -> dict[int, Basis]:
    """The bases turned together into a random subspace: all lengths and angles stay."""
    if not bases:
        return {}
    together = np.concatenate(list(bases.values()), axis=1)
    own, lengths, _ = np.linalg.svd(together, full_matrices=False)
    own = own[:, lengths > 1e-9 * max(float(lengths.max()), 1e-300)]
    other, triangle = np.linalg.qr(random.standard_normal((size, own.shape[1])))
    other *= np.sign(np.diag(triangle))  # so that every subspace is as likely
    return {i: other @ (own.T @ basis) for i, basis in bases.items()}


def _source(context: Context, layer: LayerInfo, sha256: str) -> Array | None:
    """The layer's value of another image, however the edit named the layer."""
    model = context.model.description
    found = (
        value
        for (name, image), value in context.sources.items()
        if image == sha256 and model.layer(name).name == layer.name
    )
    return next(found, None)


def network_edits(context: Context) -> EditStack:
    """The edits of the network in force, layers named as the model names them.

    Changes of single images are left out: they are not about a dataset.
    """
    model = context.model.description
    edits = [
        msgspec.structs.replace(
            edit,
            feature=msgspec.structs.replace(
                edit.feature, layer=model.layer(edit.feature.layer).name
            ),
        )
        for edit in context.inputs.edits.in_force().edits
    ]  # fmt: skip
    return EditStack(tuple(edits))
