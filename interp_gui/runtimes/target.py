"""The number being explained, computed from tensors so that it can be differentiated."""

from collections.abc import Mapping

import torch
from torch import Tensor

from interp_gui.core.errors import InvalidValue, unknown_name
from interp_gui.core.target import Target


def evaluate_target(outputs: Mapping[str, Tensor], target: Target) -> Tensor:
    """Value of a target for each image of a batch, shape (N,).

    The same as `Target.evaluate`, with gradients.

    Parameters
    ----------
    outputs
        Output name -> (N, C), or (N, C, …) where it has places.

    Raises
    ------
    UnknownName
        The model has no output of that name.
    InvalidValue
        The output has no such class or another number of dimensions.
    """
    if target.output not in outputs:
        raise unknown_name("output", target.output, outputs)
    rows = outputs[target.output]
    if rows.ndim > 2:
        rows = rows.flatten(2).mean(dim=2)
    if rows.ndim != 2:
        raise InvalidValue("A target needs an output of one number a class.")
    if target.kind == "similarity":
        return _similarity(rows, target)
    own = _column(rows, target)
    if target.kind == "logit_difference" and target.versus is not None:
        return own - rows[:, _checked(rows, target.versus)]
    if target.kind == "probability" and target.shares == "sigmoid":
        return torch.sigmoid(own)
    if target.kind == "probability":
        return torch.exp(own - rows.logsumexp(dim=1))
    return own


def _similarity(rows: Tensor, target: Target) -> Tensor:
    reference = torch.tensor(target.reference, dtype=rows.dtype, device=rows.device)
    if len(reference) != rows.shape[1]:
        raise InvalidValue(
            f"A reference of {len(reference)} numbers does not fit an embedding of {rows.shape[1]}."
        )
    norms = torch.linalg.vector_norm(rows, dim=1) * torch.linalg.vector_norm(reference)
    similarity: Tensor = rows @ reference / norms.clamp_min(1e-12)
    return similarity


def _column(rows: Tensor, target: Target) -> Tensor:
    if target.index is not None:
        return rows[:, _checked(rows, target.index)]
    if target.kind == "scalar":
        return rows[:, 0]
    return rows.gather(1, rows.argmax(dim=1, keepdim=True))[:, 0]


def _checked(rows: Tensor, index: int) -> int:
    if not 0 <= index < rows.shape[1]:
        raise InvalidValue(
            f"There is no class {index}.", hint=f"Classes are 0 to {rows.shape[1] - 1}."
        )
    return index
