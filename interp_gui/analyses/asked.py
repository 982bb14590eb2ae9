"""What an analysis was asked about: the current image, the layer, the features, the answer."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import ImageProblem, InvalidValue, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.image_changes import changed_pixels, changes_of, words_for
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.images import image_sha256
from interp_gui.core.interventions.words import words_of
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import as_shown, cropped, normalised, read_for
from interp_gui.core.runtime import Forward
from interp_gui.core.target import Target

NOT_A_NUMBER = "The answer is not a number."


class Seen(NamedTuple):
    """One image as the network gets it."""

    path: str
    pixels: NDArray[np.uint8]
    """(h, w, 3), before normalisation."""
    batch: NDArray[np.float32]
    """(1, C, h, w)."""
    changes: tuple[ImageEdit, ...] = ()
    """What was changed of it, in force."""

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes."""
        return image_sha256(self.path)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.batch.shape[2], self.batch.shape[3]


def see(context: Context, path: str) -> Seen:
    """Read one image file, changed as the edits asked for say; a broken one raises ImageProblem."""
    preprocessing = context.model.preprocessing
    levels = cropped(read_for(path, preprocessing), preprocessing)
    changes: tuple[ImageEdit, ...] = ()
    if context.inputs.edits.active_image_edits:
        changes = changes_of(context.inputs.edits, image_sha256(path))
    if changes:
        levels = changed_pixels(levels, changes, context.pixels)
    batch = normalised(levels, preprocessing)[None]
    return Seen(path, as_shown(levels, preprocessing), batch, changes)


def current_image(context: Context) -> Seen:
    """The first image asked about."""
    if not context.inputs.images:
        raise InvalidValue("An image is needed.", hint="Choose an image first.")
    return see(context, context.inputs.images[0])


def asked_layer(context: Context) -> LayerInfo:
    """The layer asked about; that of the first feature where only features are given."""
    name = context.inputs.layer
    if not name and context.inputs.features:
        name = context.inputs.features[0].layer
    if not name:
        raise InvalidValue("A layer is needed.", hint="Choose a layer first.")
    return context.model.description.layer(name)


def asked_features(context: Context, *, heads: bool = False) -> tuple[Feature, ...]:
    """The features asked for, each proved to fit its layer.

    Parameters
    ----------
    heads
        Whether features that name heads of attention are understood; they are refused otherwise.
    """
    for feature in context.inputs.features:
        feature.check(context.model.description.layer(feature.layer))
        if feature.heads and not heads:
            raise MissingAbility(
                f"{feature.text} is a head, and this analysis is about units.",
                hint="Name a unit of the layer, or draw the head's activation map.",
            )
    return context.inputs.features


def unit(context: Context, layer: str, index: int) -> Feature:
    """One unit of a layer as a feature of this model."""
    model = context.model.description.weights_sha256
    return Feature(layer=layer, units=(index,), model=model)


def main_output(context: Context) -> str:
    """Name of the output that the Target is about."""
    names = [output.name for output in context.model.description.outputs]
    wanted = context.inputs.target.output
    return wanted if wanted in names or not names else names[0]


def fixed_target(context: Context, batch: NDArray[np.float32]) -> Target:
    """The Target with its class filled in from the unedited model's answer for one image.

    Parameters
    ----------
    batch
        (1, C, h, w) as `see` gives it; where that image was changed, the unchanged one is asked.
    """
    target = context.inputs.target
    target.check(context.model.description)
    if target.index is not None or target.kind in ("scalar", "similarity"):
        return target
    outputs = context.model.forward(_unchanged(context, batch)).outputs[main_output(context)]
    if np.isnan(outputs[0]).any():
        check_number(outputs[0])
    return target.fixed(outputs[0])


def _unchanged(context: Context, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """The input of the same image without its changes."""
    if not changes_asked_of(context.inputs):
        return batch
    plain = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=EditStack()))
    for path in context.inputs.images:
        seen = see(context, path)
        if seen.changes and np.array_equal(seen.batch, batch):
            return see(plain, path).batch
    return batch


def check_number(values: NDArray[np.floating[Any]]) -> None:
    """Raise InvalidValue for answers of which one is not a number: nothing explains those."""
    if not np.isfinite(np.asarray(values, np.float64)).all():
        raise InvalidValue(
            NOT_A_NUMBER,
            hint="Where the model's notes say that tensors are not finite, open an earlier "
            "checkpoint.",
        )


def run_edited(
    context: Context,
    batch: NDArray[np.float32],
    *,
    capture: Sequence[str] = (),
    further: Sequence[Edit] = (),
    until: str = "",
) -> Forward:
    """Run a batch under the edits asked for and `further` ones behind them.

    `until` (where to stop) counts only without edits: one behind it would never run.
    """
    asked = context.inputs.edits
    stack = msgspec.structs.replace(asked, edits=(*asked.edits, *further))
    return context.model.forward(
        batch,
        capture=capture,
        edits=stack,
        sources=context.sources,
        until=until if until and not stack.active else None,
    )


def edit_notes(context: Context) -> tuple[str, ...]:
    """What has to be said of results under edits; empty without any."""
    stack, notes = context.inputs.edits, []
    active = stack.active
    if active:
        what = ", ".join(words_of(edit) for edit in active)
        edits = "an edit" if len(active) == 1 else f"{len(active)} edits"
        notes.append(f"Computed with {edits} of the network: {what}.")
    changes = changes_asked_of(context.inputs)
    if changes:
        notes.append(f"Computed with the image changed: {words_for(changes)}.")
    return (*notes, *stack.warnings(context.model.description.weights_sha256))


def changes_asked_of(inputs: Inputs) -> tuple[ImageEdit, ...]:
    """The changes in force of the images asked about; those of other images change nothing."""
    stack = inputs.edits
    if not stack.active_image_edits:
        return ()
    asked = set()
    for path in inputs.images:
        with suppress(ImageProblem):  # a broken image is told of where it is read
            asked.add(image_sha256(path))
    return tuple(edit for edit in stack.active_image_edits if edit.image in asked)
