"""Which numbers of a network are attributed to: all of its classes, or the one of a Target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from interp_gui.analyses.asked import main_output
from interp_gui.core.analysis import Context
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.target import Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Answers:
    """T numbers that the network answers with.

    Parameters
    ----------
    output
        Name of the output that they are of.
    classes
        Their indices in that output; empty for a Target that is one number of its own.
    names
        One a number, in words.
    every
        Whether they are all of the output's.
    target
        Which number it is where `classes` is empty.
    """

    output: str
    classes: tuple[int, ...]
    names: tuple[str, ...]
    every: bool = False
    target: Target | None = None

    @property
    def count(self) -> int:
        """T."""
        return len(self.names)

    def key(self) -> dict[str, Any]:
        """What attributions depend on, as part of cache keys."""
        return {
            "output": self.output,
            "classes": "all" if self.every else list(self.classes),
            "target": None if self.target is None else msgspec.to_builtins(self.target),
        }

    def read(self, outputs: Mapping[str, "Tensor"]) -> "Tensor":
        """These numbers (N, T) of a batch's outputs, with their derivatives."""
        rows = outputs.get(self.output)
        if rows is None:
            rows = next(iter(outputs.values()))
        if rows.ndim > 2:
            rows = rows.flatten(2).mean(dim=2)
        if self.target is not None:
            from interp_gui.runtimes.target import evaluate_target

            return evaluate_target({self.target.output: rows}, self.target)[:, None]
        return rows if self.every else rows[:, list(self.classes)]

    def strongest(self, outputs: Mapping[str, "Tensor"]) -> "Tensor":
        """(N,) index of the largest number of the whole output."""
        rows = outputs.get(self.output)
        if rows is None:
            rows = next(iter(outputs.values()))
        rows = rows.flatten(2).mean(dim=2) if rows.ndim > 2 else rows
        return rows.argmax(dim=1)


def answers_of(context: Context, classes: Sequence[int] | None = None) -> Answers:
    """The numbers asked for.

    Parameters
    ----------
    classes
        Indices into the Target's output. None: all classes where the Target is about one class
        that could be any (a logit or a probability, both by the logits); the one number that
        it is otherwise (a difference of two logits, a scalar, a similarity).

    Raises
    ------
    InvalidValue
        There is no such class.
    """
    target, model = context.inputs.target, context.model.description
    name = main_output(context)
    size = next((output.size for output in model.outputs if output.name == name), 0)
    if classes is not None:
        wrong = next((c for c in classes if c < 0 or (size and c >= size)), None)
        if wrong is not None:
            raise InvalidValue(f"There is no class {wrong}.", hint=f"Classes are 0 to {size - 1}.")
        return Answers(output=name, classes=tuple(classes), names=_names(context, classes))
    if target.kind in ("logit", "probability") and model.class_count:
        everything = range(size)
        return Answers(
            output=name, classes=tuple(everything), names=_names(context, everything), every=True
        )
    target.check(model)
    if target.kind == "similarity" and not size:
        raise MissingAbility("This model gives no embedding.", hint="Choose another Target.")
    return Answers(output=name, classes=(), names=(target.title(model),), target=target)


def _names(context: Context, classes: Sequence[int]) -> tuple[str, ...]:
    model = context.model.description
    if not model.class_count:
        return tuple(f"value {index}" for index in classes)
    return tuple(model.class_name(index) for index in classes)
