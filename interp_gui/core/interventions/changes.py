"""What one edit changes in one image's value of its layer, apart from where it changes it.

With c = B⁺x the coordinates of the value, an edit adds M ⊙ Bδ with δ = g(c) − c. The same δ along
another basis of the same lengths and angles is a change of exactly the same size at each position:
that is what a control is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import Edit
from interp_gui.core.edit_reference import changed_coordinates, edited_axis
from interp_gui.core.feature import Feature
from interp_gui.core.layer import Axis

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One edit's change of one value.

    Parameters
    ----------
    axis
        Of the value without the batch axis: along which coordinates lie.
    units
        Extent of that axis, C.
    coordinates, delta
        (…, k) before the edit, and g(c) − c; the other axes stand in their order.
    weights
        M with the axis moved last, so that it broadcasts to `delta`.
    picked
        Indices along the axis where the basis is made of units; empty otherwise.
    basis
        (C, k) where it is made of vectors; None otherwise. With neither it is the whole layer.
    """

    axis: int
    units: int
    coordinates: Values
    delta: Values
    weights: Values
    picked: tuple[int, ...] = ()
    basis: Values | None = None

    @property
    def moved(self) -> float:
        """Euclidean length of the whole change; exactly 0 where nothing changes."""
        if not self.delta.any():
            return 0.0
        step = self.weights * self.delta
        return length_of(step if self.basis is None else step @ self.basis.T)

    @property
    def new_coordinates(self) -> Values:
        """g(c) where the weight is above 0, c elsewhere."""
        there = np.broadcast_to(self.weights > 0, self.delta.shape)
        return np.where(there, self.coordinates + self.delta, self.coordinates)

    @np.errstate(over="ignore", invalid="ignore")  # beyond 32 bits it is infinite, as in a network
    def onto(
        self, value: NDArray[Any], *, picked: tuple[int, ...] = (), basis: Values | None = None
    ) -> NDArray[np.float32]:
        """The value with the change made along other units or other vectors.

        Parameters
        ----------
        value
            The layer's value of one image, as it is before the edit.
        picked, basis
            As of the class; those of the edit itself by default.
        """
        if not picked and basis is None:
            picked, basis = self.picked, self.basis
        moved = np.moveaxis(np.asarray(value, np.float64), self.axis, -1).copy()
        step = self.weights * self.delta
        if basis is not None:
            moved += step @ basis.T
        elif picked:
            moved[..., list(picked)] += step
        else:
            moved += step
        return np.ascontiguousarray(np.moveaxis(moved, -1, self.axis), np.float32)


def length_of(values: NDArray[Any]) -> float:
    """Euclidean length of all numbers together.

    Without BLAS, whose threads would wait for each other where all cores are busy.
    """
    wide = np.asarray(values, np.float64)
    return float(np.sqrt(np.square(wide).sum()))


@np.errstate(over="ignore", invalid="ignore")
def change_of(
    edit: Edit, value: NDArray[Any], axes: tuple[Axis, ...], *, source: NDArray[Any] | None = None
) -> Change:
    """What an edit changes in a value (without the batch axis) of its layer.

    Parameters
    ----------
    source
        The same layer's value for the edit's other image.

    Raises
    ------
    EditProblem
        It needs another image's value, or its place does not fit the layer.
    """
    axis = edited_axis(edit, axes)
    x = np.moveaxis(np.asarray(value), axis, -1)
    other = None if source is None else np.moveaxis(np.asarray(source), axis, -1)
    weights = np.moveaxis(edit.place.mask(axes, value.shape), axis, -1)
    picked, basis = _basis(edit.feature, x.shape[-1])
    if basis is None:
        before = _picked(x, picked)
        given = None if other is None else _picked(other, picked)
        delta = changed_coordinates(edit, before, given) - before
    else:
        inverse = np.linalg.pinv(basis)
        wide = x.astype(np.float64)
        before = wide @ inverse.T
        if other is not None and edit.image_source:
            # subtracted before it is projected, so that a patch from itself changes nothing
            delta = (other.astype(np.float64) - wide) @ inverse.T
        else:
            delta = changed_coordinates(edit, before, None) - before
    return Change(
        axis=axis, units=x.shape[-1], coordinates=before, delta=np.asarray(delta, np.float64),
        weights=weights, picked=picked, basis=basis,
    )  # fmt: skip


def _basis(feature: Feature, units: int) -> tuple[tuple[int, ...], Values | None]:
    if feature.vectors or len(set(feature.units)) < len(feature.units):
        return (), feature.basis(units)
    return feature.units, None


def _picked(x: NDArray[Any], picked: tuple[int, ...]) -> Values:
    return np.asarray(x[..., list(picked)] if picked else x, np.float64)
