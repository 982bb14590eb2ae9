"""Edits on tensors: the same as `core.edit_reference`, with gradients.

A change is computed as a difference that is exactly zero where nothing changes, so that an edit
that does nothing leaves every bit as it was.
"""

import numpy as np
import torch
from torch import Tensor

from interp_gui.core.edit import Edit
from interp_gui.core.edit_reference import edited_axis
from interp_gui.core.errors import EditProblem
from interp_gui.core.layer import Axis
from interp_gui.runtimes.strides import with_strides_of


def apply_edit(
    value: Tensor, edit: Edit, axes: tuple[Axis, ...], *, source: Tensor | None = None
) -> Tensor:
    """Apply one edit to the value of its layer.

    Parameters
    ----------
    value
        Tensor (N, …); `axes` names all axes but the first.
    source
        The same layer's value for the edit's other image, `value.shape[1:]`; for an edit of the
        whole layer also one a row, `value.shape`.

    Returns
    -------
    A new tensor; `value` is left alone.

    Raises
    ------
    EditProblem
        The edit needs another image's value that is missing or of another shape, or its place
        does not fit the layer.
    """
    if edit.image_source:
        _check_source(value, edit, source)
    if edit.feature.heads and "head" not in axes:
        raise EditProblem(
            f"{edit.feature.text} names heads, which this layer does not have.",
            hint="Name a unit (LAYER:7), or a layer that has heads.",
        )
    axis = edited_axis(edit, axes) + 1
    mask = _mask(value, edit, axes)
    units = edit.feature.units
    if edit.feature.vectors or len(set(units)) < len(units):
        changed = _along_vectors(value, edit, axis, mask, source)
    else:
        changed = _on_units(value, edit, axis, mask, source)
    return with_strides_of(changed, value)


def _check_source(value: Tensor, edit: Edit, source: Tensor | None) -> None:
    if source is None:
        raise EditProblem(
            f"The edit of {edit.feature.text} needs the value of another image.",
            hint="Open the image that it was taken from.",
        )
    # one value for all images of a batch, or for a whole layer one a row
    rows = edit.feature.whole_layer and source.shape == value.shape
    if not rows and source.shape != value.shape[1:]:
        raise EditProblem(
            f"The other image's value for {edit.feature.text} has the shape "
            f"{tuple(source.shape)}, not {tuple(value.shape[1:])}.",
            hint="Use images of the same input size.",
        )


def _mask(value: Tensor, edit: Edit, axes: tuple[Axis, ...]) -> Tensor | None:
    """Weights (1, …) that broadcast to the value; None for everywhere."""
    if edit.place.kind == "everywhere":
        return None
    weights = edit.place.mask(axes, tuple(value.shape[1:]))
    return torch.as_tensor(weights, dtype=value.dtype, device=value.device)[None]


def _on_units(
    value: Tensor, edit: Edit, axis: int, mask: Tensor | None, source: Tensor | None
) -> Tensor:
    """Edits of units or of the whole layer: coordinates are the values themselves."""
    if edit.feature.whole_layer:
        return _blend(value, _new_units(value, edit, axis, source), mask)
    index = torch.tensor(edit.feature.units, device=value.device)
    old = value.index_select(axis, index)
    picked = None if source is None else source.index_select(axis - 1, index)
    return value.index_copy(axis, index, _blend(old, _new_units(old, edit, axis, picked), mask))


def _blend(old: Tensor, new: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return new.clone() if new is old else new
    # Where the weight is 1 the new value stands as it is, without rounding of old + (new - old).
    return torch.where(mask == 1, new, old + mask * (new - old))


def _new_units(old: Tensor, edit: Edit, axis: int, source: Tensor | None) -> Tensor:
    """Apply g where the coordinates are units along `axis`."""
    if edit.kind == "scale":
        return old * edit.amount
    if edit.kind == "clamp":
        return _clamped(old, edit)
    if edit.kind == "add":
        step = _along(edit.deviation, old, axis) if edit.deviation else 1.0
        return old + edit.amount * step
    if source is not None:
        return source.expand_as(old).clone()
    if edit.baseline.kind == "mean":
        return _along(edit.baseline.values, old, axis).expand_as(old).clone()
    return torch.zeros_like(old)


def _clamped(values: Tensor, edit: Edit) -> Tensor:
    low = -float("inf") if edit.low is None else edit.low
    high = float("inf") if edit.high is None else edit.high
    return values.clamp(low, high)


def _along(numbers: tuple[float, ...], like: Tensor, axis: int) -> Tensor:
    if len(numbers) not in (1, like.shape[axis]):
        raise EditProblem(f"{len(numbers)} numbers do not fit {like.shape[axis]} units.")
    shape = [1] * like.ndim
    shape[axis] = len(numbers)
    return torch.tensor(numbers, dtype=like.dtype, device=like.device).reshape(shape)


def _along_vectors(
    value: Tensor, edit: Edit, axis: int, mask: Tensor | None, source: Tensor | None
) -> Tensor:
    """Edits in the coordinates of a basis of directions."""
    basis = edit.feature.basis(value.shape[axis])
    inverse = np.linalg.pinv(basis)
    b = torch.as_tensor(basis, dtype=value.dtype, device=value.device)
    p = torch.as_tensor(inverse, dtype=value.dtype, device=value.device)
    x = value.movedim(axis, -1)
    other = None if source is None else source.movedim(axis - 1, -1)
    change = (_coordinate_change(x, p, edit, other) @ b.T).movedim(-1, axis)
    return value + (change if mask is None else mask * change)


def _coordinate_change(x: Tensor, inverse: Tensor, edit: Edit, other: Tensor | None) -> Tensor:
    """g(c) − c with c = B⁺x, (…, k)."""
    if other is not None:
        # Subtracting before projecting: two products of other shapes would round differently.
        return (other - x) @ inverse.T
    if edit.kind == "add":
        step = torch.tensor(edit.deviation or (1.0,), dtype=x.dtype, device=x.device)
        return (edit.amount * step).expand(*x.shape[:-1], inverse.shape[0])
    c = x @ inverse.T
    if edit.kind == "scale":
        return c * (edit.amount - 1.0)
    if edit.kind == "clamp":
        return _clamped(c, edit) - c
    if edit.kind == "ablate" and edit.baseline.kind == "mean":
        return torch.tensor(edit.baseline.values, dtype=x.dtype, device=x.device) - c
    return -c
