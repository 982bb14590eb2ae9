"""Reference implementation of every kind of edit, in float64 numpy.

It is the definition: runtimes may be faster, never different.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import EditProblem
from interp_gui.core.layer import Axis

Values = NDArray[np.floating[Any]]


def changed_coordinates(
    edit: Edit, coordinates: NDArray[np.float64], other: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Apply g to coordinates of shape (…, k); `other` are those of the source image."""
    if edit.kind == "scale":
        return coordinates * edit.amount
    if edit.kind == "clamp":
        low = -np.inf if edit.low is None else edit.low
        high = np.inf if edit.high is None else edit.high
        return np.clip(coordinates, low, high)
    if edit.kind == "add":
        step = np.asarray(edit.deviation) if edit.deviation else 1.0
        return coordinates + edit.amount * step
    if edit.kind == "project_out" or (edit.kind == "ablate" and edit.baseline.kind == "zero"):
        return np.zeros_like(coordinates)
    if edit.kind == "ablate" and edit.baseline.kind == "mean":
        return np.broadcast_to(np.asarray(edit.baseline.values, np.float64), coordinates.shape)
    if other is None:
        raise EditProblem(
            f"The edit of {edit.feature.text} needs the value of another image.",
            hint="Open the image that it was taken from.",
        )
    return np.broadcast_to(other, coordinates.shape)


def edited_axis(edit: Edit, axes: tuple[Axis, ...]) -> int:
    """Which axis (without the batch axis) the coordinates of an edit lie along.

    The unit axis, or the head axis where the feature names heads. A whole layer without units
    (an attention pattern) is edited value by value, along any axis.
    """
    if edit.feature.heads and "head" in axes:
        return axes.index("head")
    if "unit" in axes:
        return axes.index("unit")
    if not edit.feature.whole_layer:
        raise EditProblem(
            f"{edit.feature.text} names units, which this layer does not have.",
            hint="Name heads (LAYER:h3), or the whole layer.",
        )
    return axes.index("head") if "head" in axes else 0


def apply_edit(
    value: Values, edit: Edit, axes: tuple[Axis, ...], *, sources: Mapping[str, Values] = {}
) -> Values:
    """Apply one edit to the value of its layer.

    Parameters
    ----------
    value
        Array (N, …) of a batch; `axes` names all axes but the first.
    edit
        The edit; a disabled one returns a copy.
    sources
        By image SHA-256: the same layer's value for that image, shape `value.shape[1:]`; for
        edits of a whole layer also one value a row, shape `value.shape`.

    Returns
    -------
    A new array of the same dtype and shape.
    """
    if not edit.enabled:
        return value.copy()
    axis = edited_axis(edit, axes) + 1
    x = np.moveaxis(value.astype(np.float64), axis, -1)
    basis = edit.feature.basis(x.shape[-1])
    inverse = np.linalg.pinv(basis)
    coordinates = x @ inverse.T
    other = None
    if edit.image_source in sources and edit.image_source:
        source = np.asarray(sources[edit.image_source], np.float64)
        other = np.moveaxis(source, axis - (value.ndim - source.ndim), -1) @ inverse.T
    change = (changed_coordinates(edit, coordinates, other) - coordinates) @ basis.T
    mask = edit.place.mask(axes, value.shape[1:])[None]
    return (value + mask * np.moveaxis(change, -1, axis)).astype(value.dtype)


def apply_stack(
    value: Values,
    stack: EditStack,
    layer: str,
    axes: tuple[Axis, ...],
    *,
    sources: Mapping[str, Values] = {},
) -> Values:
    """Apply all active edits of one layer, in the stack's order."""
    for _, edit in stack.at(layer):
        value = apply_edit(value, edit, axes, sources=sources)
    return value
