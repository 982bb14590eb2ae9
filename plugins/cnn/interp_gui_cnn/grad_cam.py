"""Grad-CAM: where in the image a layer speaks for the Target.

R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", ICCV 2017; HiResCAM: R. L. Draelos and L. Carin, arXiv:2011.08891.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.plugins import (
    Analysis,
    Context,
    Heatmap,
    Progress,
    Steps,
    asked_features,
    asked_layer,
    current_image,
    edit_notes,
    fixed_target,
    layer_gradient,
    parameter,
    require_positions,
    unit_maps,
    upsample,
)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `grad-cam`."""

    method: Literal["grad-cam", "hirescam"] = parameter(
        "grad-cam",
        help="Weigh each unit by its mean gradient, or (HiResCAM) each place by its own gradient.",
    )
    relu: bool = parameter(
        True,
        title="ReLU",
        help="Keep only what speaks for the Target; off: signed, also what speaks against.",
    )
    normalise: bool = parameter(
        False, help="Divide by the largest magnitude: comparable in shape, no longer in size."
    )
    upsampled: bool = parameter(
        True, help="Interpolate to the image's pixels; off: one value a cell.", advanced=True
    )


def cam(
    maps: NDArray[np.float32], gradients: NDArray[np.float32], *, method: str = "grad-cam"
) -> NDArray[np.float64]:
    """Map (h, w) from one image's activation and gradient, both (units, h, w), before the ReLU.

    Grad-CAM: ``Σ_u α_u A_u`` with α_u the mean of the gradient over the h · w places. HiResCAM:
    ``Σ_u G_u ⊙ A_u``.

    Notes
    -----
    Before global average pooling and one linear layer of weights w, α_u = w_u / (h·w), so that
    the map is the class activation map divided by h·w, its sum is the logit without its bias,
    and both methods are the same.
    """
    activation, slope = maps.astype(np.float64), gradients.astype(np.float64)
    if method == "grad-cam":
        slope = slope.mean(axis=(1, 2), keepdims=True)
    result: NDArray[np.float64] = (slope * activation).sum(axis=0)
    return result


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Heatmap` of the layer, or one for each feature asked for, of its own contribution."""
    seen = current_image(context)
    features = asked_features(context)
    if features:
        layers = [context.model.description.layer(f.layer) for f in features]
    else:
        layers = [asked_layer(context)]
    for layer in layers:
        require_positions(layer)
    target = fixed_target(context, seen.batch)
    what = target.title(context.model.description)
    for i, layer in enumerate(layers):
        context.check()
        yield Progress(done=i, total=len(layers), text="Following the gradient")
        found = layer_gradient(context, seen.batch, layer, target)
        maps = unit_maps(found.value, layer, seen.size)[0]
        gradients = unit_maps(found.gradient, layer, seen.size)[0]
        feature = features[i] if features else None
        if feature is not None and not feature.whole_layer:
            maps, gradients = _within(maps, gradients, feature.basis(layer.units))
        values = cam(maps, gradients, method=parameters.method)
        numbers: dict[str, float | int | str | bool | None] = {
            "target": float(found.target[0]),
            "sum_signed": float(values.sum()),
            "maximum": float(values.max()),
            "minimum": float(values.min()),
        }
        notes = list(edit_notes(context))
        if not np.any(found.gradient):
            notes.append("The Target does not depend on this layer here: the gradient is zero.")
        elif parameters.relu and values.max() <= 0:
            notes.append("Nothing here speaks for the Target; without ReLU the map is negative.")
        if "token" in layer.axes:
            notes.append("Class and register tokens have no place in the image and are left out.")
        if parameters.relu:
            values = np.maximum(values, 0.0)
        largest = float(np.abs(values).max())
        if parameters.normalise and largest > 0:
            values = values / largest
        shown = values.astype(np.float32)
        yield Heatmap(
            key=feature.text if feature is not None else layer.name,
            title=f"{_NAMES[parameters.method]} of the {what} at "
            f"{feature.title if feature is not None else layer.name}",
            values=upsample(shown, seen.size) if parameters.upsampled else shown,
            image=seen.pixels,
            symmetric=not parameters.relu,
            unit="share of the largest" if parameters.normalise else "contribution to the target",
            numbers=numbers,
            feature=feature,
            notes=tuple(notes),
            provenance={"image_sha256": seen.sha256, "target_class": target.index},
        )
    yield Progress(done=len(layers), total=len(layers), text="Following the gradient")


_NAMES = {"grad-cam": "Grad-CAM", "hirescam": "HiResCAM"}


def _within(
    maps: NDArray[np.float32], gradients: NDArray[np.float32], basis: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coordinates ``B⁺A`` and the gradients ``BᵀG`` with respect to them, (k, h, w)."""
    inverse = np.linalg.pinv(basis)
    inside = np.einsum("ku,uhw->khw", inverse, maps.astype(np.float64))
    slopes = np.einsum("uk,uhw->khw", basis, gradients.astype(np.float64))
    return inside.astype(np.float32), slopes.astype(np.float32)


ANALYSIS = Analysis(
    id="grad-cam",
    title="Grad-CAM",
    summary="Where in the image a layer speaks for the Target, as a heat map.",
    parameters=Parameters,
    needs=("image", "layer", "target", "gradient", "spatial"),
    produces=("heatmap",),
    run=run,
)
