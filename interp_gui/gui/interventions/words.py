"""What kinds of edits, their places and baselines are called in the interface."""

from collections.abc import Sequence

from interp_gui.core.edit import LEGAL_KINDS, Edit, EditKind, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.interventions.words import KIND_TITLES as KIND_TITLES
from interp_gui.core.place import Place

KIND_HINTS: dict[EditKind, str] = {
    "ablate": "Put a value that says nothing in place of the feature's own",
    "scale": "Multiply the feature's value",
    "add": "Add to the feature's value, in standard deviations of what images have",
    "clamp": "Keep the feature's value between two limits",
    "project_out": "Take the direction out of the layer's value",
    "patch": "Put the value that another image has in place of the feature's own",
}
IMAGE_KINDS = {"occlude": "Hide", "blur": "Blur", "swap": "Swap"}
SIGMA = "σ"


def kinds_for(feature: Feature) -> tuple[EditKind, ...]:
    """The kinds that a feature can be changed by, in the order of menus."""
    basis = "units" if feature.units else "vectors" if feature.vectors else "layer"
    return tuple(kind for kind in KIND_TITLES if kind in LEGAL_KINDS[basis])


def verb(kind: EditKind) -> str:
    """A kind as it begins the title of a step: `switch off`."""
    title = KIND_TITLES[kind]
    return title[:1].lower() + title[1:]


def count_of(features: Sequence[Feature]) -> str:
    """`features.14:7`, or `3 features`."""
    return features[0].title if len(features) == 1 else f"{len(features)} features"


def edits_of(edits: Sequence[Edit]) -> str:
    """What some edits are of: the one feature, or how many edits there are."""
    return edits[0].feature.title if len(edits) == 1 else f"{len(edits)} edits"


def place_words(place: Place) -> str:
    """A place as rows show it: `everywhere`, `@3,4`, `@1,2 of 7 × 7`, `brushed region`."""
    if place.kind == "everywhere":
        return "everywhere"
    if place.kind != "region":
        return place.text
    rows = place.region
    cells = [(y, x) for y, row in enumerate(rows) for x, weight in enumerate(row) if weight]
    if len(cells) == 1:  # as cells of a grid over the image are, which need not be the layer's
        return f"@{cells[0][0]},{cells[0][1]} of {len(rows)} × {len(rows[0])}"
    return "brushed region"


def short(edit: Edit) -> str:
    """What an edit does, in a word or two: `Scale × 0.5`, `Steer + 2 σ`."""
    title = KIND_TITLES[edit.kind]
    if edit.kind == "scale":
        return f"{title} × {edit.amount:g}"
    if edit.kind == "add":
        unit = f" {SIGMA}" if edit.deviation else ""
        sign = "−" if edit.amount < 0 else "+"
        return f"{title} {sign} {abs(edit.amount):g}{unit}"
    if edit.kind == "clamp":
        low = "" if edit.low is None else f"{edit.low:.4g}"
        high = "" if edit.high is None else f"{edit.high:.4g}"
        return f"{title} {low} to {high}".replace("  ", " ").strip()
    return title


def image_words(edit: ImageEdit) -> str:
    """What a change of an image is called."""
    return f"{IMAGE_KINDS[edit.kind]} a region"


def title_of_stack(stack: EditStack, number: int) -> str:
    """The name that a person gave to a kept stack, or its number."""
    return stack.name or f"Stack {number + 1}"


def contents_of(stack: EditStack) -> str:
    """What a stack holds, for tooltips: a line an edit."""
    lines = [f"{short(edit)}: {edit.feature.title}" for edit in stack.edits]
    lines += [image_words(edit) for edit in stack.image_edits]
    return "\n".join(lines) or "Nothing"


def readable(value: float) -> str:
    """A number with as many digits as say something."""
    # Not above: it brings the drawing of exports with it, which the first paint need not wait for.
    from interp_gui.core.export.numbers import readable as written

    return written(value)
