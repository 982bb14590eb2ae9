"""Which directions, which images and which Target a question about sensitivity is about."""

import time
from collections.abc import Generator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import (
    asked_features,
    current_image,
    fixed_target,
    main_output,
    run_edited,
    see,
)
from interp_gui.analyses.concept.pooling import require_one_vector
from interp_gui.analyses.concept_sensitivity.settings import Parameters
from interp_gui.analyses.dataset_pass import Known, identified, images_at_hand, sampled
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.target import Target

_LOOKED_AT = 20
"""For each image wanted at most so many are asked for their answer."""
_SPEAK_EVERY_S = 0.1
_OF_CLASSES = ("logit", "logit_difference", "probability")


@dataclass(frozen=True, kw_only=True)
class Direction:
    """One direction of one layer.

    Parameters
    ----------
    feature
        With one unit or one vector.
    vector
        (C,) in the layer's units.
    """

    feature: Feature
    layer: LayerInfo
    vector: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The images asked about, and words for how they were chosen."""

    images: tuple[Known, ...]
    words: str
    broken: dict[int, str]


def directions(context: Context) -> list[Direction]:
    """The features asked for, one direction each; several units or vectors are several."""
    found = []
    for feature in asked_features(context):
        layer = context.model.description.layer(feature.layer)
        require_one_vector(layer, "mean")
        if feature.whole_layer:
            raise InvalidValue(
                f"{feature.text} is a whole layer and no direction.",
                hint="Choose a unit, a concept or an atlas cell.",
            )
        parts = (
            [msgspec.structs.replace(feature, units=(u,)) for u in feature.units]
            if feature.units
            else [msgspec.structs.replace(feature, vectors=(v,)) for v in feature.vectors]
        )
        for part in parts:
            vector = part.basis(layer.units)[:, 0]
            if not vector.any():
                raise InvalidValue(f"The direction of {feature.title} is zero.")
            found.append(Direction(feature=part, layer=layer, vector=vector))
    return found


def asked_target(context: Context) -> Target:
    """The Target with its class; that of the current image's answer where none is chosen."""
    target = context.inputs.target
    target.check(context.model.description)
    if target.index is not None or target.kind not in _OF_CLASSES:
        return target
    if not context.inputs.images:
        raise InvalidValue(
            "It is not said which class the answer is to be.", hint="Choose a class as the Target."
        )
    return fixed_target(context, current_image(context).batch)


def chosen_images(
    context: Context, target: Target, parameters: Parameters
) -> Generator[Progress, None, Chosen]:
    """The images of the Target's class, at most as many as asked for.

    Raises
    ------
    InvalidValue
        There are none.
    """
    broken: dict[int, str] = {}
    every = yield from identified(context, broken)
    drawn = sampled(every, len(every), seed=context.inputs.seed, stratified=False)
    wanted = target.index if target.kind in _OF_CLASSES else None
    by = parameters.images
    if wanted is None or by == "all":
        return _chosen(drawn[: parameters.most], "images at hand", broken)
    name = context.model.description.class_name(wanted)
    labelled = [image for image in drawn if image.truth == wanted]
    if by == "label" or (by == "automatic" and labelled):
        found = labelled[: parameters.most]
        if not found:
            raise InvalidValue(
                f"No image at hand is labelled '{name}'.",
                hint="Choose images by their answer, or another class as the Target.",
            )
        return _chosen(found, f"images labelled '{name}'", broken)
    found = yield from _answering(context, drawn, wanted, parameters.most, broken)
    if not found:
        raise InvalidValue(
            f"For no image at hand the answer is '{name}'.",
            hint="Choose another class as the Target, or all images.",
        )
    return _chosen(found, f"images answered '{name}'", broken)


def _chosen(images: list[Known], words: str, broken: dict[int, str]) -> Chosen:
    if not images:
        raise InvalidValue("No image at hand can be read.", hint=next(iter(broken.values()), ""))
    return Chosen(images=tuple(images), words=words, broken=broken)


def _answering(
    context: Context, drawn: list[Known], wanted: int, most: int, broken: dict[int, str]
) -> Generator[Progress, None, list[Known]]:
    """The first images whose answer is a class."""
    found: list[Known] = []
    name = main_output(context)
    spoken_s = time.monotonic()
    looked_at = drawn[: most * _LOOKED_AT]
    for done, image in enumerate(looked_at):
        context.check()
        try:
            outputs = run_edited(context, see(context, image.entry.path).batch).outputs[name]
        except ImageProblem as problem:
            broken[image.place] = problem.message
            continue
        if int(np.argmax(outputs[0])) == wanted:
            found.append(image)
        if len(found) == most:
            break
        if time.monotonic() - spoken_s > _SPEAK_EVERY_S:
            spoken_s = time.monotonic()
            yield Progress(done=done, total=len(looked_at), text="Asking the model")
    return found


def dataset_size(context: Context) -> int:
    """How many images are at hand."""
    return len(images_at_hand(context).images)
