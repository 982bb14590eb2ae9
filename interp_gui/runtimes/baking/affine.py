"""What an edit does to a layer's value where it is linear: ``x' = A x + c`` along one axis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import Edit
from interp_gui.runtimes.baking.outcome import NotBakeable

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """``x' = A x + c`` in float64.

    Parameters
    ----------
    matrix
        A (C, C), or its diagonal (C,) where it has no other entries.
    shift
        c (C,).
    """

    matrix: Vector
    shift: Vector

    @property
    def diagonal(self) -> bool:
        """Whether every unit depends on itself alone."""
        return self.matrix.ndim == 1

    @property
    def moves(self) -> bool:
        """Whether a constant is added."""
        return bool(np.any(self.shift))

    @property
    def mixes(self) -> bool:
        """Whether anything but the constant changes."""
        same = np.ones(len(self.shift)) if self.diagonal else np.eye(len(self.shift))
        return not np.array_equal(self.matrix, same)

    @property
    def full(self) -> Vector:
        """A as a matrix."""
        return np.diag(self.matrix) if self.diagonal else self.matrix

    def then(self, later: "Affine") -> "Affine":
        """One change and another one behind it."""
        if self.diagonal and later.diagonal:
            return Affine(self.matrix * later.matrix, later.matrix * self.shift + later.shift)
        return Affine(later.full @ self.full, later.full @ self.shift + later.shift)


def constant(shift: Vector) -> Affine:
    """A change that only adds a constant."""
    return Affine(np.ones(len(shift)), np.asarray(shift, np.float64))


def affine_of(edit: Edit, count: int) -> Affine:
    """The change that an edit makes along an axis of `count` values.

    Raises
    ------
    NotBakeable
        It is not of that form.
    """
    if edit.place.kind != "everywhere":
        raise NotBakeable("it acts at a place only, and weights act everywhere")
    if edit.image_source:
        raise NotBakeable("it puts in the values of one image, which no weights compute")
    basis = edit.feature.basis(count)
    size = basis.shape[1]
    if edit.kind == "clamp":
        low = -np.inf if edit.low is None else edit.low
        high = np.inf if edit.high is None else edit.high
        if low == high:
            return _affine(edit, basis, factor=0.0, target=np.full(size, low))
        if (low, high) == (-np.inf, np.inf):
            return _affine(edit, basis, factor=1.0, target=np.zeros(size))
        raise NotBakeable("a limit is not linear: it depends on the value itself")
    if edit.kind == "scale":
        return _affine(edit, basis, factor=edit.amount, target=np.zeros(size))
    if edit.kind == "add":
        steps = edit.amount * np.asarray(edit.deviation or (1.0,), np.float64)
        return _affine(edit, basis, factor=1.0, target=np.broadcast_to(steps, (size,)))
    if edit.kind == "ablate" and edit.baseline.kind == "mean":
        means = np.asarray(edit.baseline.values, np.float64)
        return _affine(edit, basis, factor=0.0, target=np.broadcast_to(means, (size,)))
    return _affine(edit, basis, factor=0.0, target=np.zeros(size))


def _affine(edit: Edit, basis: Vector, *, factor: float, target: Vector) -> Affine:
    """Coordinates become ``factor · coordinates + target``."""
    units = edit.feature.units
    count = len(basis)
    if not edit.feature.vectors and len(set(units)) == len(units):
        matrix, shift = np.ones(count), np.zeros(count)
        chosen = list(units) if units else slice(None)
        matrix[chosen] = factor
        shift[chosen] = target
        return Affine(matrix, shift)
    # a factor of 1 leaves what it found to the last bit
    inverse = np.linalg.pinv(basis)
    change = (factor - 1.0) * (basis @ inverse) if factor != 1.0 else np.zeros((count, count))
    return Affine(np.eye(count) + change, basis @ target)
