"""Edits as numbers for the slots of a rewritten graph: the same as `core.edit_reference`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import Edit
from interp_gui.core.edit_reference import edited_axis
from interp_gui.core.errors import EditProblem
from interp_gui.core.layer import LayerInfo
from interp_gui.runtimes.onnx.rewriting import SlotKind

Values = NDArray[np.floating[Any]]
Feeds = dict[str, NDArray[Any]]


def slot_kind(edit: Edit, layer: LayerInfo) -> SlotKind:
    """The kind of slot that an edit needs; raises where its place does not fit the layer."""
    if edit.feature.heads and "head" not in layer.axes:
        raise EditProblem(
            f"{edit.feature.text} names heads, which this layer does not have.",
            hint="Name a unit (LAYER:7), or a layer that has heads.",
        )
    if _in_coordinates(edit):
        if edit.feature.heads or "unit" not in layer.axes:
            raise EditProblem(f"{edit.feature.text} names a head twice.")
        return "vectors"
    mask = edit.place.mask(layer.axes, layer.shape)
    return "hard" if bool(np.isin(mask, (0.0, 1.0)).all()) else "soft"


def slot_feeds(edit: Edit, layer: LayerInfo, *, source: Values | None = None) -> Feeds:
    """Numbers for an edit's slot, by the names of its inputs; what is left out does nothing.

    Parameters
    ----------
    source
        The layer's value for the edit's other image, of the layer's shape.

    Raises
    ------
    EditProblem
        The other image's value is missing or of another shape, or the numbers do not fit.
    """
    if edit.image_source:
        _check_source(edit, layer, source)
    return _on_vectors(edit, layer, source) if _in_coordinates(edit) else _on_units(
        edit, layer, source
    )  # fmt: skip


def _in_coordinates(edit: Edit) -> bool:
    units = edit.feature.units
    return bool(edit.feature.vectors) or len(set(units)) < len(units)


def _check_source(edit: Edit, layer: LayerInfo, source: Values | None) -> None:
    if source is None:
        raise EditProblem(
            f"The edit of {edit.feature.text} needs the value of another image.",
            hint="Open the image that it was taken from.",
        )
    if tuple(source.shape) != layer.shape:
        raise EditProblem(
            f"The other image's value for {edit.feature.text} has the shape "
            f"{tuple(source.shape)}, not {layer.shape}.",
            hint="Use images of the same input size.",
        )


def _on_units(edit: Edit, layer: LayerInfo, source: Values | None) -> Feeds:
    axis, rank = edited_axis(edit, layer.axes) + 1, len(layer.shape) + 1
    units, extent = edit.feature.units, layer.shape[axis - 1]
    chosen = np.ones(extent)
    if units:
        chosen = np.zeros(extent)
        chosen[list(units)] = 1.0
    weights = edit.place.mask(layer.axes, layer.shape)[None] * _along(chosen, axis, rank)
    hard = bool(np.isin(weights, (0.0, 1.0)).all())
    feeds: Feeds = {"mask": weights.astype(bool if hard else np.float32)}

    def spread(numbers: tuple[float, ...]) -> NDArray[np.float32]:
        """One number a chosen unit, at its place among all."""
        count = len(units) or extent
        if len(numbers) not in (1, count):
            raise EditProblem(f"{len(numbers)} numbers do not fit {count} units.")
        full = np.zeros(extent)
        full[list(units) if units else slice(None)] = numbers if len(numbers) > 1 else numbers[0]
        return _along(full, axis, rank)

    return feeds | _parameters(edit, spread, None if source is None else source[None], rank)


def _on_vectors(edit: Edit, layer: LayerInfo, source: Values | None) -> Feeds:
    rank = len(layer.shape) + 1
    basis = edit.feature.basis(layer.units)
    inverse = np.linalg.pinv(basis)
    feeds: Feeds = {
        "inverse": np.ascontiguousarray(inverse.T, np.float32),
        "basis": np.ascontiguousarray(basis.T, np.float32),
        "mask": edit.place.mask(layer.axes, layer.shape)[None].astype(np.float32),
    }
    count = basis.shape[1]

    def spread(numbers: tuple[float, ...]) -> NDArray[np.float32]:
        if len(numbers) not in (1, count):
            raise EditProblem(f"{len(numbers)} numbers do not fit {count} directions.")
        return _along(np.broadcast_to(numbers, (count,)), rank - 1, rank)

    other = None
    if source is not None:
        # seen from the other image's value, its coordinates are zero
        feeds["origin"] = np.ascontiguousarray(source, np.float32)[None]
        other = np.zeros((1,) * rank)
    found = _parameters(edit, spread, other, rank)
    if edit.kind == "add":
        # what is added to the coordinates, not to what is left of their rounding
        found["plus"] = found.pop("shift")
    return feeds | found


def _parameters(edit: Edit, spread: Any, other: Values | None, rank: int) -> Feeds:
    """min(max(c · scale + shift, low), high) as the kind of an edit needs it."""
    one = (1,) * rank

    def number(value: float) -> NDArray[np.float32]:
        return np.full(one, value, np.float32)

    if edit.kind == "scale":
        return {"scale": number(edit.amount)}
    if edit.kind == "clamp":
        low = -np.inf if edit.low is None else edit.low
        high = np.inf if edit.high is None else edit.high
        return {"low": number(low), "high": number(high)}
    if edit.kind == "add":
        steps = edit.deviation or (1.0,)
        return {"shift": spread(tuple(edit.amount * step for step in steps))}
    if other is not None:
        value = np.ascontiguousarray(other, np.float32)
    elif edit.kind == "ablate" and edit.baseline.kind == "mean":
        value = spread(edit.baseline.values)
    else:
        value = number(0.0)
    # between equal limits lies one number, whatever stood there
    return {"low": value, "high": value}


def _along(numbers: Any, axis: int, rank: int) -> NDArray[np.float32]:
    shape = [1] * rank
    shape[axis] = -1
    return np.ascontiguousarray(np.asarray(numbers, np.float32).reshape(shape))
