"""From a set of tensors to the networks that are built with it: numbers, names, heads, settings."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from interp_gui.checkpoints.building import build_match
from interp_gui.checkpoints.match import Match, Tensors
from interp_gui.core.errors import FileProblem

_WEIGHTS = frozenset(("weight", "bias"))
_VARIANCE = "running_var"
_SHOWN = 3
_SEED = 21
_LARGEST = 1e3  # deviation of weights: beyond, sums would overflow
_WITH_INPUT_TRANSFORM = frozenset(("googlenet", "inception_v3"))


class Builder:
    """Builds the network of any match with one set of tensors, which all of them share.

    Parameters
    ----------
    tensors
        Floating ones as float32, under the file's names.
    answers
        What stands in the gaps of a head of its own; the likeliest where nothing was said, so that
        candidates can be compared before that is known.
    """

    def __init__(self, tensors: Tensors, answers: tuple[str, ...] = ()) -> None:
        self._tensors, self._answers = tensors, answers
        self._renamed: dict[int, Tensors] = {}

    def __call__(self, match: Match) -> nn.Module:
        """The network in eval mode, frozen.

        Raises
        ------
        UnknownArchitecture
            The tensors do not fit the installed library.
        InvalidValue
            The answers do not fill the gaps of the head.
        """
        match = configured(match)
        head = match.head
        if head is None:
            return build_match(match, self._named(match))
        answers = self._answers
        if head.question is not None and not answers:
            answers = head.question.options[:1] * len(head.question.gaps)
        return build_match(match, self._named(match), head=answers)

    def _named(self, match: Match) -> Tensors:
        renaming = match.renaming
        if renaming is None:
            return self._tensors
        if id(renaming) not in self._renamed:
            self._renamed[id(renaming)] = renaming.convert(self._tensors)
        return self._renamed[id(renaming)]


def configured(match: Match) -> Match:
    """The match with what no tensor tells: published weights need it, tuned ones keep it."""
    if match.library != "torchvision" or match.architecture.name not in _WITH_INPUT_TRANSFORM:
        return match
    return replace(match, config={**match.config, "transform_input": True})


def configuration_notes(match: Match) -> tuple[str, ...]:
    """Sentences on what `configured` assumed."""
    if configured(match) == match:
        return ()
    return (
        "Its input is assumed to be rescaled inside (transform_input), as in published weights.",
    )


def as_float32(tensors: Tensors) -> tuple[Tensors, tuple[str, ...]]:
    """Floating tensors as float32, and notes on kinds and values of numbers."""
    converted = dict(tensors)
    return converted, make_float32(converted)


def make_float32(tensors: Tensors) -> tuple[str, ...]:
    """Convert floating tensors to float32 in place, one by one, so that no two copies stay.

    Returns notes on kinds and values of numbers.
    """
    kinds, broken, negative = set(), [], []
    for key, value in tensors.items():
        if not value.is_floating_point():
            continue
        if value.dtype != torch.float32:
            kinds.add(str(value.dtype).removeprefix("torch."))
            tensors[key] = value = value.float()
        if not _all_finite(value):
            broken.append(key)
        elif key.endswith(_VARIANCE) and value.numel() and bool(value.min() < 0):
            negative.append(key)
    notes = []
    if kinds:
        notes.append(f"Weights of kind {', '.join(sorted(kinds))} were converted to float32.")
    if broken:
        notes.append(broken_sentence(broken))
    if negative:
        notes.append(
            f"{len(negative)} of its variances are below zero, for example '{negative[0]}': the "
            "file is damaged or tensors were exchanged, and its answers may be no numbers."
        )
    return tuple(notes)


def broken_sentence(keys: Sequence[str]) -> str:
    """What is said of tensors with numbers that are not finite."""
    some = ", ".join(keys[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
    what = "1 tensor holds" if len(keys) == 1 else f"{len(keys)} tensors hold"
    return (
        f"{what} numbers that are not finite ({some}): training diverged, most likely; answers "
        "will not be numbers."
    )


def mended(tensors: Tensors) -> tuple[Tensors, tuple[str, ...]]:
    """The same with random numbers in the place of tensors that would make every answer NaN.

    So networks can be told apart although the file's answers are no numbers. Those tensors are
    copies, all others are shared.

    Parameters
    ----------
    tensors
        Floating ones as float32.

    Returns
    -------
    tuple
        The tensors, and the names of those that are not finite or variances below zero.
    """
    found, names = dict(tensors), []
    generator = torch.Generator().manual_seed(_SEED)
    for key, value in tensors.items():
        if not value.is_floating_point():
            continue
        variance = key.endswith(_VARIANCE)
        if _all_finite(value) and not (variance and value.numel() and bool(value.min() < 0)):
            continue
        names.append(key)
        noise = torch.randn(value.shape, generator=generator)
        if variance:
            found[key] = 0.5 + noise.abs()
        elif value.ndim < 2:
            found[key] = 0.1 * noise + (1.0 if key.endswith("weight") else 0.0)
        else:
            found[key] = noise * _deviation(value)
    return found, tuple(names)


def _deviation(value: torch.Tensor) -> float:
    """Of the finite numbers of a tensor; that of a fresh layer where there are none."""
    finite = value[torch.isfinite(value)]
    fresh = (2 / max(1, value[0].numel())) ** 0.5
    scale = float(finite.std()) if finite.numel() > 1 else fresh
    return scale if 0 < scale < _LARGEST else fresh


def check_numbers(tensors: Tensors, file_name: str) -> None:
    """Refuse weights that are no floating numbers: what they stand for is in no tensor.

    Raises
    ------
    FileProblem
        Some are whole or complex numbers.
    """
    for key, value in tensors.items():
        if key.rpartition(".")[2] in _WEIGHTS and not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            if value.is_complex():
                raise FileProblem(
                    f"'{file_name}' holds complex weights: '{key}' is of kind {kind}. Networks "
                    "with real numbers open.",
                    hint="Export the network to ONNX, with its complex parts written as real ones.",
                )
            raise FileProblem(
                f"'{file_name}' holds weights that are no floating numbers: '{key}' is of kind "
                f"{kind}, as in quantised networks.",
                hint="Open the network's full-precision weights.",
            )


def _all_finite(value: torch.Tensor) -> bool:
    # a finite sum has finite terms and costs a twentieth; finite terms may still overflow it
    return bool(torch.isfinite(value.sum())) or bool(torch.isfinite(value).all())
