"""What became of the edits of a stack that was to be written into weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import EditStack
from interp_gui.core.interventions.words import words_of

AGREEMENT = 1e-5
"""Largest difference between baked and edited network, in parts of the largest number that the
edited network answers over all images compared; each output by its own scale."""


class NotBakeable(Exception):
    """Why an edit has no place in the weights: a sentence without its full stop."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one edit.

    Parameters
    ----------
    index
        Its place in the stack; −1 for what is no edit of the network (a changed image).
    text
        What the edit is, in words.
    how
        Which weights it went into; empty where it did not.
    why
        Why it cannot be baked; empty where it was.
    """

    index: int
    text: str
    how: str = ""
    why: str = ""

    @property
    def baked(self) -> bool:
        """Whether it is part of the weights."""
        return not self.why


@dataclass(frozen=True, kw_only=True)
class Baked:
    """New weights and how well they stand for the edits.

    Parameters
    ----------
    outcomes
        One an active edit, in the stack's order.
    changes
        New values of parameters and buffers by the network's own names.
    difference
        Largest difference from the edited network, in parts of the output's scale.
    images
        How many images were compared.
    precision
        In which they were: `single` or `double`.
    """

    outcomes: tuple[Outcome, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    difference: float = 0.0
    images: int = 0
    precision: str = "single"

    @property
    def agrees(self) -> bool:
        """Whether the weights answer as the edits do."""
        return self.difference <= AGREEMENT

    def stack(self, stack: EditStack) -> EditStack:
        """The baked edits alone."""
        return only(stack, [o.index for o in self.outcomes if o.baked])


def only(stack: EditStack, indices: Sequence[int]) -> EditStack:
    """Some edits of a stack, in their order, all of them in force."""
    chosen = tuple(stack.edits[i] for i in sorted(indices) if i >= 0)
    return msgspec.structs.replace(
        stack, edits=chosen, image_edits=(), muted=False, solo=None, name=stack.name
    )


def difference(
    found: Mapping[str, NDArray[Any]], wanted: Mapping[str, NDArray[Any]]
) -> float:  # fmt: skip
    """Largest difference of two answers, each output in parts of its own largest number.

    Infinite where shapes differ, or where numbers that are not finite stand elsewhere.
    """
    largest = 0.0
    for name, right in wanted.items():
        left = found.get(name)
        if left is None or left.shape != right.shape:
            return float("inf")
        finite = np.isfinite(right)
        if not np.array_equal(finite, np.isfinite(left)):
            return float("inf")
        scale = float(np.abs(right[finite]).max(initial=0.0)) or 1.0
        off = np.abs(left[finite].astype(np.float64) - right[finite])
        largest = max(largest, float(off.max(initial=0.0)) / scale)
    return largest


def outcome_of_images(stack: EditStack) -> tuple[Outcome, ...]:
    """Changes of images, which no weights can hold."""
    count = len(stack.active_image_edits)
    if not count:
        return ()
    what = "A change of an image" if count == 1 else f"{count} changes of images"
    return (
        Outcome(index=-1, text=what, why="it is made to the picture and not to the network"),
    )  # fmt: skip


def text_of(stack: EditStack, index: int) -> str:
    """An edit in words."""
    return words_of(stack.edits[index])
