"""What to mind about an edit that runs: a norm behind it, values beyond any observed."""

import numpy as np

from interp_gui.core.analysis import Context
from interp_gui.core.edit import Edit
from interp_gui.core.interventions.changes import Change
from interp_gui.runtimes.norm_behind import norm_behind

_MARGIN = 1e-6
"""Of the observed range: what a value may be beyond it by rounding."""


def place_behind(context: Context, edit: Edit) -> str:
    """Where the edit would rather stand: behind the norm that directly takes its layer's value.

    Zeroing or scaling a unit before a norm does not switch it off: the norm moves it to where its
    own shift says. Empty for edits that this does not concern, and where there is no norm.
    """
    to_zero = edit.kind == "ablate" and edit.baseline.kind == "zero"
    if edit.kind != "scale" and not to_zero:
        return ""
    if edit.feature.heads or edit.feature.vectors:
        return ""
    return norm_behind(context.model, edit.feature.layer)


def warning_of(context: Context, edit: Edit, change: Change, *, behind: str) -> str:
    """Sentences about an edit; empty if there is nothing to mind."""
    found = []
    if behind:
        found.append(
            f"A norm takes the value of {edit.feature.layer}, so that this does not switch it off "
            f"there: {behind} is the place behind it."
        )
    beyond = _beyond(edit, change)
    if beyond:
        found.append(beyond)
    return " ".join(found)


def _beyond(edit: Edit, change: Change) -> str:
    """A sentence where values become larger or smaller than any that was observed.

    By what the edit says of that, so that the same edit is told the same wherever it runs.
    """
    known = edit.observed
    if known is None or len(known.low) != change.delta.shape[-1]:
        return ""
    low, high = np.asarray(known.low), np.asarray(known.high)
    margin = _MARGIN * np.maximum(high - low, 1e-12)
    moved = (change.delta != 0) & (change.weights > 0)
    new = change.new_coordinates
    outside = moved & ((new < low - margin) | (new > high + margin))
    if not outside.any():
        return ""
    share = 100.0 * float(outside.any(axis=-1).mean())
    images = "image" if known.images == 1 else "images"
    return (
        f"Values beyond any observed in {known.images} {images} "
        f"({_number(low.min())} to {_number(high.max())}), at {share:.0f} % of positions."
    )


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
