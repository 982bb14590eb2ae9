"""Targets: the number being explained."""

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.model import ModelDescription

TargetKind = Literal["logit", "logit_difference", "probability", "scalar", "similarity"]


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number computed from a model's outputs.

    Parameters
    ----------
    kind
        What it is.
    index
        Class or scalar index; None: the class that the model answers for the image (fixed when
        the unedited image is first run, so that edits cannot change what is asked).
    versus
        The other class of a logit difference.
    output
        Name of the output.
    reference
        Embedding compared to, for `similarity`.
    """

    kind: TargetKind = "logit"
    index: int | None = None
    versus: int | None = None
    output: str = "output"
    reference: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == "logit_difference" and self.versus is None:
            raise InvalidValue("A logit difference needs two classes.")
        if self.kind == "similarity" and not self.reference:
            raise InvalidValue("A similarity needs a reference embedding.")

    def title(self, model: ModelDescription) -> str:
        """Words for the toolbar: `logit of tabby`."""
        if self.kind in ("scalar", "similarity"):
            return self.kind
        own = "the top class" if self.index is None else model.class_name(self.index)
        if self.kind == "logit_difference" and self.versus is not None:
            return f"logit of {own} − {model.class_name(self.versus)}"
        return f"{self.kind} of {own}"

    def check(self, model: ModelDescription) -> None:
        """Raise if the model has no such output."""
        if self.kind in ("logit", "logit_difference", "probability") and not model.class_count:
            raise MissingAbility(f"'{model.name}' has no classes.")
        for index in (self.index, self.versus):
            if index is not None and model.class_count and not 0 <= index < model.class_count:
                raise InvalidValue(
                    f"There is no class {index}.",
                    hint=f"Classes are 0 to {model.class_count - 1}.",
                )

    def fixed(self, outputs: NDArray[Any]) -> "Target":
        """The same target with `index` filled in from one image's outputs (C,)."""
        if self.index is not None or self.kind in ("scalar", "similarity"):
            return self
        return msgspec.structs.replace(self, index=int(np.argmax(outputs)))

    def evaluate(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Value for each row of outputs (N, C); reference for the runtimes' own versions."""
        rows = np.asarray(outputs, np.float64)
        if self.kind == "similarity":
            reference = np.asarray(self.reference)
            norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(reference)
            result: NDArray[np.float64] = rows @ reference / np.maximum(norms, 1e-12)
            return result
        index = rows.argmax(axis=1) if self.index is None else np.full(len(rows), self.index)
        if self.kind == "scalar" and self.index is None:
            index = np.zeros(len(rows), int)
        picked: NDArray[np.float64] = rows[np.arange(len(rows)), index]
        if self.kind == "logit_difference" and self.versus is not None:
            return picked - rows[:, self.versus]
        if self.kind == "probability":
            shifted = rows - rows.max(axis=1, keepdims=True)
            shares: NDArray[np.float64] = np.exp(picked - rows.max(axis=1))
            shares /= np.exp(shifted).sum(axis=1)
            return shares
        return picked
