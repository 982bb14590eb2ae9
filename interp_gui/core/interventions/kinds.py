"""What edits did to the answer for one image, as a result."""

from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.edit import EditStack
from interp_gui.core.result_base import Floats, Number, Result

EditState = Literal["off", "failed", "broken", "inactive", "ineffective", "effective"]
"""`failed`: it never ran, which is an error. `broken`: it ran, and the answer with the edits is not
a number, so that nothing can be said of what each did. `inactive`: it ran and changed nothing at
its layer for this image, but by rounding. `ineffective`: it changed its layer and not the answer,
which is a finding."""


class EditEffect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one edit of a stack did for one image.

    Parameters
    ----------
    index
        Place in the stack that was asked about.
    reason
        Why it failed, or why it does nothing beside the others although it would alone.
    hits
        How often it ran in one pass.
    change
        Euclidean length of what it changed at its layer; None where it never ran.
    share
        `change` over the length of the layer's value before it.
    effect
        Target with all edits in force, minus Target with all of them but this one.
    controls
        The same for other, random features of the layer in place of this one, changed at each
        position by exactly as much; empty where not measured (yet). None is a feature that
        another edit of the layer changes.
    control_note
        Why there are no controls, or fewer than asked for.
    warning
        What to mind (it stands before a norm, a value beyond any observed).
    behind
        Address that is offered instead: the place behind the norm.
    """

    index: int
    state: EditState
    reason: str = ""
    hits: int = 0
    change: float | None = None
    share: float | None = None
    effect: float | None = None
    controls: tuple[float, ...] = ()
    control_note: str = ""
    warning: str = ""
    behind: str = ""

    @property
    def percentile(self) -> float | None:
        """Share of the controls, in percent, whose effect is smaller in magnitude."""
        if self.effect is None or not self.controls:
            return None
        smaller = sum(abs(control) < abs(self.effect) for control in self.controls)
        return 100.0 * smaller / len(self.controls)


class Intervention(Result, tag="intervention", kw_only=True):
    """The answer for one image before and after.

    Parameters
    ----------
    image, image_sha256
        Path on this machine, never exported unless asked; hash of the file's bytes.
    before, after
        The main output (C,) without and with the edits; empty where `problem` says why.
    output_kind
        As of `core.model.OutputInfo`: what the numbers are.
    labels
        Name of each output where it has one.
    target_before, target_after
        The Target; its class is that of the unedited, unchanged image.
    target_title
        Words for it.
    divergence
        Kullback-Leibler divergence of after from before in nats, None where they are no shares.
    effects
        One for every edit of the stack, in its order.
    edits
        The stack that was asked about.
    problem
        Why there is no answer.
    """

    image: str = ""
    image_sha256: str = ""
    before: Floats
    after: Floats
    output_kind: str = "softmax"
    labels: tuple[str, ...] = ()
    target_before: float | None = None
    target_after: float | None = None
    target_title: str = ""
    divergence: float | None = None
    effects: tuple[EditEffect, ...] = ()
    edits: EditStack = EditStack()
    problem: str = ""
    kind: ClassVar[str] = "intervention"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"before": np.asarray(self.before), "after": np.asarray(self.after)}

    def rows(self) -> list[tuple[Number, ...]]:
        names = self.labels or tuple(str(i) for i in range(len(self.before)))
        rows = zip(names, self.before, self.after, strict=True)
        return [
            ("output", "before", "after", "difference"),
            *((name, float(a), float(b), float(b) - float(a)) for name, a, b in rows),
        ]
