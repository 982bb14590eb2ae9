"""A rank-one change of a linear map: "when you see this key, say that value".

``W' = W + (v* − W k*) (C⁻¹ k*)ᵀ / (k*ᵀ C⁻¹ k*)`` with C the second moment of the map's inputs: the
change that gives the key its value and moves all other inputs least in the mean (Meng et al. 2022,
after Bau et al. 2020). It is exact for linear layers and 1×1 convolutions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.layer import INPUT_SITE, Address
from interp_gui.core.runtime import Array
from interp_gui.runtimes.baking.arithmetic import CONVOLUTIONS, Sheet, groups_of
from interp_gui.runtimes.baking.outcome import NotBakeable
from interp_gui.runtimes.baking.planning import TRACED
from interp_gui.runtimes.baking.tracing import trace
from interp_gui.runtimes.hooks import plain_attention
from interp_gui.runtimes.torch_runtime import TorchRuntime

Matrix = NDArray[np.float64]

_WORST = 1e8
"""Condition of the second moment up to which nothing is added to it."""
_NOT_SOLVABLE = "The layer's inputs in the images at hand cannot be solved with."
_OTHER_IMAGES = "Choose other images, an earlier layer, or an earlier checkpoint."
_HINT = "Choose a linear layer or a 1×1 convolution; the Model panel shows their kinds."


@dataclass(frozen=True)
class KeyedLayer:
    """A linear map in a network.

    Parameters
    ----------
    weight
        Name of its parameter.
    matrix
        W (outputs, inputs).
    shape
        Of the parameter.
    reads, gives
        Addresses of its input and output.
    """

    weight: str
    matrix: Matrix
    shape: tuple[int, ...]
    reads: str
    gives: str

    def changed(self, matrix: Matrix) -> dict[str, Tensor]:
        """The parameter with another matrix, by its name."""
        return {self.weight: torch.as_tensor(matrix, dtype=torch.float32).reshape(self.shape)}


def keyed_layer(runtime: Any, layer: str, batch: Array) -> KeyedLayer:
    """The linear map that makes a layer's value.

    Raises
    ------
    MissingAbility
        It is not one that a key and a value can be written into; the reason is told.
    """
    if not isinstance(runtime, TorchRuntime):
        raise MissingAbility(
            "Only the weights of PyTorch models can be rewritten.",
            hint="Open the checkpoint that the ONNX file was exported from.",
        )
    traced = trace(runtime.module, runtime.tensor(batch[:TRACED]))
    name = str(Address.parse(layer))
    value = traced.values.get(name)
    call = traced.maker(value) if value is not None else None
    if call is None or call.name not in ("linear", *CONVOLUTIONS):
        raise MissingAbility(f"No linear layer or 1×1 convolution makes '{layer}'.", hint=_HINT)
    sheet = Sheet(traced)
    try:
        weight = sheet.held(call, "weight")
        parameter = sheet.name(call, "weight")
    except NotBakeable as problem:
        raise MissingAbility(f"'{layer}' cannot be rewritten: {problem}.", hint=_HINT) from None
    assert weight is not None
    if not bool(torch.isfinite(weight).all()):
        raise InvalidValue(
            f"The weights of '{layer}' are not all numbers, so nothing can be computed from them.",
            hint="Choose another layer, or open an earlier checkpoint.",
        )
    if any(extent > 1 for extent in weight.shape[2:]) or groups_of(call) > 1:
        kind = "a convolution in groups" if groups_of(call) > 1 else "a larger convolution"
        raise MissingAbility(f"'{layer}' is made by {kind}, not by a 1×1 one.", hint=_HINT)
    path, number = call.inside[-1] if call.inside else ("", 0)
    reads, gives = str(Address(path, number, INPUT_SITE)), str(Address(path, number))
    if not path or reads not in traced.values:
        raise MissingAbility(f"What '{layer}' reads cannot be looked at.", hint=_HINT)
    shape = tuple(weight.shape)
    return KeyedLayer(parameter, weight.reshape(shape[:2]).numpy(), shape, reads, gives)


@dataclass(frozen=True)
class Inverse:
    """Solves with a second moment, which is regularised only as far as it has to be.

    Parameters
    ----------
    added
        What was added to its diagonal, in parts of the diagonal's mean; 0 where nothing was.
    """

    matrix: Matrix
    added: float

    def __call__(self, key: Matrix) -> Matrix:
        """``C⁻¹ k``."""
        try:
            found: Matrix = np.linalg.solve(self.matrix, key).astype(np.float64)
        except np.linalg.LinAlgError:
            raise InvalidValue(_NOT_SOLVABLE, hint=_OTHER_IMAGES) from None
        return found


def inverse_of(moment: Matrix) -> Inverse:
    """The second moment (n, n), made solvable.

    Raises
    ------
    InvalidValue
        It holds what is not a number, or cannot be made solvable.
    """
    if not np.isfinite(moment).all():
        raise InvalidValue(
            "What the layer reads in the images at hand is not a number everywhere.",
            hint=_OTHER_IMAGES,
        )
    size = len(moment)
    mean = float(np.trace(moment)) / size or 1.0
    try:
        values = np.linalg.eigvalsh(moment)
    except np.linalg.LinAlgError:
        raise InvalidValue(_NOT_SOLVABLE, hint=_OTHER_IMAGES) from None
    low, high = float(values[0]), float(values[-1])
    if low > 0 and high / low <= _WORST:
        return Inverse(moment, 0.0)
    added = max(high / _WORST - low, 0.0)
    added = added if added > 0 else mean / _WORST
    return Inverse(moment + added * np.eye(size), added / mean)


def rank_one(matrix: Matrix, key: Matrix, value: Matrix, inverse: Inverse) -> Matrix:
    """The changed matrix W', for which ``W' key = value``.

    Raises
    ------
    InvalidValue
        The key or the value is not a number.
    ValueError
        The key is zero.
    """
    if not (np.isfinite(key).all() and np.isfinite(value).all()):
        raise InvalidValue(
            "What the layer reads or says there is not a number.",
            hint="Choose another image or place, or an earlier layer.",
        )
    direction = inverse(key)
    reach = float(key @ direction)
    if not reach > 0:
        raise ValueError("the key is zero")
    return matrix + np.outer(value - matrix @ key, direction) / reach


def answers_of(
    runtime: TorchRuntime, module: nn.Module, batch: Array
) -> Mapping[str, NDArray[Any]]:
    """What another network of the same build answers, by the outputs' names."""
    with torch.no_grad(), plain_attention():
        named = runtime.named_outputs(module(runtime.tensor(batch)))
    return {name: value.cpu().numpy() for name, value in named.items()}
