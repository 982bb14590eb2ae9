"""Whether reading a value changes the answer: networks that write into what they handed on."""

from collections.abc import Iterable, Sequence

from torch import Tensor

from interp_gui.core.layer import Address
from interp_gui.runtimes.hooks import tensors_in

_ROUNDING = 1e-4
"""In parts of an output's largest value: what other memory layouts may change."""


def floats_in(result: object) -> list[Tensor]:
    """Floating-point tensors that a network returns, without their graph."""
    return [each.detach() for each in tensors_in(result) if each.is_floating_point()]


def first_of(answer: Sequence[Tensor]) -> list[Tensor]:
    """The part of an answer that is about the first image."""
    return [each[:1] if each.ndim else each for each in answer]


def alike(found: Sequence[Tensor], plain: Sequence[Tensor]) -> bool:
    """Whether two answers agree but for rounding."""
    return len(found) == len(plain) and all(
        a.shape == b.shape and (not b.numel() or _close(a, b))
        for a, b in zip(found, plain, strict=True)
    )


def _close(a: Tensor, b: Tensor) -> bool:
    scale = float(b.nan_to_num(0.0, 0.0, 0.0).abs().max())
    return bool(a.isclose(b, rtol=0.0, atol=_ROUNDING * scale, equal_nan=True).all())


def not_offered(addresses: Iterable[Address]) -> list[str]:
    """A sentence about addresses that cannot be read without changing the answer."""
    names = sorted(str(address) for address in addresses)
    if not names:
        return []
    return [
        f"Not offered, since reading them would change the answer: {', '.join(names)}. The network "
        "writes into these values after it has handed them on."
    ]
