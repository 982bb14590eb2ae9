"""What an activation store keeps of a layer's value, made within the ONNX graph or in numpy."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interp_gui.runtimes.faster.reducing import (
    PARTS,
    Floats,
    Reduction,
    Steps,
    add_extremes,
    add_flat,
    part_names,
)

_WIDEST, _NARROWEST = 16, 4
"""Units whose squares are summed at once."""


class Harvested(NamedTuple):
    """What is recorded of n images in one layer of C units.

    Parameters
    ----------
    peak, low, mean, mean_square
        (n, C) float32: largest and smallest value, mean, and mean of squares over the positions.
    position
        (n, C) int64: where the peak is, row by row, or token by token behind those left out; of
        equal values the first.
    vectors
        (n, p, C) float32: all units at the p places that were asked for.
    norms
        (n, positions) float32: length of the vector at every position, of layers with tokens.
    """

    peak: Floats
    position: NDArray[np.int64]
    low: Floats
    mean: Floats
    mean_square: Floats
    vectors: Floats
    norms: Floats | None = None


def harvest_names(value: str, reduction: Reduction) -> list[str]:
    """Names of the graph's values that hold the parts of `Harvested`."""
    parts = Harvested._fields if reduction.tokens else Harvested._fields[:-1]
    return part_names(value, parts)


def places_name(value: str) -> str:
    """Name of the graph's input that takes the places, (N, p) int64."""
    return f"{value}/places"


def add_harvest(model: Any, value: str, reduction: Reduction) -> None:
    """Append to an ONNX model (opset 18 or later) what makes `Harvested` of one of its values."""
    from onnx import TensorProto

    steps = Steps(model, value)
    flat = add_flat(steps, value, reduction)
    add_extremes(steps, flat, value, reduction)
    units = reduction.units
    squared = f"{value}/mean_square"
    if reduction.tokens:
        squares = steps.node("Mul", [flat, flat])
        steps.node("ReduceMean", [squares, steps.constant([2])], squared, keepdims=0)
        lengths = steps.node("ReduceSum", [squares, steps.constant([1])], keepdims=0)
        steps.node("Sqrt", [lengths], f"{value}/norms")
        steps.port(f"{value}/norms", TensorProto.FLOAT, ["N", "positions"])
    else:
        _add_mean_square(steps, flat, reduction, squared)
    steps.port(squared, TensorProto.FLOAT, ["N", units])
    places = steps.wanted(places_name(value), TensorProto.INT64, ["N", "places"])
    alike = steps.node("Unsqueeze", [places, steps.constant([1])])
    every = steps.node("Expand", [alike, steps.constant([1, units, 1])])
    columns = steps.node("GatherElements", [flat, every], axis=2)
    steps.node("Transpose", [columns], f"{value}/vectors", perm=[0, 2, 1])
    steps.port(f"{value}/vectors", TensorProto.FLOAT, ["N", "places", units])


def _add_mean_square(steps: Steps, flat: str, reduction: Reduction, output: str) -> None:
    """Mean of squares: the diagonal of products of a few units with themselves.

    A matrix product reads the values once and writes next to nothing; ONNX Runtime's own sum of
    squares takes twice its time and squaring first half as much again (measured).
    """
    together = _together(reduction.units)
    if reduction.grid is None or together < _NARROWEST:
        squares = steps.node("Mul", [flat, flat])
        steps.node("ReduceMean", [squares, steps.constant([2])], output, keepdims=0)
        return
    positions = reduction.grid[0] * reduction.grid[1]
    few = steps.node("Reshape", [flat, steps.constant([-1, together, positions])])
    turned = steps.node("Transpose", [few], perm=[0, 2, 1])  # becomes a part of the product
    products = steps.node("MatMul", [few, turned])
    diagonal = steps.constant(np.eye(together) / positions, np.float32)
    own = steps.node("Mul", [products, diagonal])
    sums = steps.node("ReduceSum", [own, steps.constant([2])], keepdims=0)
    steps.node("Reshape", [sums, steps.constant([-1, reduction.units])], output)


def _together(units: int) -> int:
    """The most units up to a limit that divide all of them."""
    return next(n for n in range(min(_WIDEST, units), 0, -1) if units % n == 0)


def harvested_of(flat: Floats, places: NDArray[Any], *, norms: bool) -> Harvested:
    """The same of an array (n, C, positions), in numpy: the reference.

    NaN is taken for the lowest value where the peak is sought, and passed on by everything else.

    Parameters
    ----------
    places
        (n, p) positions.
    norms
        Whether the length of the vector at every position is wanted.
    """
    missing = np.isnan(flat)
    known = np.where(missing, -np.inf, flat) if missing.any() else flat
    position = known.argmax(axis=2)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(flat)
        lengths = np.sqrt(squares.sum(axis=1)) if norms else None
        # image by image: a sum over the batch could round by its size
        mean, mean_square = (
            np.stack([image.mean(axis=1, dtype=np.float64) for image in values]).astype(np.float32)
            for values in (flat, squares)
        )
    return Harvested(
        peak=np.take_along_axis(flat, position[:, :, None], axis=2)[:, :, 0],
        position=position,
        low=flat.min(axis=2),
        mean=mean,
        mean_square=mean_square,
        vectors=np.take_along_axis(flat, np.asarray(places)[:, None, :], axis=2).transpose(0, 2, 1),
        norms=lengths,
    )


def pairs_of(true: Harvested, found: Harvested) -> Sequence[tuple[Any, Any]]:
    """What of two harvests has to agree, beside the extremes that `PARTS` names."""
    further = [field for field in Harvested._fields if field not in PARTS]
    pairs = [(getattr(true, field), getattr(found, field)) for field in further]
    return [(a, b) for a, b in pairs if a is not None]
