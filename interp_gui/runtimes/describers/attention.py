"""Attention as its definition has it: what the fused kernels compute and do not show."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_FUSED = (
    "query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa",
)  # fmt: skip


@dataclass(frozen=True)
class FusedCall:
    """Arguments of `scaled_dot_product_attention`.

    Parameters
    ----------
    query, key, value
        (…, head, token, size).
    rest
        Everything else by name.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    rest: dict[str, Any]

    @classmethod
    def of(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "FusedCall":
        """Read positional and named arguments."""
        named = dict(zip(_FUSED, args, strict=False)) | kwargs
        return cls(named.pop("query"), named.pop("key"), named.pop("value"), named)

    def pattern(self) -> Tensor:
        """softmax(query keyᵀ · scale + mask), (…, head, query, key)."""
        key = self._expanded(self.key)
        scale = self.rest.get("scale")
        scale = self.query.shape[-1] ** -0.5 if scale is None else scale
        scores = (self.query * scale) @ key.transpose(-2, -1)
        mask = self.rest.get("attn_mask")
        if self.rest.get("is_causal"):
            allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
            scores = scores.masked_fill(~allowed, -float("inf"))
        elif mask is not None and mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, -float("inf"))
        elif mask is not None:
            scores = scores + mask
        pattern: Tensor = scores.softmax(-1)
        return pattern

    def mixed(self, pattern: Tensor) -> Tensor:
        """Pattern · value, (…, head, query, size)."""
        return pattern @ self._expanded(self.value)

    def _expanded(self, value: Tensor) -> Tensor:
        """Keys or values repeated for the queries that share them."""
        groups = self.query.shape[-3] // value.shape[-3] if self.rest.get("enable_gqa") else 1
        return value if groups == 1 else value.repeat_interleave(groups, -3)
