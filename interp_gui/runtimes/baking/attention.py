"""Queries, keys, values and head outputs: rows and columns of the layers around an attention.

Which rows they are is found by value: the layer whose numbers, taken apart into heads, are those
of the site bit for bit or nearly so.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from interp_gui.core.layer import Address, LayerInfo
from interp_gui.runtimes.baking.affine import Affine
from interp_gui.runtimes.baking.arithmetic import Sheet, as_tensor, into_rows
from interp_gui.runtimes.baking.outcome import NotBakeable
from interp_gui.runtimes.baking.tracing import Call, Traced

_CLOSE = 1e-5


@dataclass(frozen=True)
class AttentionSite:
    """A site within an attention, as rows or columns of a linear layer.

    Parameters
    ----------
    start
        First of its rows, for queries, keys and values.
    reads
        Whether the layer reads it (head outputs); else it makes it.
    heads, size
        Heads, and units of each.
    factor
        By what its numbers are multiplied before they are the site's (scaled queries).
    at
        Place of the layer among all calls.
    """

    call: Call
    start: int
    reads: bool
    heads: int
    size: int
    factor: float = 1.0

    @property
    def at(self) -> int:
        """Where in the pass it is."""
        return self.call.index

    def write(self, sheet: Sheet, whole: Affine) -> list[str]:
        """Write a change of all units of all heads; names of the weights that changed."""
        if not self.reads:
            own = Affine(whole.matrix, whole.shift / self.factor)
            return into_rows(sheet, self.call, own, start=self.start)
        weight, bias = sheet.held(self.call, "weight"), sheet.held(self.call, "bias")
        assert weight is not None
        names: list[str] = []
        if whole.moves:
            if bias is None:
                raise NotBakeable(f"'{self.call.where}' has no bias to take the constant")
            names.append(sheet.put(self.call, "bias", bias + weight @ as_tensor(whole.shift)))
        if whole.mixes:
            matrix = as_tensor(whole.matrix)
            mixed = weight * matrix if whole.diagonal else weight @ matrix
            names.append(sheet.put(self.call, "weight", mixed))
        return names

    def whole(self, change: Affine, *, of_heads: bool) -> Affine:
        """A change of heads, or of the units of every head, as one of all units in a row.

        Edits of both kinds at one site can then follow each other in their order.
        """
        if of_heads:
            shift = np.repeat(change.shift, self.size)
            if change.diagonal:
                return Affine(np.repeat(change.matrix, self.size), shift)
            return Affine(np.kron(change.matrix, np.eye(self.size)).astype(np.float64), shift)
        shift = np.tile(change.shift, self.heads)
        if change.diagonal:
            return Affine(np.tile(change.matrix, self.heads), shift)
        return Affine(np.kron(np.eye(self.heads), change.matrix).astype(np.float64), shift)


def attention_site(
    traced: Traced, info: LayerInfo, axis: int, held: NDArray[Any]
) -> AttentionSite:  # fmt: skip
    """Find the layer that makes, or reads, a site's value.

    Parameters
    ----------
    held
        The value in the pass that was traced, (N, …, token, head, unit).

    Raises
    ------
    NotBakeable
        Something that is not linear stands between.
    """
    site = Address.parse(info.name)
    heads, size = held.shape[-2:]
    if axis not in (held.ndim - 2, held.ndim - 1):
        raise NotBakeable("its units lie along no axis of a weight")
    # tokens of an attention lie behind the batch axis, or in front of it
    orders = [held] if held.ndim < 4 else [held, held.swapaxes(0, 1)]
    flat = [torch.as_tensor(np.ascontiguousarray(o).reshape(-1, heads * size)) for o in orders]
    reads = site.site == "z"
    for call in traced.calls:
        inside = any(path == site.path and number == site.call for path, number in call.inside)
        if call.name != "linear" or not inside:
            continue
        tensor = (call.args[0] if call.args else call.kwargs["input"]) if reads else call.gives[0]
        rows = tensor.reshape(-1, tensor.shape[-1])
        for start in range(0, 1 if reads else rows.shape[-1], heads * size):
            part = rows[:, start : start + heads * size]
            for each in flat:
                factor = 1.0 if reads else _factor(part, each)
                if factor and _equal(part * factor, each):
                    return AttentionSite(call, start, reads, heads, size, factor)
    what = "reads" if reads else "makes"
    raise NotBakeable(f"no linear layer {what} '{info.name}' directly")


def _factor(part: torch.Tensor, whole: torch.Tensor) -> float:
    """The one number that turns one into the other, if any does."""
    if part.shape != whole.shape:
        return 0.0
    own = part.cpu().double().flatten()
    size = float(own @ own)
    found = float(own @ whole.double().flatten()) / size if size else 0.0
    return 1.0 if abs(found - 1.0) < _CLOSE else found


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape:
        return False
    scale = float(other.abs().max()) or 1.0
    return float((one.cpu() - other).abs().max()) <= _CLOSE * scale
