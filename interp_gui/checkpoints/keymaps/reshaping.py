"""Ways to reshape one tensor into another, which maps name; they work without values too."""

import torch


def rows(*tensors: torch.Tensor) -> torch.Tensor:
    """Tensors one below the other."""
    if len({tensor.shape for tensor in tensors}) > 1:
        raise ValueError("parts of one matrix have the same shape")
    first = tensors[0]
    if first.is_meta:
        # only the shape is asked for, and torch's own way imports its compiler: seconds
        return first.new_empty((sum(len(tensor) for tensor in tensors), *first.shape[1:]))
    return torch.cat(tensors)


def zeros_for_rows(weight: torch.Tensor) -> torch.Tensor:
    """A bias that changes nothing, for a layer that has none."""
    return weight.new_zeros(weight.shape[0])


def transposed(weight: torch.Tensor) -> torch.Tensor:
    """A matrix for a layer that multiplies from the other side."""
    if weight.dim() != 2:
        raise ValueError("only matrices are transposed")
    return weight.t().contiguous()


def flat(tensor: torch.Tensor) -> torch.Tensor:
    """All numbers along one axis."""
    return tensor.reshape(-1)


def as_matrix(weight: torch.Tensor) -> torch.Tensor:
    """A 1×1 convolution as a matrix."""
    if weight.dim() != 4 or weight.shape[2:] != (1, 1):
        raise ValueError("only 1×1 convolutions are matrices")
    return weight.reshape(weight.shape[:2])


def as_convolution(weight: torch.Tensor) -> torch.Tensor:
    """A matrix as a 1×1 convolution."""
    if weight.dim() != 2:
        raise ValueError("only matrices become 1×1 convolutions")
    return weight.reshape(*weight.shape, 1, 1)


def leading_axis(tensor: torch.Tensor) -> torch.Tensor:
    """With an axis for the batch in front."""
    return tensor.unsqueeze(0)
