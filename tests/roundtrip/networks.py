"""Networks as their libraries build them, with tensors that can tell them apart."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from interp_gui.checkpoints.index import Architecture
from interp_gui.checkpoints.index_files import load_index

SMALL_PX = (64, 96, 112, 128)
"""Sides that are tried for networks whose shapes tell the image's size; their own otherwise."""

_GAINS = (1.4, 0.7, 0.3, 0.1, 1.0, 1.4)
_PAIRS = 12
_CHANGED = 1e-3


def entry(name: str) -> Architecture:
    """What the index knows of `LIBRARY:NAME`."""
    library, _, architecture = name.partition(":")
    return load_index(library).architecture(architecture)


def build(name: str, *, side: int = 0, seed: int = 0, **options: Any) -> nn.Module:
    """The network in eval mode, every floating tensor its own and outputs of a usable scale.

    Parameters
    ----------
    side
        Of the images it is built for, in pixels; 0 for its own.
    options
        Of the library's builder; torchvision's networks take `in_chans` too.
    """
    sized = {"img_size": side, **options} if side else options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about themselves
        module = network_of(name, sized)
    return _settled(module.eval().requires_grad_(False), name, side or own_side(name), seed=seed)


def network_of(name: str, options: Mapping[str, Any]) -> nn.Module:
    """The network that its library makes of the options."""
    library, _, architecture = name.partition(":")
    if library == "timm":
        import timm

        module: nn.Module = timm.create_model(architecture, pretrained=False, **options)
        return module
    import torchvision

    rest = {key: value for key, value in options.items() if key != "in_chans"}
    if architecture in ("googlenet", "inception_v3"):
        # as all published weights of theirs have it
        rest = {"init_weights": False, "transform_input": "in_chans" not in options, **rest}
    module = torchvision.models.get_model(architecture, weights=None, **rest)
    if "in_chans" in options:
        stem = next(each for each in module.modules() if isinstance(each, nn.Conv2d))
        stem.in_channels = options["in_chans"]
        outputs, _, *kernel = stem.weight.shape
        stem.weight = nn.Parameter(torch.empty(outputs, options["in_chans"], *kernel))
    return module


def _settled(module: nn.Module, name: str, side: int, *, seed: int) -> nn.Module:
    """Random weights at which the outputs are finite and differ from each other."""
    image = noise(module, name, side)
    for attempt, gain in enumerate(_GAINS):
        randomise(module, seed=seed + 100 * attempt, gain=gain)
        answer = answers(module, image)
        if bool(torch.isfinite(answer).all()) and 1e-3 < spread(answer) < 1e3:
            return module
    raise AssertionError(f"no weights give {name} outputs of a usable scale")


def randomise(module: nn.Module, *, seed: int, gain: float) -> None:
    """Draw every floating tensor: variances above zero, matrices by their width."""
    generator = torch.Generator().manual_seed(seed)
    for key, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif value.dim() > 1 and value[0].numel() > 1:
            value.normal_(0, gain / value[0].numel() ** 0.5, generator=generator)
        else:
            centre = 1.0 if key.endswith(("weight", "gamma", "scale")) else 0.0
            value.normal_(centre, 0.2, generator=generator)


def small_side(name: str) -> int:
    """The smallest side (pixels) that the network can be built for; 0 where it has no such option.

    Where shapes do not tell the size the network is built as ever.
    """
    known = entry(name)
    if not (known.grown and known.size_option == "img_size" and not known.window):
        return 0
    for side in SMALL_PX:
        if side >= min(known.size) or any(side % axis.step for axis in known.grown):
            continue
        try:
            with torch.device("meta"):
                network_of(name, {"img_size": side})
            answers(network_of(name, {"img_size": side}), torch.zeros(1, 3, side, side))
        except Exception:  # noqa: BLE001 - the library's own ways to refuse
            continue
        return side
    return 0


def own_side(name: str) -> int:
    """Side of the images that the network is built for."""
    return entry(name).size[0]


def give(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Copy tensors into a network, whatever its library's rules for loading are."""
    own = module.state_dict()
    assert own.keys() == state.keys()
    for key, value in own.items():
        value.copy_(state[key])


def noise(module: nn.Module, name: str, side: int, *, seed: int = 1) -> torch.Tensor:
    """One image."""
    known, channels = entry(name), 3
    if known.stems:
        stem = known.stems[0]
        channels = module.state_dict()[stem.key].shape[1] // stem.per_channel
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, side, side, generator=generator)


def answers(module: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """All that the network returns, as one row."""
    module.train().eval()  # some keep tables made of their weights until they are trained
    with torch.inference_mode():
        found = [each.float().flatten() for each in _tensors(module(image))]
    return torch.cat(found)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def spread(values: torch.Tensor) -> float:
    """Their deviation; the size of a single one."""
    middle = values.mean() if values.numel() > 1 else 0.0
    return float((values - middle).square().mean().sqrt())


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference in deviations of what is expected; infinite where nothing is told."""
    if found.shape != expected.shape or not bool(torch.isfinite(found).all()):
        return float("inf")
    scale = spread(expected)
    return float((found - expected).abs().max()) / scale if scale > 0 else float("inf")


def exchange_matters(module: nn.Module, image: torch.Tensor) -> bool:
    """Whether two tensors of one shape are found whose exchange changes the answer.

    A network in which none does could not tell a wrong place from a right one.
    """
    expected = answers(module, image)
    by_shape: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for key, value in module.state_dict().items():
        if value.is_floating_point() and not key.endswith("running_var"):
            by_shape.setdefault(tuple(value.shape), []).append(value)
    pairs = [alike for alike in by_shape.values() if len(alike) > 1]
    pairs.sort(key=lambda alike: -alike[0].numel())
    for alike in pairs[:_PAIRS]:
        first, last = alike[0], alike[-1]
        kept = first.clone()
        first.copy_(last)
        last.copy_(kept)
        changed = distance(answers(module, image), expected)
        last.copy_(first)
        first.copy_(kept)
        if changed > _CHANGED:
            return True
    return False
