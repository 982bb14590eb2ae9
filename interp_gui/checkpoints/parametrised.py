"""Weights that a file keeps in parts: pruned ones, and those with a norm of their own.

Each is what the layer computes from the parts when it runs, by the formulas of torch's
`nn.utils.prune`, `weight_norm` and `spectral_norm`, in their old and their new names.
"""

import re
from collections.abc import Callable

import torch

from interp_gui.checkpoints.match import Tensors


def whole_weights(tensors: Tensors) -> tuple[Tensors, tuple[str, ...]]:
    """Put weights together that are kept in parts; all others stay as they are.

    Parts whose shapes do not belong together are left alone, under their own names.

    Returns
    -------
    The tensors in their order, and a sentence for each kind that was found.
    """
    made: Tensors = {}
    used: set[str] = set()
    counts: dict[str, int] = {}
    for key in tensors:
        for kind, pattern, others, make in _KINDS:
            found = pattern.fullmatch(key)
            if found is None or key in used:
                continue
            parts = [key, *(found.expand(other) for other in others)]
            name = f"{found['module'] or ''}{found['name']}"
            if name in tensors or not all(part in tensors for part in parts):
                continue
            value = _made(make, [tensors[part] for part in parts])
            if value is not None:
                made[key] = value
                used.update(parts)
                counts[kind] = counts.get(kind, 0) + 1
    if not made:
        return tensors, ()
    whole: Tensors = {}
    for key, value in tensors.items():
        if key in made:
            whole[_name_of(key)] = made[key]
        elif key not in used:
            whole[key] = value
    notes = tuple(
        f"{count} of its tensors were put together from parts ({kind})."
        for kind, count in counts.items()
    )
    return whole, notes


def _name_of(key: str) -> str:
    found = next(pattern.fullmatch(key) for _, pattern, _, _ in _KINDS if pattern.fullmatch(key))
    assert found is not None, "only names that match are put together"
    return f"{found['module'] or ''}{found['name']}"


def _made(
    make: Callable[..., torch.Tensor | None], parts: list[torch.Tensor]
) -> torch.Tensor | None:
    if not all(part.is_floating_point() for part in parts):
        return None
    return make(*(part.float() for part in parts))


def _pruned(weight: torch.Tensor, mask: torch.Tensor) -> torch.Tensor | None:
    return weight * mask if weight.shape == mask.shape else None


def _weight_norm(size: torch.Tensor, direction: torch.Tensor) -> torch.Tensor | None:
    """A direction that has the lengths `size` along the one axis that `size` has."""
    if size.dim() == 0:
        length: torch.Tensor = torch.linalg.vector_norm(direction)
        return size * direction / length
    fits = size.dim() == direction.dim() and all(
        a in (1, b) for a, b in zip(size.shape, direction.shape, strict=True)
    )
    if not fits or sum(extent > 1 for extent in size.shape) > 1:
        return None
    shared = [axis for axis, extent in enumerate(size.shape) if extent == 1]
    if len(shared) == size.dim():  # one row: the first axis, as by default
        shared = shared[1:]
    lengths: torch.Tensor = torch.linalg.vector_norm(direction, dim=shared, keepdim=True)
    return size * direction / lengths


def _spectral_norm(
    weight: torch.Tensor, left: torch.Tensor, right: torch.Tensor
) -> torch.Tensor | None:
    """A matrix divided by its largest singular value, as the last training step estimated it."""
    if weight.dim() < 2 or left.dim() != 1 or right.dim() != 1:
        return None
    for axis in (0, 1):  # transposed convolutions count their outputs along the second axis
        matrix = weight.movedim(axis, 0).flatten(1)
        if matrix.shape == (len(left), len(right)):
            return weight / torch.dot(left, matrix @ right)
    return None


_OLD = r"(?P<module>(?:.+\.)?)(?P<name>weight|bias)"
_MADE_NEW = r"(?P<module>(?:.+\.)?)parametrizations\.(?P<name>weight|bias)\."
_BEFORE = r"\g<module>parametrizations.\g<name>."
_KINDS = (
    ("pruned", re.compile(f"{_OLD}_orig"), (r"\g<module>\g<name>_mask",), _pruned),
    ("weight norm", re.compile(f"{_OLD}_g"), (r"\g<module>\g<name>_v",), _weight_norm),
    ("weight norm", re.compile(f"{_MADE_NEW}original0"), (f"{_BEFORE}original1",), _weight_norm),
    (
        "spectral norm", re.compile(f"{_OLD}_orig"),
        (r"\g<module>\g<name>_u", r"\g<module>\g<name>_v"), _spectral_norm,
    ),
    (
        "spectral norm", re.compile(f"{_MADE_NEW}original"), (f"{_BEFORE}0._u", f"{_BEFORE}0._v"),
        _spectral_norm,
    ),
)  # fmt: skip
