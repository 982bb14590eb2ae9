"""Following a value to whatever reads it, past what only moves or averages its numbers.

Instead of knowing what each of those functions does with its arguments, the function itself is
given the number of each value's unit in the value's place: where the numbers come out says where
the units went.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interp_gui.runtimes.baking.affine import Affine
from interp_gui.runtimes.baking.outcome import NotBakeable
from interp_gui.runtimes.baking.tracing import Call, Traced, Value

MOVES = frozenset((
    "flatten", "reshape", "view", "permute", "transpose", "swapaxes", "movedim", "contiguous",
    "squeeze", "unsqueeze", "getitem", "select", "narrow", "chunk", "split", "unbind", "roll",
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "clone",
    "detach", "expand", "unflatten", "tensor_split", "flip", "view_as", "reshape_as", "t",
    "as_subclass", "float", "identity",
    "pad", "cat", "concat", "concatenate",
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
    "adaptive_avg_pool3d", "mean",
))  # fmt: skip
"""Functions that move values, leave some out, or average those of one unit."""
_JOINS = frozenset(("cat", "concat", "concatenate"))
_MAXIMA = frozenset((
    "max_pool1d", "max_pool2d", "max_pool3d", "boolean_dispatch", "amax",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "max_pool2d_with_indices",
))  # fmt: skip
_POSITIVE = frozenset(("relu", "leaky_relu", "prelu", "abs", "sqrt"))
_THROUGH_ZERO = frozenset((
    "relu6", "hardtanh", "gelu", "silu", "hardswish", "mish", "tanh", "elu", "selu", "celu",
    "hardshrink", "softshrink", "softsign", "tanhshrink", "erf",
))  # fmt: skip
READERS = frozenset((
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "batch_norm",
))  # fmt: skip
_SUMS = frozenset(("add", "iadd", "radd"))
_NORMS = frozenset(("layer_norm", "group_norm", "instance_norm", "rms_norm"))
_CLOSE = 1e-6


@dataclass(frozen=True)
class Labels:
    """Of each place of a tensor: unit + 1, its square, and 1, as far as they are ours.

    Averages keep the three in step only where they average values of one unit.
    """

    unit: Tensor
    square: Tensor
    one: Tensor

    def through(self, change: Callable[[Tensor], Any]) -> list["Labels"]:
        """What a function makes of them, for each of its results."""
        made = [_tensors(change(part)) for part in (self.unit, self.square, self.one)]
        return [Labels(*parts) for parts in zip(*made, strict=True)]


@dataclass(frozen=True)
class Reader:
    """A call with weights that takes a value.

    Parameters
    ----------
    units
        For each channel of its input: the unit it holds, −1 for one that is not of the value.
    padded
        Whether some places of its input hold zeros instead of values, or parts of them.
    """

    call: Call
    units: NDArray[np.int64]
    padded: bool


def label(tensor: Tensor, axis: int) -> Labels:
    """Labels of a value whose units lie along one axis."""
    shape = [1] * tensor.ndim
    shape[axis] = -1
    numbers = torch.arange(1, tensor.shape[axis] + 1, dtype=torch.float64).reshape(shape)
    unit = numbers.expand(tensor.shape).clone()
    return Labels(unit, unit * unit, torch.ones_like(unit))


def readers_of(traced: Traced, value: Value, axis: int, change: Affine) -> list[Reader]:
    """All calls with weights that a changed value reaches, each by a way that keeps the change.

    Parameters
    ----------
    axis
        Of the units in the value, the batch axis counted.

    Raises
    ------
    NotBakeable
        Something reads it that no weights can make up for; it is named.
    """
    if axis >= value.tensor.ndim:
        raise NotBakeable("its units lie along no axis of what is computed")
    found: list[Reader] = []
    waiting = [(value.tensor, label(value.tensor, axis), value.at)]
    seen = 0
    while waiting:
        tensor, labels, start = waiting.pop()
        if traced.is_returned(tensor) and value.within is None:
            raise NotBakeable("it is the network's answer itself, and nothing reads it")
        for call in traced.calls[start:]:
            if not call.takes_it(tensor):
                continue
            if value.within is not None and value.within not in call.inside:
                continue
            seen += 1
            if call.name in READERS and _first(call) is tensor:
                found.append(_reader(call, labels))
                continue
            passed = _passed(call, tensor, labels, change)
            waiting += [
                (result, own, call.index + 1)
                for result, own in zip(call.gives, passed, strict=True)
                if bool(own.one.any())
            ]
            if call.gives_it(tensor):
                break  # it was written over, or handed on as it was
    if not seen:
        raise NotBakeable("nothing with weights reads it")
    return found


def _passed(call: Call, tensor: Tensor, labels: Labels, change: Affine) -> list[Labels]:
    name = call.name
    if name in MOVES:
        return _moved(call, tensor, labels)
    if name in _MAXIMA and change.diagonal and bool((change.matrix >= 0).all()):
        first = [_only(labels, call.gives[0])]
        return [*first, *[_nothing(each) for each in call.gives[1:]]]
    if not change.moves and change.diagonal:
        if name in _POSITIVE and bool((change.matrix >= 0).all()):
            return [labels]
        if name in _THROUGH_ZERO and bool(np.isin(change.matrix, (0.0, 1.0)).all()):
            return [labels]
    raise NotBakeable(_complaint(call, change))


def _moved(call: Call, tensor: Tensor, labels: Labels) -> list[Labels]:
    others = call.name in _JOINS

    def run(mine: Tensor) -> Any:
        def put(value: Any) -> Any:
            if value is tensor:
                return mine
            if isinstance(value, Tensor) and others:
                return torch.zeros(value.shape, dtype=torch.float64)
            if isinstance(value, list | tuple):
                changed = [put(each) for each in value]
                return changed if isinstance(value, list) else tuple(changed)
            return value

        args = tuple(put(each) for each in call.args)
        return call.func(*args, **{k: put(v) for k, v in call.kwargs.items()})

    try:
        with torch.no_grad():
            passed = labels.through(run)
    except (RuntimeError, TypeError, ValueError, IndexError):
        raise NotBakeable(f"{_place(call)} reads it in a way that is not understood") from None
    for each, result in zip(passed, call.gives, strict=True):
        if each.one.shape != result.shape:
            raise NotBakeable(f"{_place(call)} reads it in a way that is not understood")
        _check_unmixed(each, call)
    return passed


def _check_unmixed(labels: Labels, call: Call) -> None:
    there = labels.one > _CLOSE
    mean = labels.unit[there] / labels.one[there]
    spread = labels.square[there] / labels.one[there] - mean * mean
    if bool((spread.abs() > _CLOSE * (1 + mean * mean)).any()):
        raise NotBakeable(f"{_place(call)} averages over its units")


def _only(labels: Labels, result: Tensor) -> Labels:
    """Labels behind a maximum over places: units stay on their axis (channels first)."""
    if labels.unit.ndim != result.ndim or labels.unit.shape[:2] != result.shape[:2]:
        raise NotBakeable("a maximum reads it in a way that is not understood")
    inner = (slice(None), slice(None), *(slice(0, 1) for _ in range(result.ndim - 2)))
    parts = [part[inner] for part in (labels.unit, labels.square, labels.one)]
    full = Labels(*(part.expand(result.shape).clone() for part in parts))
    if not torch.equal(labels.unit, labels.unit[inner].expand(labels.unit.shape)):
        raise NotBakeable("a maximum reads it in a way that is not understood")
    return full


def _nothing(result: Tensor) -> Labels:
    none = torch.zeros(result.shape, dtype=torch.float64)
    return Labels(none, none, none)


def _reader(call: Call, labels: Labels) -> Reader:
    axis = labels.unit.ndim - 1 if call.name == "linear" else 1
    unit = labels.unit.movedim(axis, 0).flatten(1)
    one = labels.one.movedim(axis, 0).flatten(1)
    there = one > _CLOSE
    ours = there.any(1)
    number = torch.where(there, unit / one.clamp_min(_CLOSE), torch.nan)
    low = torch.where(there, number, torch.inf).amin(1)
    high = torch.where(there, number, -torch.inf).amax(1)
    if bool((ours & ((high - low).abs() > _CLOSE * (1 + high.abs()))).any()):
        raise NotBakeable(f"{_place(call)} reads its units along another axis")
    units = torch.where(ours, low, torch.zeros_like(low)).round().to(torch.int64) - 1
    padded = bool(((one - 1).abs() > _CLOSE)[ours].any())
    return Reader(call, units.numpy(), padded)


def _first(call: Call) -> Any:
    return call.args[0] if call.args else call.kwargs.get("input")


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [each for each in value if isinstance(each, Tensor)]


def _place(call: Call) -> str:
    return f"'{call.where}'" if call.where else "the network"


def _complaint(call: Call, change: Affine) -> str:
    if call.name in _SUMS:
        return f"an addition (a skip connection) in {_place(call)} takes it as well"
    if call.name in _NORMS:
        return f"the norm {_place(call)} reads it, which is not linear"
    if call.name in _MAXIMA | _POSITIVE | _THROUGH_ZERO:
        return (
            f"a nonlinearity ({call.name}) in {_place(call)} reads it, which this change does not "
            "pass through"
        )
    return f"an operation without weights ({call.name}) in {_place(call)} reads it"
