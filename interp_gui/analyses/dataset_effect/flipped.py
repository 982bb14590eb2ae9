"""Which images change their answer: as cards that open the image, and listed one by one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_effect.answers import Compared
from interp_gui.analyses.dataset_effect.measures import Ints, flips
from interp_gui.core.analysis import Context
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import ImageProblem
from interp_gui.core.images import thumbnail
from interp_gui.core.preprocessing import as_seen, read_for
from interp_gui.core.result import GridItem, Number

IMAGE_COLUMNS = (
    "place", "file", "label", "before", "probability before", "after", "probability after",
    "right before", "right after", "change of target", "divergence", "controls that change it",
)  # fmt: skip
LOST, WON, OTHER = "Right before, wrong after", "Wrong before, right after", "Other changes"
_CARD_PX = 112


def flipped_order(compared: Compared, true: Ints) -> list[tuple[int, str]]:
    """Place and heading of each image whose answer changes, the greatest change first."""
    before, after = compared.before.predicted, compared.after.predicted
    found: dict[str, list[int]] = {LOST: [], WON: [], OTHER: []}
    for place in np.flatnonzero(flips(before, after)).tolist():
        heading = OTHER
        if true[place] == before[place]:
            heading = LOST
        elif true[place] == after[place]:
            heading = WON
        found[heading].append(place)
    apart = np.nan_to_num(compared.after.divergence, nan=0.0)
    return [
        (place, heading)
        for heading, places in found.items()
        for place in sorted(places, key=lambda i: (-apart[i], i))
    ]


def card(
    context: Context, compared: Compared, dataset: Dataset, place: int, heading: str
) -> GridItem | None:
    """One image whose answer changes; None if its file has gone since."""
    entry, model = dataset.images[place], context.model.description
    preprocessing = context.model.preprocessing
    try:
        pixels = as_seen(read_for(entry.path, preprocessing), preprocessing)
    except ImageProblem:
        return None
    before, after = compared.before, compared.after
    names = [model.class_name(int(each.predicted[place])) for each in (before, after)]
    return GridItem(
        title=" → ".join(names),
        pixels=thumbnail(pixels, _CARD_PX),
        numbers={
            "probability_before": float(before.share[place]),
            "probability_after": float(after.share[place]),
            "target_change": float(after.target[place] - before.target[place]),
            "divergence": float(after.divergence[place]),
            "controls_that_change_it": control_flips(compared)[place].item(),
        },
        image=entry.path,
        group=heading if (heading != OTHER or dataset.classes) else "",
    )


def control_flips(compared: Compared) -> NDArray[np.int32]:
    """(N,) how many controls change the answer of each image."""
    before = compared.before.predicted
    total = np.zeros(len(before), np.int32)
    for each in compared.controls:
        total += flips(before, each.predicted)
    return total


def arrays(compared: Compared, true: Ints) -> dict[str, NDArray[Any]]:
    """One entry an image, in the order of the dataset; copies."""
    before, after = compared.before, compared.after
    return {
        "before": before.predicted.copy(), "after": after.predicted.copy(), "true": true.copy(),
        "target_before": before.target.copy(), "target_after": after.target.copy(),
        "divergence": after.divergence.copy(), "control_flips": control_flips(compared),
    }  # fmt: skip


def image_rows(
    context: Context, compared: Compared, true: Ints, dataset: Dataset, count: int
) -> list[tuple[Number, ...]]:
    """The first images one by one."""
    model = context.model.description
    before, after, times = compared.before, compared.after, control_flips(compared)
    rows: list[tuple[Number, ...]] = []
    for place, entry in enumerate(dataset.images[:count]):
        known = true[place] >= 0

        def said(
            predicted: Ints, share: NDArray[np.float32], place: int = place, known: bool = known
        ) -> tuple[Number, Number, Number]:
            index = int(predicted[place])
            if index < 0:
                return None, None, None
            right = bool(index == true[place]) if known else None
            return model.class_name(index), float(share[place]), right

        old, new = said(before.predicted, before.share), said(after.predicted, after.share)
        rows.append(
            (
                place, entry.name, entry.label, *old[:2], *new[:2], old[2], new[2],
                _number(after.target[place] - before.target[place]),
                _number(after.divergence[place]), int(times[place]),
            )
        )  # fmt: skip
    return rows


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
