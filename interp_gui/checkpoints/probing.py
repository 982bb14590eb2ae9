"""Which of the networks that take the same tensors compute the same.

Each is built with the tensors of the file, which all of them share, and asked about two images of
noise. Those whose outputs agree are one network under several names.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from interp_gui.checkpoints.match import Match
from interp_gui.core.errors import UnknownArchitecture

TOLERANCE = 1e-4
"""Of the outputs' deviation: the same sums in another order stay below it."""

MOST_PROBED = 24
"""So many are built and run; further ones are named and stand for themselves."""

_SEED = 20
_COARSE = 7  # cells a side of the smooth one of the two images

Build = Callable[[Match], nn.Module]


@dataclass(kw_only=True)
class Probed:
    """A candidate, built; `problem` says why it could not be run.

    Parameters
    ----------
    size
        Height and width of its images in pixels.
    """

    match: Match
    module: nn.Module
    size: tuple[int, int]
    problem: str = ""
    _outputs: dict[tuple[int, int], Tensor | None] = field(default_factory=dict)

    def outputs(self, size: tuple[int, int]) -> Tensor | None:
        """Its answers to the two images at a size; None where it takes no such images."""
        if size not in self._outputs:
            try:
                self._outputs[size] = _run(self.module, probe(size, self.match.channels))
            except (RuntimeError, AssertionError, ValueError, IndexError) as problem:
                self._outputs[size] = None
                if size == self.size:
                    self.problem = " ".join(str(problem).split())[:160]
        return self._outputs[size]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Candidates that compute the same, the one that stands for all of them first."""

    members: tuple[Probed, ...]

    @property
    def first(self) -> Probed:
        """The one that stands for the group."""
        return self.members[0]

    @property
    def matches(self) -> tuple[Match, ...]:
        """All of them."""
        return tuple(each.match for each in self.members)


def group(
    matches: Iterable[Match],
    build: Build,
    size_of: Callable[[Match, nn.Module], tuple[int, int]],
    *,
    most: int = MOST_PROBED,
    check: Callable[[], None] = lambda: None,
) -> tuple[tuple[Group, ...], tuple[Match, ...]]:
    """Build candidates and put those that agree together; also those beyond `most`, untried.

    Parameters
    ----------
    matches
        The likeliest first: groups and their members come in this order.
    build
        Makes the network with the file's tensors.
    size_of
        Height and width of the images that a network takes.
    check
        Called before each one is built; what it raises ends the comparison.

    Raises
    ------
    UnknownArchitecture
        None of them can be built with the installed libraries.
    Cancelled
        From hooks of the caller, before any module runs.
    """
    groups: list[list[Probed]] = []
    beyond: list[Match] = []
    refusal: UnknownArchitecture | None = None
    for number, match in enumerate(matches):
        if number >= most:
            beyond.append(match)
            continue
        check()
        try:
            module = build(match)
        except UnknownArchitecture as problem:
            refusal = problem
            continue
        probed = Probed(match=match, module=module, size=size_of(match, module))
        for one in groups:
            if agree(one[0], probed):
                one.append(probed)
                probed.module = one[0].module  # nothing more is asked of its own
                break
        else:
            groups.append([probed])
    if not groups and refusal is not None:
        raise refusal
    return tuple(Group(members=tuple(one)) for one in groups), tuple(beyond)


def agree(a: Probed, b: Probed) -> bool:
    """Whether two candidates answer alike at the size of each."""
    if a.match.channels != b.match.channels:
        return False
    tried = False
    for size in dict.fromkeys((a.size, b.size)):
        first, other = a.outputs(size), b.outputs(size)
        if first is None or other is None:
            if (first is None) != (other is None):
                return False
            continue
        if distance(first, other) > TOLERANCE:
            return False
        tried = True
    return tried


def distance(first: Tensor, other: Tensor) -> float:
    """Largest absolute difference, in deviations of the first; infinite where nothing can be told.

    Outputs without deviation (a head of zeros) or with values that are no numbers tell nothing.
    """
    if first.shape != other.shape:
        return float("inf")
    scale = float((first - first.mean()).square().mean().sqrt())
    apart = float((first - other).abs().max())
    known = scale > 0 and apart == apart and scale < float("inf")
    return apart / scale if known else float("inf")


def probe(size: tuple[int, int], channels: int) -> Tensor:
    """Two images, (2, channels, height, width): white noise, and noise as smooth as a photograph.

    Smooth parts reach borders and large windows as photographs do; white noise reaches every
    weight.
    """
    generator = torch.Generator().manual_seed(_SEED)
    white = torch.randn(1, channels, *size, generator=generator)
    coarse = torch.randn(1, channels, _COARSE, _COARSE, generator=generator)
    smooth = nn.functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)
    return torch.cat([white, smooth])


def output_of(value: Any) -> Tensor:
    """The tensor that stands for what a network returns: itself, or the first of a collection."""
    while not isinstance(value, Tensor):
        value = next(iter(value.values() if hasattr(value, "values") else value))
    return value


def _run(module: nn.Module, images: Tensor) -> Tensor:
    with torch.inference_mode():  # one by one: that takes half the memory
        return torch.cat([output_of(module(image[None])).float() for image in images.unbind()])
