"""What has to be said about how far a concept can be trusted."""

import numpy as np

from interp_gui.analyses.concept.collecting import Collected
from interp_gui.analyses.concept.judging import ways
from interp_gui.analyses.concept.settings import FEW, UNBALANCED, Parameters
from interp_gui.analyses.dataset_pass import broken_notes
from interp_gui.core.layer import LayerInfo

_FEWEST_WAYS = 20
"""With fewer ways to deal the labels no p below 0.05 can come out."""


def about_examples(collected: Collected) -> tuple[str, ...]:
    """Too few, unbalanced, twice the same, unreadable."""
    labels = collected.labels
    with_, without = int(labels.sum()), int((~labels).sum())
    notes = list(broken_notes(collected.broken))
    if collected.repeated:
        many = collected.repeated > 1
        notes.append(
            f"{collected.repeated} {'examples stand' if many else 'example stands'} more than "
            f"once on a side, and {'count' if many else 'counts'} once."
        )
    if min(with_, without) < FEW:
        notes.append(
            f"{with_} with and {without} without are few examples: give at least {FEW} of each, "
            "better 30."
        )
    elif max(with_, without) >= UNBALANCED * min(with_, without):
        notes.append(
            f"The sides are unbalanced ({with_} with, {without} without): the AUC does not "
            "depend on that, but the mean of the smaller side is less certain."
        )
    return tuple(notes)


def about_holding_out(collected: Collected, parameters: Parameters, parts: int) -> tuple[str, ...]:
    """Which groups there are, and what they make impossible.

    Parameters
    ----------
    parts
        In how many parts the examples are held out; 0 if they cannot be.
    """
    labels, groups = collected.labels, collected.groups
    if not parts:
        sides = {"with": labels, "without": ~labels}
        lone = [f"{name}" for name, side in sides.items() if len(set(groups[side])) < 2]
        return (
            f"All examples {' and '.join(lone)} belong to one group, so none can be held out: how "
            "well the direction does on others is not known.",
        )
    notes = []
    count = len(np.unique(groups))
    if count < len(labels):
        notes.append(f"{len(labels)} examples of {count} groups; no group is ever split.")
    if parts < parameters.folds:
        notes.append(f"Held out in {parts} parts: there are no more groups on one side.")
    possible = ways(labels, groups)
    if parameters.controls and possible < _FEWEST_WAYS:
        notes.append(
            f"The labels can be dealt in {possible} ways only, so no p below {1 / possible:.2g} "
            "can come out."
        )
    return tuple(notes)


def about_layers(
    collected: Collected, layers: list[LayerInfo], parameters: Parameters
) -> tuple[str, ...]:
    """Boxes that do not count, and what the direction's length means."""
    notes = []
    if any(item.box is not None for item in collected.items):
        if parameters.pooling == "class-token":
            notes.append("The class token belongs to the whole image: boxes do not count.")
        elif any(not layer.spatial for layer in layers):
            which = [layer.name for layer in layers if not layer.spatial]
            notes.append(
                f"{', '.join(which[:3])}{' and others' if len(which) > 3 else ''} "
                f"{'have' if len(which) > 1 else 'has'} no positions: boxes do not count there."
            )
    return tuple(notes)
