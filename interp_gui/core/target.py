"""Targets: the number being explained."""

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.model import ModelDescription

TargetKind = Literal["logit", "logit_difference", "probability", "scalar", "similarity"]


_WORDS = {
    "softmax": "classes", "sigmoid": "classes", "scalar": "numbers", "embedding": "an embedding",
    "map": "a map",
}  # fmt: skip


def _kind(model: ModelDescription) -> str:
    return model.outputs[0].kind if model.outputs else "embedding"


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
    shares
        How a probability comes from the outputs: `softmax` over all classes, or `sigmoid` of each.

    Notes
    -----
    An output with places (a map) counts as one number a channel, its mean over places.
    """

    kind: TargetKind = "logit"
    index: int | None = None
    versus: int | None = None
    output: str = "output"
    reference: tuple[float, ...] = ()
    shares: Literal["softmax", "sigmoid"] = "softmax"

    def __post_init__(self) -> None:
        if self.kind == "logit_difference" and self.versus is None:
            raise InvalidValue("A logit difference needs two classes.")
        if self.kind == "similarity" and not self.reference:
            raise InvalidValue("A similarity needs a reference embedding.")

    @property
    def chosen(self) -> bool:
        """Whether it is another than the one that stands before anybody chooses."""
        return self.kind != "logit" or self.index is not None

    def fitted(self, model: ModelDescription) -> "Target":
        """The same Target as a model means it: by its outputs' names and kinds.

        Of a model that gives one number only, the Target that nobody chose is that number.
        """
        names = [output.name for output in model.outputs]
        fitting = self
        if names and self.output not in names:
            fitting = msgspec.structs.replace(fitting, output=names[0])
        own = next((o for o in model.outputs if o.name == fitting.output), None)
        kind = own.kind if own is not None else "softmax"
        if own is not None and (own.kind, own.size) == ("scalar", 1) and not fitting.chosen:
            fitting = msgspec.structs.replace(fitting, kind="scalar", index=0)
        wanted: Literal["softmax", "sigmoid"] = "sigmoid" if kind == "sigmoid" else "softmax"
        if wanted != self.shares:
            fitting = msgspec.structs.replace(fitting, shares=wanted)
        return fitting

    def title(self, model: ModelDescription) -> str:
        """Words for the toolbar: `logit of tabby`."""
        if self.kind == "similarity":
            return "similarity to the reference"
        if self.kind == "scalar":
            word = {"map": "channel", "embedding": "dimension"}.get(_kind(model), "value")
            return self.kind if self.index is None else f"{word} {self.index}"
        own = "the top class" if self.index is None else model.class_name(self.index)
        if self.kind == "logit_difference" and self.versus is not None:
            return f"logit of {own} − {model.class_name(self.versus)}"
        return f"{self.kind} of {own}"

    def check(self, model: ModelDescription) -> None:
        """Raise if the model has no such output."""
        if self.kind in ("logit", "logit_difference", "probability") and not model.class_count:
            raise MissingAbility(
                f"'{model.name}' has no classes.",
                hint=f"Its output is {_WORDS[_kind(model)]}: choose another kind of Target "
                "(--target value:3 or similarity:IMAGE), or say that it gives classes.",
            )
        if self.kind == "similarity":
            self._check_reference(model)
        for index in (self.index, self.versus):
            if index is not None and model.class_count and not 0 <= index < model.class_count:
                raise InvalidValue(
                    f"There is no class {index}.",
                    hint=f"Classes are 0 to {model.class_count - 1}.",
                )

    def _check_reference(self, model: ModelDescription) -> None:
        size = next((o.size for o in model.outputs if o.name == self.output), 0)
        if size and len(self.reference) != size:
            raise InvalidValue(
                f"A reference of {len(self.reference)} numbers does not fit an output of {size}.",
                hint="Take the reference again from an image, with this model.",
            )

    def fixed(self, outputs: NDArray[Any]) -> "Target":
        """The same target with `index` filled in from one image's outputs (C, …)."""
        if self.index is not None or self.kind in ("scalar", "similarity"):
            return self
        values = np.asarray(outputs)
        if values.ndim > 1:
            values = values.reshape(len(values), -1).mean(axis=1)
        return msgspec.structs.replace(self, index=int(np.argmax(values)))

    def evaluate(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Value for each row of outputs (N, C); reference for the runtimes' own versions."""
        rows = np.asarray(outputs, np.float64)
        if rows.ndim > 2:
            rows = rows.reshape(*rows.shape[:2], -1).mean(axis=2)
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
        if self.kind == "probability" and self.shares == "sigmoid":
            # by the magnitude, so that nothing overflows
            small = np.exp(-np.abs(picked))
            return np.where(picked >= 0, 1.0, small) / (1.0 + small)
        if self.kind == "probability":
            shifted = rows - rows.max(axis=1, keepdims=True)
            shares: NDArray[np.float64] = np.exp(picked - rows.max(axis=1))
            shares /= np.exp(shifted).sum(axis=1)
            return shares
        return picked
