"""What a session keeps of a map: how it is looked at and what is chosen, as JSON can hold it."""

from typing import Any

import numpy as np

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.gui.atlas.colouring import Filters
from interp_gui.gui.atlas.form import SEED
from interp_gui.gui.atlas.looking import Looking
from interp_gui.gui.atlas.selection import KINDS, Chosen, cell_of, spans
from interp_gui.gui.atlas.work import Kept
from interp_gui.gui.views.pins import to_plain, to_values

MOST_TEXT = 200_000
"""Characters of a selection; one of more points is not kept."""


def settings_of(kept: Kept) -> dict[str, Any]:
    """What made a map, by which it comes back; empty where it was made elsewhere."""
    request = kept.request
    if not request.model:
        return {}
    return {**request.parameters, SEED: request.inputs.seed}


def look_of(looking: Looking) -> dict[str, Any]:
    """How a map is coloured, filtered and drawn."""
    sidebar, tools = looking.sidebar, looking.tools
    filters, colours = sidebar.filters.filters, sidebar.colours
    found: dict[str, Any] = {
        "draw": tools.draw, "labels": tools.labels.isChecked(), "sized": sidebar.sized.isChecked(),
        "by": str(colours.by.currentData() or "none"), "fade": colours.fade.isChecked(),
        "linked": sidebar.linked.isChecked(), "path": tools.path.isChecked(),
        "kind": sidebar.details.direction_kind,
        "show": [filters.column, filters.value, filters.class_at, filters.least],
    }  # fmt: skip
    if colours.colour.by == "class":
        found["class"] = colours.colour.name
    if colours.feature is not None:
        found |= to_plain({"feature": colours.feature})
    return found


def put_look(looking: Looking, found: dict[str, Any]) -> None:
    """Look at a map as `look_of` told; what makes no sense is left out."""
    sidebar, tools = looking.sidebar, looking.tools
    tools.set_draw(found.get("draw"))
    for box, name in (
        (tools.labels, "labels"), (sidebar.sized, "sized"), (sidebar.linked, "linked"),
        (sidebar.colours.fade, "fade"), (tools.path, "path"),
    ):  # fmt: skip
        if isinstance(found.get(name), bool):
            box.setChecked(found[name])
    if found.get("kind") in KINDS:
        sidebar.details.kind.setCurrentIndex(sidebar.details.kind.findData(found["kind"]))
    show = found.get("show")
    if isinstance(show, list) and len(show) == 4 and list(map(type, show)) == [str, str, int, int]:
        sidebar.filters.set_filters(Filters(*show))
    feature = to_values(found).get("feature")
    if feature is not None:
        sidebar.colours.feature = feature
    if found.get("by") == "class" and isinstance(found.get("class"), str):
        sidebar.colours.choose_class(found["class"])
    elif isinstance(found.get("by"), str):
        sidebar.colours.choose(found["by"])


def chosen_of(chosen: Chosen) -> dict[str, Any]:
    """What is chosen."""
    if chosen.is_cell:
        return {"side": chosen.side, "cell": chosen.cell}
    text = spans(chosen.points)
    return {"points": text} if text and len(text) <= MOST_TEXT else {}


def to_chosen(atlas: Atlas, found: object) -> Chosen:
    """What `chosen_of` told, on an atlas; nothing where it makes no sense there."""
    if not isinstance(found, dict):
        return Chosen()
    side, cell, text = found.get("side"), found.get("cell"), found.get("points")
    if type(side) is int and type(cell) is int:
        return cell_of(atlas, side, cell)
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        return Chosen()
    mask = np.zeros(len(atlas.xy), bool)
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            start, end = int(first), int(last or first)
            if 0 <= start <= end < len(mask):
                mask[start : end + 1] = True
    except ValueError:
        return Chosen()
    return Chosen(np.flatnonzero(mask))
