"""From a set of tensors to the networks that are built with it: numbers, names, heads, settings."""

from dataclasses import replace

import torch
from torch import nn

from interp_gui.checkpoints.building import build_match
from interp_gui.checkpoints.match import Match, Tensors
from interp_gui.core.errors import FileProblem

_WEIGHTS = frozenset(("weight", "bias"))
_VARIANCE = "running_var"
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
        notes.append(
            f"{len(broken)} of its tensors hold values that are no finite numbers, "
            f"for example '{broken[0]}'."
        )
    if negative:
        notes.append(
            f"{len(negative)} of its variances are below zero, for example '{negative[0]}': the "
            "file is damaged or tensors were exchanged, and its answers may be no numbers."
        )
    return tuple(notes)


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
            raise FileProblem(
                f"'{file_name}' holds weights that are no floating numbers: '{key}' is of kind "
                f"{kind}, as in quantised networks.",
                hint="Open the network's full-precision weights.",
            )


def _all_finite(value: torch.Tensor) -> bool:
    # a finite sum has finite terms and costs a twentieth; finite terms may still overflow it
    return bool(torch.isfinite(value.sum())) or bool(torch.isfinite(value).all())
