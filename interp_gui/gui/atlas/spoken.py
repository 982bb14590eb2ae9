"""Cells of an atlas in words, for those who do not see them."""

import math

from interp_gui.core.atlas.scene import Scene


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
        parts.append(f"{purity:.0%} of one label")
    parts.append(f"column {int(level.x[cell]) + 1} of {side}, row {int(level.y[cell]) + 1}")
    return ", ".join(parts)
