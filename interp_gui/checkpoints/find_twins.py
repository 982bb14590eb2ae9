"""Architectures of timm that no name or shape tells from one of torchvision: for the index.

Some compute the same and need no word. The others (resnet50 and resnetblur50, say) would be opened
as what they are not, so the index lists them and a model that is not known by its hash says so.
"""

from collections import defaultdict
from typing import Any

import torch

from interp_gui.checkpoints.building import build, build_empty
from interp_gui.checkpoints.index import Index
from interp_gui.checkpoints.match import Match
from interp_gui.checkpoints.recognition import find_matches

_FAMILIES = ("res*", "wide_res*", "vgg*", "densenet*", "inception*", "tv_*", "*resne?t*")
"""Those in which timm kept torchvision's names."""

_SEED = 0
_TOLERANCE = 1e-4  # of the outputs' deviation; the same sums in another order


def find_twins(index: Index) -> dict[str, tuple[str, ...]]:
    """For each architecture the names of timm's that share all shapes and compute otherwise."""
    import timm

    found: dict[str, list[str]] = defaultdict(list)
    for name in timm.list_models(list(_FAMILIES)):
        for match in find_matches(_timm_shapes(name), index):
            if not _computes_the_same(match, name):
                found[match.architecture.name].append(f"timm's {name}")
    return {name: tuple(twins) for name, twins in found.items()}


def _timm_shapes(name: str) -> dict[str, tuple[int, ...]]:
    import timm

    with torch.device("meta"):
        try:
            state = timm.create_model(name, pretrained=False).state_dict()
        except (NotImplementedError, RuntimeError, ImportError):
            return {}  # computes with tensors while it is built, which no twin does
    return {key: tuple(value.shape) for key, value in state.items()}


def _computes_the_same(match: Match, name: str) -> bool:
    import timm

    generator = torch.Generator().manual_seed(_SEED)
    config: dict[str, Any] = match.config
    state = {
        key: _filled(key, value, generator)
        for key, value in build_empty(match.architecture.name, config).state_dict().items()
    }
    ours = build(match.architecture.name, config, state)
    theirs = timm.create_model(name, pretrained=False).eval()
    theirs.load_state_dict(state, strict=False)
    side = theirs.default_cfg["input_size"][-1]
    x = torch.randn(1, 3, side, side, generator=generator)
    with torch.no_grad():
        a, b = ours(x), theirs(x)
    return bool((a - b).abs().max() <= _TOLERANCE * a.std())


def _filled(key: str, value: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if not value.is_floating_point():
        return torch.zeros(value.shape, dtype=value.dtype) if value.is_meta else value
    if key.endswith("running_var"):
        return torch.rand(value.shape, generator=generator) + 0.5
    if value.dim() > 1:
        scale = float((2 / value[0].numel()) ** 0.5)
        return torch.randn(value.shape, generator=generator) * scale
    return torch.rand(value.shape, generator=generator) + 0.5 * key.endswith("weight")
