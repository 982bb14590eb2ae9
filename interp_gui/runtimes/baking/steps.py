"""An edit as few plain operations with constants, for graphs that keep it as nodes."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interp_gui.core.edit import Edit
from interp_gui.runtimes.baking.affine import Vector, affine_of

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scale:
    """Multiply each unit by its factor."""

    factors: Vector


@dataclass(frozen=True)
class Shift:
    """Add a number to each unit."""

    numbers: Vector


@dataclass(frozen=True)
class Replace:
    """Put numbers in the place of some units."""

    mask: Mask
    numbers: Vector


@dataclass(frozen=True)
class Mix:
    """Multiply by a matrix (C, C) along the axis of units."""

    matrix: Vector


@dataclass(frozen=True)
class Limit:
    """Keep each unit between two numbers."""

    low: Vector
    high: Vector


@dataclass(frozen=True)
class LimitAlong:
    """Keep coordinates of directions between two numbers: basis (C, k), inverse (k, C)."""

    basis: Vector
    inverse: Vector
    low: float
    high: float


Step = Scale | Shift | Replace | Mix | Limit | LimitAlong


def steps_of(edit: Edit, count: int) -> tuple[Step, ...]:
    """The operations of an edit along an axis of `count` values.

    Raises
    ------
    NotBakeable
        It is bound to a place or to another image.
    """
    if edit.kind == "clamp" and edit.place.kind == "everywhere":
        return _limits(edit, count)
    change = affine_of(edit, count)
    if not change.diagonal:
        mixed = (Mix(change.matrix),) if change.mixes else ()
        return (*mixed, *((Shift(change.shift),) if change.moves else ()))
    gone = change.matrix == 0
    factors = np.where(gone, 1.0, change.matrix)
    kept = np.where(gone, 0.0, change.shift)
    steps: list[Step] = []
    if bool((factors != 1).any()):
        steps.append(Scale(factors))
    if bool(kept.any()):
        steps.append(Shift(kept))
    if bool(gone.any()):
        steps.append(Replace(gone, change.shift))
    return tuple(steps)


def _limits(edit: Edit, count: int) -> tuple[Step, ...]:
    low = -np.inf if edit.low is None else float(edit.low)
    high = np.inf if edit.high is None else float(edit.high)
    units = edit.feature.units
    if edit.feature.vectors or len(set(units)) < len(units):
        basis = edit.feature.basis(count)
        inverse = np.linalg.pinv(basis).astype(np.float64)
        return (LimitAlong(basis, inverse, low, high),)
    chosen = np.zeros(count, bool)
    chosen[list(units) if units else slice(None)] = True
    return (Limit(np.where(chosen, low, -np.inf), np.where(chosen, high, np.inf)),)


def applied(value: Tensor, axis: int, steps: tuple[Step, ...]) -> Tensor:
    """Do the operations on a tensor, units along `axis`."""
    for step in steps:
        value = _apply(value, axis, step)
    return value


def _apply(value: Tensor, axis: int, step: Step) -> Tensor:
    def along(numbers: NDArray[np.generic]) -> Tensor:
        shape = [1] * value.ndim
        shape[axis] = -1
        found = torch.as_tensor(np.array(numbers), device=value.device).reshape(shape)
        return found if found.dtype == torch.bool else found.to(value.dtype)

    def matrix(numbers: Vector) -> Tensor:
        return torch.as_tensor(numbers, dtype=value.dtype, device=value.device)

    if isinstance(step, Scale):
        return value * along(step.factors)
    if isinstance(step, Shift):
        return value + along(step.numbers)
    if isinstance(step, Replace):
        return torch.where(along(step.mask), along(step.numbers), value)
    if isinstance(step, Limit):
        return torch.minimum(torch.maximum(value, along(step.low)), along(step.high))
    # spelled out, as exporters do not understand a moved axis that is counted from the end
    order = [a for a in range(value.ndim) if a != axis] + [axis]
    back = [order.index(a) for a in range(value.ndim)]
    turned = value.permute(order)
    if isinstance(step, Mix):
        return (turned @ matrix(step.matrix.T)).permute(back)
    found = turned @ matrix(step.inverse.T)
    change = (found.clamp(step.low, step.high) - found) @ matrix(step.basis.T)
    return value + change.permute(back)
