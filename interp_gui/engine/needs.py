"""Whether a run has what its analysis needs, said before anything is computed."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from interp_gui.core.analysis import Analysis, Inputs, Need, parameter_infos
from interp_gui.core.errors import InterpError, InvalidValue, MissingAbility
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Runtime, differentiable


def check_needs(
    analysis: Analysis,
    model: Runtime,
    inputs: Inputs,
    settings: Any | None = None,
    *,
    other: Runtime | None = None,
) -> None:
    """Raise the first thing that is missing or does not fit.

    Parameters
    ----------
    settings
        The run's, which may do without some needs (`Analysis.spares`); None for the defaults.

    Raises
    ------
    InvalidValue
        Something was not given.
    UnknownName
        A layer or unit does not exist; near names are offered.
    MissingAbility
        The model or its runtime cannot do what is needed.
    EditProblem, InvalidValue
        An edit does not fit its layer.
    """
    spared = analysis.spares(settings) if settings is not None else ()
    needs = tuple(need for need in analysis.needs if need not in spared)
    if "other" in needs and other is None:
        raise InvalidValue(
            f"'{analysis.title}' compares two models.", hint="Open or name a second one."
        )
    for problem in _missing(analysis.title, needs, model, inputs, _way_out(analysis, settings)):
        raise problem
    description = model.description
    layers = list(_layers(model, inputs))
    for edit in () if analysis.judges_edits else inputs.edits.active:
        edit.feature.check(description.layer(edit.feature.layer))
    if "target" in analysis.needs:
        inputs.target.check(description)
    if "spatial" in analysis.needs:
        for layer in layers:
            if not layer.spatial:
                raise MissingAbility(
                    f"'{analysis.title}' needs positions, and layer '{layer.name}' has none.",
                    hint="Choose a layer before the pooling.",
                )


def _way_out(analysis: Analysis, settings: Any | None) -> str:
    """Which setting would do without gradients; empty if none does."""
    settings = settings if settings is not None else analysis.settings({})
    for info in parameter_infos(analysis.parameters):
        for choice in info.choices:
            if "gradient" in analysis.spares(dataclasses.replace(settings, **{info.name: choice})):
                return f"With {info.name}={choice} it goes without them."
    return ""


def _missing(
    title: str, needs: tuple[Need, ...], model: Runtime, inputs: Inputs, without_gradients: str
) -> Iterator[InterpError]:
    if "image" in needs and not inputs.images:
        yield InvalidValue(f"'{title}' needs an image.", hint="Open or name an image.")
    if "source" in needs and len(inputs.images) < 2:
        yield InvalidValue(
            f"'{title}' needs two images, and the second is missing.",
            hint="Choose a source image; typed, the base comes first: --images BASE SOURCE.",
        )
    if "dataset" in needs and not (inputs.dataset and inputs.dataset.images):
        yield InvalidValue(f"'{title}' needs images.", hint="Open or name a folder of images.")
    if "layer" in needs and not (inputs.layer or inputs.features):
        yield InvalidValue(f"'{title}' needs a layer.", hint="Choose a layer.")
    if "features" in needs and not inputs.features:
        yield InvalidValue(
            f"'{title}' needs a feature.", hint="Choose a unit, as in features.14:7."
        )
    if "edits" in needs and not (inputs.edits.active or inputs.edits.active_image_edits):
        yield InvalidValue(
            f"'{title}' needs an edit.",
            hint="Put one on the intervention panel, or name one as in --ablate features.14:7.",
        )
    if "examples" in needs and not inputs.examples:
        yield InvalidValue(f"'{title}' needs examples.", hint="Collect some first.")
    if "gradient" in needs and differentiable(model) is None:
        yield MissingAbility(
            f"'{title}' needs gradients, which this model's runtime cannot give.",
            hint=f"{model.description.gradient_problem} {without_gradients}".strip(),
        )
    if "classes" in needs and not model.description.class_count:
        yield MissingAbility(
            f"'{title}' needs classes, and '{model.description.name}' has none.",
            hint="Open a classifier.",
        )


def _layers(model: Runtime, inputs: Inputs) -> Iterator[LayerInfo]:
    if inputs.layer:
        yield model.description.layer(inputs.layer)
    for feature in inputs.features:
        layer = model.description.layer(feature.layer)
        feature.check(layer)
        yield layer
