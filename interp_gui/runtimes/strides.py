"""Copies that keep the order of a tensor in memory.

Kernels are chosen by it: the same values in another order give a convolution's result with other
roundings, and an edit that changes nothing would change the answer.
"""

import torch
from torch import Tensor


def with_strides_of(value: Tensor, like: Tensor) -> Tensor:
    """`value` laid out in memory like `like`, with its graph."""
    if value.stride() == like.stride() or overlaps(like):
        return value
    laid_out = torch.empty_strided(
        tuple(like.shape), like.stride(), dtype=value.dtype, device=value.device
    )
    return laid_out.copy_(value)


def copied(value: Tensor) -> Tensor:
    """A copy of its own, laid out like the original, with its graph."""
    return with_strides_of(value.clone(), value)


def overlaps(tensor: Tensor) -> bool:
    """Whether elements may share memory (expanded tensors), which cannot be written."""
    reach = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1:
            if stride < reach:
                return True
            reach = stride * size
    return False
