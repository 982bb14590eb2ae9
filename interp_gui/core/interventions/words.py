"""What edits and their states are called wherever people read of them."""

from interp_gui.core.edit import Edit, EditKind
from interp_gui.core.interventions.kinds import EditState

KIND_TITLES: dict[EditKind, str] = {
    "ablate": "Switch off",
    "scale": "Scale",
    "add": "Steer",
    "clamp": "Limit",
    "project_out": "Remove direction",
    "patch": "Patch",
}
"""In the order of menus."""
NOT_A_NUMBER = "The answer is not a number with these edits."
STATE_WORDS: dict[EditState, str] = {
    "effective": "changes the answer",
    "ineffective": "changes its layer, not the answer",
    "inactive": "changes nothing here",
    "failed": "could not run",
    "broken": "leaves no number as the answer",
    "off": "off",
}


def action_of(edit: Edit) -> str:
    """What an edit does: `Scale × 0.5`, `Steer + 2 σ`."""
    title = KIND_TITLES[edit.kind]
    if edit.kind == "scale":
        return f"{title} × {edit.amount:g}"
    if edit.kind == "add":
        sign, unit = "−" if edit.amount < 0 else "+", " σ" if edit.deviation else ""
        return f"{title} {sign} {abs(edit.amount):g}{unit}"
    if edit.kind == "clamp":
        limits = [
            *([f"from {edit.low:g}"] if edit.low is not None else []),
            *([f"to {edit.high:g}"] if edit.high is not None else []),
        ]
        return " ".join([title, *limits])
    return title


def words_of(edit: Edit) -> str:
    """The same with what is changed, and where: `Switch off features.14:7 @3,4`."""
    place = "in a brushed region" if edit.place.kind == "region" else edit.place.text
    return " ".join(filter(None, [action_of(edit), edit.feature.title, place]))
