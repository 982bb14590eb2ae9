"""Cells of an atlas in words, for those who do not see them."""

import math

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.atlas.scene import Scene

BY_ATTRIBUTION = "attribution"
"""What `Atlas.labelled_by` says where cells are named after what they argue for."""


def percent(share: float) -> str:
    """A share in whole percents."""
    return f"{100 * share:.0f} %"


def share_words(atlas: Atlas, purity: float) -> str:
    """What a cell's purity means: of labels their commonest's share, of classes what agrees."""
    word = "agreement" if atlas.labelled_by == BY_ATTRIBUTION else "purity"
    return f"{word} {percent(purity)}"


def cell_name(scene: Scene, side: int, cell: int) -> str:
    """The label of a cell, or its place where it has none."""
    level, names = scene.grid(side).level, scene.atlas.names
    label = int(level.label[cell])
    if 0 <= label < len(names):
        return names[label]
    return f"Column {int(level.x[cell]) + 1}, row {int(level.y[cell]) + 1}"


def cell_details(scene: Scene, side: int, cell: int) -> str:
    """Count, purity and place of a cell."""
    level = scene.grid(side).level
    count = int(scene.cells(side).count[cell])
    parts = ["1 point" if count == 1 else f"{count:,} points"]
    purity = float(level.purity[cell])
    if math.isfinite(purity):
        parts.append(share_words(scene.atlas, purity))
    parts.append(f"column {int(level.x[cell]) + 1} of {side}, row {int(level.y[cell]) + 1}")
    return ", ".join(parts)
