"""Affine changes written into rows and columns of weights, in float64."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from interp_gui.runtimes.baking.affine import Affine, Vector, constant
from interp_gui.runtimes.baking.flow import Reader, readers_of
from interp_gui.runtimes.baking.outcome import NotBakeable
from interp_gui.runtimes.baking.tracing import Call, Traced, Value

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "linear": ("input", "weight", "bias"),
    **dict.fromkeys(CONVOLUTIONS, (
        "input", "weight", "bias", "stride", "padding", "dilation", "groups",
    )),
    **dict.fromkeys(TRANSPOSED, (
        "input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation",
    )),
    "batch_norm": (
        "input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps",
    ),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
}  # fmt: skip
MAKERS = frozenset(_ARGUMENTS)
"""Calls into whose weights a change of what they give can be written."""


class Sheet:
    """Weights as they become, one change after the other; a copy can be tried and dropped.

    Attributes
    ----------
    new
        Changed parameters and buffers by name, float64.
    """

    def __init__(self, traced: Traced, new: Mapping[str, Tensor] | None = None) -> None:
        self.traced = traced
        self.new = dict(new or {})

    def copy(self) -> "Sheet":
        """The same state, to be changed apart."""
        return Sheet(self.traced, self.new)

    def held(self, call: Call, what: str) -> Tensor | None:
        """A weight of a call as it is now; None if the call has none of that name."""
        given = argument(call, what)
        if given is None:
            return None
        kept: Tensor = given.detach().double().cpu()
        return self.new.get(self.name(call, what), kept)

    def name(self, call: Call, what: str) -> str:
        """The name of a weight of a call.

        Raises
        ------
        NotBakeable
            It is computed from others, or serves several calls.
        """
        given = argument(call, what)
        name = self.traced.name_of(given)
        if not name:
            raise NotBakeable(f"the weights of '{call.where}' are computed from others")
        if self.traced.uses(given) > 1:
            raise NotBakeable(f"'{name}' is used more than once in a pass")
        return name

    def put(self, call: Call, what: str, value: Tensor) -> str:
        """Set a weight of a call; gives its name."""
        name = self.name(call, what)
        self.new[name] = value
        return name


def argument(call: Call, what: str) -> Any:
    """An argument of a call by name."""
    if what in call.kwargs:
        return call.kwargs[what]
    place = _ARGUMENTS[call.name].index(what)
    return call.args[place] if place < len(call.args) else None


def as_tensor(values: Vector) -> Tensor:
    """A float64 tensor of numbers."""
    return torch.tensor(values, dtype=torch.float64)


def groups_of(call: Call) -> int:
    """Groups of a convolution; 1 for anything else."""
    return int(argument(call, "groups") or 1) if "groups" in _ARGUMENTS[call.name] else 1


def into_readers(sheet: Sheet, value: Value, axis: int, change: Affine) -> list[str]:
    """Write a change of a value into all that read it; names of the weights that changed.

    Raises
    ------
    NotBakeable
        Some reader cannot take it.
    """
    names: list[str] = []
    for reader in readers_of(sheet.traced, value, axis, change):
        if reader.call.name == "batch_norm":
            names += _into_batch_norm(sheet, reader, change)
        else:
            names += _into_columns(sheet, reader, change)
    return list(dict.fromkeys(names))


def _into_columns(sheet: Sheet, reader: Reader, change: Affine) -> list[str]:
    call = reader.call
    weight = sheet.held(call, "weight")
    assert weight is not None
    transposed = call.name in TRANSPOSED
    ours = torch.as_tensor(reader.units >= 0)
    units = torch.as_tensor(reader.units).clamp_min(0)
    shift = torch.where(ours, as_tensor(change.shift)[units], 0.0)
    names: list[str] = []
    if bool(shift.any()):
        if reader.padded or _pads(call):
            raise NotBakeable(
                f"'{call.where}' reads it with zeros around it, so that a constant would be wrong "
                "at the borders"
            )
        if transposed:
            raise NotBakeable(f"'{call.where}' spreads it unevenly, so no constant can stand in")
        names += _into_bias(sheet, call, _summed(weight, shift, groups_of(call)))
    if change.mixes:
        mixed = _columns(weight, reader, change, groups_of(call), transposed=transposed)
        names.append(sheet.put(call, "weight", mixed))
    return names


def _summed(weight: Tensor, shift: Tensor, groups: int) -> Tensor:
    """What a constant input adds to each output."""
    flat = weight.flatten(2).sum(2) if weight.ndim > 2 else weight
    rows = flat.reshape(groups, -1, flat.shape[1])
    return torch.einsum("goi,gi->go", rows, shift.reshape(groups, -1)).reshape(-1)


def _into_bias(sheet: Sheet, call: Call, step: Tensor) -> list[str]:
    bias = sheet.held(call, "bias")
    if bias is not None:
        return [sheet.put(call, "bias", bias + step)]
    if not bool(step.any()):
        return []
    axis = call.gives[0].ndim - 1 if call.name == "linear" else 1
    behind = Value(call.gives[0], call.index + 1)
    try:
        return into_readers(sheet, behind, axis, constant(step.numpy()))
    except NotBakeable as problem:
        raise NotBakeable(
            f"'{call.where}' has no bias to take the constant, and behind it {problem}"
        ) from None


def _pads(call: Call) -> bool:
    if call.name not in CONVOLUTIONS:
        return False
    padding = argument(call, "padding")
    if isinstance(padding, str):
        weight = argument(call, "weight")
        return padding == "same" and any(extent > 1 for extent in weight.shape[2:])
    return any(padding) if isinstance(padding, tuple | list) else bool(padding)


def _columns(
    weight: Tensor, reader: Reader, change: Affine, groups: int, *, transposed: bool
) -> Tensor:
    """Weight · A, by channel of the input."""
    units = reader.units
    ours = units >= 0
    axis = 0 if transposed else 1
    if change.diagonal:
        factor = torch.where(
            torch.as_tensor(ours), as_tensor(change.matrix)[torch.as_tensor(units).clamp_min(0)],
            1.0,
        )  # fmt: skip
        if transposed:
            return weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
        per_group = factor.reshape(groups, 1, -1).expand(groups, len(weight) // groups, -1)
        return weight * per_group.reshape(len(weight), -1, *[1] * (weight.ndim - 2))
    if groups > 1:
        raise NotBakeable(
            f"'{reader.call.where}' reads each unit apart, so it cannot take one that mixes them"
        )
    result = weight.movedim(axis, -1).clone()
    matrix = as_tensor(change.full)
    for channels in _copies(units, len(change.shift)):
        chosen = torch.as_tensor(channels)
        result[..., chosen] = result[..., chosen] @ matrix
    return result.movedim(-1, axis)


def _copies(units: Any, count: int) -> list[list[int]]:
    """Channels that hold one copy of each unit, in the order of units."""
    by_unit: list[list[int]] = [[] for _ in range(count)]
    for channel, unit in enumerate(units):
        if unit >= 0:
            by_unit[unit].append(channel)
    if len({len(each) for each in by_unit}) > 1:
        raise NotBakeable("what reads it takes some of its units only, and the change mixes them")
    return [list(copy) for copy in zip(*by_unit, strict=True)]


def _into_batch_norm(sheet: Sheet, reader: Reader, change: Affine) -> list[str]:
    call = reader.call
    units = torch.as_tensor(reader.units)
    ours = units >= 0
    if not change.diagonal:
        raise NotBakeable(
            f"the norm '{call.where}' reads each unit apart, so it cannot take one that mixes them"
        )
    factor = torch.where(ours, as_tensor(change.matrix)[units.clamp_min(0)], 1.0)
    shift = torch.where(ours, as_tensor(change.shift)[units.clamp_min(0)], 0.0)
    if reader.padded and bool(shift.any()):
        raise NotBakeable(f"'{call.where}' reads it with zeros around it")
    mean, variance = sheet.held(call, "running_mean"), sheet.held(call, "running_var")
    if mean is None or variance is None:
        raise NotBakeable(f"the norm '{call.where}' measures every image anew")
    if bool((factor == 1).all()):
        return [sheet.put(call, "running_mean", mean - shift)]
    weight, bias = sheet.held(call, "weight"), sheet.held(call, "bias")
    if weight is None or bias is None:
        raise NotBakeable(f"the norm '{call.where}' has no weights of its own")
    slope = weight / (variance + _epsilon(call)).sqrt()
    names = [sheet.put(call, "weight", weight * factor)]
    moved = bias + slope * (shift - mean + factor * mean)
    return [*names, sheet.put(call, "bias", moved)]


def _epsilon(call: Call) -> float:
    given = argument(call, "eps")
    return 1e-5 if given is None else float(given)


def into_maker(
    sheet: Sheet, value: Value, axis: int, change: Affine, *, edited: list[Value]
) -> list[str]:
    """Write a change of a value into the weights that make it; names of those that changed.

    Parameters
    ----------
    edited
        All values with edits: a rewritten convolution may not be among them.

    Raises
    ------
    NotBakeable
        No weights make it, or they cannot take the change.
    """
    call = sheet.traced.maker(value)
    if call is None or call.name not in MAKERS:
        raise NotBakeable("no weights make it directly")
    if any(c.takes_it(value.tensor) for c in sheet.traced.calls[call.index + 1 : value.at]):
        raise NotBakeable("it is read before the place where the edit acts")
    own = value.tensor.ndim - 1 if call.name in ("linear", "layer_norm") else 1
    if axis != own:
        raise NotBakeable(f"its units lie along another axis than the rows of '{call.where}'")
    if call.name in ("batch_norm", "layer_norm", "group_norm"):
        return _of_norm(sheet, call, change, edited)
    return into_rows(sheet, call, change)


def into_rows(sheet: Sheet, call: Call, change: Affine, *, start: int = 0) -> list[str]:
    """Write a change into rows of a linear layer or convolution, from row `start` on."""
    weight = sheet.held(call, "weight")
    assert weight is not None
    if call.name in TRANSPOSED and groups_of(call) > 1:
        raise NotBakeable(f"'{call.where}' is a transposed convolution in groups")
    rows = weight.movedim(1, 0) if call.name in TRANSPOSED else weight
    chosen = slice(start, start + len(change.shift))
    if groups_of(call) > 1 and not change.diagonal:
        raise NotBakeable(f"'{call.where}' makes each unit from other inputs, so none can be mixed")
    bias = sheet.held(call, "bias")
    own = torch.zeros(len(rows), dtype=torch.float64) if bias is None else bias.clone()
    moved = own.clone()
    moved[chosen] = _applied(change, own[chosen, None])[:, 0] + as_tensor(change.shift)
    if bias is None and bool(moved.any()):
        raise NotBakeable(f"'{call.where}' has no bias to take the constant")
    names: list[str] = []
    if change.mixes:
        mixed = rows.clone()
        mixed[chosen] = _applied(change, rows[chosen].flatten(1)).reshape(rows[chosen].shape)
        names.append(
            sheet.put(call, "weight", mixed.movedim(0, 1) if call.name in TRANSPOSED else mixed)
        )
    if bias is not None and not torch.equal(moved, own):
        names.append(sheet.put(call, "bias", moved))
    return names


def _applied(change: Affine, rows: Tensor) -> Tensor:
    matrix = as_tensor(change.matrix)
    return matrix[:, None] * rows if change.diagonal else matrix @ rows


def _of_norm(sheet: Sheet, call: Call, change: Affine, edited: list[Value]) -> list[str]:
    weight, bias = sheet.held(call, "weight"), sheet.held(call, "bias")
    if weight is None or bias is None or weight.ndim != 1:
        raise NotBakeable(f"the norm '{call.where}' has no weights of its own")
    if change.diagonal:
        names = [sheet.put(call, "weight", _applied(change, weight[:, None])[:, 0])]
        moved = _applied(change, bias[:, None])[:, 0] + as_tensor(change.shift)
        return [*names, sheet.put(call, "bias", moved)]
    if call.name != "batch_norm":
        raise NotBakeable(f"the norm '{call.where}' makes each unit apart, so none can be mixed")
    return _behind_convolution(sheet, call, weight, bias, change, edited)


def _behind_convolution(
    sheet: Sheet, norm: Call, weight: Tensor, bias: Tensor, change: Affine, edited: list[Value]
) -> list[str]:
    """Mix units of a batch norm by mixing those of the convolution that it alone reads.

    With y = s (z − μ) + β and z = W k + b, the change A y + c is s (W'k + b − μ) + β' for
    W' = S⁻¹ A S W and β' = A (s (b − μ) + β) + c − s (b − μ).
    """
    given = argument(norm, "input")
    before = Value(given, norm.index)
    maker = sheet.traced.maker(before)
    lone = sheet.traced.uses(given) == 1 and not sheet.traced.is_returned(given)
    if maker is None or maker.name not in (*CONVOLUTIONS, "linear") or not lone:
        raise NotBakeable(f"the norm '{norm.where}' makes each unit apart, so none can be mixed")
    if any(each.tensor is given and each.within is None for each in edited):
        raise NotBakeable(f"'{maker.where}' in front of it is edited too, and both need its rows")
    mean, variance = sheet.held(norm, "running_mean"), sheet.held(norm, "running_var")
    if mean is None or variance is None:
        raise NotBakeable(f"the norm '{norm.where}' measures every image anew")
    slope = weight / (variance + _epsilon(norm)).sqrt()
    if bool((slope == 0).any()):
        raise NotBakeable(f"the norm '{norm.where}' has switched some of its units off")
    matrix = as_tensor(change.full)
    own = sheet.held(maker, "bias")
    offset = slope * ((0.0 if own is None else own) - mean)
    turned = Affine((matrix * slope[None] / slope[:, None]).numpy(), change.shift * 0.0)
    rows = sheet.held(maker, "weight")
    assert rows is not None
    if groups_of(maker) > 1:
        raise NotBakeable(
            f"'{maker.where}' makes each unit from other inputs, so none can be mixed"
        )
    mixed = _applied(turned, rows.flatten(1)).reshape(rows.shape)
    moved = matrix @ (offset + bias) + as_tensor(change.shift) - offset
    return [sheet.put(maker, "weight", mixed), sheet.put(norm, "bias", moved)]
