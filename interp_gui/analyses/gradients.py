"""The gradient of the Target with respect to a layer, under the edits asked for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import check_number, main_output
from interp_gui.core.analysis import Context
from interp_gui.core.layer import LayerInfo
from interp_gui.core.target import Target


@dataclass(frozen=True, kw_only=True)
class LayerGradient:
    """A layer's value for one batch, and how the Target changes with it.

    Parameters
    ----------
    value, gradient
        (N, …) with the layer's axes; the gradient of image i's Target with respect to image i's
        value, all zero if the Target does not depend on the layer.
    target
        (N,) values of the Target.
    """

    value: NDArray[np.float32]
    gradient: NDArray[np.float32]
    target: NDArray[np.float64]


def layer_gradient(
    context: Context, batch: NDArray[np.float32], layer: LayerInfo, target: Target
) -> LayerGradient:
    """One pass forward and backward.

    Raises
    ------
    MissingAbility
        The model's runtime cannot differentiate.
    InvalidValue
        The Target's value is not a finite number.
    """
    runtime = context.differentiable
    import torch

    from interp_gui.runtimes.target import evaluate_target

    with torch.enable_grad():
        # The weights are frozen: only an input that wants a gradient makes torch keep a graph.
        x = torch.tensor(np.asarray(batch), device=context.model.device).requires_grad_(True)
        traced = runtime.trace(
            x, capture=[layer.name], edits=context.inputs.edits, sources=context.sources
        )
        captured = traced.captured[layer.name]
        name = main_output(context)
        output = traced.outputs.get(name)
        if output is None:
            output = next(iter(traced.outputs.values()))
        value = evaluate_target({target.output: output}, target)
        check_number(value.detach().cpu().numpy())
        gradient = None
        if value.requires_grad:  # not where edits behind the layer put all that follows in place
            (gradient,) = torch.autograd.grad(value.sum(), captured, allow_unused=True)
    array = captured.detach().cpu().numpy()
    slope = np.zeros_like(array) if gradient is None else gradient.detach().cpu().numpy()
    return LayerGradient(value=array, gradient=slope, target=value.detach().cpu().double().numpy())
